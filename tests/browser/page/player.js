// Runs inside the browser: starts a player and measures what it shows. It judges nothing;
// verdict.mjs does, from the numbers that `measure` returns.
'use strict';

const video = document.querySelector('video');
const errors = [];
const warnings = [];
let latencySeconds = () => null;
/** Loads the stream anew in the player that runs. */
let loadAgain = () => {};
let reloadSeconds = null;
let reloads = 0;
let isWaitingForKey = false;
video.addEventListener('waitingforkey', () => { isWaitingForKey = true; });
let isReloadDue = false;

/** Playback has ended. Who may load anew after trouble with the network does so, as a page would that embeds a player. */
function failed(text, isOfNetwork) {
  if (reloadSeconds === null || !isOfNetwork) {
    errors.push(text);
    return;
  }
  warnings.push(`loaded anew: ${text}`);
  if (isReloadDue) return;
  isReloadDue = true;
  setTimeout(() => {
    isReloadDue = false;
    reloads += 1;
    Promise.resolve(loadAgain()).then(() => video.play()).catch((error) => warnings.push(`play(): ${error.message}`));
  }, reloadSeconds * 1000);
}

function loadScript(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = source;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${source} could not be loaded`));
    document.head.append(script);
  });
}

const players = {
  async shaka(manifest, clearKeys) {
    await loadScript('/shaka.js');
    const { shaka } = window;
    shaka.polyfill.installAll();
    const player = new shaka.Player();
    const note = (error) => {
      const text = `shaka ${error.code} (category ${error.category}): ${JSON.stringify(error.data)}`;
      // Of a segment that the playlist calls missing (EXT-X-GAP) shaka speaks as if that were the end, and goes on.
      const isEnd = error.severity === shaka.util.Error.Severity.CRITICAL && error.code !== shaka.util.Error.Code.SEGMENT_MISSING;
      if (isEnd) failed(text, error.category === shaka.util.Error.Category.NETWORK);
      else warnings.push(text);
    };
    player.addEventListener('error', (event) => note(event.detail));
    await player.attach(video);
    if (clearKeys) player.configure({ drm: { clearKeys } });
    latencySeconds = () => {
      const date = player.isLive() ? player.getPlayheadTimeAsDate() : null;
      return date ? (Date.now() - date.getTime()) / 1000 : null;
    };
    // A failed load is noted once: shaka both throws it and sends it as an event.
    const load = () => player.load(manifest).catch((error) => {
      if (errors.length === 0) note({ ...error, severity: shaka.util.Error.Severity.CRITICAL });
    });
    loadAgain = load;
    await load();
  },

  async 'hls.js'(manifest) {
    await loadScript('/hls.js');
    const { Hls } = window;
    if (!Hls.isSupported()) throw new Error('hls.js says that this browser is not supported');
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, data) => {
      const text = `hls.js ${data.details}: ${data.error?.message ?? data.reason ?? ''} ${data.url ?? ''}`;
      if (data.fatal) failed(text.trim(), data.type === Hls.ErrorTypes.NETWORK_ERROR);
      else warnings.push(text.trim());
    });
    loadAgain = () => hls.loadSource(manifest);
    latencySeconds = () => {
      const isLive = hls.latestLevelDetails?.live ?? false;
      return isLive && hls.playingDate ? (Date.now() - hls.playingDate.getTime()) / 1000 : null;
    };
    hls.loadSource(manifest);
    hls.attachMedia(video);
  },
};

const canvas = new OffscreenCanvas(64, 36);
const context = canvas.getContext('2d', { willReadFrequently: true });

/**
 * The picture on the screen as 64 x 36 gray values.
 *
 * A canvas gets only black from video that was decrypted by EME; then a screenshot is taken.
 */
async function picture() {
  let source = video;
  if (video.mediaKeys) {
    const shot = await fetch(`data:image/png;base64,${await window.screenshot()}`);
    source = await createImageBitmap(await shot.blob());
  }
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const gray = new Uint8Array(canvas.width * canvas.height);
  for (let i = 0; i < gray.length; i += 1) {
    gray[i] = (data[4 * i] * 77 + data[4 * i + 1] * 150 + data[4 * i + 2] * 29) >> 8;
  }
  return gray;
}

/** Whether pictures differ by more than an encoder does to a still: some points differ strongly. */
function isAnother(a, b) {
  let points = 0;
  for (let i = 0; i < a.length; i += 1) if (Math.abs(a[i] - b[i]) > 24) points += 1;
  return points >= a.length / 200;
}

/** Seconds of media that the browser holds from the clock on, up to the first hole. */
function bufferedAhead() {
  const { buffered, currentTime } = video;
  for (let i = 0; i < buffered.length; i += 1) {
    if (currentTime >= buffered.start(i) && currentTime <= buffered.end(i)) return buffered.end(i) - currentTime;
  }
  return 0;
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const now = () => performance.now() / 1000;

/** Waits for the first frames to be shown and the clock to run. */
async function startUp(limitSeconds) {
  const begin = now();
  const deadline = begin + limitSeconds;
  await new Promise((resolve) => {
    const look = () => {
      if (errors.length > 0 || now() > deadline || video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) resolve();
      else setTimeout(look, 20);
    };
    look();
  });
  // Not awaited: without data the promise never settles.
  video.play().catch((error) => warnings.push(`play(): ${error.message}`));
  const from = video.currentTime;
  while (errors.length === 0 && now() < deadline) {
    // A live player may seek once when it starts; only a running clock counts.
    if (video.getVideoPlaybackQuality().totalVideoFrames > 2 && !video.seeking && video.currentTime > from + 0.1) {
      return now() - begin;
    }
    await pause(20);
  }
  return null;
}

/** What the video element waits for, in words for whoever reads that playback did not start. */
function standing() {
  const ranges = Array.from({ length: video.buffered.length }, (_, i) => `${video.buffered.start(i)}-${video.buffered.end(i)}`);
  const waits = isWaitingForKey ? ', waits for a key' : '';
  return `at ${video.currentTime} s of ${ranges.join(' ') || 'nothing'}, readyState ${video.readyState}, paused ${video.paused}, seeking ${video.seeking}${waits}`;
}

/** Plays and takes a sample every 0.2 s. */
window.measure = async ({ manifest, player, seconds, mediaSeconds, startupSeconds, clearKeys, reloadAfter }) => {
  reloadSeconds = reloadAfter ?? null;
  const samples = [];
  const pictures = [];
  let shown = -1;
  let startup = null;
  try {
    // Not awaited: a load may try again for ever, and that is a finding, not a hang of the check.
    players[player](manifest, clearKeys).catch((error) => errors.push(String(error?.stack ?? error)));
    startup = await startUp(startupSeconds);
    if (startup !== null) {
      const end = now() + seconds;
      while (true) {
        const gray = await picture();
        if (shown < 0 || isAnother(gray, pictures[shown])) {
          shown = pictures.findIndex((known) => !isAnother(gray, known));
          if (shown < 0) shown = pictures.push(gray) - 1;
        }
        const quality = video.getVideoPlaybackQuality();
        const latency = latencySeconds();
        samples.push({
          wall: now(),
          media: video.currentTime,
          ahead: bufferedAhead(),
          decoded: quality.totalVideoFrames,
          dropped: quality.droppedVideoFrames,
          picture: shown,
          contrast: gray.reduce((a, b) => Math.max(a, b)) - gray.reduce((a, b) => Math.min(a, b)),
          latency,
          // When what is on the screen was sent, by the stream's own dates.
          date: latency === null ? null : Date.now() - latency * 1000,
        });
        const isShown = mediaSeconds !== null && video.currentTime - samples[0].media >= mediaSeconds;
        if (isShown || now() >= end || video.ended || video.error) break;
        await pause(200);
      }
    }
    if (video.error) errors.push(`video element: ${video.error.code} ${video.error.message}`);
  } catch (error) {
    errors.push(String(error?.stack ?? error));
  }
  return { samples, pictures: pictures.length, startup, errors, warnings, reloads, standing: standing(), ended: video.ended, height: video.videoHeight };
};

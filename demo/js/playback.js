/**
 * One playback: a shaka-player on a video element, with retries until it is closed.
 *
 * It knows nothing of channels: it is given an address that should play and says in words how it goes.
 */

import { clearKeys } from "./clear_key.js";
import { loadShaka } from "./shaka.js";

/** @typedef {{latency: number|null, width: number, height: number, kbps: number|null, live: boolean}} Figures */
/** @typedef {{height: number, kbps: number}} Quality */

const RETRY_MS = [2000, 3000, 5000, 8000];
/** A live picture that stands still this long is loaded anew. */
const FROZEN_MS = 20_000;
const WATCH_MS = 1000;

const RETRIES = { maxAttempts: 4, baseDelay: 700 };
/** A preview wants to start fast and stay near live; it need not survive a long outage of the network from its buffer. */
const CONFIGURATION = {
  streaming: { bufferingGoal: 15, rebufferingGoal: 1, bufferBehind: 30, retryParameters: RETRIES },
  manifest: { retryParameters: RETRIES },
};

export class Playback {
  #closed = false;
  #attempt = 0;
  /** @type {any} */
  #player = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #retry;
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #watch;
  #progress = { at: 0, time: -1 };

  /**
   * @param {HTMLVideoElement} video
   * @param {string} url
   * @param {{onWords: (words: string) => void, onPlaying: () => void, onFigures: (figures: Figures) => void, onQualities: (qualities: Quality[]) => void}} listener
   */
  constructor(video, url, listener) {
    this.video = video;
    this.url = url;
    this.listener = listener;
    this.playing = () => {
      this.#attempt = 0;
      this.listener.onPlaying();
    };
  }

  /** @param {Promise<void>} free when the video element is free: shaka cannot take it while another player lets go of it */
  async start(free) {
    await free;
    if (this.#closed) return;
    this.video.addEventListener("playing", this.playing);
    this.#watch = setInterval(() => this.#look(), WATCH_MS);
    this.#load();
  }

  async #load() {
    try {
      this.listener.onWords("Loading the player…");
      const shaka = await loadShaka();
      if (this.#closed) return;
      if (!shaka.Player.isBrowserSupported()) {
        this.listener.onWords("This browser lacks Media Source Extensions. Use the playback address in another player.");
        return;
      }
      await this.#player?.destroy();
      const player = new shaka.Player();
      this.#player = player;
      await player.attach(this.video);
      player.configure(CONFIGURATION);
      if (new URL(this.url).pathname.endsWith(".mpd")) player.configure({ drm: { clearKeys: await clearKeys(this.url) } });
      if (this.#closed) return;
      player.addEventListener("error", (/** @type {any} */ event) => this.#failed(event.detail));
      player.addEventListener("trackschanged", () => this.#tellQualities());
      this.listener.onWords("Loading the stream…");
      await player.load(this.url);
      if (this.#closed) return;
      this.#progress = { at: performance.now(), time: -1 };
      this.#tellQualities();
      await this.video.play().catch(() => this.listener.onWords("Press play"));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {any} error */
  #failed(error) {
    // 7000 LOAD_INTERRUPTED: we closed or replaced it ourselves. Severity 1 is recovered by shaka.
    if (this.#closed || error?.code === 7000 || (error?.severity === 1 && error?.category !== undefined && this.#player?.getAssetUri?.())) return;
    const { words, final } = explain(error);
    this.listener.onWords(words);
    if (final) return;
    this.#again();
  }

  #again() {
    clearTimeout(this.#retry);
    const pause = RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)];
    this.#attempt += 1;
    this.#retry = setTimeout(() => !this.#closed && this.#load(), pause);
  }

  #look() {
    const player = this.#player;
    if (!player?.getAssetUri?.()) return;
    const stats = player.getStats();
    const live = player.isLive();
    // What the manifest says of it; the player's own figure is many times that while it catches up.
    const chosen = player.getVariantTracks().find((/** @type {any} */ track) => track.active);
    this.listener.onFigures({
      latency: live && Number.isFinite(stats.liveLatency) && stats.liveLatency > 0 ? stats.liveLatency : null,
      width: this.video.videoWidth,
      height: this.video.videoHeight,
      kbps: chosen ? chosen.bandwidth / 1000 : null,
      live,
    });
    const time = this.video.currentTime;
    const now = performance.now();
    if (this.video.paused || document.hidden || time !== this.#progress.time) this.#progress = { at: now, time };
    else if (live && now - this.#progress.at > FROZEN_MS) {
      this.#progress = { at: now, time };
      this.listener.onWords("The picture stood still; loading again…");
      this.#load();
    }
  }

  #tellQualities() {
    /** @type {Map<number, Quality>} */
    const byHeight = new Map();
    for (const track of this.#player?.getVariantTracks() ?? []) {
      if (track.height) byHeight.set(track.height, { height: track.height, kbps: track.bandwidth / 1000 });
    }
    this.listener.onQualities([...byHeight.values()].sort((a, b) => b.height - a.height));
  }

  /** @param {number|null} height null lets the player choose */
  choose(height) {
    const player = this.#player;
    if (!player) return;
    player.configure({ abr: { enabled: height === null } });
    const track = player.getVariantTracks().find((/** @type {any} */ candidate) => candidate.height === height);
    if (track) player.selectVariantTrack(track, true);
  }

  goLive() {
    this.#player?.goToLive?.();
    this.video.play().catch(() => {});
  }

  async close() {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    this.video.removeEventListener("playing", this.playing);
    const player = this.#player;
    this.#player = null;
    await player?.destroy();
  }
}

/** Shaka's error codes in words. @param {any} error @returns {{words: string, final: boolean}} */
function explain(error) {
  const status = error?.code === 1001 ? error.data?.[1] : undefined;
  switch (error?.code) {
    case 1001:
      if (status === 404) return { words: "The first segment is not there yet. Trying again…", final: false };
      if (status === 403) return { words: "The bucket refuses to show the stream (403). Allow public reads of output_*, or play it through your CDN.", final: false };
      return { words: `The stream's server answers ${status ?? "with an error"}. Trying again…`, final: false };
    case 1002:
      return { words: "The stream's server cannot be reached from this browser: is the bucket's CORS set for this page? Trying again…", final: false };
    case 1003:
      return { words: "The stream's server takes too long. Trying again…", final: false };
    case 4032:
      return { words: "This browser cannot decode the stream's codec. The stream itself may be fine: try another browser or player.", final: true };
    case 6010:
    case 6012:
      return { words: "The stream is encrypted and its key is not beside it. Switch to HLS, or use a player that has the key.", final: true };
    case 6001:
      return { words: "This browser has no key system for the stream.", final: true };
    default:
      return { words: `Playback failed${error?.code ? ` (player error ${error.code})` : ""}. Trying again…`, final: false };
  }
}

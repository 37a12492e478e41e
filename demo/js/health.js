/**
 * What is wrong with a channel and what to do about it, in words.
 *
 * Pure: a channel (and its recent samples) in, findings out, worst first. It states only what the figures show; a figure that
 * is absent raises nothing.
 */

import { bitrate, duration, figure, isFigure } from "./format.js";
import { isMending, phaseOf, reasonOf } from "./words.js";

/** @typedef {"bad"|"warn"|"info"} Level */
/** @typedef {{level: Level, title: string, advice: string}} Finding */
/** @typedef {{word: string, tone: "live"|"warn"|"bad"|"wait"|"off", findings: Finding[]}} Health */

/** Longer than this, a viewer waits noticeably for the first picture after a join or a loss. */
const LONG_KEY_FRAME_INTERVAL_SECONDS = 4;
/** A healthy live encoder measures a hair around 1.00; below this it is really falling behind. */
const SLOW_ENCODE = 0.97;
/** Uploads waiting. A few are normal at the moment that all renditions close a segment. */
const LONG_BACKLOG = 12;
/** Below this nothing that could be a picture arrives. */
const SILENT_KBPS = 10;

/** What to do, by who has to act (`Fault`). @type {Record<string, string>} */
const WHO_ACTS = {
  caller: "Stop the channel and give it another specification.",
  contribution: "Look at the encoder: its source, its codec and its network.",
  destination: "Check that the bucket is there and that the worker may write to it.",
  worker: "It mends this by itself; the encoder can go on sending. If it comes back, look at the worker's log.",
  bug: "Stop and resume the channel, and report what the log says.",
};

const RANK = { bad: 0, warn: 1, info: 2 };

/**
 * @param {import("./types.js").LiveJob} job
 * @param {import("./history.js").Sample[]} [recent] oldest first
 * @returns {Health}
 */
export function diagnose(job, recent = []) {
  const phase = phaseOf(job);
  const findings = [...lifeCycle(job, phase), ...(phase === "streaming" ? media(job, recent) : [])];
  if (phase !== "stopped" && phase !== "failed" && (job.Restarts ?? 0) > 0) findings.push(restarts(job));
  findings.sort((a, b) => RANK[a.level] - RANK[b.level]);
  return { ...overall(phase, findings), findings };
}

/** @param {string} phase @param {Finding[]} findings @returns {{word: string, tone: Health["tone"]}} */
function overall(phase, findings) {
  if (findings.some((finding) => finding.level === "bad")) return { word: "Needs you now", tone: "bad" };
  if (findings.some((finding) => finding.level === "warn")) return { word: "Could be better", tone: "warn" };
  if (phase === "streaming") return { word: "All good", tone: "live" };
  if (phase === "stopped") return { word: "Off", tone: "off" };
  return { word: "Waiting", tone: "wait" };
}

/** @param {import("./types.js").LiveJob} job @param {string} phase @returns {Finding[]} */
function lifeCycle(job, phase) {
  switch (phase) {
    case "pending":
      return [{ level: "info", title: job.Reason ? reasonOf(job) : "Waiting for a worker", advice: "A worker with room takes the channel within seconds. If this lasts, mend what the reason names, or add a worker." }];
    case "assigned":
      return [{ level: "info", title: "A worker is getting ready", advice: "The ingest address appears as soon as it listens." }];
    case "listening":
      if (job.Fault) return [{ level: "bad", title: reasonOf(job), advice: WHO_ACTS[job.Fault] ?? "" }];
      return [{ level: "info", title: job.Reason ? reasonOf(job) : "No publisher yet", advice: "Start streaming in OBS, or run the ffmpeg line below. The picture comes a few seconds later." }];
    case "interrupted":
      if (isMending(job)) return [{ level: "warn", title: reasonOf(job), advice: WHO_ACTS.worker }];
      return [{ level: "bad", title: job.Reason ? reasonOf(job) : "The publisher is gone", advice: "Viewers see the last picture. When the encoder sends again, with the same stream key, the stream goes on without a new address." }];
    case "deleting":
      return [{ level: "info", title: "The channel is being deleted", advice: "It leaves the list when its media is gone." }];
    case "stopping":
      return [{ level: "info", title: "The last segments are being uploaded", advice: "The channel stops when all of them are stored." }];
    case "finishing":
      return [{ level: "info", title: "The playlists are being ended", advice: "No worker holds the channel, so the scheduler does it. If this lasts, the bucket does not answer: the channel can be resumed or deleted all the same." }];
    case "backoff":
      return [failure(job, "Recovering from a failure", "The channel starts again by itself. If it keeps coming back, look at the reason and at the worker's log.")];
    case "failed":
      return [failure(job, "The channel gave up", "Mend the cause, then press Resume: playback address and stream key stay the same.")];
    default:
      return [];
  }
}

/** @param {import("./types.js").LiveJob} job @param {string} title @param {string} advice @returns {Finding} */
function failure(job, title, advice) {
  const reason = job.Failure?.reason ?? job.Reason;
  const fault = job.Failure?.fault ? ` (${job.Failure.fault})` : "";
  return { level: "bad", title: reason ? `${title}: ${reason}${fault}` : title, advice };
}

/** @param {import("./types.js").LiveJob} job @returns {Finding} */
function restarts(job) {
  const times = job.Restarts === 1 ? "once" : `${job.Restarts} times`;
  const last = job.Failure?.reason ? ` Last reason: ${job.Failure.reason}.` : "";
  return { level: "info", title: `Restarted ${times} and went on`, advice: `Viewers kept the same address.${last}` };
}

/** @param {import("./types.js").LiveJob} job @param {import("./history.js").Sample[]} recent @returns {Finding[]} */
function media(job, recent) {
  const figures = job.Statistics ?? {};
  const segment = job.Spec?.Output?.Segment_duration || 4;
  /** @type {Finding[]} */
  const findings = [];
  const add = (/** @type {Level} */ level, /** @type {string} */ title, /** @type {string} */ advice) => findings.push({ level, title, advice });

  // Zero before the first measurement is no news.
  if (figures.Bytes_ingested && isFigure(figures.Ingress_kbps) && figures.Ingress_kbps < SILENT_KBPS) {
    add("bad", `Hardly anything arrives (${bitrate(figures.Ingress_kbps)})`, "The encoder is connected but sends no picture. Check its source and the network's upload.");
  }
  if (isFigure(figures.Encode_speed) && figures.Encode_speed > 0 && figures.Encode_speed < SLOW_ENCODE) {
    add("bad", `Encoding falls behind (${figure(figures.Encode_speed, 2)}× real time)`, "Viewers will stall. Use a faster Preset, fewer or smaller renditions, or a worker with more CPU.");
  }
  const age = figures.Newest_segment_age_seconds;
  if (isFigure(age) && age > segment * 3) {
    add("bad", `Newest segment is ${duration(age)} old`, "Players run dry. Check that the worker reaches the bucket, and whether the encoder still sends.");
  } else if (isFigure(age) && age > segment * 2 + 1) {
    add("warn", `Newest segment is ${duration(age)} old`, `A new one is due every ${segment} s. If this grows, check the worker's way to the bucket.`);
  }
  if (isFigure(figures.Upload_backlog) && figures.Upload_backlog > LONG_BACKLOG) {
    add("warn", `${figures.Upload_backlog} files wait for upload`, "The way to the bucket is slower than the stream. Check the worker's network or lower the bit rates.");
  }
  if (isFigure(figures.Given_up_segments) && figures.Given_up_segments > 0) {
    add("warn", `${figures.Given_up_segments} segments were left out`, "The bucket took nothing for longer than the worker can keep media. The highest rendition goes first; the playlists mark the gaps.");
  }
  const interval = figures.Key_frame_interval_seconds;
  if (isFigure(interval) && interval > LONG_KEY_FRAME_INTERVAL_SECONDS) {
    add("warn", `Key frames are ${figure(interval, 1)} s apart`, "Starting and recovering take that long. In OBS set Settings → Output → Keyframe Interval to 2 s.");
  }
  const dropped = growth(recent, (sample) => sample.dropped);
  if (dropped > 0) {
    add("warn", `${figure(dropped)} frames dropped in the last minutes`, "The encoder's clock or network is uneven. A wired connection and a constant bit rate (CBR) help.");
  }
  const tallest = Math.max(0, ...(job.Spec?.Output?.Video_outputs ?? []).map((video) => video.Height ?? 0));
  if (isFigure(figures.Video_height) && figures.Video_height > 0 && figures.Video_height < tallest) {
    add("info", `Input is ${figures.Video_height}p, the ladder goes up to ${tallest}p`, "The upper renditions are scaled up: they cost bit rate and show no more detail.");
  }
  if (figures.Video_codec && !figures.Audio_codec) {
    add("info", "No sound in the input", "If that is not intended, check the audio source of the encoder.");
  }
  return findings;
}

/** How much a counter grew over the samples; a restart (fall) counts from there. @param {import("./history.js").Sample[]} samples @param {(sample: import("./history.js").Sample) => number|null} pick */
function growth(samples, pick) {
  let sum = 0;
  let before = /** @type {number|null} */ (null);
  for (const sample of samples) {
    const value = pick(sample);
    if (value === null) continue;
    if (before !== null && value > before) sum += value - before;
    before = value;
  }
  return sum;
}

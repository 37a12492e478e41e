/**
 * What a channel's phase is called, and what a channel looks like in a few words. Pure.
 *
 * `tone` picks the colour; the word always stands beside it, so colour never carries the meaning alone.
 */

import { isFigure } from "./format.js";

/** @typedef {"live"|"wait"|"bad"|"busy"|"off"} Tone */
/** @typedef {{word: string, tone: Tone, says: string}} PhaseWords */

/** @type {Record<string, PhaseWords>} */
const PHASES = {
  pending: { word: "Queued", tone: "busy", says: "Waiting for a worker with room" },
  assigned: { word: "Starting", tone: "busy", says: "A worker is getting ready to listen" },
  listening: { word: "Ready", tone: "wait", says: "Waiting for your encoder" },
  streaming: { word: "Live", tone: "live", says: "On air" },
  interrupted: { word: "Signal lost", tone: "bad", says: "The encoder is gone; viewers see the last picture" },
  stopping: { word: "Stopping", tone: "busy", says: "Finishing the last uploads" },
  finishing: { word: "Stopping", tone: "busy", says: "Ending the playlists" },
  backoff: { word: "Recovering", tone: "bad", says: "Starting again after a failure" },
  deleting: { word: "Deleting", tone: "busy", says: "Its media is being removed" },
  stopped: { word: "Stopped", tone: "off", says: "Not running" },
  failed: { word: "Failed", tone: "bad", says: "Gave up after repeated failures" },
};

/** Phases implied by the four words of `State`, for an API that tells no phase. @type {Record<string, string>} */
const PHASE_OF_STATE = { created: "pending", running: "listening", streaming: "streaming", stopped: "stopped" };

/** @param {import("./types.js").LiveJob} job @returns {string} */
export function phaseOf(job) {
  if (job.Delete) return "deleting";
  return job.Phase ?? PHASE_OF_STATE[job.State ?? ""] ?? "pending";
}

/** The same phase where its reason is another than the usual one: not the encoder's absence. @type {Record<string, PhaseWords>} */
const TROUBLED = {
  listening: { word: "Held up", tone: "bad", says: "Something keeps it off air" },
};
/** The publisher is there, and the worker starts its tools again. @type {PhaseWords} */
const MENDING = { word: "Recovering", tone: "busy", says: "Going on in a moment" };

/** @param {import("./types.js").LiveJob} job @returns {PhaseWords} */
export function phaseWords(job) {
  const phase = phaseOf(job);
  if (isMending(job)) return MENDING;
  return (job.Fault && TROUBLED[phase]) || (PHASES[phase] ?? { word: phase, tone: "busy", says: "" });
}

/** Whether an interruption is the worker's, not the publisher's. @param {import("./types.js").LiveJob} job */
export function isMending(job) {
  return phaseOf(job) === "interrupted" && job.Fault === "worker";
}

/** The API's words as they stand on a page: it writes them to go on after a colon. @param {string} words */
export function sentence(words) {
  const trimmed = words.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}

/** The API's own reason, or the words for the phase. @param {import("./types.js").LiveJob} job */
export function reasonOf(job) {
  return sentence(job.Reason ?? "") || phaseWords(job).says;
}

/** Whether stopping makes sense. @param {import("./types.js").LiveJob} job */
export function canStop(job) {
  return !["stopped", "failed", "stopping", "finishing", "deleting"].includes(phaseOf(job));
}

/** Whether resuming and deleting make sense: a bucket that stays away must not keep either. @param {import("./types.js").LiveJob} job */
export function canResume(job) {
  return ["stopped", "failed", "finishing"].includes(phaseOf(job));
}

/** "HLS + DASH", from the URLs that exist. @param {import("./types.js").LiveJob} job */
export function protocols(job) {
  const urls = job.Playback_urls ?? {};
  const names = [urls.hls && "HLS", urls.dash && "DASH"].filter(Boolean);
  return names.length ? names.join(" + ") : (job.Spec?.Output?.Stream_type ?? "").toUpperCase();
}

/** "720p · 480p · 360p", highest first. @param {import("./types.js").LiveJob} job */
export function ladder(job) {
  const heights = (job.Spec?.Output?.Video_outputs ?? []).map((video) => video.Height).filter(isFigure);
  return [...new Set(heights)].sort((a, b) => b - a).map((height) => `${height}p`).join(" · ");
}

/** What the channel makes, in one line. @param {import("./types.js").LiveJob} job */
export function summary(job) {
  const output = job.Spec?.Output;
  const codecs = [...new Set((output?.Video_outputs ?? []).map((video) => codecName(video.Codec)).filter(Boolean))];
  return [protocols(job), ladder(job), codecs.join(" + "), output?.Low_latency_mode ? "low latency" : ""].filter(Boolean).join("  ·  ");
}

/** @param {string|undefined} codec */
export function codecName(codec) {
  const names = /** @type {Record<string, string>} */ ({ h264: "H.264", avc: "H.264", h265: "H.265", hevc: "H.265", av1: "AV1", aac: "AAC", mp3: "MP3", opus: "Opus", ac3: "AC-3" });
  return codec ? (names[codec.toLowerCase()] ?? codec) : "";
}

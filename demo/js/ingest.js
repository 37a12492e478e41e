/** Where and how to send a channel's contribution. Pure. */

import { isFigure } from "./format.js";
import { canResume } from "./words.js";

/** @typedef {{server: string, key: string, url: string, absent: string}} Ingest */

/**
 * The ingest address split as OBS wants it. Lists mask the key; a masked one counts as absent.
 * @param {import("./types.js").LiveJob} job @returns {Ingest}
 */
export function ingestOf(job) {
  const hidden = (/** @type {string|undefined} */ text) => !text || /\*{3}|•/.test(text);
  const key = hidden(job.StreamKey) ? "" : /** @type {string} */ (job.StreamKey);
  const url = hidden(job.RtmpIngestUrl) ? "" : /** @type {string} */ (job.RtmpIngestUrl);
  const suffix = `/${key}`;
  const server = key && url.endsWith(suffix) ? url.slice(0, -suffix.length) : url.replace(/\/[^/]*$/, "");
  return { server, key, url, absent: canResume(job) ? "Appears after Resume" : "Appears when a worker listens" };
}

/** A contribution bit rate that leaves the best rendition something to work from, in kbit/s. @param {import("./types.js").LiveJob} job */
export function suggestedKbps(job) {
  const rates = (job.Spec?.Output?.Video_outputs ?? []).map((video) => Number.parseFloat(video.Bitrate ?? "")).filter(isFigure);
  return Math.min(20_000, Math.max(2500, Math.ceil((Math.max(0, ...rates) * 1.6) / 500) * 500));
}

/** Quoted for a POSIX shell. @param {string} text */
function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** @param {string} url @param {number} kbps */
function encodeOptions(url, kbps) {
  return `-c:v libx264 -preset veryfast -pix_fmt yuv420p -b:v ${kbps}k -maxrate ${kbps}k -bufsize ${kbps}k -g 60 -c:a aac -b:a 128k -ar 48000 -f flv ${quote(url)}`;
}

/** @param {string} url @param {number} kbps */
export function testPatternLine(url, kbps) {
  return `ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -re -f lavfi -i sine=frequency=440:sample_rate=48000 ${encodeOptions(url, kbps)}`;
}

/** @param {string} url @param {number} kbps */
export function fileLine(url, kbps) {
  return `ffmpeg -re -stream_loop -1 -i input.mp4 -r 30 ${encodeOptions(url, kbps)}`;
}

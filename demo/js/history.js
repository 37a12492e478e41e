/**
 * The last few minutes of figures per channel, sampled by polling, for charts and trends. Lives as long as the page.
 */

import { isFigure } from "./format.js";

/** @typedef {{at: number, ingress: number|null, speed: number|null, dropped: number|null}} Sample */

/** How far back it goes. */
export const HISTORY_SECONDS = 300;
/** A second look within this time replaces the sample before: list and detail both report the same channel. */
const MERGE_MS = 900;

export class History {
  /** @type {Map<string, Sample[]>} */
  #samples = new Map();

  /** @param {import("./types.js").LiveJob} job @param {number} now milliseconds */
  add(job, now) {
    const figures = job.Statistics ?? {};
    const pick = (/** @type {unknown} */ value) => (isFigure(value) ? value : null);
    const sample = { at: now, ingress: pick(figures.Ingress_kbps), speed: pick(figures.Encode_speed), dropped: pick(figures.Dropped_frames) };
    const samples = this.#samples.get(job.Id) ?? [];
    const last = samples.at(-1);
    if (last && now - last.at < MERGE_MS) samples.pop();
    samples.push(sample);
    while (samples.length && now - samples[0].at > HISTORY_SECONDS * 1000) samples.shift();
    this.#samples.set(job.Id, samples);
  }

  /** @param {string} id @returns {Sample[]} oldest first */
  of(id) {
    return this.#samples.get(id) ?? [];
  }

  /** Forgets channels that are gone. @param {Set<string>} ids */
  keepOnly(ids) {
    for (const id of this.#samples.keys()) if (!ids.has(id)) this.#samples.delete(id);
  }
}

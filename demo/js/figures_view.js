/** Live figures of one channel: two charts, and the numbers. */

import { el, setText } from "./dom.js";
import { bitrate, bytes, duration, figure, NONE, size } from "./format.js";
import { Sparkline } from "./sparkline.js";
import { codecName, phaseOf } from "./words.js";

/** @typedef {import("./types.js").Statistics} Statistics */

/** @type {{label: string, read: (figures: Statistics, job: import("./types.js").LiveJob) => string}[]} */
const ROWS = [
  { label: "Input picture", read: (f) => join(size(f.Video_width, f.Video_height), f.Video_fps ? `${figure(f.Video_fps, Number.isInteger(f.Video_fps) ? 0 : 2)} fps` : "") },
  { label: "Codecs", read: (f) => join(codecName(f.Video_codec), codecName(f.Audio_codec)) },
  { label: "Key frame every", read: (f) => (f.Key_frame_interval_seconds ? `${figure(f.Key_frame_interval_seconds, 1)} s` : NONE) },
  { label: "Newest segment", read: (f) => (!f.Newest_segment_age_seconds ? NONE : `${figure(f.Newest_segment_age_seconds, 1)} s old`) },
  { label: "Until published", read: (f) => (f.Publish_latency_seconds ? `${figure(f.Publish_latency_seconds, 1)} s` : NONE) },
  { label: "Waiting for upload", read: (f) => (f.Upload_backlog === undefined ? NONE : f.Upload_backlog === 1 ? "1 file" : `${figure(f.Upload_backlog)} files`) },
  { label: "Dropped / repeated", read: (f) => (f.Dropped_frames === undefined ? NONE : `${figure(f.Dropped_frames)} / ${figure(f.Duplicated_frames)} frames`) },
  { label: "CPU", read: (f) => (f.Cpu_cores ? `${figure(f.Cpu_cores, 2)} cores` : NONE) },
  { label: "Received", read: (f) => bytes(f.Bytes_ingested) },
  { label: "On air", read: (f) => join(duration(f.Active_seconds), f.Up_seconds === undefined ? "" : `of ${duration(f.Up_seconds)}`, " ") },
  { label: "Publisher went", read: (f) => (f.Publisher_disconnects === undefined ? NONE : f.Publisher_disconnects === 1 ? "once" : `${figure(f.Publisher_disconnects)} times`) },
  { label: "Restarts", read: (_, job) => figure(job.Restarts) },
];

export class FiguresView {
  constructor() {
    this.ingress = new Sparkline({ label: "Ingress", words: bitrate, floor: 500 });
    this.speed = new Sparkline({ label: "Encode speed", words: (value) => `${figure(value, 2)}×`, floor: 1.3, base: 1 });
    this.cells = ROWS.map(() => el("dd"));
    const rows = ROWS.map((row, index) => el("div", {}, el("dt", { class: "label" }, row.label), this.cells[index]));
    this.charts = el("section", { class: "card charts", "aria-label": "Charts" }, this.ingress.node, this.speed.node);
    this.numbers = el("section", { class: "card numbers", "aria-label": "Live figures" }, el("dl", { class: "tiles" }, ...rows));
  }

  /** @param {import("./types.js").LiveJob} job @param {import("./history.js").Sample[]} samples @param {number} now milliseconds */
  update(job, samples, now) {
    const figures = job.Statistics ?? {};
    ROWS.forEach((row, index) => setText(this.cells[index], row.read(figures, job)));
    const running = !["stopped", "failed"].includes(phaseOf(job));
    const shown = running || samples.some((sample) => sample.ingress);
    this.ingress.draw(shown ? samples.map(({ at, ingress }) => ({ at, value: ingress })) : [], now);
    // Before anything is encoded the speed is 0, which would read as a fault.
    this.speed.draw(shown ? samples.map(({ at, speed }) => ({ at, value: speed || null })) : [], now);
  }
}

/** @param {string} first @param {string} second @param {string} [mark] */
function join(first, second, mark = " · ") {
  return [first, second].filter((part) => part && part !== NONE).join(mark) || NONE;
}

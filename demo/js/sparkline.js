/**
 * A small chart of one figure over the last minutes: SVG of our own, no library. Gaps in the data stay gaps in the line.
 */

import { el, setAttribute, setText, svg } from "./dom.js";
import { HISTORY_SECONDS } from "./history.js";

/** The time the chart spans: the shortest of these that holds what there is. */
const SPANS_SECONDS = [60, 120, HISTORY_SECONDS];
const WIDTH = 300;
const HEIGHT = 64;
const PAD = 4;

/** Samples further apart than this are not joined by a line (a hidden tab samples rarely). */
const JOIN_MS = 45_000;

/** @typedef {{at: number, value: number|null}} Point */

export class Sparkline {
  /** @type {{x: number, y: number, point: Point}[]} */
  #drawn = [];

  /**
   * @param {{label: string, words: (value: number) => string, floor: number, base?: number}} options
   *   floor: the top of the scale is at least this; base: a value marked with a dashed line
   */
  constructor(options) {
    this.options = options;
    this.area = svg("path", { class: "spark-area" });
    this.line = svg("path", { class: "spark-line" });
    this.mark = svg("line", { class: "spark-base", x1: 0, x2: WIDTH });
    this.dot = svg("circle", { class: "spark-dot", r: 3.5 });
    this.chart = svg(
      "svg",
      { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": options.label },
      this.area,
      this.mark,
      this.line,
    );
    this.cursor = svg("svg", { class: "spark-cursor", "aria-hidden": "true" }, this.dot);
    this.value = el("span", { class: "spark-value" });
    this.from = el("span", {}, "1 min ago");
    this.when = el("span", { class: "spark-when" });
    this.plot = el("div", { class: "spark-plot", on: { pointermove: (/** @type {PointerEvent} */ event) => this.#point(event), pointerleave: () => this.#leave() } }, this.chart, this.cursor);
    this.node = el(
      "figure",
      { class: "spark-figure" },
      el("figcaption", {}, el("span", { class: "label" }, options.label), this.value),
      this.plot,
      el("div", { class: "spark-foot" }, this.from, this.when, el("span", {}, "now")),
    );
    this.#leave();
  }

  /** @param {Point[]} points oldest first @param {number} now milliseconds */
  draw(points, now) {
    const values = points.map((point) => point.value).filter((value) => value !== null);
    const top = Math.max(this.options.floor, ...values) * 1.12;
    const age = points.length ? (now - points[0].at) / 1000 : 0;
    const span = SPANS_SECONDS.find((seconds) => seconds >= age) ?? HISTORY_SECONDS;
    setText(this.from, `${span / 60} min ago`);
    const x = (/** @type {number} */ at) => WIDTH - ((now - at) / (span * 1000)) * WIDTH;
    const y = (/** @type {number} */ value) => HEIGHT - PAD - (value / top) * (HEIGHT - 2 * PAD);
    /** @type {{x: number, y: number, point: Point}[][]} */
    const runs = [];
    let before = /** @type {Point|null} */ (null);
    for (const point of points) {
      if (point.value !== null) {
        if (before === null || point.at - before.at > JOIN_MS) runs.push([]);
        runs.at(-1)?.push({ x: x(point.at), y: y(point.value), point });
      }
      before = point.value === null ? null : point;
    }
    const path = (/** @type {{x: number, y: number}[]} */ run) => run.map((p, index) => `${index ? "L" : "M"}${p.x.toFixed(1)} ${p.y.toFixed(1)}`).join("") + (run.length === 1 ? "h0" : "");
    setAttribute(this.line, "d", runs.map(path).join(""));
    setAttribute(this.area, "d", runs.map((run) => `${path(run)}L${run[run.length - 1].x.toFixed(1)} ${HEIGHT}L${run[0].x.toFixed(1)} ${HEIGHT}Z`).join(""));
    const base = this.options.base;
    for (const end of ["y1", "y2"]) setAttribute(this.mark, end, base === undefined || values.length === 0 ? "-9" : y(base).toFixed(1));
    this.#drawn = runs.flat();
    this.now = now;
    const last = points.at(-1)?.value ?? null;
    this.latest = last === null ? "–" : this.options.words(last);
    if (!this.pointing) this.#leave();
    setAttribute(this.chart, "aria-label", values.length ? `${this.options.label}: now ${this.latest}, lowest ${this.options.words(Math.min(...values))}, highest ${this.options.words(Math.max(...values))}` : `${this.options.label}: no figures yet`);
  }

  /** @param {PointerEvent} event */
  #point(event) {
    const box = this.chart.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDTH;
    let nearest = null;
    for (const p of this.#drawn) if (nearest === null || Math.abs(p.x - at) < Math.abs(nearest.x - at)) nearest = p;
    if (nearest === null || nearest.point.value === null) return;
    this.pointing = true;
    this.plot.classList.add("pointing");
    // The cursor's SVG is not stretched, so its dot stays round.
    setAttribute(this.dot, "cx", ((nearest.x / WIDTH) * box.width).toFixed(1));
    setAttribute(this.dot, "cy", ((nearest.y / HEIGHT) * box.height).toFixed(1));
    setText(this.value, this.options.words(nearest.point.value));
    setText(this.when, `${Math.round(((this.now ?? 0) - nearest.point.at) / 1000)} s ago`);
  }

  #leave() {
    this.pointing = false;
    this.plot.classList.remove("pointing");
    setText(this.value, this.latest ?? "–");
    setText(this.when, "");
  }
}

/** A channel's health: one word, what is wrong, and what to do. */

import { el, onChange, setAttribute, setChildren, setText } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("./health.js").Finding} Finding */

/** What is said when there is nothing to find. @type {Record<string, string>} */
const CALM = {
  live: "The input is steady, the encoder keeps up and segments arrive on time.",
  off: "Nothing runs. Resume keeps playback address and stream key.",
  wait: "Nothing to do.",
};

export class HealthView {
  constructor() {
    this.word = el("span", { class: "health-word" });
    this.list = el("ul", { class: "findings" });
    this.calm = el("p", { class: "calm" });
    this.node = el(
      "section",
      { class: "card health", "aria-labelledby": "health-title" },
      el("div", { class: "card-head" }, el("h3", { id: "health-title" }, "Health"), this.word),
      // Announced when it changes, so a fault is heard without looking.
      el("div", { "aria-live": "polite" }, this.calm, this.list),
    );
    this.show = onChange((/** @type {Finding[]} */ findings) => setChildren(this.list, findings.map(findingItem)));
  }

  /** @param {import("./health.js").Health} health @param {import("./types.js").Fault[]} warnings of the specification */
  update(health, warnings) {
    setText(this.word, health.word);
    setAttribute(this.word, "data-tone", health.tone);
    /** @type {Finding[]} */
    const noted = warnings.map(({ pointer, detail }) => ({ level: "info", title: "Noted in the specification", advice: pointer ? `${pointer}: ${detail}` : detail }));
    this.show([...health.findings, ...noted]);
    this.calm.hidden = health.findings.length > 0;
    setText(this.calm, CALM[health.tone] ?? CALM.wait);
  }
}

/** @param {Finding} finding */
function findingItem({ level, title, advice }) {
  const said = { bad: "Fault: ", warn: "Warning: ", info: "" }[level];
  return el(
    "li",
    { class: "finding", data: { level } },
    icon(level === "info" ? "info" : "warn"),
    el("div", {}, el("p", { class: "finding-title" }, said && el("span", { class: "offscreen" }, said), title), el("p", { class: "finding-advice" }, advice)),
  );
}

/** The channel's history, newest first. Hidden where the API tells none. */

import { el, onChange, setChildren } from "./dom.js";
import { clock } from "./format.js";
import { phaseWords, sentence } from "./words.js";

/** Enough to see what led here; the API keeps the rest. */
const SHOWN = 40;

/** @typedef {import("./types.js").JobEvent} JobEvent */

export class EventsView {
  constructor() {
    this.list = el("ol", { class: "events" });
    this.node = el("section", { class: "card", "aria-labelledby": "events-title", hidden: true }, el("h3", { id: "events-title" }, "Events"), this.list);
    this.show = onChange((/** @type {JobEvent[]} */ events) => setChildren(this.list, events.map(eventItem)));
  }

  /** @param {JobEvent[]|null} events null: not available */
  update(events) {
    this.node.hidden = !events?.length;
    if (events) this.show([...events].reverse().sort((a, b) => timeOf(b).localeCompare(timeOf(a))).slice(0, SHOWN));
  }
}

/** @param {JobEvent} event */
function timeOf(event) {
  return String(event.at ?? "");
}

/** @param {JobEvent} event */
function eventItem(event) {
  // The same word as everywhere else on the page.
  const { word, tone } = phaseWords({ Id: "", Phase: /** @type {import("./types.js").Phase} */ (event.phase ?? "") });
  const reason = sentence(event.reason ?? "");
  return el("li", {}, el("time", { datetime: timeOf(event) }, clock(timeOf(event))), el("span", { class: "event-phase", data: { tone } }, word), el("span", { class: "event-detail" }, event.fault ? `${reason} (${event.fault})` : reason));
}

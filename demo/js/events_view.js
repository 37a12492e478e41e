/** The channel's history, newest first. Hidden where the API tells none. */

import { el, onChange, setChildren } from "./dom.js";
import { clock } from "./format.js";

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
  return String(event.at ?? event.time ?? "");
}

/** @param {JobEvent} event */
function eventItem(event) {
  const kind = String(event.kind ?? event.phase ?? "event").replaceAll("_", " ");
  const detail = String(event.detail ?? event.reason ?? "");
  return el("li", {}, el("time", { datetime: timeOf(event) }, clock(timeOf(event))), el("span", { class: "event-kind" }, kind), el("span", { class: "event-detail" }, detail));
}

/** The first page of an empty console: what to do, in three steps. */

import { el } from "./dom.js";
import { icon } from "./icons.js";

/** @type {[string, string][]} */
const STEPS = [
  ["Create a channel", "Pick a template. A worker takes it within seconds."],
  ["Push from OBS", "Paste server and stream key, start streaming."],
  ["Watch", "The picture appears here, for HLS and DASH players alike."],
];

export function welcome() {
  return el(
    "article",
    { class: "welcome" },
    el("div", { class: "welcome-mark", "aria-hidden": "true" }, icon("antenna")),
    el("h2", { tabindex: "-1" }, "No channel yet"),
    el("p", { class: "reason" }, "Create one, push from OBS, watch."),
    el("ol", { class: "welcome-steps" }, ...STEPS.map(([title, says]) => el("li", {}, el("strong", {}, title), el("span", {}, says)))),
    el("a", { class: "button primary big", href: "#/new" }, icon("plus"), "Create your first channel"),
  );
}

/** @param {string} title @param {string} says */
export function blank(title, says) {
  return el("article", { class: "welcome" }, el("h2", { tabindex: "-1" }, title), el("p", { class: "reason" }, says), el("a", { class: "button", href: "#/" }, icon("back"), "To the channels"));
}

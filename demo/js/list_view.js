/** The list of channels: who is on air, and what is wrong where. */

import { el, setAttribute, setChildren, setText } from "./dom.js";
import { bitrate, figure, shortId } from "./format.js";
import { diagnose } from "./health.js";
import { routeHash } from "./route.js";
import { canResume, ladder, phaseWords, protocols, reasonOf } from "./words.js";

/** @typedef {import("./types.js").LiveJob} LiveJob */

/** From this many on, a filter helps. */
const FILTER_FROM = 8;

export class ListView {
  /** @type {Map<string, Item>} */
  #items = new Map();
  /** @type {LiveJob[]} */
  #jobs = [];
  /** Whether the API has answered yet. */
  #isKnown = false;
  #current = "";

  constructor() {
    this.count = el("span", { class: "count" });
    this.filter = el("input", { class: "input", type: "search", placeholder: "Filter by id, state or reason", "aria-label": "Filter channels", hidden: true, on: { input: () => this.#show() } });
    this.list = el("ul", { class: "channels", "aria-label": "Channels" });
    this.none = el("p", { class: "list-none", hidden: true });
    this.node = el("nav", { class: "sidebar", "aria-label": "Channels" }, el("div", { class: "sidebar-head" }, el("h2", {}, "Channels"), this.count), this.filter, this.list, this.none);
  }

  /** @param {LiveJob[]|null} jobs in the order to show; null before the first answer @param {string} current id, "" for none */
  update(jobs, current) {
    this.#jobs = jobs ?? [];
    this.#isKnown = jobs !== null;
    this.#current = current;
    this.#show();
  }

  #show() {
    const live = this.#jobs.filter((job) => phaseWords(job).tone === "live").length;
    setText(this.count, this.#jobs.length ? `${live} live of ${this.#jobs.length}` : "");
    this.filter.hidden = this.#jobs.length < FILTER_FROM;
    const wanted = this.filter.hidden ? "" : this.filter.value.trim().toLowerCase();
    const shown = this.#jobs.filter((job) => wanted === "" || haystack(job).includes(wanted));
    const ids = new Set(this.#jobs.map((job) => job.Id));
    for (const id of this.#items.keys()) if (!ids.has(id)) this.#items.delete(id);
    setChildren(this.list, shown.map((job) => this.#item(job).node));
    this.none.hidden = shown.length > 0;
    setText(this.none, this.#jobs.length ? "No channel matches." : this.#isKnown ? "No channel yet." : "Asking the API…");
  }

  /** @param {LiveJob} job */
  #item(job) {
    const item = this.#items.get(job.Id) ?? new Item(job.Id);
    this.#items.set(job.Id, item);
    item.update(job, job.Id === this.#current);
    return item;
  }
}

/** @param {LiveJob} job */
function haystack(job) {
  return `${job.Id} ${job.State} ${job.Phase} ${phaseWords(job).word} ${reasonOf(job)} ${protocols(job)}`.toLowerCase();
}

/** One row. Its height is the same in every state. */
class Item {
  /** @param {string} id */
  constructor(id) {
    this.word = el("span", { class: "state" });
    this.reason = el("span", { class: "channel-reason" });
    this.made = el("span", {});
    this.figures = el("span", { class: "channel-figures" });
    this.link = el(
      "a",
      { class: "channel", href: routeHash({ page: "channel", id }) },
      el("span", { class: "channel-top" }, el("span", { class: "channel-id" }, shortId(id)), this.word),
      this.reason,
      el("span", { class: "channel-foot" }, this.made, this.figures),
    );
    this.node = el("li", {}, this.link);
  }

  /** @param {LiveJob} job @param {boolean} current */
  update(job, current) {
    const { word, tone } = phaseWords(job);
    const { findings } = diagnose(job);
    setText(this.word, word);
    setAttribute(this.word, "data-tone", tone);
    const pressing = findings.find((finding) => finding.level !== "info");
    setText(this.reason, tone === "live" && pressing ? pressing.title : reasonOf(job));
    setAttribute(this.reason, "data-level", pressing?.level ?? null);
    setText(this.made, [protocols(job), ladder(job).split(" · ")[0]].filter(Boolean).join(" · "));
    const figures = job.Statistics;
    setText(this.figures, figures?.Ingress_kbps && !canResume(job) ? `${bitrate(figures.Ingress_kbps)} · ${figure(figures.Video_fps)} fps` : "");
    setAttribute(this.link, "aria-current", current ? "page" : null);
  }
}

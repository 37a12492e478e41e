/** What the console has to say over the page: an outage while it lasts, or a word after an action. Never moves the layout. */

import { el, setAttribute, setText } from "./dom.js";

const SHOW_MS = 6000;

export class Notices {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #outage = "";

  constructor() {
    this.text = el("span");
    this.close = el("button", { type: "button", class: "notice-close", "aria-label": "Dismiss", on: { click: () => this.#hide() } }, "×");
    this.box = el("div", { class: "notice" }, this.text, this.close);
    // The live region is always in the page: one that appears together with its text is not announced.
    this.node = el("div", { class: "notices", role: "status" }, this.box);
    this.#hide();
  }

  /** @param {string} words @param {"good"|"bad"} [tone] */
  say(words, tone = "good") {
    clearTimeout(this.#timer);
    this.#show(words, tone);
    this.#timer = setTimeout(() => this.#hide(), SHOW_MS);
  }

  /** @param {string} words "" when it is over */
  outage(words) {
    if (words === this.#outage) return;
    const before = this.#outage;
    this.#outage = words;
    if (words) {
      clearTimeout(this.#timer);
      this.#show(words, "outage");
    } else if (before) this.say("Connected again");
  }

  /** @param {string} words @param {string} tone */
  #show(words, tone) {
    setText(this.text, words);
    setAttribute(this.box, "data-tone", tone);
    this.close.hidden = tone === "outage";
    this.box.classList.add("shown");
    this.box.inert = false;
  }

  #hide() {
    if (this.#outage) this.#show(this.#outage, "outage");
    else {
      this.box.classList.remove("shown");
      this.box.inert = true;
    }
  }
}

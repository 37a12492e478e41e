/** Rows of the essentials: a label, a value that can be copied, and for secrets a mask that only the user lifts. */

import { el, setAttribute, setText } from "./dom.js";
import { copyButton } from "./copy.js";
import { icon } from "./icons.js";

const MASK = "•".repeat(16);

/** `text` with every occurrence of `secret` masked. @param {string} text @param {string} secret */
export function masked(text, secret) {
  return secret ? text.replaceAll(secret, MASK) : text;
}

/** Whether secrets are shown; shared by all rows of a channel. */
export class Reveal {
  shown = false;
  /** @type {Set<() => void>} */
  #watchers = new Set();

  /** @param {() => void} watcher */
  watch(watcher) {
    this.#watchers.add(watcher);
  }

  /** @param {boolean} shown */
  set(shown) {
    this.shown = shown;
    for (const watcher of this.#watchers) watcher();
  }

  button() {
    const button = el("button", { type: "button", class: "copy reveal", on: { click: () => this.set(!this.shown) } }, icon("eye"), icon("eye_off"));
    const say = () => {
      const words = this.shown ? "Hide the stream key" : "Show the stream key";
      setAttribute(button, "aria-label", words);
      setAttribute(button, "title", words);
      setAttribute(button, "aria-pressed", String(this.shown));
    };
    this.watch(say);
    say();
    return button;
  }
}

export class Field {
  /** @type {string} */ #text = "";
  /** @type {string} */ #secret = "";
  #absent = "";

  /** @param {string} label @param {{reveal?: Reveal, withButton?: boolean, name: string}} options name: for styles and tests */
  constructor(label, { reveal, withButton = false, name }) {
    this.reveal = reveal;
    this.value = el("code", { class: "field-value", data: { field: name } });
    this.copy = copyButton(label.toLowerCase(), () => this.#text);
    this.node = el(
      "div",
      { class: "field" },
      el("span", { class: "label" }, label),
      el("div", { class: "field-box" }, this.value, withButton && reveal ? reveal.button() : null, this.copy),
    );
    reveal?.watch(() => this.#show());
  }

  /** @param {string} text "" shows `absent` instead @param {{secret?: string, absent?: string}} [options] */
  set(text, { secret = "", absent = "–" } = {}) {
    this.#text = text;
    this.#secret = secret;
    this.#absent = absent;
    this.#show();
  }

  #show() {
    const text = this.reveal && !this.reveal.shown ? masked(this.#text, this.#secret) : this.#text;
    setText(this.value, text || this.#absent);
    this.value.classList.toggle("absent", text === "");
    this.copy.disabled = this.#text === "";
  }
}

/**
 * A text area for JSON with line numbers, colours and marked lines.
 *
 * The text area itself stays an ordinary one (undo, screen readers, phone keyboards work); the colours are a second layer
 * beneath its transparent text, scrolled along with it. Tab leaves the field, as in any form.
 */

import { el, setChildren } from "./dom.js";
import { lineOf } from "./json_text.js";

/** Lines that stay visible above the one we jump to. */
const LINES_ABOVE = 4;

export class JsonEditor {
  /** @type {Set<number>} */
  #marked = new Set();
  /** @type {"bad"|"warn"} */
  #tone = "bad";

  /** @param {{label: string, onInput: () => void, onSubmit: () => void}} options onSubmit: Ctrl or Cmd + Enter */
  constructor({ label, onInput, onSubmit }) {
    this.area = el("textarea", {
      class: "editor-text",
      "aria-label": label,
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      wrap: "off",
      on: {
        input: () => {
          this.#paint();
          onInput();
        },
        scroll: () => this.#scrollAlong(),
        keydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onSubmit();
        },
      },
    });
    this.layer = el("div", { class: "editor-layer", "aria-hidden": "true" });
    this.gutter = el("div", { class: "editor-gutter", "aria-hidden": "true" });
    this.node = el("div", { class: "editor" }, this.gutter, el("div", { class: "editor-body" }, this.layer, this.area));
  }

  get text() {
    return this.area.value;
  }

  set text(text) {
    this.area.value = text;
    this.area.scrollTop = 0;
    this.area.scrollLeft = 0;
    this.#marked.clear();
    this.#paint();
  }

  /** @param {number[]} offsets of what is wrong @param {"bad"|"warn"} [tone] */
  mark(offsets, tone = "bad") {
    this.#tone = tone;
    this.#marked = new Set(offsets.map((offset) => lineOf(this.text, offset)));
    this.#paint();
  }

  /** Puts the cursor there and selects. @param {number} start @param {number} end */
  jump(start, end) {
    this.area.focus({ preventScroll: true });
    this.area.setSelectionRange(start, end);
    const lineHeight = Number.parseFloat(getComputedStyle(this.area).lineHeight);
    this.area.scrollTop = Math.max(0, (lineOf(this.text, start) - 1 - LINES_ABOVE) * lineHeight);
    this.area.scrollLeft = 0;
    this.node.scrollIntoView({ block: "nearest" });
    this.#scrollAlong();
  }

  #scrollAlong() {
    this.layer.scrollTop = this.area.scrollTop;
    this.layer.scrollLeft = this.area.scrollLeft;
    this.gutter.scrollTop = this.area.scrollTop;
  }

  #paint() {
    const lines = this.text.split("\n");
    const cls = (/** @type {number} */ index) => (this.#marked.has(index + 1) ? `line faulty ${this.#tone}` : "line");
    setChildren(this.layer, lines.map((line, index) => el("div", { class: cls(index) }, ...coloured(line))));
    setChildren(this.gutter, lines.map((_, index) => el("div", { class: cls(index) }, String(index + 1))));
    this.#scrollAlong();
  }
}

const TOKEN = /("(?:[^"\\]|\\.)*"?)(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b/g;

/** Keys, texts, numbers and words of one line as coloured spans. @param {string} line @returns {(Node|string)[]} */
function coloured(line) {
  const parts = [];
  let at = 0;
  for (const match of line.matchAll(TOKEN)) {
    if (match.index > at) parts.push(line.slice(at, match.index));
    const [whole, text, colon, number] = match;
    const kind = text !== undefined ? (colon === undefined ? "string" : "key") : number !== undefined ? "number" : "word";
    parts.push(el("span", { class: `tok-${kind}` }, text ?? whole));
    if (colon !== undefined) parts.push(colon);
    at = match.index + whole.length;
  }
  parts.push(line.slice(at));
  return parts;
}

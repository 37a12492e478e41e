/** "New channel": a template, its JSON to edit, a dry run, and creation. Faults are shown at their place. */

import { ApiError, checkJob, createJob } from "./api.js";
import { el, setAttribute, setChildren, setText } from "./dom.js";
import { icon } from "./icons.js";
import { JsonEditor } from "./json_editor.js";
import { JsonSyntaxError, lineOf, locate, mapJson } from "./json_text.js";
import { specText, templates } from "./templates.js";

/** @typedef {import("./types.js").Fault} Fault */
/** @typedef {""|"good"|"warn"|"bad"} Tone */

export class CreateView {
  /** What was typed, per template: choosing another one loses nothing. @type {Map<string, string>} */
  #drafts = new Map();
  /** What is listed beside the text: faults, or warnings. @type {Fault[]} */
  #faults = [];
  /** @type {Tone} */
  #tone = "";
  #chosen = "";

  /** @param {import("./types.js").ConsoleSettings} settings @param {{onCreated: (job: import("./types.js").LiveJob) => void}} surroundings */
  constructor(settings, { onCreated }) {
    this.onCreated = onCreated;
    this.templates = templates(settings);
    this.editor = new JsonEditor({ label: "Job specification (JSON)", onInput: () => this.#edited(), onSubmit: () => this.#check() });
    this.verdict = el("p", { class: "verdict", role: "status" });
    this.list = el("ul", { class: "faults", "aria-label": "Faults" });
    this.check = el("button", { type: "button", class: "button", title: "Ctrl + Enter in the editor", on: { click: () => this.#check() } }, icon("check"), "Check");
    this.create = el("button", { type: "button", class: "button primary", on: { click: () => this.#create() } }, icon("plus"), "Create channel");
    const cards = this.templates.map((template) => this.#card(template.id, template.title, template.says));
    this.heading = el("h2", { tabindex: "-1" }, "New channel");
    this.node = el(
      "article",
      { class: "create-page" },
      el("a", { class: "back", href: "#/" }, icon("back"), "Channels"),
      el("header", { class: "page-head" }, el("div", { class: "page-title" }, this.heading, el("p", { class: "reason" }, "Start from a template, change what you like, check, create."))),
      el("fieldset", { class: "templates" }, el("legend", { class: "offscreen" }, "Template"), ...cards),
      el(
        "div",
        { class: "create-grid" },
        el("section", { class: "card editor-card", "aria-label": "Specification" }, this.editor.node),
        el("section", { class: "card verdict-card", "aria-label": "Result of the check" }, el("h3", {}, "Result"), this.verdict, this.list, el("div", { class: "create-actions" }, this.check, this.create)),
      ),
    );
    this.#choose(this.templates[0].id);
  }

  /** @param {string} id @param {string} title @param {string} says */
  #card(id, title, says) {
    const radio = el("input", { type: "radio", name: "template", value: id, on: { change: () => this.#choose(id) } });
    radio.checked = id === this.templates[0].id;
    return el("label", { class: "template" }, radio, el("span", { class: "template-title" }, title), el("span", { class: "template-says" }, says));
  }

  /** @param {string} id */
  #choose(id) {
    if (this.#chosen) this.#drafts.set(this.#chosen, this.editor.text);
    this.#chosen = id;
    const template = this.templates.find((candidate) => candidate.id === id) ?? this.templates[0];
    this.editor.text = this.#drafts.get(id) ?? specText(template.spec);
    this.#show([], "Check tells you whether the document is valid and what in it is unwise, without creating anything.", "");
  }

  #edited() {
    // The faults found keep their places while the text around them moves.
    if (this.#faults.length) this.#show(this.#faults, "Edited since the last check.", this.#tone);
    else this.#show([], "", "");
    this.#parse({ quiet: true });
  }

  /** The document, or null after its syntax error was shown. @param {{quiet?: boolean}} [options] quiet: the cursor stays */
  #parse({ quiet = false } = {}) {
    const text = this.editor.text;
    try {
      mapJson(text);
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      setText(this.verdict, `Line ${lineOf(text, error.offset)}: ${error.message}`);
      setAttribute(this.verdict, "data-tone", "bad");
      setChildren(this.list, []);
      this.editor.mark([error.offset]);
      if (!quiet) this.editor.jump(error.offset, error.offset);
      return null;
    }
    const value = JSON.parse(text);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
    this.#show([], "The document must be an object: { … }", "bad");
    return null;
  }

  async #check() {
    await this.#ask(async (spec) => {
      const warnings = await checkJob(spec);
      if (warnings.length) this.#show(warnings, "It works as it is. Worth a look:", "warn");
      else this.#show([], "No faults. Ready to create.", "good");
    });
  }

  async #create() {
    await this.#ask(async (spec) => {
      const job = await createJob(spec);
      this.#drafts.clear();
      this.onCreated(job);
    });
  }

  /** @param {(spec: object) => Promise<void>} act */
  async #ask(act) {
    if (this.create.disabled) return;
    const spec = this.#parse();
    if (spec === null) return;
    this.create.disabled = true;
    this.check.disabled = true;
    try {
      await act(spec);
    } catch (error) {
      this.#refused(error);
    } finally {
      this.create.disabled = false;
      this.check.disabled = false;
    }
  }

  /** @param {unknown} error */
  #refused(error) {
    const faults = error instanceof ApiError ? error.faults : [];
    const message = error instanceof Error ? error.message : String(error);
    const words = faults.length === 1 ? "One fault" : `${faults.length} faults`;
    this.#show(faults, faults.length ? words : message, "bad");
    if (faults.length) this.#jump(faults[0]);
  }

  /** @param {Fault} fault */
  #jump(fault) {
    const { start, end } = this.#place(fault);
    this.editor.jump(start, end);
  }

  /** @param {Fault} fault */
  #place(fault) {
    try {
      const range = locate(mapJson(this.editor.text), fault.pointer);
      // A missing member is shown at the opening of what should hold it: selecting half the document tells nothing.
      return range.exact ? range : { start: range.start, end: range.start };
    } catch {
      return { start: 0, end: 0 };
    }
  }

  /** @param {Fault[]} faults @param {string} verdict @param {Tone} tone */
  #show(faults, verdict, tone) {
    this.#faults = faults;
    this.#tone = tone;
    setText(this.verdict, verdict);
    setAttribute(this.verdict, "data-tone", tone);
    setChildren(this.list, faults.map((fault) => this.#faultItem(fault)));
    this.editor.mark(faults.map((fault) => this.#place(fault).start), tone === "warn" ? "warn" : "bad");
  }

  /** @param {Fault} fault */
  #faultItem(fault) {
    const line = lineOf(this.editor.text, this.#place(fault).start);
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "fault", data: { tone: this.#tone }, on: { click: () => this.#jump(fault) } },
        el("span", { class: "fault-detail" }, fault.detail),
        el("span", { class: "fault-place" }, el("code", {}, fault.pointer || "/"), el("span", {}, `line ${line}`, icon("jump"))),
      ),
    );
  }
}

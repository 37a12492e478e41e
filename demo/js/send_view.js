/** "Send your stream": server and key, OBS step by step, and lines for ffmpeg. */

import { el, setText } from "./dom.js";
import { copyButton } from "./copy.js";
import { figure } from "./format.js";
import { fileLine, ingestOf, suggestedKbps, testPatternLine } from "./ingest.js";
import { Field, masked, Reveal } from "./secret_field.js";
import { tabs } from "./tabs.js";

export class SendView {
  /** @type {import("./types.js").LiveJob|null} */
  #job = null;

  constructor() {
    const reveal = new Reveal();
    this.server = new Field("Server", { name: "server" });
    this.key = new Field("Stream key", { name: "key", reveal, withButton: true });
    this.url = new Field("Full ingest URL", { name: "ingest-url", reveal });
    this.rate = el("strong");
    this.pattern = new Line("test pattern line", testPatternLine);
    this.file = new Line("file line", fileLine);
    this.lines = [this.pattern, this.file];
    reveal.watch(() => this.#showLines());
    this.reveal = reveal;

    const path = (/** @type {string} */ text) => el("strong", {}, text);
    const obs = el(
      "ol",
      { class: "steps" },
      el("li", {}, "In OBS open ", path("Settings → Stream"), " and set Service to ", path("Custom…")),
      el("li", {}, "Paste ", path("Server"), " and ", path("Stream key"), " from here"),
      el("li", {}, path("Settings → Output → Streaming"), ": rate control ", path("CBR"), ", bitrate ", this.rate, ", keyframe interval ", path("2 s")),
      el("li", {}, "Press ", path("Start Streaming"), ": the preview follows within seconds"),
    );
    const ffmpeg = el("div", {}, el("p", { class: "hint" }, "A moving test pattern with a tone:"), this.pattern.node, el("p", { class: "hint" }, "A file, over and over:"), this.file.node);
    const ways = tabs("Ways to send", [
      { title: "OBS", panel: obs },
      { title: "ffmpeg", panel: ffmpeg },
    ]);
    this.node = el(
      "section",
      { class: "card send", "aria-labelledby": "send-title" },
      el("h3", { id: "send-title" }, "Send your stream"),
      el("div", { class: "send-grid" }, el("div", { class: "fields" }, this.server.node, this.key.node, this.url.node), el("div", { class: "ways" }, ways.bar, ...ways.panels)),
    );
  }

  /** @param {import("./types.js").LiveJob} job */
  update(job) {
    this.#job = job;
    const { server, key, url, absent } = ingestOf(job);
    this.server.set(server, { absent });
    this.key.set(key, { secret: key });
    this.url.set(url, { secret: key, absent });
    setText(this.rate, `${figure(suggestedKbps(job))}\u00a0kbit/s`);
    this.#showLines();
  }

  #showLines() {
    if (!this.#job) return;
    const { key, url } = ingestOf(this.#job);
    for (const line of this.lines) line.set(url, suggestedKbps(this.#job), this.reveal.shown ? "" : key);
  }
}

/** One command line to copy; the key in it is masked until it is revealed, but copied whole. */
class Line {
  #text = "";

  /** @param {string} name @param {(url: string, kbps: number) => string} make */
  constructor(name, make) {
    this.make = make;
    this.code = el("code", { tabindex: "0", "aria-label": name });
    this.copy = copyButton(name, () => this.#text);
    this.node = el("div", { class: "command" }, this.code, this.copy);
  }

  /** @param {string} url @param {number} kbps @param {string} hide */
  set(url, kbps, hide) {
    this.#text = this.make(url || "rtmp://SERVER/live/KEY", kbps);
    setText(this.code, masked(this.#text, hide));
    this.copy.disabled = url === "";
  }
}

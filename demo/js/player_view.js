/**
 * The preview: picture, HLS/DASH switch, quality, and how far behind live it is.
 *
 * It only asks for the stream once the channel says that there are segments: until then it says what it waits for.
 */

import { el, setAttribute, setChildren, setText } from "./dom.js";
import { bitrate, figure, NONE, size } from "./format.js";
import { icon } from "./icons.js";
import { Playback } from "./playback.js";
import { phaseOf, reasonOf } from "./words.js";

/** Further behind than this many segments, "Go to live" is offered. */
const FAR_BEHIND_SEGMENTS = 5;

/** @type {Record<string, [title: string, says: string]>} */
const WAITING = {
  pending: ["Looking for a worker", "The ingest address appears as soon as one listens."],
  assigned: ["A worker is getting ready", "The ingest address appears as soon as it listens."],
  listening: ["Waiting for your encoder", "Push from OBS or ffmpeg: the picture appears here by itself."],
  backoff: ["Starting again", "The picture comes back by itself once the channel runs."],
  stopping: ["Stopping", "The last segments are being stored."],
  finishing: ["Stopping", "The playlists are being ended."],
  deleting: ["Deleting", "Its media is being removed."],
  stopped: ["Stopped", "Resume to go on air again: playback address and stream key stay."],
  failed: ["Not running", "See what went wrong beside, then resume."],
};

/** The usual words for a wait, or the API's own where something is in the way. @param {import("./types.js").LiveJob} job @param {string} phase */
function waiting(job, phase) {
  if (phase === "pending" && job.Reason) return [WAITING.pending[0], reasonOf(job)];
  if (phase === "listening" && job.Fault) return ["Not on air yet", reasonOf(job)];
  return WAITING[phase] ?? ["Waiting", ""];
}

export class PlayerView {
  /** @type {Playback|null} */
  #playback = null;
  /** When the playback before has let go of the video element. */
  #free = Promise.resolve();
  #playing = false;
  #words = "";
  #wantsRecording = false;
  /** @type {"hls"|"dash"} */
  #protocol = "hls";
  /** @type {import("./types.js").LiveJob|null} */
  #job = null;
  #url = "";

  constructor() {
    this.video = el("video", { class: "picture", playsinline: true, muted: true, controls: true, "aria-label": "Preview of the channel" });
    this.video.muted = true;
    this.title = el("p", { class: "veil-title" });
    this.says = el("p", { class: "veil-says", role: "status" });
    this.spinner = el("span", { class: "waves", "aria-hidden": "true" }, icon("antenna"));
    this.replay = el("button", { type: "button", class: "button", on: { click: () => this.#playRecording() } }, "Play what was broadcast last");
    this.veil = el("div", { class: "veil" }, this.spinner, this.title, this.says, this.replay);

    this.switches = { hls: this.#protocolButton("hls", "HLS"), dash: this.#protocolButton("dash", "DASH") };
    this.toggle = el("div", { class: "segmented", role: "group", "aria-label": "Protocol" }, this.switches.hls, this.switches.dash);
    this.quality = el("select", { class: "select", "aria-label": "Quality", on: { change: () => this.#choose() } });
    this.live = el("button", { type: "button", class: "button small go-live", on: { click: () => this.#playback?.goLive() } }, "Go to live");
    this.latency = el("span", { class: "figure", data: { figure: "latency" } });
    this.resolution = el("span", { class: "figure", data: { figure: "resolution" } });
    this.rate = el("span", { class: "figure", data: { figure: "rate" } });
    const bar = el(
      "div",
      { class: "player-bar" },
      el("div", { class: "player-figures" }, labelled("Behind live", this.latency), labelled("Picture", this.resolution), labelled("Rate", this.rate)),
      el("div", { class: "player-choices" }, this.quality, this.toggle),
    );
    this.node = el("section", { class: "card player", "aria-label": "Player" }, el("div", { class: "screen" }, this.video, this.veil, this.live), bar);
    this.#showQualities([]);
    this.#showFigures(null);
  }

  /** @param {"hls"|"dash"} protocol @param {string} label */
  #protocolButton(protocol, label) {
    const choose = () => {
      this.#protocol = protocol;
      this.#apply();
    };
    return el("button", { type: "button", on: { click: choose } }, label);
  }

  /** @param {import("./types.js").LiveJob} job */
  update(job) {
    this.#job = job;
    this.#apply();
  }

  #apply() {
    const job = this.#job;
    if (!job) return;
    const urls = playbackUrls(job);
    if (!urls[this.#protocol]) this.#protocol = urls.hls ? "hls" : "dash";
    this.toggle.hidden = !(urls.hls && urls.dash);
    for (const [name, button] of Object.entries(this.switches)) setAttribute(button, "aria-pressed", String(name === this.#protocol));

    const phase = phaseOf(job);
    if (phase !== "stopped" && phase !== "failed") this.#wantsRecording = false;
    // While "stopping" the tail is still played; "listening" and "backoff" after air keep what is on the screen.
    const onAir = phase === "streaming" || phase === "interrupted" || (this.#playback !== null && ["stopping", "finishing", "listening", "backoff"].includes(phase));
    const url = onAir || this.#wantsRecording ? (urls[this.#protocol] ?? "") : "";
    if (url !== this.#url) this.#open(url);
    this.#veil(job, phase, hasRecording(job) && Boolean(urls[this.#protocol]));
  }

  /** @param {string} url "" closes */
  #open(url) {
    this.#url = url;
    this.#playing = false;
    this.#words = "";
    if (this.#playback) this.#free = this.#playback.close();
    this.#playback = null;
    this.#showQualities([]);
    this.#showFigures(null);
    if (!url) return;
    /** @type {Playback} */
    const mine = new Playback(this.video, url, {
      onWords: (words) => this.#playback === mine && this.#say(words),
      onPlaying: () => this.#playback === mine && this.#say(""),
      onFigures: (figures) => this.#playback === mine && this.#showFigures(figures),
      onQualities: (qualities) => this.#playback === mine && this.#showQualities(qualities),
    });
    this.#playback = mine;
    mine.start(this.#free);
  }

  /** @param {string} words "" when the picture moves */
  #say(words) {
    this.#playing = words === "";
    this.#words = words;
    this.#apply();
  }

  /** @param {import("./types.js").LiveJob} job @param {string} phase @param {boolean} recording */
  #veil(job, phase, recording) {
    const [title, says] = this.#url ? ["Almost there", this.#words || "Waiting for the first segment…"] : waiting(job, phase);
    setText(this.title, title);
    setText(this.says, says);
    this.veil.hidden = this.#playing;
    this.replay.hidden = this.#url !== "" || !recording || !["stopped", "failed"].includes(phase);
    setAttribute(this.spinner, "data-still", ["stopped", "failed"].includes(phase) ? "" : null);
    setAttribute(this.video, "tabindex", this.#playing ? null : "-1");
  }

  #playRecording() {
    this.#wantsRecording = true;
    this.#apply();
  }

  /** @param {import("./playback.js").Figures|null} figures */
  #showFigures(figures) {
    setText(this.latency, figures?.latency ? `${figure(figures.latency, 1)} s` : NONE);
    setText(this.resolution, size(figures?.width, figures?.height));
    setText(this.rate, bitrate(figures?.kbps));
    const segment = this.#job?.Spec?.Output?.Segment_duration || 4;
    const far = Boolean(figures?.live && figures.latency && figures.latency > FAR_BEHIND_SEGMENTS * segment + 5);
    this.live.hidden = !far;
  }

  /** @param {import("./playback.js").Quality[]} qualities */
  #showQualities(qualities) {
    const chosen = this.quality.value;
    const options = qualities.map(({ height, kbps }) => el("option", { value: String(height) }, `${height}p · ${bitrate(kbps)}`));
    setChildren(this.quality, [el("option", { value: "" }, "Quality: auto"), ...options]);
    this.quality.value = qualities.some(({ height }) => String(height) === chosen) ? chosen : "";
    this.quality.disabled = qualities.length < 2;
  }

  #choose() {
    this.#playback?.choose(this.quality.value ? Number(this.quality.value) : null);
  }

  close() {
    this.#job = null;
    this.#open("");
  }
}

/** @param {string} label @param {HTMLElement} value */
function labelled(label, value) {
  return el("div", { class: "labelled" }, el("span", { class: "label" }, label), value);
}

/** @param {import("./types.js").LiveJob} job @returns {{hls?: string, dash?: string}} only http(s) addresses */
export function playbackUrls(job) {
  const web = (/** @type {string|undefined} */ url) => (/^https?:\/\//i.test(url ?? "") ? url : undefined);
  const urls = { hls: web(job.Playback_urls?.hls), dash: web(job.Playback_urls?.dash) };
  const plain = web(job.Playback_url);
  if (!urls.hls && !urls.dash && plain) return /\.mpd(\?|$)/i.test(plain) ? { dash: plain } : { hls: plain };
  return urls;
}

/** @param {import("./types.js").LiveJob} job */
function hasRecording(job) {
  return (job.Total_bytes_ingested || job.Statistics?.Bytes_ingested || 0) > 0;
}

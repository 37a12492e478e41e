/** The page of one channel: header with actions, and its panels. */

import { deleteJob, resumeJob, stopJob } from "./api.js";
import { confirmAnd } from "./confirm.js";
import { el, setAttribute, setText } from "./dom.js";
import { EventsView } from "./events_view.js";
import { FiguresView } from "./figures_view.js";
import { shortId } from "./format.js";
import { diagnose } from "./health.js";
import { HealthView } from "./health_view.js";
import { icon } from "./icons.js";
import { PlayerView } from "./player_view.js";
import { SendView } from "./send_view.js";
import { WatchView } from "./watch_view.js";
import { warningsIn } from "./warnings.js";
import { canResume, canStop, phaseWords, reasonOf, summary } from "./words.js";

/** @typedef {import("./types.js").LiveJob} LiveJob */

export class ChannelView {
  /** @type {LiveJob|null} */
  #job = null;

  /**
   * @param {string} id
   * @param {{onChanged: () => Promise<void>|void, onDeleted: () => void, notices: import("./notices.js").Notices}} surroundings
   */
  constructor(id, surroundings) {
    this.id = id;
    /** Whether the channel was last seen on its way out. */
    this.deleting = false;
    this.around = surroundings;
    this.word = el("span", { class: "state large" });
    this.reason = el("p", { class: "reason" });
    this.summary = el("p", { class: "summary" });
    this.stop = el("button", { type: "button", class: "button", on: { click: () => this.#act(this.stop, stopJob, "Stopping") } }, icon("stop"), "Stop");
    this.resume = el("button", { type: "button", class: "button primary", on: { click: () => this.#act(this.resume, resumeJob, "Resuming") } }, icon("play"), "Resume");
    this.remove = el("button", { type: "button", class: "button ghost-danger", on: { click: () => this.#delete() } }, icon("trash"), "Delete");
    this.heading = el("h2", { tabindex: "-1" }, "Channel ", el("span", { class: "mono" }, shortId(id)));
    this.player = new PlayerView();
    this.health = new HealthView();
    this.figures = new FiguresView();
    this.send = new SendView();
    this.watch = new WatchView();
    this.events = new EventsView();
    this.node = el(
      "article",
      { class: "channel-page" },
      el("a", { class: "back", href: "#/" }, icon("back"), "Channels"),
      el(
        "header",
        { class: "page-head" },
        el("div", { class: "page-title" }, el("div", { class: "title-line" }, this.heading, this.word), this.reason, this.summary),
        el("div", { class: "actions" }, this.stop, this.resume, this.remove),
      ),
      el(
        "div",
        { class: "stage" },
        el("div", { class: "stage-left" }, this.player.node, this.figures.numbers),
        el("div", { class: "stage-right" }, this.health.node, this.figures.charts),
      ),
      this.send.node,
      this.watch.node,
      this.events.node,
    );
  }

  /** @param {LiveJob} job @param {import("./history.js").Sample[]} samples @param {number} now milliseconds */
  update(job, samples, now) {
    this.#job = job;
    this.deleting = job.Delete === true;
    const { word, tone } = phaseWords(job);
    setText(this.word, word);
    setAttribute(this.word, "data-tone", tone);
    setText(this.reason, reasonOf(job));
    setText(this.summary, summary(job));
    this.stop.hidden = canResume(job);
    this.resume.hidden = !canResume(job);
    // A channel that runs is stopped first: the API deletes no other.
    this.remove.hidden = !canResume(job) && !this.deleting;
    this.stop.disabled = !canStop(job);
    this.remove.disabled = this.deleting;
    this.player.update(job);
    this.health.update(diagnose(job, samples), warningsIn(job.Job_validation_warnings ?? ""));
    this.figures.update(job, samples, now);
    this.send.update(job);
    this.watch.update(job);
  }

  /** @param {HTMLButtonElement} button @param {(id: string) => Promise<void>} action @param {string} word */
  async #act(button, action, word) {
    button.disabled = true;
    try {
      await action(this.id);
      this.around.notices.say(`${word}…`);
      await this.around.onChanged();
    } catch (error) {
      this.around.notices.say(error instanceof Error ? error.message : String(error), "bad");
    } finally {
      button.disabled = false;
    }
  }

  async #delete() {
    const done = await confirmAnd({
      title: `Delete channel ${shortId(this.id)}?`,
      text: "Its address and stream key end, and its media is removed from the bucket. This cannot be undone.",
      yes: "Delete channel",
      act: () => deleteJob(this.id),
    });
    if (!done) return;
    this.around.notices.say("Channel deleted");
    this.around.onDeleted();
  }

  /** Ends the preview; the channel itself is none of our business. */
  close() {
    this.player.close();
  }
}

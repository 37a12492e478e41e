/** "Watch and refer": playback addresses and what identifies the channel. */

import { el, setText } from "./dom.js";
import { clock, duration, NONE } from "./format.js";
import { playbackUrls } from "./player_view.js";
import { Field } from "./secret_field.js";

export class WatchView {
  constructor() {
    this.hls = new Field("HLS playback URL", { name: "hls" });
    this.dash = new Field("DASH playback URL", { name: "dash" });
    this.id = new Field("Job id", { name: "id" });
    this.cells = { Created: el("dd"), Bucket: el("dd"), Segments: el("dd"), "Seek-back window": el("dd"), Worker: el("dd"), State: el("dd") };
    const rows = Object.entries(this.cells).map(([label, cell]) => el("div", {}, el("dt", {}, label), cell));
    this.node = el(
      "section",
      { class: "card watch", "aria-labelledby": "watch-title" },
      el("h3", { id: "watch-title" }, "Watch"),
      el("div", { class: "send-grid" }, el("div", { class: "fields" }, this.hls.node, this.dash.node, this.id.node), el("dl", { class: "rows" }, ...rows)),
    );
  }

  /** @param {import("./types.js").LiveJob} job */
  update(job) {
    const urls = playbackUrls(job);
    this.hls.set(urls.hls ?? "");
    this.dash.set(urls.dash ?? "");
    this.hls.node.hidden = !urls.hls;
    this.dash.node.hidden = !urls.dash;
    this.id.set(job.Id);
    const output = job.Spec?.Output;
    setText(this.cells.Created, clock(job.Time_created));
    setText(this.cells.Bucket, output?.S3_output?.Bucket || NONE);
    setText(this.cells.Segments, output?.Segment_duration ? `${output.Segment_duration} s, key frame every ${output.Fragment_duration ?? 1} s` : NONE);
    setText(this.cells["Seek-back window"], duration(output?.Time_shift_buffer_depth));
    setText(this.cells.Worker, job.Assigned_worker_id || "none");
    setText(this.cells.State, [job.State, job.Phase === job.State ? "" : job.Phase, job.Epoch ? `epoch ${job.Epoch}` : ""].filter(Boolean).join(" · ") || NONE);
  }
}

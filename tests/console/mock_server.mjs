/**
 * An in-memory fake of the API, and the static files of the console under the strict Content-Security-Policy.
 *
 * It behaves as the contract says where the console depends on it (masked lists, paging, problem details, 202s); what a real
 * cluster would do by itself (a worker listens, a publisher comes) is done by the test through `listen`, `publish`, `change`.
 */

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const DEMO = fileURLToPath(new URL("../../demo/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".json": "application/json" };
export const POLICY = [
  "default-src 'self'",
  "media-src 'self' blob: http://127.0.0.1:*",
  "connect-src 'self' http://127.0.0.1:*",
  "img-src 'self' data:",
  "style-src 'self'",
  "script-src 'self'",
  "worker-src 'self' blob:",
].join("; ");
/** Small, so that the console has to follow rel="next". */
const PAGE = 2;

const UNMEASURED = {
  ...{ Ingress_kbps: 0, Video_fps: 0, Video_width: 0, Video_height: 0, Video_codec: "", Audio_codec: "", Key_frame_interval_seconds: 0, Bytes_ingested: 0 },
  ...{ Up_seconds: 0, Active_seconds: 0, Encode_speed: 0, Dropped_frames: 0, Duplicated_frames: 0, Upload_backlog: 0, Newest_segment_age_seconds: 0 },
};

export class MockServer {
  jobs = new Map();
  /** Every request that changes something: "PUT /jobs/<id>/stop", with its body. */
  calls = [];
  features = { drm: false, events: true };
  /** "" or a status that everything but static files answers. */
  outage = 0;

  /** @param {string} mediaOrigin */
  constructor(mediaOrigin) {
    this.mediaOrigin = mediaOrigin;
    this.server = createServer((request, response) => this.#answer(request, response).catch((error) => response.writeHead(500).end(String(error))));
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.origin = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** @param {object} spec */
  add(spec, id = randomUUID()) {
    const type = spec.Output.Stream_type;
    const hls = type === "dash" ? "" : `${this.mediaOrigin}/output_${id}/master.m3u8`;
    const dash = type === "hls" ? "" : `${this.mediaOrigin}/output_${id}/master.mpd`;
    const job = {
      Id: id,
      State: "created",
      Phase: "pending",
      Reason: "",
      Fault: null,
      Playback_url: hls || dash,
      Playback_urls: { hls, dash },
      RtmpIngestUrl: "",
      StreamKey: randomUUID(),
      Spec: spec,
      Job_validation_warnings: "",
      Time_created: new Date().toISOString(),
      Assigned_worker_id: "",
      Epoch: 0,
      Restarts: 0,
      Failure: null,
      Statistics: UNMEASURED,
      Total_bytes_ingested: 0,
      Stop: false,
      Delete: false,
    };
    this.jobs.set(id, { job, events: [], since: 0 });
    this.#enter(id, "created", "pending", "created");
    return job;
  }

  /** A worker listens. */
  listen(id) {
    const { job } = this.jobs.get(id);
    Object.assign(job, { Epoch: job.Epoch + 1, Assigned_worker_id: "worker-7f31" });
    this.#enter(id, "created", "assigned", "a worker was chosen");
    job.RtmpIngestUrl = `rtmp://203.0.113.7:1936/live/${job.StreamKey}`;
    this.#enter(id, "running", "listening", "waiting for a publisher");
  }

  /** A publisher sends and the first segment is stored. */
  publish(id, statistics = {}) {
    const entry = this.jobs.get(id);
    entry.since = Date.now();
    entry.overrides = statistics;
    this.#enter(id, "running", "listening", "media comes in: the first segment is on its way");
    this.#enter(id, "streaming", "streaming", "media is being published");
  }

  /** The last segments are stored. */
  finishStop(id) {
    Object.assign(this.jobs.get(id).job, { Stop: false, RtmpIngestUrl: "", Assigned_worker_id: "" });
    this.#enter(id, "stopped", "stopped", "stopped by the user");
  }

  finishDelete(id) {
    this.jobs.delete(id);
  }

  change(id, fields) {
    Object.assign(this.jobs.get(id).job, fields);
  }

  #enter(id, state, phase, reason, fault = null) {
    const { job, events } = this.jobs.get(id);
    Object.assign(job, { State: state, Phase: phase, Reason: reason, Fault: fault });
    events.push({ at: new Date().toISOString(), phase, reason, fault });
  }

  #figures(entry) {
    if (!entry.since) return entry.job.Statistics;
    const seconds = (Date.now() - entry.since) / 1000;
    if (entry.job.Phase === "stopped") return { ...UNMEASURED, Bytes_ingested: Math.round(seconds * 430_000), Active_seconds: Math.round(seconds), Up_seconds: Math.round(seconds) + 9 };
    const wave = Math.sin(seconds / 3) * 140 + Math.sin(seconds / 1.1) * 60;
    return {
      Ingress_kbps: Math.round(3480 + wave),
      Video_fps: 30,
      Video_width: 1280,
      Video_height: 720,
      Video_codec: "h264",
      Audio_codec: "aac",
      Key_frame_interval_seconds: 2,
      Bytes_ingested: Math.round(seconds * 430_000),
      Up_seconds: Math.round(seconds) + 9,
      Active_seconds: Math.round(seconds),
      Publisher_disconnects: 0,
      Cpu_cores: 1.42,
      Publish_latency_seconds: 0.6,
      Encode_speed: 1 + Math.sin(seconds / 2) * 0.012,
      Dropped_frames: 0,
      Duplicated_frames: 2,
      Upload_backlog: 1,
      Newest_segment_age_seconds: 0.4 + (seconds % 4),
      ...entry.overrides,
    };
  }

  #shown(entry, { whole }) {
    const job = { ...entry.job, Statistics: this.#figures(entry) };
    return whole ? job : { ...job, StreamKey: "********", RtmpIngestUrl: job.RtmpIngestUrl.replace(job.StreamKey, "********") };
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.origin);
    const [, top, id, verb] = url.pathname.split("/");
    if (top !== "jobs" && url.pathname !== "/console.json") return this.#file(url.pathname, response);
    if (this.outage) return problem(response, this.outage, "Down", "for the test");
    if (url.pathname === "/console.json") return json(response, 200, { bucket: "acme-live", version: "0.1.0", features: this.features });

    const body = request.method === "POST" ? await text(request) : "";
    if (request.method !== "GET") this.calls.push({ call: `${request.method} ${url.pathname}`, body });
    if (!id) return request.method === "POST" ? this.#create(body, response) : this.#list(url, response);
    const entry = this.jobs.get(id);
    if (!entry) return problem(response, 404, "The job does not exist", `there is no job ${id}; GET /jobs lists those there are`);
    switch (`${request.method} ${verb ?? ""}`) {
      case "GET ":
        return json(response, 200, this.#shown(entry, { whole: true }));
      case "GET events":
        return this.features.events ? json(response, 200, entry.events) : problem(response, 404, "Not found", "");
      case "PUT stop":
        // The tail is being uploaded until `finishStop`.
        entry.job.Stop = true;
        this.#enter(id, "running", "stopping", "stopped by the user");
        return json(response, 202, this.#shown(entry, { whole: true }));
      case "PUT resume":
        this.#enter(id, "created", "pending", "resumed by the user");
        return json(response, 202, this.#shown(entry, { whole: true }));
      case "DELETE ":
        if (!["stopped", "failed"].includes(entry.job.Phase)) return problem(response, 409, "The job does not allow this now", `the job is ${entry.job.Phase}: stop it first (PUT /jobs/{id}/stop), then delete it`);
        // Removing the media takes a while: the job is listed until `finishDelete`.
        entry.job.Delete = true;
        this.#enter(id, "stopped", "deleting", "deleted by the user");
        return json(response, 202, this.#shown(entry, { whole: true }));
      default:
        return problem(response, 405, "Method not allowed", "");
    }
  }

  #list(url, response) {
    const from = Number(url.searchParams.get("from") ?? 0);
    const all = [...this.jobs.values()];
    const page = all.slice(from, from + PAGE).map((entry) => this.#shown(entry, { whole: false }));
    const more = from + PAGE < all.length ? { Link: `</jobs?from=${from + PAGE}>; rel="next"` } : {};
    return json(response, 200, page, more);
  }

  #create(body, response) {
    const spec = JSON.parse(body);
    const errors = faultsOf(spec);
    if (errors.length) return json(response, 400, { title: "The job specification is not valid", detail: `${errors.length} faults; each is listed in errors with its place`, status: 400, errors }, { "Content-Type": "application/problem+json" });
    if (spec.Api_test) return void response.writeHead(200, { "Content-Type": "text/plain" }).end(warningsOf(spec));
    return json(response, 201, this.add(spec));
  }

  async #file(pathname, response) {
    const name = pathname === "/" ? "demo.html" : pathname.replace(/^\/demo\//, "");
    const file = path.join(DEMO, path.normalize(name));
    const content = file.startsWith(DEMO) ? await readFile(file).catch(() => null) : null;
    if (content === null) return void response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": TYPES[path.extname(file)] ?? "application/octet-stream", "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff" }).end(content);
  }
}

/** A few rules, enough to show faults at their place. */
function faultsOf(spec) {
  const output = spec.Output ?? {};
  const faults = [];
  if (!["hls", "dash", "hls+dash"].includes(output.Stream_type)) faults.push({ pointer: "/Output/Stream_type", detail: "Stream_type must be hls, dash or hls+dash" });
  if (!output.S3_output?.Bucket) faults.push({ pointer: "/Output/S3_output/Bucket", detail: "A bucket is required" });
  (output.Video_outputs ?? []).forEach((video, index) => {
    if (!/^\d+(\.\d+)?k$/i.test(video.Bitrate ?? "")) faults.push({ pointer: `/Output/Video_outputs/${index}/Bitrate`, detail: `"${video.Bitrate}" is not a bit rate such as "2500k"` });
  });
  return faults;
}

/** In the API's own spelling. */
function warningsOf(spec) {
  const slow = (spec.Output.Video_outputs ?? []).findIndex(({ Preset }) => Preset === "slow");
  return slow === -1 ? "" : `Warnings: 0: /Output/Video_outputs/${slow}/Preset: slow is more than most workers carry; use veryfast`;
}

async function text(request) {
  let body = "";
  for await (const part of request) body += part;
  return body;
}

function json(response, status, value, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers }).end(JSON.stringify(value));
}

function problem(response, status, title, detail) {
  json(response, status, { title, detail, status }, { "Content-Type": "application/problem+json" });
}

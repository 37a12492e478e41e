/**
 * Real live media: ffmpeg writes a two-rung HLS and DASH stream of a moving test picture in real time, and a server of its own
 * origin (as a bucket has) hands it out with CORS.
 */

import { spawn } from "node:child_process";
import { createReadStream, existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const FFMPEG = process.env.EZ_FFMPEG ?? firstExisting([fileURLToPath(new URL("../../.tools/bin/ffmpeg", import.meta.url))]) ?? "ffmpeg";
const TYPES = { ".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml", ".m4s": "video/iso.segment", ".mp4": "video/mp4" };
const READY_DEADLINE_MS = 40_000;
const SEGMENT_SECONDS = 2;

const INPUT = ["-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"];
const LADDER = [
  ["-filter_complex", "[0:v]split[high][low];[low]scale=320:180[small]"],
  ["-map", "[high]", "-map", "[small]", "-map", "1:a"],
  ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0"],
  ["-b:v:0", "600k", "-b:v:1", "200k", "-c:a", "aac", "-b:a", "64k"],
].flat();

/** One encoder writes all: the DASH muxer makes HLS playlists of the same segments. */
function output(folder) {
  return [
    ...["-f", "dash", "-seg_duration", String(SEGMENT_SECONDS), "-window_size", "8", "-extra_window_size", "8", "-use_timeline", "1", "-use_template", "1"],
    ...["-adaptation_sets", "id=0,streams=v id=1,streams=a", "-hls_playlist", "1", "-hls_master_name", "master.m3u8", path.join(folder, "master.mpd")],
  ];
}

export async function startMedia() {
  const folder = await mkdtemp(path.join(tmpdir(), "console-media-"));
  const encoder = spawn(FFMPEG, ["-hide_banner", "-loglevel", "error", "-nostdin", ...INPUT, ...LADDER, ...output(folder)], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  encoder.stderr.on("data", (data) => (said = (said + data).slice(-4000)));
  const server = createServer((request, response) => serve(folder, request, response));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;

  async function stop() {
    const gone = encoder.exitCode === null ? new Promise((resolve) => encoder.once("exit", resolve)) : null;
    encoder.kill("SIGKILL");
    await gone;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  }

  const deadline = Date.now() + READY_DEADLINE_MS;
  while ((await segmentsListed(folder)) < 4) {
    if (encoder.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`ffmpeg made no stream: ${said || "deadline passed"}`);
    }
    await pause(200);
  }
  return { origin, stop };
}

async function segmentsListed(folder) {
  const playlist = await readFile(path.join(folder, "media_0.m3u8"), "utf8").catch(() => "");
  return existsSync(path.join(folder, "master.mpd")) ? (playlist.match(/#EXTINF/g)?.length ?? 0) : 0;
}

/** @param {string} folder @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
async function serve(folder, request, response) {
  const name = path.basename(new URL(request.url, "http://media").pathname);
  const file = path.join(folder, name);
  const headers = { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Date", "Cache-Control": "no-store" };
  const found = await stat(file).catch(() => null);
  if (!found?.isFile()) return void response.writeHead(404, headers).end();
  response.writeHead(200, { ...headers, "Content-Type": TYPES[path.extname(name)] ?? "application/octet-stream", "Content-Length": found.size });
  if (request.method === "HEAD") return void response.end();
  // Playlists are replaced by renaming, so an open file stays whole.
  createReadStream(file).on("error", () => response.destroy()).pipe(response);
}

/** @param {string[]} files */
function firstExisting(files) {
  return files.find((file) => existsSync(file));
}

/** The console's pure modules, and the vendored files. No browser. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { nextPage } from "../../demo/js/api.js";
import { placeOfKey } from "../../demo/js/clear_key.js";
import { bitrate, bytes, clock, duration, figure } from "../../demo/js/format.js";
import { diagnose } from "../../demo/js/health.js";
import { History, HISTORY_SECONDS } from "../../demo/js/history.js";
import { fileLine, ingestOf, suggestedKbps } from "../../demo/js/ingest.js";
import { JsonSyntaxError, lineOf, locate, mapJson } from "../../demo/js/json_text.js";
import { parseRoute, routeHash } from "../../demo/js/route.js";
import { specText, templates } from "../../demo/js/templates.js";
import { warningsIn } from "../../demo/js/warnings.js";
import { canResume, canStop, phaseWords } from "../../demo/js/words.js";

const DEMO = fileURLToPath(new URL("../../demo/", import.meta.url));

describe("json_text", () => {
  const text = '{\n  "Output": {\n    "a/b": [1, {"Bitrate": "x\\"y"}],\n    "t~": true\n  }\n}';
  const at = (pointer) => {
    const { start, end } = locate(mapJson(text), pointer);
    return text.slice(start, end);
  };

  test("finds every value by its pointer", () => {
    assert.equal(at("/Output/a~1b/0"), "1");
    assert.equal(at("/Output/a~1b/1/Bitrate"), '"Bitrate": "x\\"y"');
    assert.equal(at("/Output/t~0"), '"t~": true');
    assert.equal(at("#/Output/t~0"), '"t~": true');
    assert.equal(at(""), text);
  });

  test("reads keys without letter case, and falls back to the nearest ancestor", () => {
    assert.equal(at("/output/A~1B/1/bitrate"), '"Bitrate": "x\\"y"');
    const missing = locate(mapJson(text), "/Output/a~1b/1/Codec");
    assert.equal(missing.exact, false);
    assert.equal(text.slice(missing.start, missing.end), '{"Bitrate": "x\\"y"}');
    assert.equal(lineOf(text, missing.start), 3);
  });

  test("accepts what JSON.parse accepts and refuses what it refuses, with a place", () => {
    const accepted = ["1", "-0.5e+3", '""', "[]", "{}", "[1,2]", ' {"a" : null} ', '"\\u00e9\\n"', "[[[]]]", "true"];
    const refused = ["", "{", "[1,]", '{"a":1,}', "{a:1}", "01", "1.", "+1", "nul", '"\n"', '"\\x"', "[1 2]", '{"a" 1}', "1 2", "'a'", "NaN", '{"a":}', "\u00a01"];
    for (const good of accepted) {
      JSON.parse(good);
      assert.ok(mapJson(good).has(""), good);
    }
    for (const bad of refused) {
      assert.throws(() => JSON.parse(bad), SyntaxError, bad);
      assert.throws(() => mapJson(bad), (error) => error instanceof JsonSyntaxError && error.offset >= 0 && error.offset <= bad.length, bad);
    }
  });

  test("refuses a key that stands twice, and absurd depth without a stack overflow", () => {
    assert.throws(() => mapJson('{"a":1,"a":2}'), /stands here twice/);
    assert.throws(() => mapJson("[".repeat(100_000)), /Nested too deeply/);
  });

  test("never loses or invents a value (generated documents)", () => {
    let seed = 7;
    const random = (below) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
    const make = (depth) => {
      const kind = random(depth > 3 ? 4 : 6);
      if (kind === 4) return Array.from({ length: random(4) }, () => make(depth + 1));
      if (kind === 5) return Object.fromEntries(Array.from({ length: random(4) }, (_, index) => [`k${index}/~"é`, make(depth + 1)]));
      return [random(1000) / 7, `s"\\\n${random(9)}`, null, true][kind];
    };
    const walk = (value, pointer, visit) => {
      visit(value, pointer);
      if (value !== null && typeof value === "object") for (const [key, child] of Object.entries(value)) walk(child, `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`, visit);
    };
    for (let round = 0; round < 200; round += 1) {
      const value = make(0);
      const written = JSON.stringify(value, null, round % 3);
      const places = mapJson(written);
      let count = 0;
      walk(value, "", (part, pointer) => {
        count += 1;
        const { start, end } = places.get(pointer);
        const key = pointer === "" ? "" : JSON.stringify(pointer.slice(pointer.lastIndexOf("/") + 1).replaceAll("~1", "/").replaceAll("~0", "~"));
        const slice = written.slice(start, end);
        const own = key && slice.startsWith(`${key}:`) ? slice.slice(key.length + 1) : slice;
        assert.deepEqual(JSON.parse(own), part);
      });
      assert.equal(places.size, count);
    }
  });
});

describe("health", () => {
  const live = (figures = {}, more = {}) => ({
    Id: "x",
    State: "streaming",
    Phase: "streaming",
    Spec: { Output: { Segment_duration: 4, Video_outputs: [{ Height: 720 }] } },
    Statistics: { Ingress_kbps: 3000, Encode_speed: 1, Key_frame_interval_seconds: 2, Newest_segment_age_seconds: 3, Upload_backlog: 1, Video_height: 720, Video_codec: "h264", Audio_codec: "aac", ...figures },
    ...more,
  });

  test("a sound channel has nothing to say", () => assert.deepEqual(diagnose(live()), { word: "All good", tone: "live", findings: [] }));

  const cases = [
    ["encode speed below real time", live({ Encode_speed: 0.9 }), "bad", /falls behind \(0\.90×/],
    ["no data", live({ Ingress_kbps: 2, Bytes_ingested: 9 }), "bad", /Hardly anything arrives/],
    ["an old segment", live({ Newest_segment_age_seconds: 13 }), "bad", /13 s old/],
    ["a late segment", live({ Newest_segment_age_seconds: 10 }), "warn", /10 s old/],
    ["far key frames", live({ Key_frame_interval_seconds: 4.5 }), "warn", /4\.5 s apart/],
    ["a full spool", live({ Given_up_segments: 3 }), "warn", /3 segments were left out/],
    ["a backlog", live({ Upload_backlog: 40 }), "warn", /40 files/],
    ["upscaling", live({ Video_height: 480 }), "info", /480p, the ladder goes up to 720p/],
    ["no sound", live({ Audio_codec: "" }), "info", /No sound/],
    ["a restart", live({}, { Restarts: 2, Failure: { reason: "packager ended" } }), "info", /Restarted 2 times/],
    ["no publisher", { Id: "x", Phase: "listening" }, "info", /No publisher/],
    ["no picture", { Id: "x", Phase: "listening", Fault: "contribution", Reason: "the publisher is connected but sends no picture" }, "bad", /^The publisher is connected but sends no picture/],
    ["a bucket that takes nothing", { Id: "x", Phase: "listening", Fault: "destination", Reason: "the bucket takes nothing at the moment" }, "bad", /^The bucket takes nothing/],
    ["media on its way", { Id: "x", Phase: "listening", Reason: "media comes in: the first segment is on its way" }, "info", /^Media comes in/],
    ["a lost publisher", { Id: "x", Phase: "interrupted" }, "bad", /publisher is gone/],
    ["why it was lost", { Id: "x", Phase: "interrupted", Fault: "contribution", Reason: "the publisher left; the channel shows the last picture meanwhile" }, "bad", /^The publisher left/],
    ["a broken tool", { Id: "x", Phase: "interrupted", Fault: "worker", Reason: "packager ended: signal 9; the channel goes on from there in a new period" }, "warn", /^Packager ended: signal 9/],
    ["a key server that is away", { Id: "x", Phase: "pending", Reason: "the key server is away" }, "info", /^The key server is away/],
    ["a failure", { Id: "x", Phase: "failed", Failure: { fault: "spec", reason: "no encoder" } }, "bad", /gave up: no encoder \(spec\)/],
    ["recovery", { Id: "x", Phase: "backoff", Reason: "worker lost" }, "bad", /worker lost/],
    ["queueing", { Id: "x", State: "created" }, "info", /Waiting for a worker/],
  ];
  for (const [name, job, level, title] of cases) {
    test(`tells ${name}`, () => {
      const { findings } = diagnose(job);
      assert.equal(findings.length, 1, JSON.stringify(findings));
      assert.equal(findings[0].level, level);
      assert.match(findings[0].title, title);
      assert.ok(findings[0].advice.length > 10);
    });
  }

  test("limits themselves are still fine", () => {
    assert.deepEqual(diagnose(live({ Key_frame_interval_seconds: 4, Encode_speed: 0.97, Newest_segment_age_seconds: 9, Upload_backlog: 12 })).findings, []);
  });

  test("absent figures and zeros before the first measurement raise nothing", () => {
    const zeros = { Ingress_kbps: 0, Video_height: 0, Video_codec: "", Audio_codec: "", Key_frame_interval_seconds: 0, Bytes_ingested: 0, Encode_speed: 0, Dropped_frames: 0, Upload_backlog: 0, Newest_segment_age_seconds: 0 };
    for (const Statistics of [null, undefined, {}, zeros]) assert.deepEqual(diagnose({ ...live(), Statistics }).findings, []);
  });

  test("dropped frames count only while they grow, over a restart of the counter too", () => {
    const samples = (...dropped) => dropped.map((value, at) => ({ at, ingress: null, speed: null, dropped: value }));
    assert.deepEqual(diagnose(live(), samples(50, 50, 50)).findings, []);
    assert.match(diagnose(live(), samples(50, 53, 0, 2)).findings[0].title, /^5 frames dropped/);
  });

  test("the worst comes first", () => {
    const levels = diagnose(live({ Encode_speed: 0.5, Key_frame_interval_seconds: 9, Audio_codec: "" })).findings.map(({ level }) => level);
    assert.deepEqual(levels, ["bad", "warn", "info"]);
  });
});

describe("clear key", () => {
  const manifest = readFileSync(new URL("../../crates/ez_manifest/tests/manifest/snapshots/manifest__snapshots__hole.snap", import.meta.url), "utf8");
  test("lies beside the media of an encrypted period, as the origin writes it", () => {
    assert.deepEqual(placeOfKey(manifest), { kid: "00112233445566778899aabbccddeeff", path: "1-1/key.bin" });
  });
  test("is that of the first period that is protected", () => {
    const clear = '<Period id="p1-1" start="PT0S"><BaseURL>1-1/</BaseURL></Period>';
    const set = '<ContentProtection value="cbcs" cenc:default_KID="00112233-4455-6677-8899-AABBCCDDEEFF"/>';
    const safe = `<Period id="p7-2" start="PT9S"><BaseURL>7-2/</BaseURL>${set}</Period>`;
    assert.deepEqual(placeOfKey(clear + safe), { kid: "00112233445566778899aabbccddeeff", path: "7-2/key.bin" });
    assert.equal(placeOfKey(clear), null);
    assert.equal(placeOfKey(safe.replace("7-2/<", "https://elsewhere/<")), null, "it is not ours");
    assert.equal(placeOfKey(""), null);
  });
});

describe("ingest", () => {
  test("splits the address as OBS wants it", () => {
    assert.deepEqual(ingestOf({ Id: "x", Phase: "listening", StreamKey: "k-1", RtmpIngestUrl: "rtmp://h:1935/live/k-1" }), { server: "rtmp://h:1935/live", key: "k-1", url: "rtmp://h:1935/live/k-1", absent: "Appears when a worker listens" });
  });

  test("a masked key is no key", () => {
    const { key, url } = ingestOf({ Id: "x", StreamKey: "****", RtmpIngestUrl: "rtmp://h/live/****" });
    assert.deepEqual([key, url], ["", ""]);
  });

  test("suggests more than the best rendition, within reason", () => {
    const job = (...rates) => ({ Id: "x", Spec: { Output: { Video_outputs: rates.map((Bitrate) => ({ Bitrate })) } } });
    assert.deepEqual([job("365k", "550k"), job("2500k"), job("90000k"), { Id: "x" }].map(suggestedKbps), [2500, 4000, 20000, 2500]);
  });

  test("quotes for the shell", () => assert.ok(fileLine("rtmp://h/live/a'b", 1).endsWith(`'rtmp://h/live/a'\\''b'`)));
});

describe("format", () => {
  test("figures", () => {
    assert.deepEqual([figure(undefined), figure(NaN), figure(1234.5, 1), bitrate(640), bitrate(3480), bytes(999), bytes(1_500_000), bytes(null)], ["–", "–", "1,234.5", "640 kbit/s", "3.5 Mbit/s", "999 B", "1.5 MB", "–"]);
  });

  test("durations and times", () => {
    assert.deepEqual([duration(42), duration(125), duration(7620), duration(280_000), duration(-1)], ["42 s", "2 min 05 s", "2 h 07 min", "3 d 5 h", "–"]);
    assert.deepEqual([clock("0001-01-01T00:00:00Z"), clock(undefined), clock("nonsense")], ["–", "–", "–"]);
  });
});

test("history keeps five minutes, merges what comes at once, forgets deleted channels", () => {
  const history = new History();
  for (let second = 0; second <= 400; second += 2) history.add({ Id: "a", Statistics: { Ingress_kbps: second } }, second * 1000);
  history.add({ Id: "a", Statistics: { Ingress_kbps: 1 } }, 400_100);
  const samples = history.of("a");
  assert.equal(samples.at(-1).ingress, 1);
  assert.ok(samples[0].at >= 400_100 - HISTORY_SECONDS * 1000 && samples.length === 150, `${samples.length}`);
  history.keepOnly(new Set());
  assert.deepEqual(history.of("a"), []);
});

test("warnings in text and JSON, each with its place", () => {
  const said = (body) => warningsIn(body).map(({ pointer, detail }) => `${pointer}|${detail}`);
  const both = ["/a/0|slow: use fast; or less", "|too many"];
  assert.deepEqual(said("Warnings: 0: /a/0: slow: use fast; or less; 1: : too many"), both);
  assert.deepEqual(said(JSON.stringify({ Job_validation_warnings: "Warnings: 0: /a/0: slow: use fast; or less; 1: : too many" })), both);
  assert.deepEqual(said('{"warnings":[{"pointer":"/a/0","detail":"c"},"d"]}'), ["/a/0|c", "|d"]);
  assert.deepEqual(said("Warnings: preset is slow"), ["|preset is slow"]);
  for (const none of ["", "Warnings: ", '""', "[]", "{}", '{"Job_validation_warnings":""}', "null"]) assert.deepEqual(said(none), [], none);
});

test("next pages only of our own origin", () => {
  const base = "http://127.0.0.1:1080/demo/demo.html";
  assert.equal(nextPage('</jobs?after=2>; rel="next"', base), "/jobs?after=2");
  assert.equal(nextPage('<?after=2>; rel=next, </jobs>; rel="first"', base), "/jobs?after=2");
  assert.equal(nextPage('</jobs>; rel="first"', base), null);
  assert.equal(nextPage('<http://elsewhere/jobs>; rel="next"', base), null);
  assert.equal(nextPage(null, base), null);
});

test("routes survive the address bar", () => {
  for (const route of [{ page: "home" }, { page: "new" }, { page: "channel", id: "a/b c#%" }]) assert.deepEqual(parseRoute(routeHash(route)), route);
  assert.deepEqual(parseRoute("#/channels/%E0%A4%A"), { page: "home" });
});

test("templates: bucket taken over, DRM only on request, even widths, unique labels, text that reads back", () => {
  const list = templates({ bucket: "b-1", version: "", features: { drm: true, events: true } });
  assert.deepEqual(list.map(({ id }) => id), ["ladder", "low_latency", "single", "clear_key"]);
  assert.equal(templates({ bucket: "b-1", version: "", features: { drm: false, events: true } }).length, 3);
  for (const { spec } of list) {
    assert.deepEqual(JSON.parse(specText(spec)), spec);
    assert.equal(spec.Output.S3_output.Bucket, "b-1");
    assert.equal(spec.Output.Segment_duration % spec.Output.Fragment_duration, 0);
    const labels = [...spec.Output.Video_outputs, ...spec.Output.Audio_outputs].map(({ Label }) => Label);
    assert.equal(new Set(labels).size, labels.length);
    for (const { Width, Height } of spec.Output.Video_outputs) assert.ok(Width % 2 === 0 && Height % 2 === 0);
  }
});

test("a phase is called by whose fault it is", () => {
  const word = (Phase, Fault) => phaseWords({ Id: "x", Phase, Fault }).word;
  assert.deepEqual([word("interrupted", "contribution"), word("interrupted", "worker")], ["Signal lost", "Recovering"]);
  assert.deepEqual([word("listening", null), word("listening", "destination")], ["Ready", "Held up"]);
});

test("a bucket that stays away keeps nobody from resuming or deleting", () => {
  const finishing = { Id: "x", Phase: "finishing" };
  assert.deepEqual([canStop(finishing), canResume(finishing)], [false, true]);
  assert.deepEqual([canStop({ Id: "x", Phase: "stopping" }), canResume({ Id: "x", Phase: "stopping" })], [false, false]);
});

test("an unknown phase is shown, not hidden", () => assert.equal(phaseWords({ Id: "x", Phase: "parked" }).word, "parked"));

describe("vendored files", () => {
  test("are what VERSIONS.json says, licence beside, and nothing else lies there", async () => {
    const { libraries } = JSON.parse(await readFile(`${DEMO}vendor/VERSIONS.json`, "utf8"));
    const named = new Set(["VERSIONS.json"]);
    for (const { file, sha256, licence_file } of libraries) {
      assert.equal(createHash("sha256").update(await readFile(`${DEMO}vendor/${file}`)).digest("hex"), sha256, file);
      assert.ok((await stat(`${DEMO}vendor/${licence_file}`)).size > 500);
      named.add(file).add(licence_file);
    }
    const present = (await readdir(`${DEMO}vendor`, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const paths = present.map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`.split("/vendor/")[1]);
    assert.deepEqual(new Set(paths), named);
  });

  test("nothing in demo/ exceeds 1 MB, and no own file names another host", async () => {
    for (const entry of await readdir(DEMO, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = `${entry.parentPath ?? entry.path}/${entry.name}`;
      assert.ok((await stat(file)).size < 1_000_000, file);
      if (file.includes("/vendor/")) continue;
      const hosts = [...(await readFile(file, "utf8")).matchAll(/https?:\/\/[\w.-]+/g)].map(([url]) => url).filter((url) => url !== "http://www.w3.org");
      assert.deepEqual(hosts, [], file);
    }
  });
});

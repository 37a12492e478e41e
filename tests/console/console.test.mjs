/** The console from an empty start to a deleted channel, as a user goes through it. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage, screenshot } from "./browser.mjs";
import { startMedia } from "./media.mjs";
import { MockServer } from "./mock_server.mjs";
import { forgetPictures, says, waitForMovingPicture } from "./page.mjs";

/** @type {Awaited<ReturnType<typeof startMedia>>} */ let media;
/** @type {MockServer} */ let mock;
/** @type {import("playwright-core").Browser} */ let browser;
/** @type {import("playwright-core").Page} */ let page;
/** @type {import("./browser.mjs").Guard} */ let guard;
/** Id of the channel that the user creates. */
let id;

const REFUSED = /Failed to load resource: the server responded with a status of 400 .*\/jobs$/;
const field = (name) => page.locator(`[data-field="${name}"]`);
const state = () => page.locator(".page-head .state");
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
const click = (name) => page.getByRole("button", { name, exact: true }).click();

before(async () => {
  media = await startMedia();
  mock = await new MockServer(media.origin).start();
  browser = await launch();
  ({ page, guard } = await openPage(browser, { colorScheme: "light" }));
});

after(async () => {
  await browser?.close();
  await mock?.stop();
  await media?.stop();
});

describe("console", { concurrency: 1 }, () => {
  test("an empty console says what to do", async () => {
    await page.goto(`${mock.origin}/`);
    await says(page.locator(".welcome h2"), "No channel yet");
    await screenshot(page, "light-empty");
    await page.getByRole("link", { name: "Create your first channel" }).click();
    await says(page.locator(".create-page h2"), "New channel");
  });

  test("templates take the bucket of the installation and show DRM only where there is DRM", async () => {
    const editor = page.getByLabel("Job specification (JSON)");
    const spec = JSON.parse(await editor.inputValue());
    assert.equal(spec.Output.S3_output.Bucket, "acme-live");
    assert.equal(spec.Output.Video_outputs.length, 3);
    assert.deepEqual(await page.locator(".template-title").allTextContents(), ["Adaptive ladder", "Low latency", "Single rendition"]);
    await screenshot(page, "light-new");

    mock.features = { drm: true, events: true };
    const other = await openPage(browser);
    await other.page.goto(`${mock.origin}/demo/demo.html#/new`);
    await other.page.getByText("Clear-key encryption").click();
    assert.match(await other.page.getByLabel("Job specification (JSON)").inputValue(), /"Protection_scheme": "cbcs"/);
    assert.deepEqual(other.guard.problems, []);
    await other.context.close();
    mock.features = { drm: false, events: true };
  });

  test("what was typed survives a look at another template", async () => {
    const editor = page.getByLabel("Job specification (JSON)");
    await editor.fill('{ "mine": 1 }');
    await page.getByText("Low latency").click();
    assert.match(await editor.inputValue(), /"Low_latency_mode": true/);
    await page.getByText("Adaptive ladder").click();
    assert.equal(await editor.inputValue(), '{ "mine": 1 }');
  });

  test("a syntax error is shown at its line without asking the server", async () => {
    const editor = page.getByLabel("Job specification (JSON)");
    await editor.fill('{\n  "Output": {\n    "Stream_type" "hls"\n  }\n}');
    await click("Check");
    await says(page.locator(".verdict"), "Line 3: Expected : after the key");
    assert.equal(await page.locator(".editor-gutter .faulty").textContent(), "3");
    assert.deepEqual(mock.calls, []);
  });

  test("faults of the API are shown at their place in the text", async () => {
    const editor = page.getByLabel("Job specification (JSON)");
    await page.getByText("Single rendition").click();
    const good = await editor.inputValue();
    await editor.fill(good.replace('"2500k"', '"2500 apples"').replace('{ "Bucket": "acme-live" }', "{}"));
    await guard.expecting(REFUSED, async () => {
      await click("Create channel");
      await says(page.locator(".verdict"), "2 faults");
    });
    const selected = () => editor.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd));
    const places = await page.locator(".fault code").allTextContents();
    assert.deepEqual(places, ["/Output/S3_output/Bucket", "/Output/Video_outputs/0/Bitrate"]);
    // The missing member: the cursor stands where it belongs.
    const before = await editor.evaluate((area) => area.value.slice(area.selectionStart));
    assert.match(before, /^"S3_output": \{\}/);
    await page.locator(".fault").nth(1).click();
    assert.equal(await selected(), '"Bitrate": "2500 apples"');
    assert.equal(await page.locator(".editor-gutter .faulty").count(), 2);
    assert.equal(mock.jobs.size, 0);
    await screenshot(page, "light-faults");
  });

  test("Check changes nothing, Create creates once and leads to the channel", async () => {
    const editor = page.getByLabel("Job specification (JSON)");
    await page.getByText("Adaptive ladder").click();
    const ladder = await page.evaluate(async () => {
      const { templates, specText } = await import("/demo/js/templates.js");
      return specText(templates({ bucket: "acme-live", version: "", features: { drm: false, events: true } })[0].spec);
    });
    await editor.fill(ladder);
    await editor.fill(ladder.replace('"veryfast"', '"slow"'));
    await click("Check");
    await says(page.locator(".verdict"), "It works as it is");
    await says(page.locator(".fault"), "slow is more than most workers carry");
    assert.equal(await page.locator(".editor-gutter .faulty.warn").textContent(), "20");
    await editor.fill(ladder);
    await click("Check");
    await says(page.locator(".verdict"), "No faults");
    assert.equal(await page.locator(".fault").count(), 0);
    assert.equal(JSON.parse(mock.calls.at(-1).body).Api_test, 1);
    assert.equal(mock.jobs.size, 0);
    await click("Create channel");
    await says(state(), "Queued");
    assert.equal(mock.jobs.size, 1);
    assert.equal(JSON.parse(mock.calls.at(-1).body).Api_test, undefined);
    [id] = mock.jobs.keys();
    assert.equal(new URL(page.url()).hash, `#/channels/${id}`);
    await says(page.locator(".veil"), "Looking for a worker");
    await says(field("server"), "Appears when a worker listens");
  });

  test("server and stream key appear when a worker listens, masked until revealed, and copy whole", async () => {
    mock.listen(id);
    const { StreamKey: key, RtmpIngestUrl: url } = mock.jobs.get(id).job;
    await says(state(), "Ready");
    await says(field("server"), "rtmp://203.0.113.7:1936/live");
    await says(page.locator(".health"), "Waiting for a publisher");
    assert.ok(!(await page.locator("body").innerText()).includes(key), "the key is on the screen before it was revealed");
    await screenshot(page, "light-waiting", { fullPage: true });

    const copied = async (name) => {
      await click(`Copy ${name}`);
      return clipboard();
    };
    assert.equal(await copied("server"), "rtmp://203.0.113.7:1936/live");
    assert.equal(await copied("stream key"), key);
    assert.equal(await copied("full ingest url"), url);
    assert.equal(await copied("job id"), id);
    assert.equal(await copied("hls playback url"), mock.jobs.get(id).job.Playback_urls.hls);
    await page.getByRole("tab", { name: "ffmpeg" }).click();
    const line = await copied("test pattern line");
    assert.ok(line.startsWith("ffmpeg -re ") && line.endsWith(`-f flv '${url}'`), line);
    await page.getByRole("tab", { name: "OBS" }).click();

    await click("Show the stream key");
    assert.equal(await field("key").textContent(), key);
    assert.equal(await field("ingest-url").textContent(), url);
    await click("Hide the stream key");
    assert.ok(!(await page.locator("body").innerText()).includes(key));
  });

  test("the player waits for the first segment, then shows a moving picture with its figures", async () => {
    assert.equal(await page.evaluate(() => "shaka" in globalThis), false, "the player is loaded before it is needed");
    mock.publish(id);
    await says(state(), "Live");
    await waitForMovingPicture(page);
    await page.locator(".veil").waitFor({ state: "hidden" });
    await page.waitForFunction(() => /^\d+\.\d s$/.test(document.querySelector('[data-figure="latency"]').textContent));
    assert.match(await page.locator('[data-figure="resolution"]').textContent(), /^(640 × 360|320 × 180)$/);
    await says(page.locator(".health"), "All good");
    await page.getByLabel("Quality").selectOption("180");
    await says(page.locator('[data-figure="resolution"]'), "320 × 180");
  });

  test("DASH plays as well", async () => {
    await forgetPictures(page);
    const manifest = page.waitForRequest(/master\.mpd/);
    await click("DASH");
    await manifest;
    await waitForMovingPicture(page);
    await page.locator(".veil").waitFor({ state: "hidden" });
    await page.waitForFunction(() => /^\d+\.\d s$/.test(document.querySelector('[data-figure="latency"]').textContent));
  });

  test("the list follows all pages and shows what is wrong where", async () => {
    const spec = mock.jobs.get(id).job.Spec;
    const slow = mock.add({ Output: { ...spec.Output, Stream_type: "hls" } }, "5b1e77aa-0000-4000-8000-000000000001");
    mock.listen(slow.Id);
    mock.publish(slow.Id, { Encode_speed: 0.82, Key_frame_interval_seconds: 10, Newest_segment_age_seconds: 19 });
    const lost = mock.add(spec, "c07d2be4-0000-4000-8000-000000000002");
    mock.listen(lost.Id);
    mock.change(lost.Id, { State: "running", Phase: "interrupted", Reason: "Publisher closed the connection" });
    const failed = mock.add(spec, "e9920f13-0000-4000-8000-000000000003");
    mock.change(failed.Id, { State: "stopped", Phase: "failed", Reason: "Five failures in a row", Failure: { fault: "encoder", reason: "ffmpeg ended with code 187", at: new Date().toISOString() } });
    await page.locator(".channel").nth(3).waitFor();
    await says(page.locator(".count"), "2 live of 4");
    await says(page.locator(".channel", { hasText: "5b1e77aa" }), "Encoding falls behind");
    await says(page.locator(".channel", { hasText: "c07d2be4" }), "Publisher closed the connection");
    await says(page.locator(".channel", { hasText: "e9920f13" }), "Failed");
    await waitForMovingPicture(page);
    await screenshot(page, "light-live", { fullPage: true });
  });

  test("health says what is wrong and what to do", async () => {
    await page.locator(".channel", { hasText: "5b1e77aa" }).click();
    for (const words of ["Encoding falls behind (0.82× real time)", "Key frames are 10.0 s apart", "Newest segment is 19 s old", "Keyframe Interval to 2 s"]) {
      await says(page.locator(".findings"), words);
    }
    await says(page.locator(".health-word"), "Needs you now");
    await waitForMovingPicture(page);
    await screenshot(page, "light-trouble");
    await page.locator(".channel", { hasText: "e9920f13" }).click();
    await says(page.locator(".findings"), "The channel gave up: ffmpeg ended with code 187 (encoder)");
    await says(page.locator(".veil"), "Not running");
    await page.locator(".channel", { hasText: id.slice(0, 8) }).click();
    await says(page.locator(".page-head h2"), id.slice(0, 8));
  });

  test("text from the API is text, never markup", async () => {
    const evil = `<img src=x onerror="document.title='owned'"><b>bold</b>`;
    mock.change(id, { Reason: evil, Job_validation_warnings: `Warnings: ${evil}` });
    await says(page.locator(".page-head .reason"), evil);
    await says(page.locator(".channel-reason"), evil);
    await says(page.locator(".findings"), evil);
    assert.equal(await page.locator("img, b").count(), 0);
    assert.ok(!(await page.title()).includes("owned"));
    mock.change(id, { Reason: "", Job_validation_warnings: "" });
  });

  test("an outage is told calmly and heals by itself", async () => {
    await guard.expecting(/status of 503/, async () => {
      mock.outage = 503;
      await says(page.locator(".notice.shown"), "The server cannot be reached");
      assert.ok(await page.locator(".page-head h2").isVisible(), "the page is kept during an outage");
      mock.outage = 0;
      await says(page.locator(".notice.shown"), "Connected again");
    });
  });

  test("leaving the page never changes a channel", async () => {
    const before = mock.calls.length;
    await page.reload();
    await says(state(), "Live");
    await page.goto("about:blank");
    await page.goto(`${mock.origin}/#/channels/${id}`);
    await says(state(), "Live");
    assert.equal(mock.calls.length, before);
  });

  test("events are listed newest first", async () => {
    const told = async (item) => (await item.locator("span").allTextContents()).join(": ");
    assert.equal(await told(page.locator(".events li").first()), "Live: Media is being published");
    assert.equal(await told(page.locator(".events li").last()), "Queued: Created");
  });

  test("Stop and Resume", async () => {
    assert.equal(await page.getByRole("button", { name: "Delete", exact: true }).isVisible(), false, "a channel that runs cannot be deleted");
    await click("Stop");
    await says(state(), "Stopping");
    assert.equal(mock.calls.at(-1).call, `PUT /jobs/${id}/stop`);
    mock.finishStop(id);
    await says(state(), "Stopped");
    await says(page.locator(".veil"), "Stopped");
    await says(field("server"), "Appears after Resume");
    await screenshot(page, "light-stopped");
    await click("Resume");
    await says(state(), "Queued");
    assert.equal(mock.calls.at(-1).call, `PUT /jobs/${id}/resume`);
    mock.listen(id);
    mock.publish(id);
    await says(state(), "Live");
    await forgetPictures(page);
    await waitForMovingPicture(page);
  });

  test("dark", async () => {
    const dark = await openPage(browser, { colorScheme: "dark" });
    await dark.page.goto(`${mock.origin}/#/channels/${id}`);
    await waitForMovingPicture(dark.page);
    await dark.page.locator(".events li").first().waitFor();
    const [paper, ink] = await dark.page.evaluate(() => [getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).color]);
    assert.notEqual(paper, ink);
    assert.equal(paper, "rgb(16, 18, 22)");
    await screenshot(dark.page, "dark-live", { fullPage: true });
    await dark.page.goto(`${mock.origin}/#/new`);
    await says(dark.page.locator("h2"), "New channel");
    await screenshot(dark.page, "dark-new");
    assert.deepEqual(dark.guard.problems, []);
    await dark.context.close();
  });

  test("a phone has one column, no sideways scrolling, and a way back", async () => {
    const phone = await openPage(browser, { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
    const fits = async () => assert.ok(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page scrolls sideways");
    await phone.page.goto(`${mock.origin}/`);
    await phone.page.locator(".channel").nth(3).waitFor();
    assert.equal(await phone.page.locator("#main").isVisible(), false);
    await fits();
    await screenshot(phone.page, "phone-list");
    await phone.page.locator(".channel", { hasText: id.slice(0, 8) }).tap();
    await waitForMovingPicture(phone.page);
    assert.equal(await phone.page.locator("#sidebar").isVisible(), false);
    await fits();
    await screenshot(phone.page, "phone-live", { fullPage: true });
    await phone.page.getByRole("link", { name: "Channels", exact: true }).tap();
    await phone.page.locator(".channel").first().waitFor();
    await phone.page.goto(`${mock.origin}/#/new`);
    await says(phone.page.locator("h2"), "New channel");
    await fits();
    await screenshot(phone.page, "phone-new", { fullPage: true });
    assert.deepEqual(phone.guard.problems, []);
    await phone.context.close();
  });

  test("the keyboard reaches everything, and Enter works", async () => {
    await page.goto(`${mock.origin}/#/channels/${id}`);
    await waitForMovingPicture(page);
    await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
    const visited = [];
    for (let press = 0; press < 60; press += 1) {
      await page.keyboard.press("Tab");
      visited.push(await page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent?.trim() ?? ""));
    }
    for (const name of ["Stop", "DASH", "Quality", "Copy server", "Show the stream key", "OBS", "Copy job id"]) {
      assert.ok(visited.includes(name), `Tab never reached "${name}": ${visited.join(" | ")}`);
    }
  });

  test("Delete asks first; Cancel and Escape keep the channel", async () => {
    const dialog = page.getByRole("dialog");
    await click("Stop");
    await says(state(), "Stopping");
    mock.finishStop(id);
    await click("Delete");
    await says(dialog, "This cannot be undone");
    await screenshot(page, "light-delete");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "detached" });
    await click("Delete");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.ok(mock.jobs.has(id));
    await click("Delete");
    await dialog.getByRole("button", { name: "Delete channel" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal(mock.calls.at(-1).call, `DELETE /jobs/${id}`);
    await says(page.locator(".channel", { hasText: id.slice(0, 8) }), "Deleting");
    assert.ok(!page.url().includes(id), "the page of a deleted channel stays open");
    mock.finishDelete(id);
    await page.locator(".channel", { hasText: id.slice(0, 8) }).waitFor({ state: "detached" });
  });

  test("the page of a channel deleted elsewhere says so", async () => {
    const [other] = mock.jobs.keys();
    const job = mock.jobs.get(other);
    await page.goto(`${mock.origin}/#/channels/${other}`);
    await says(page.locator(".page-head h2"), other.slice(0, 8));
    await guard.expecting(/status of 404 .*\/jobs\/[\w-]+(\/events)?$/, async () => {
      mock.jobs.delete(other);
      await says(page.locator("h2"), "This channel is gone");
    });
    mock.jobs.set(other, job);
  });

  test("an API without events is not asked for them, and shows no panel", async () => {
    await page.goto("about:blank");
    mock.features.events = false;
    const other = await openPage(browser);
    let asked = 0;
    other.page.on("request", (request) => (asked += request.url().endsWith("/events") ? 1 : 0));
    const first = [...mock.jobs.keys()].find((key) => mock.jobs.get(key).job.Phase === "streaming");
    await other.page.goto(`${mock.origin}/#/channels/${first}`);
    await says(other.page.locator(".page-head .state"), "Live");
    await waitForMovingPicture(other.page);
    assert.equal(asked, 0);
    assert.equal(await other.page.locator("#events-title").isVisible(), false);
    assert.deepEqual(other.guard.problems, []);
    await other.context.close();
    mock.features.events = true;
  });

  test("nothing in all this was an error, a policy violation or a foreign request", () => {
    assert.deepEqual(guard.problems, []);
  });

  test("control: the guard sees a policy violation, a foreign request and an uncaught error", async () => {
    const bad = await openPage(browser);
    await bad.page.goto(`${mock.origin}/`);
    await bad.page.evaluate(() => {
      document.body.setAttribute("style", "color: red");
      fetch("http://192.0.2.1/").catch(() => {});
      setTimeout(() => {
        throw new Error("on purpose");
      });
    });
    const deadline = Date.now() + 5000;
    const seen = (pattern) => bad.guard.problems.some((problem) => pattern.test(problem));
    while (!(seen(/style/) && seen(/192\.0\.2\.1/) && seen(/on purpose/))) {
      assert.ok(Date.now() < deadline, `the guard missed something: ${bad.guard.problems.join("\n")}`);
      await bad.page.evaluate(() => new Promise(requestAnimationFrame));
    }
    await bad.context.close();
  });
});

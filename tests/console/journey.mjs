/**
 * A user's way through the console of a real installation: from an empty start over a channel on air to a deleted one.
 *
 *   node journey.mjs --console ADDRESS
 *
 * It sends no media itself. It prints one JSON line for each thing that somebody else has to do or may want to know:
 * `{"publish": ADDRESS}` (push a contribution there until the channel stops), `{"step": WORDS}`. Exit code 0: all went well.
 * `EZ_SCREENSHOTS` names a folder for pictures of the pages.
 */

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { launch, openPage, screenshot } from "./browser.mjs";
import { forgetPictures, says, waitForMovingPicture, waitForProtectedPicture } from "./page.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
/** What the browser itself writes to the console about the answer that the test provokes. */
const REFUSED = /Failed to load resource: the server responded with a status of 4\d\d .*\/jobs$/;

const { values } = parseArgs({ options: { console: { type: "string" } } });
assert.ok(values.console, "--console is missing");
const address = values.console.replace(/\/$/, "");

const tell = (/** @type {object} */ words) => console.log(JSON.stringify(words));
const browser = await launch();
const { page, guard } = await openPage(browser, { colorScheme: "light" });
const state = page.locator(".page-head .state");
const editor = page.getByLabel("Job specification (JSON)");
const field = (name) => page.locator(`[data-field="${name}"]`);
const figure = (name) => page.locator(`[data-figure="${name}"]`);
const number = (label) => page.locator(".tiles > div", { hasText: label }).locator("dd");
const click = (name) => page.getByRole("button", { name, exact: true }).click();

/** An empty installation leads to the form. */
async function openForm() {
  await page.goto(address);
  await says(page.locator(".welcome h2"), "No channel yet");
  await page.getByRole("link", { name: "Create your first channel" }).click();
  await says(page.locator(".create-page h2"), "New channel");
}

/** What the API finds wrong is marked where it stands, and nothing is created. */
async function seeFaults() {
  await page.getByText("Low latency", { exact: true }).click();
  const good = await editor.inputValue();
  await editor.fill(good.replace('"2500k"', '"2500 apples"').replace('"aac"', '"wax"'));
  await guard.expecting(REFUSED, async () => {
    await click("Create channel");
    await says(page.locator(".verdict"), "2 faults");
  });
  const places = await page.locator(".fault code").allTextContents();
  assert.deepEqual(places, ["/Output/Video_outputs/0/Bitrate", "/Output/Audio_outputs/0/Codec"]);
  assert.equal(await page.locator(".editor-gutter .faulty").count(), 2);
  await page.locator(".fault").first().click();
  const selected = await editor.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd));
  assert.equal(selected, '"Bitrate": "2500 apples"');
  await screenshot(page, "faults");
  await editor.fill(good);
  await click("Check");
  await says(page.locator(".verdict"), /No faults|It works as it is/);
  assert.match(await page.locator(".count").innerText(), /^$/);
}

/** Server and key as a user copies them into an encoder. */
async function ingestAddress() {
  await says(state, "Ready");
  await says(field("server"), /^rtmp:\/\/\S+/);
  await click("Show the stream key");
  const server = await field("server").innerText();
  const key = await field("key").innerText();
  assert.equal(await field("ingest-url").innerText(), `${server}/${key}`);
  await click("Hide the stream key");
  assert.ok(!(await page.locator("body").innerText()).includes(key), "a hidden key is on the page");
  return `${server}/${key}`;
}

/** On air: a moving picture, and figures that tell what comes in. */
async function watch() {
  await says(state, "Live");
  await forgetPictures(page);
  await waitForMovingPicture(page);
  const at = await page.locator("video").evaluate((video) => video.currentTime);
  await page.waitForFunction((before) => document.querySelector("video").currentTime > before + 1, at);
  await page.locator(".veil").waitFor({ state: "hidden" });
  await says(figure("latency"), /^\d+\.\d s$/);
  await says(number("Input picture"), "1280 × 720");
  await says(number("Codecs"), "H.264 · AAC");
  await says(number("Newest segment"), /^\d+\.\d s old$/);
  await says(number("Until published"), /^\d+\.\d s$/);
  await says(number("CPU"), /^\d+\.\d\d cores$/);
  await says(page.locator(".channel-figures"), /bit\/s · 30 fps/);
  await says(page.locator(".events li").first(), "Live");
  assert.equal(await page.getByRole("button", { name: "Delete", exact: true }).isVisible(), false, "a channel that runs cannot be deleted");
}

/** Pictures of the channel on air, in each dress. */
async function photograph() {
  if (!process.env.EZ_SCREENSHOTS) return;
  const url = page.url();
  await screenshot(page, "light-live", { fullPage: true });
  for (const [name, options] of Object.entries({ dark: { colorScheme: "dark" }, phone: PHONE })) {
    const other = await openPage(browser, options);
    await other.page.goto(url);
    await waitForMovingPicture(other.page);
    await other.page.locator(".events li").first().waitFor();
    await screenshot(other.page, `${name}-live`, { fullPage: true });
    assert.deepEqual(other.guard.problems, []);
    await other.context.close();
  }
}

/** A channel made from the template of protected ones, with its lowest rendition only: two encoders are at work. */
async function createProtected() {
  await page.getByText("Clear-key encryption", { exact: true }).click();
  const job = JSON.parse(await editor.inputValue());
  assert.equal(job.Output.Drm.Protection_scheme, "cbcs");
  job.Output.Video_outputs = job.Output.Video_outputs.slice(-1);
  await editor.fill(JSON.stringify(job, null, 2));
  await click("Create channel");
}

/** Its playlists name the key; nobody gives it by hand. */
async function watchProtected() {
  await says(state, "Live");
  await waitForProtectedPicture(page);
  await page.locator(".veil").waitFor({ state: "hidden" });
  await screenshot(page, "light-protected", { fullPage: true });
}

async function stop() {
  await click("Stop");
  await says(state, "Stopped");
  await says(page.locator(".veil"), "Stopped");
  await says(page.locator(".events li").first(), "Stopped");
  await says(number("Received"), /MB/);
  assert.equal(await page.getByRole("button", { name: "Stop", exact: true }).isVisible(), false);
}

async function remove() {
  await click("Delete");
  const dialog = page.getByRole("dialog");
  await says(dialog, "This cannot be undone");
  await dialog.getByRole("button", { name: "Delete channel" }).click();
  await dialog.waitFor({ state: "detached" });
  await says(page.locator(".welcome h2"), "No channel yet");
  await page.locator(".channel").waitFor({ state: "detached" });
}

try {
  await openForm();
  await seeFaults();
  tell({ step: "faults are shown at their place" });
  await click("Create channel");
  tell({ publish: await ingestAddress() });
  await watch();
  tell({ step: "the picture moves" });
  await photograph();
  const shown = page.url();
  await page.goto("about:blank");
  await page.goto(shown);
  await watch();
  assert.equal(await page.locator(".events li", { hasText: "Live" }).count(), 1, "the channel went on by itself");
  tell({ step: "leaving the page changes nothing" });
  await click("DASH");
  await watch();
  tell({ step: "the picture moves in DASH" });
  await stop();
  tell({ step: "it is stopped" });
  await screenshot(page, "light-stopped", { fullPage: true });
  await click("Play what was broadcast last");
  await forgetPictures(page);
  await waitForMovingPicture(page);
  tell({ step: "what was broadcast plays" });
  await click("Resume");
  tell({ publish: await ingestAddress() });
  await watch();
  tell({ step: "the picture moves again" });
  await stop();
  await remove();
  tell({ step: "it is gone" });
  await page.getByRole("link", { name: "Create your first channel" }).click();
  await createProtected();
  tell({ publish: await ingestAddress() });
  await watchProtected();
  tell({ step: "the protected picture moves" });
  await click("DASH");
  await page.waitForFunction(() => document.querySelector("video").currentTime === 0);
  await watchProtected();
  tell({ step: "the protected picture moves in DASH" });
  await stop();
  await remove();
  assert.deepEqual(guard.problems, []);
} catch (error) {
  await screenshot(page, "failure", { fullPage: true }).catch(() => {});
  const shown = await page.locator("main").innerText().catch(() => "");
  console.error(`${error.stack}\nproblems: ${guard.problems.join("\n")}\nthe page shows:\n${shown}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

/**
 * The API reference of a real service: it shows every operation, and a request sent from it is answered.
 *
 *   node reference.mjs --console ADDRESS
 *
 * Exit code 0: all went well. `EZ_SCREENSHOTS` names a folder for pictures of the page.
 */

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { launch, openPage, screenshot } from "./browser.mjs";

const { values } = parseArgs({ options: { console: { type: "string" } } });
assert.ok(values.console, "--console is missing");
const address = values.console.replace(/\/$/, "");

const description = await (await fetch(`${address}/openapi.json`)).json();
const operations = Object.values(description.paths).flatMap((item) => Object.values(item).filter((member) => member.operationId));
assert.ok(operations.length > 10, JSON.stringify(operations));

const browser = await launch();
try {
  for (const colorScheme of ["light", "dark"]) {
    const { page, guard, context } = await openPage(browser, { colorScheme });
    await page.goto(`${address}/docs`);
    // The summary is the first sentence of a handler's documentation; each has its place in the navigation.
    for (const { summary } of operations) await page.locator(".nav-bar-path", { hasText: summary }).first().waitFor();
    await screenshot(page, `docs-${colorScheme}`);

    await page.locator(".nav-bar-path", { hasText: operations.find(({ operationId }) => operationId === "getTime").summary }).first().click();
    const answered = page.waitForResponse(`${address}/time`);
    await page.locator("[id^='get-/time'] .btn-execute, [id^='get-/time'] button:has-text('TRY')").first().click();
    assert.equal((await answered).status(), 200);
    await screenshot(page, `docs-time-${colorScheme}`);
    await page.getByRole("link", { name: "← Console" }).click();
    await page.waitForURL(`${address}/`);
    assert.deepEqual(guard.problems, [], colorScheme);
    await context.close();
  }
} finally {
  await browser.close();
}

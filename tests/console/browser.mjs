/** A headless chromium, and pages that notice every console error, policy violation and request to another host. */

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  ..."--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking".split(" "),
  ..."--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required --mute-audio --disable-dev-shm-usage".split(" "),
];
const DEADLINE_MS = 30_000;

export function launch() {
  return chromium.launch({ executablePath: process.env.EZ_CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

/** What a page did that it must not do. */
export class Guard {
  problems = [];
  /** Patterns of problems that the step under way provokes on purpose. */
  #expected = [];

  /** @param {import("playwright-core").Page} page */
  constructor(page) {
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.#note(`console ${message.type()}: ${message.text()} @ ${message.location().url}`);
    });
    page.on("pageerror", (error) => this.#note(`uncaught: ${error.stack ?? error}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (["http:", "https:", "ws:", "wss:"].includes(url.protocol) && url.hostname !== "127.0.0.1") this.#note(`foreign request: ${url}`);
    });
  }

  #note(problem) {
    if (!this.#expected.some((pattern) => pattern.test(problem))) this.problems.push(problem);
  }

  /** Runs `step`, in which problems that match are no problems. */
  async expecting(pattern, step) {
    this.#expected.push(pattern);
    try {
      return await step();
    } finally {
      this.#expected.pop();
    }
  }
}

/** @param {import("playwright-core").Browser} browser @param {object} [options] of the browser context */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, permissions: ["clipboard-read", "clipboard-write"], ...options });
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  // Violations of the policy are also console errors, but this names what was blocked.
  await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP ${event.violatedDirective} ${event.blockedURI}`)));
  return { page, guard: new Guard(page), context };
}

/** Saved where EZ_SCREENSHOTS says; without it nothing is. */
export async function screenshot(page, name, options = {}) {
  const folder = process.env.EZ_SCREENSHOTS;
  if (!folder) return;
  // A sticky header would stand in the middle of a full-page picture of a scrolled page.
  await page.evaluate(() => globalThis.scrollTo(0, 0));
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), ...options });
}

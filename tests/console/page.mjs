/** What both tests of the console read from its pages. */

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").Locator} Locator */

/** Waits until an element with this text is there. @param {Locator} locator @param {string|RegExp} text */
export async function says(locator, text) {
  await locator.filter({ hasText: text }).first().waitFor();
}

/** Waits until the picture really changes: frames are read back, so a black or frozen player does not pass. @param {Page} page */
export async function waitForMovingPicture(page) {
  await page.waitForFunction(() => {
    const video = document.querySelector("video");
    if (!video || video.videoWidth === 0 || video.currentTime === 0) return false;
    const canvas = document.createElement("canvas");
    canvas.width = 64;
    canvas.height = 36;
    const pen = canvas.getContext("2d");
    pen.drawImage(video, 0, 0, 64, 36);
    const pixels = pen.getImageData(0, 0, 64, 36).data;
    const seen = (globalThis.framesSeen ??= new Set());
    let sum = 0;
    let spread = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      sum = (sum * 31 + pixels[i] * 7 + pixels[i + 1] * 3 + pixels[i + 2]) >>> 0;
      spread = Math.max(spread, Math.abs(pixels[i] - pixels[0]));
    }
    if (spread > 40) seen.add(sum);
    return seen.size >= 5;
  }, null, { polling: 150 });
}

/**
 * As `waitForMovingPicture` for a picture that a page cannot read back: with keys in place, two seconds of it are decoded
 * without a step back.
 *
 * @param {Page} page
 */
export async function waitForProtectedPicture(page) {
  await page.evaluate(() => delete globalThis.decodedFrom);
  await page.waitForFunction(() => {
    const video = document.querySelector("video");
    if (!video?.mediaKeys || video.videoWidth === 0) {
      delete globalThis.decodedFrom;
      return false;
    }
    const now = { time: video.currentTime, pictures: video.getVideoPlaybackQuality().totalVideoFrames };
    const from = globalThis.decodedFrom;
    if (!from || now.time < from.time || now.pictures < from.pictures) globalThis.decodedFrom = now;
    return globalThis.decodedFrom.time + 2 < now.time && globalThis.decodedFrom.pictures + 20 < now.pictures;
  }, null, { polling: 150 });
}

/** What moved before does not count. @param {Page} page */
export async function forgetPictures(page) {
  await page.evaluate(() => globalThis.framesSeen?.clear());
}

// Runs page/player.js in a headless Chromium that can reach nothing but 127.0.0.1.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { serve } from './static_server.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

/** The page and the players come from this folder and node_modules, never from another host. */
const FILES = {
  '/': join(HERE, 'page/index.html'),
  '/player.js': join(HERE, 'page/player.js'),
  '/shaka.js': join(HERE, 'node_modules/shaka-player/dist/shaka-player.compiled.js'),
  '/hls.js': join(HERE, 'node_modules/hls.js/dist/hls.min.js'),
};

const ARGUMENTS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--autoplay-policy=no-user-gesture-required', '--mute-audio', '--disable-dev-shm-usage',
  // Second lock behind the request filter: no other name resolves.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

const isLocal = (url) => ['data:', 'blob:', 'about:'].includes(url.protocol) || url.hostname === '127.0.0.1';

/**
 * Plays a manifest and returns what the page measured, the blocked requests and HTTP failures.
 * @param {{manifest: string, player: string, seconds: number, startupSeconds: number,
 *   clearKeys?: Record<string, string>, screenshot?: string}} options
 */
export async function play(options) {
  const profile = await mkdtemp(join(tmpdir(), 'ez-browser-'));
  const server = await serve((path) => FILES[path]);
  let context;
  try {
    context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.EZ_CHROMIUM || '/usr/bin/chromium',
      args: ARGUMENTS,
      serviceWorkers: 'block',
      viewport: { width: 640, height: 360 },
    });
    const blocked = [];
    const warnings = [];
    const page = context.pages()[0] ?? await context.newPage();
    await context.route((url) => !isLocal(url), (route) => {
      blocked.push(route.request().url());
      return route.abort('blockedbyclient');
    });
    await context.routeWebSocket(() => true, (socket) => {
      blocked.push(socket.url());
      return socket.close();
    });
    page.on('response', (response) => {
      if (response.status() >= 400) warnings.push(`HTTP ${response.status()} ${response.url()}`);
    });
    page.on('pageerror', (error) => warnings.push(`page: ${error.message}`));
    const clip = { x: 0, y: 0, width: 640, height: 360 };
    await page.exposeFunction('screenshot', async () => (await page.screenshot({ clip })).toString('base64'));
    await page.goto(server.base);
    const { screenshot, ...plan } = options;
    const measured = await within(
      options.startupSeconds + options.seconds + 30,
      page.evaluate((asked) => window.measure(asked), plan),
    );
    if (screenshot) await page.screenshot({ path: screenshot });
    return { measured, blocked: [...new Set(blocked)], warnings };
  } finally {
    await context?.close();
    await server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Fails when a promise takes longer than it can: the page itself then hangs. */
async function within(seconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the page did not answer within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

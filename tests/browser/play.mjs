// Plays a channel in a real browser and proves that pictures move.
//
//   node play.mjs --manifest URL --player shaka|hls.js --seconds 12 [--media-seconds 12]
//     [--screenshot FILE] [--expect fail]
//     [--startup-seconds 30] [--clear-key KID:KEY]... [--max-stall-seconds 1] [--max-freeze-seconds 1.5]
//     [--max-jumps 0] [--min-fps 10] [--reload-after SECONDS]
//
// Plays for `--seconds` of real time, or until `--media-seconds` of the stream were shown if that is
// sooner. Prints one JSON line. Exit code 0: it played (with `--expect fail`: it did not); 1: the
// opposite; 2: the check itself could not be run (bad option, no browser).
import { parseArgs } from 'node:util';
import { play } from './browser.mjs';
import { LIMITS, judge } from './verdict.mjs';

const LIMIT_OPTIONS = {
  'max-stall-seconds': 'maxStallSeconds',
  'max-freeze-seconds': 'maxFreezeSeconds',
  'max-jumps': 'maxJumps',
  'min-fps': 'minFps',
};

function number(text, name) {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0) throw new Error(`--${name} must be a number, not ${text}`);
  return value;
}

function options() {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: {
      manifest: text, player: text, seconds: text, screenshot: text, expect: text, 'startup-seconds': text,
      'media-seconds': text, 'reload-after': text,
      'clear-key': { type: 'string', multiple: true },
      ...Object.fromEntries(Object.keys(LIMIT_OPTIONS).map((name) => [name, text])),
    },
  });
  const { manifest, player, expect = 'play' } = values;
  if (!manifest || !URL.canParse(manifest)) throw new Error('--manifest must be an address');
  if (!['shaka', 'hls.js'].includes(player)) throw new Error('--player must be shaka or hls.js');
  if (!['play', 'fail'].includes(expect)) throw new Error('--expect must be play or fail');
  const keys = (values['clear-key'] ?? []).map((pair) => pair.split(':'));
  if (keys.some((pair) => pair.length !== 2)) throw new Error('--clear-key must be KID:KEY');
  if (keys.length > 0 && player !== 'shaka') throw new Error('--clear-key works with shaka only');
  const limits = { ...LIMITS };
  for (const [name, key] of Object.entries(LIMIT_OPTIONS)) {
    if (values[name] !== undefined) limits[key] = number(values[name], name);
  }
  return {
    manifest,
    player,
    expect,
    limits,
    seconds: number(values.seconds ?? '12', 'seconds'),
    mediaSeconds: values['media-seconds'] === undefined ? null : number(values['media-seconds'], 'media-seconds'),
    reloadAfter: values['reload-after'] === undefined ? null : number(values['reload-after'], 'reload-after'),
    startupSeconds: number(values['startup-seconds'] ?? '30', 'startup-seconds'),
    screenshot: values.screenshot,
    clearKeys: keys.length > 0 ? Object.fromEntries(keys) : undefined,
  };
}

try {
  const { expect, limits, ...asked } = options();
  const { measured, blocked, warnings } = await play(asked);
  const { player, seconds, mediaSeconds } = asked;
  const report = judge(measured, { player, seconds, mediaSeconds, blocked, warnings, limits });
  console.log(JSON.stringify(report));
  process.exitCode = report.ok === (expect === 'play') ? 0 : 1;
} catch (error) {
  console.log(JSON.stringify({ ok: false, errors: [`the check could not be run: ${error.message}`] }));
  process.exitCode = 2;
}

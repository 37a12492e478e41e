// Shows that play.mjs passes what plays and fails what does not:  node selftest.mjs
//
// Packages small streams with the pinned ffmpeg and packager, serves them with CORS from
// another origin than the page, and runs play.mjs on each as a test would.
import { spawn, execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { folder, serve } from './static_server.mjs';

const run = promisify(execFile);
const HERE = dirname(fileURLToPath(import.meta.url));
const TOOLS = join(HERE, '../../.tools/bin');
const FFMPEG = process.env.EZ_FFMPEG || join(TOOLS, 'ffmpeg');
const PACKAGER = process.env.EZ_PACKAGER || join(TOOLS, 'packager');
const KEY_ID = '00112233445566778899aabbccddeeff';
const KEY = 'ffeeddccbbaa99887766554433221100';

const SOURCE = ['-f', 'lavfi', '-i', 'testsrc2=s=640x360:r=30', '-f', 'lavfi', '-i', 'sine=r=48000'];
const ENCODE = [
  '-c:v', 'libx264', '-preset', 'veryfast', '-b:v', '600k', '-g', '60', '-sc_threshold', '0',
  '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-b:a', '96k',
];

/** Encodes 16 s through a filter and packages them as HLS and DASH. */
async function vod(root, filter, encryption = []) {
  await mkdir(root, { recursive: true });
  const whole = join(root, 'whole.mp4');
  await run(FFMPEG, ['-nostdin', '-v', 'error', '-y', ...SOURCE, '-vf', filter, ...ENCODE, '-t', '16', whole]);
  const stream = (kind, more) =>
    `in=${whole},stream=${kind},init_segment=${kind}/init.mp4,segment_template=${kind}/$Time$.m4s,` +
    `playlist_name=${kind}.m3u8${more}`;
  await run(PACKAGER, [
    stream('video', ''), stream('audio', ',hls_group_id=audio,hls_name=audio'),
    '--segment_duration', '2', '--hls_master_playlist_output', 'master.m3u8', '--mpd_output', 'master.mpd',
    '--generate_static_live_mpd', ...encryption,
  ], { cwd: root });
}

/** Starts a live HLS stream in real time; ends with the returned process. */
async function live(root) {
  await mkdir(root, { recursive: true });
  const child = spawn(FFMPEG, [
    '-nostdin', '-v', 'error', '-readrate', '1', ...SOURCE, ...ENCODE, '-f', 'hls', '-hls_time', '2',
    '-hls_list_size', '6', '-hls_segment_type', 'fmp4', '-hls_flags',
    'program_date_time+independent_segments+delete_segments+temp_file', '-master_pl_name', 'master.m3u8',
    join(root, 'live.m3u8'),
  ], { stdio: ['ignore', 'ignore', 'inherit'] });
  const deadline = Date.now() + 30_000;
  const segments = async () => (await readFile(join(root, 'live.m3u8'), 'utf8').catch(() => '')).split('#EXTINF').length - 1;
  while (await segments() < 4) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error('the live stream did not come up');
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  return child;
}

/** Copies a packaged stream and changes one of its files. */
async function changed(from, to, file, change) {
  await cp(from, to, { recursive: true });
  const path = join(to, file);
  await stat(path);
  const body = change(await readFile(path, 'utf8'));
  await (body === null ? rm(path) : writeFile(path, body));
}

/** Runs play.mjs and returns its exit code and report. */
async function check(name, options) {
  const child = spawn(process.execPath, [join(HERE, 'play.mjs'), ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const piece of child.stdout) text += piece;
  const code = child.exitCode ?? await new Promise((resolve) => { child.once('exit', resolve); });
  const lines = text.trim().split('\n');
  if (lines.length !== 1) throw new Error(`${name}: not one line but ${lines.length}:\n${text}`);
  return { code, report: JSON.parse(lines[0]) };
}

async function main(root) {
  const at = (name) => join(root, name);
  await vod(at('moving'), 'null');
  await vod(at('frozen'), 'loop=loop=-1:size=1:start=15');
  await vod(at('freezes'), "loop=loop=-1:size=1:start=90");
  await vod(at('black'), 'drawbox=t=fill:c=black');
  await vod(at('locked'), 'null', [
    '--hls_key_uri', '../key.bin', '--enable_raw_key_encryption', '--keys', `label=:key_id=${KEY_ID}:key=${KEY}`, '--protection_scheme', 'cbcs',
    '--clear_lead', '0',
  ]);
  await writeFile(at('key.bin'), Buffer.from(KEY, 'hex'));
  const third = (await readFile(at('moving/video.m3u8'), 'utf8')).split('\n').filter((line) => line.endsWith('.m4s'))[2];
  await changed(at('moving'), at('holed'), third, () => null);
  await changed(at('moving'), at('elsewhere'), 'video.m3u8', (text) => text.replaceAll(/^video\/.*m4s$/gm, 'http://media.invalid/$&'));
  const encoder = await live(at('live'));
  const server = await serve(folder(root), { 'Access-Control-Allow-Origin': '*' });
  const closed = await serve(folder(root));
  try {
    const manifest = (path, base = server.base) => ['--manifest', `${base}/${path}`];
    const by = (player) => ['--player', player, '--seconds', '5', '--startup-seconds', '12'];
    const screenshot = at('picture.png');
    // name, options, what must be among the errors (nothing: it must play)
    const cases = [
      ['HLS live, shaka', [...manifest('live/master.m3u8'), ...by('shaka')]],
      ['HLS live, hls.js', [...manifest('live/master.m3u8'), ...by('hls.js')]],
      ['HLS, shaka', [...manifest('moving/master.m3u8'), ...by('shaka'), '--screenshot', screenshot]],
      ['HLS, hls.js', [...manifest('moving/master.m3u8'), ...by('hls.js')]],
      ['DASH, shaka', [...manifest('moving/master.mpd'), ...by('shaka')]],
      ['DASH with key', [...manifest('locked/master.mpd'), ...by('shaka'), '--clear-key', `${KEY_ID}:${KEY}`]],
      ['HLS with key', [...manifest('locked/master.m3u8'), ...by('shaka')]],
      ['DASH with a wrong key', [...manifest('locked/master.mpd'), ...by('shaka'), '--clear-key', `${KEY_ID}:${KEY_ID}`], /./],
      ['frozen, shaka', [...manifest('frozen/master.m3u8'), ...by('shaka')], /frozen/],
      ['freezes after 3 s', [...manifest('freezes/master.mpd'), ...by('shaka')], /frozen/],
      ['black', [...manifest('black/master.mpd'), ...by('shaka')], /one colour/],
      ['segment missing, shaka', [...manifest('holed/master.m3u8'), ...by('shaka')], /1001|stalled|jumped/],
      ['segment missing, hls.js', [...manifest('holed/master.m3u8'), ...by('hls.js')], /stalled|jumped|fragLoad/],
      ['another host', [...manifest('elsewhere/master.m3u8'), ...by('shaka')], /another host/],
      ['no CORS', [...manifest('moving/master.m3u8', closed.base), ...by('hls.js')], /./],
      ['ends too early', [...manifest('moving/master.m3u8'), '--player', 'shaka', '--seconds', '20'], /ended/],
    ];
    let failed = 0;
    for (const [name, options, error] of cases) {
      const began = Date.now();
      const { code, report } = await check(name, error ? [...options, '--expect', 'fail'] : options);
      const isRight = code === 0 && (error ? report.errors.some((text) => error.test(text)) : report.ok);
      failed += isRight ? 0 : 1;
      console.log(`${isRight ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
      if (!isRight || process.env.EZ_VERBOSE) console.log(JSON.stringify(report, null, 2));
      if (name.includes('live') && !(report.latency_seconds > 0 && report.latency_seconds < 30)) {
        failed += 1;
        console.log(`FAIL ${name}: latency ${report.latency_seconds}`);
      }
    }
    if ((await stat(screenshot)).size < 10_000) throw new Error('the screenshot shows nothing');
    const unexpected = await check('expectation', [...manifest('moving/master.m3u8'), '--player', 'shaka', '--seconds', '2', '--expect', 'fail']);
    if (unexpected.code !== 1) throw new Error('--expect fail must give 1 when it plays');
    const unusable = await check('option', ['--manifest', 'x', '--player', 'shaka']);
    if (unusable.code !== 2) throw new Error('a bad option must give 2');
    if (failed > 0) throw new Error(`${failed} cases went wrong`);
  } finally {
    encoder.kill('SIGKILL');
    await server.close();
    await closed.close();
  }
}

const root = await mkdtemp(join(tmpdir(), 'ez-selftest-'));
try {
  await main(root);
  console.log('self-test passed');
} catch (error) {
  console.log(`self-test failed: ${error.stack}`);
  process.exitCode = 1;
} finally {
  await rm(root, { recursive: true, force: true });
}

// Judges what page/player.js measured. Pure: numbers in, one report out.

/** What is still good. Each can be set on the command line of play.mjs. */
export const LIMITS = {
  /** Time in which the clock may stand still, all together. A loaded machine needs some. */
  maxStallSeconds: 1,
  /** The longest time in which the picture may stay the same while the clock runs. */
  maxFreezeSeconds: 1.5,
  /** How often the clock may jump. */
  maxJumps: 0,
  /** Least decoded frames per second of playback. */
  minFps: 10,
};

/** A pause of the clock shorter than this is no stall but the grain of the samples. */
const LEAST_STALL = 0.3;
/** A clock that stands with less than this ahead of it waits for the origin, not for its machine. */
const LEAST_AHEAD = 0.5;
/** The clock has jumped if it moved so much more or less than real time between two samples. */
const LEAST_JUMP = 0.5;
/** Least difference of light and dark in a picture that shows something. */
const LEAST_CONTRAST = 16;

const round = (value) => (value === null || value === undefined ? null : Math.round(value * 1000) / 1000);

/** Sums up the movement between neighbouring samples. */
function movement(samples) {
  const sum = { played: 0, starved: 0, stalls: 0, stallSeconds: 0, jumps: 0, longestFreeze: 0 };
  let stall = 0;
  let freeze = 0;
  const endStall = () => {
    if (stall >= LEAST_STALL) {
      sum.stalls += 1;
      sum.stallSeconds += stall;
    }
    stall = 0;
  };
  for (let i = 1; i < samples.length; i += 1) {
    const wall = samples[i].wall - samples[i - 1].wall;
    const media = samples[i].media - samples[i - 1].media;
    const isJump = media < 0 || media > wall + LEAST_JUMP;
    sum.jumps += isJump ? 1 : 0;
    sum.played += isJump ? Math.min(Math.max(media, 0), wall) : media;
    if (media < wall * 0.2) {
      stall += wall;
      sum.starved += samples[i].ahead < LEAST_AHEAD ? wall : 0;
    } else {
      endStall();
      freeze = samples[i].picture === samples[i - 1].picture ? freeze + wall : 0;
      sum.longestFreeze = Math.max(sum.longestFreeze, freeze);
    }
  }
  endStall();
  return sum;
}

/**
 * @param {object} measured what `measure` in page/player.js returned
 * @param {{player: string, seconds: number, mediaSeconds: number | null, blocked: string[], warnings?: string[], limits?: object}} run
 */
export function judge(measured, run) {
  const limits = { ...LIMITS, ...run.limits };
  const { samples } = measured;
  const moved = movement(samples);
  const first = samples.at(0);
  const last = samples.at(-1);
  const wall = first ? last.wall - first.wall : 0;
  const decoded = first ? last.decoded - first.decoded : 0;
  const latencies = samples.map((sample) => sample.latency).filter((latency) => latency !== null);
  const dates = samples.map((sample) => sample.date ?? null).filter((date) => date !== null);
  const isShort = run.mediaSeconds === null ? wall < run.seconds * 0.5 : moved.played < run.mediaSeconds * 0.9;
  const errors = [...measured.errors, ...run.blocked.map((url) => `request to another host: ${url}`)];
  const fail = (is, text) => { if (is) errors.push(text); };

  fail(measured.startup === null, `playback did not start${measured.standing ? `: ${measured.standing}` : ''}`);
  if (measured.startup !== null) {
    fail(measured.ended && wall < run.seconds - 0.5, `the stream ended after ${round(wall)} s`);
    fail(
      moved.played < wall - limits.maxStallSeconds - 0.5 || isShort || moved.played === 0,
      `only ${round(moved.played)} s were played in ${round(wall)} s`,
    );
    fail(moved.played > wall * 1.1 + 0.5, `${round(moved.played)} s were played in only ${round(wall)} s`);
    fail(moved.stallSeconds > limits.maxStallSeconds, `stalled for ${round(moved.stallSeconds)} s`);
    fail(moved.jumps > limits.maxJumps, `the clock jumped ${moved.jumps} times`);
    fail(decoded < moved.played * limits.minFps || decoded === 0, `only ${decoded} frames were decoded`);
    fail(moved.longestFreeze > limits.maxFreezeSeconds, `picture frozen for ${round(moved.longestFreeze)} s`);
    fail(measured.pictures < 3, `only ${measured.pictures} different pictures were seen`);
    fail(samples.every((sample) => sample.contrast < LEAST_CONTRAST), 'the picture is of one colour');
  }
  return {
    ok: errors.length === 0,
    player: run.player,
    seconds_played: round(moved.played),
    startup_seconds: round(measured.startup),
    frames_decoded: decoded,
    frames_dropped: first ? last.dropped - first.dropped : 0,
    distinct_pictures: measured.pictures,
    samples: samples.length,
    longest_freeze_seconds: round(moved.longestFreeze),
    stalls: moved.stalls,
    stall_seconds: round(moved.stallSeconds),
    starved_seconds: round(moved.starved),
    jumps: moved.jumps,
    /** How often the stream was loaded anew after trouble with the network; only with --reload-after. */
    reloads: measured.reloads ?? 0,
    latency_seconds: round(latencies.at(-1)),
    /** The first and the last moment of the stream that were on the screen, in ms since 1970; null of a recording. */
    shown_from_ms: dates.length ? Math.round(dates[0]) : null,
    shown_to_ms: dates.length ? Math.round(dates.at(-1)) : null,
    rendition_height: measured.height,
    /** What ended playback, beside what is judged here. */
    fatal: measured.errors,
    errors,
    warnings: [...measured.warnings, ...(run.warnings ?? [])].slice(0, 50),
  };
}

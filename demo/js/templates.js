/**
 * Ready-made job specifications. Pure: settings in, templates out. Each is what a user would want unchanged.
 */

/** @typedef {{id: string, title: string, says: string, spec: object}} Template */

/** Both manifests from the same segments. */
const HLS_AND_DASH = "hls+dash";

/** @param {number} height @param {number} kbps @param {string} [preset] */
function rung(height, kbps, preset = "veryfast") {
  return {
    Label: `video_${height}p`,
    Codec: "h264",
    Framerate: 30,
    Width: Math.round((height * 16) / 9 / 2) * 2,
    Height: height,
    Bitrate: `${kbps}k`,
    Max_bitrate: `${Math.round(kbps * 1.25)}k`,
    Buf_size: `${Math.round(kbps * 1.5)}k`,
    Preset: preset,
    Threads: 2,
  };
}

const AUDIO = { Label: "audio_128k", Codec: "aac", Bitrate: "128k" };

/** @param {string} bucket @param {object} output */
function spec(bucket, output) {
  const { Video_outputs, Audio_outputs, ...rest } = /** @type {any} */ (output);
  return {
    Output: {
      Segment_format: "fmp4",
      Segment_duration: 4,
      Fragment_duration: 1,
      Low_latency_mode: false,
      Time_shift_buffer_depth: 120,
      ...rest,
      S3_output: { Bucket: bucket },
      Video_outputs,
      Audio_outputs: Audio_outputs ?? [AUDIO],
    },
  };
}

/** @param {import("./types.js").ConsoleSettings} settings @returns {Template[]} */
export function templates({ bucket, features }) {
  const list = [
    {
      id: "ladder",
      title: "Adaptive ladder",
      says: "720p, 480p and 360p, for HLS and DASH players alike. The usual choice.",
      spec: spec(bucket, { Stream_type: HLS_AND_DASH, Video_outputs: [rung(720, 2500), rung(480, 1200), rung(360, 600)] }),
    },
    {
      id: "low_latency",
      title: "Low latency",
      says: "Short segments and an encoder without look-ahead: a few seconds behind.",
      spec: spec(bucket, {
        Stream_type: HLS_AND_DASH,
        Segment_duration: 2,
        Low_latency_mode: true,
        Time_shift_buffer_depth: 60,
        Video_outputs: [rung(720, 2500, "superfast"), rung(360, 600, "superfast")],
      }),
    },
    {
      id: "single",
      title: "Single rendition",
      says: "One 720p picture. The least work for a worker; good for a first try.",
      spec: spec(bucket, { Stream_type: "hls", Video_outputs: [rung(720, 2500)] }),
    },
  ];
  if (features.drm) {
    list.push({
      id: "clear_key",
      title: "Clear-key encryption",
      says: "Segments encrypted with cbcs, the key beside them: for trying out a protected channel.",
      spec: spec(bucket, {
        Stream_type: HLS_AND_DASH,
        Drm: { Disable_clear_key: false, Protection_system: "FairPlay", Protection_scheme: "cbcs" },
        Video_outputs: [rung(720, 2500), rung(360, 600)],
      }),
    });
  }
  return list;
}

/** Short innermost objects stand on one line up to this width. */
const ONE_LINE = 72;

/** The specification as people edit it. @param {object} specification */
export function specText(specification) {
  const text = JSON.stringify(specification, null, 2);
  return text.replace(/\{\n[^{}[\]]*\}/g, (block) => {
    const line = block.replace(/\n\s*/g, " ");
    return line.length <= ONE_LINE ? line : block;
  });
}

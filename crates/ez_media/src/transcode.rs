//! ffmpeg's command line: FLV on stdin in, every rendition out through FIFOs.
//!
//! One process decodes the contribution once and encodes all renditions, so that they share
//! one clock and are cut alike. It runs in the period's folder and is given relative names.
//! It never touches the network: the contribution is received, checked and timed upstream.
//!
//! Not decided here: when to start it, what to feed it, what its end means ([`crate::exit`]).
//!
//! Invariants:
//! * the contribution on stdin has a video and an audio track, both from time zero;
//! * media time in every FIFO is ffmpeg's output time plus [`Plan::start_offset_ms`];
//! * the encoders' settings depend on the job alone: they never change between the periods
//!   of a job, since players keep the first initialisation segment.

mod audio;
mod graph;
mod video;

use ez_domain::cut_grid::CutGrid;
use ez_domain::spec::{JobSpec, VideoRendition};
use ez_domain::units::FrameRate;

pub(crate) use video::{svt_av1_preset, x26x_preset};

use crate::argv::Argv;
use crate::feed::{Feed, Transport, feeds};

/// Everything the command line depends on.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'spec> {
    /// The job.
    pub spec: &'spec JobSpec,
    /// Rate of the renditions that follow the contribution, resolved once for the job's life.
    pub frame_rate: FrameRate,
    /// How much of the contribution is left out at its start, in milliseconds: it is decoded and not
    /// encoded, because the period before has shown it.
    pub preroll_ms: u32,
}

/// Smallest start offset: the priming of AAC is 1024 samples at 48 kHz (21.3 ms), that of
/// LAME 1105 (23.0 ms); both lie before time zero.
const PRIMING_MS: u32 = 25;
/// Frames that B-pyramids of x264 and x265 let decoding run ahead of presentation (2), and one more.
const REORDERED_FRAMES: u32 = 3;

impl Plan<'_> {
    /// Constant output rate of one rendition.
    pub fn rate_of(&self, rendition: &VideoRendition) -> FrameRate {
        rendition.frame_rate.unwrap_or(self.frame_rate)
    }

    /// The grid that all renditions are cut on; `None` for audio-only jobs.
    pub fn cut_grid(&self) -> Option<CutGrid> {
        CutGrid::of(self.spec.video.iter().map(|rendition| self.rate_of(rendition)))
    }

    /// Media time of the first frame, in milliseconds; the same in all feeds.
    ///
    /// ffmpeg would shift each output just enough to have no negative time stamp (audio
    /// priming, B-frames), MPEG-TS and MP4 differently. One fixed offset keeps the renditions
    /// of all feeds on one timeline. Packager cuts audio at whole multiples of the segment
    /// duration, video at its key frames: an offset beside such a multiple would let the audio
    /// of a period end that much before its pictures.
    pub fn start_offset_ms(&self) -> u32 {
        let segment = self.spec.segment_seconds.max(1) * 1000;
        let reordered = if self.spec.low_latency { 0 } else { self.reordering_ms() };
        PRIMING_MS + reordered.saturating_sub(PRIMING_MS).div_ceil(segment) * segment
    }

    /// How far decoding may run ahead of presentation.
    fn reordering_ms(&self) -> u32 {
        self.spec
            .video
            .iter()
            .map(|rendition| self.rate_of(rendition))
            .map(|rate| {
                let frames = u64::from(REORDERED_FRAMES) * 1000 * u64::from(rate.denominator());
                u32::try_from(frames.div_ceil(u64::from(rate.numerator()))).unwrap_or(u32::MAX)
            })
            .fold(0, u32::max)
    }
}

/// The arguments of ffmpeg for `plan`.
pub fn argv(plan: &Plan<'_>) -> Argv {
    let mut argv = Argv::new();
    process(&mut argv);
    input(&mut argv);
    if !plan.spec.video.is_empty() {
        argv.option("-filter_complex_threads", graph::threads(plan));
        argv.option("-filter_complex", graph::description(plan.spec));
    }
    for feed in feeds(plan.spec) {
        output(&mut argv, plan, &feed);
    }
    argv
}

/// How the process behaves: no terminal, everything readable by a program.
fn process(argv: &mut Argv) {
    argv.extend(&[
        // The build configuration would be 15 lines of log at each start.
        "-hide_banner",
        // stdin is media: never read commands from it.
        "-nostdin",
        // FIFOs exist already; without this ffmpeg asks whether to overwrite and gives up.
        "-y",
        // The human status line has no line ends; `-progress` replaces it.
        "-nostats",
        // `level` prefixes each line for the classifier in `crate::log`; `repeat` prints every
        // line instead of "Last message repeated", so that counts are right.
        "-loglevel",
        "repeat+level+info",
        // key=value blocks on stdout, read by `crate::progress`.
        "-progress",
        "pipe:1",
        // Seconds between the blocks; a stall is seen within two of them.
        "-stats_period",
        "1",
    ]);
}

/// The contribution on stdin.
fn input(argv: &mut Argv) {
    argv.extend(&[
        // A crafted input cannot make ffmpeg open a file or a connection.
        "-protocol_whitelist",
        "pipe",
        // Enough to find both tracks, also when audio starts late; the defaults (5 MB, 5 s)
        // cost 0.6 s at start. No `-fflags nobuffer`: it throws the probed packets away.
        "-probesize",
        "1000000",
        "-analyzeduration",
        "200000",
        // Frame threads of the decoder delay by one frame each: 16 threads cost 0.43 s.
        "-threads",
        "1",
        // The demuxer is named, not guessed from bytes that a publisher controls.
        "-f",
        "flv",
        "-i",
        "pipe:0",
    ]);
}

/// One FIFO: its streams in feed order, their encoders, its container.
fn output(argv: &mut Argv, plan: &Plan<'_>, feed: &Feed<'_>) {
    for (index, _) in &feed.video {
        argv.option("-map", graph::output_label(*index));
    }
    for _ in &feed.audio {
        argv.option("-map", "0:a:0");
    }
    // The publisher's titles and encoder names do not go out to viewers.
    argv.option("-map_metadata", "-1");

    video::options(argv, plan, feed);
    audio::options(argv, feed);

    if plan.preroll_ms > 0 {
        // As an option of the output it decodes what comes before and cuts pictures and sound behind the
        // filters; what is left begins at time zero.
        argv.option("-ss", format_args!("{}ms", plan.preroll_ms));
    }
    // One timeline for all feeds: see `Plan::start_offset_ms`.
    argv.option("-avoid_negative_ts", "disabled");
    argv.option("-output_ts_offset", format_args!("{}ms", plan.start_offset_ms()));
    // Every packet goes to the FIFO at once.
    argv.option("-flush_packets", "1");
    match feed.transport {
        Transport::MpegTs => argv.extend(&[
            // No initial gap of 1.4 s, and no bundling of audio frames over 0.7 s.
            "-muxdelay",
            "0",
            "-muxpreload",
            "0",
            "-f",
            "mpegts",
        ]),
        Transport::FragmentedMp4 => argv.extend(&[
            // A fragment per frame: packager sees each frame when it is encoded. `delay_moov`
            // writes the header once the codec configuration is known; `frag_discont` keeps
            // the start offset, which a fresh fragmented MP4 would otherwise count from zero. Without
            // `skip_trailer` ffmpeg remembers each fragment for an index at its end: a gigabyte a week.
            "-movflags",
            "+cmaf+frag_every_frame+delay_moov+frag_discont+skip_trailer",
            // The clock of MPEG-TS, so that segments of all renditions are named alike.
            "-video_track_timescale",
            "90000",
            "-f",
            "mp4",
        ]),
    }
    argv.push(feed.fifo.as_str());
}

#[cfg(test)]
pub(crate) mod tests;

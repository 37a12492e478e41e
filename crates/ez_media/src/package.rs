//! Shaka packager's command line: FIFOs in, fragmented MP4 in the period's folder out.
//!
//! Packager only cuts and encrypts; what manifests say stands in the files that it cuts. It
//! runs in the period's folder and is given relative names.
//!
//! Invariant: packager deletes no segment. The uploader does, once the store has it.

pub mod decryption;
mod encryption;

use ez_domain::spec::{JobSpec, Protection, RenditionName};

pub use encryption::key_flags;

use crate::argv::Argv;
use crate::feed::feeds;
use crate::layout::local;

/// Everything the command line depends on.
#[derive(Debug, Clone)]
pub struct Plan<'spec> {
    /// The job.
    pub spec: &'spec JobSpec,
    /// How segments are divided.
    pub fragments: Fragments,
}

/// How a segment is divided into movie fragments (`moof` + `mdat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fragments {
    /// One fragment per segment; the file appears when it is complete.
    Whole,
    /// One fragment per frame in a file that grows: what low-latency parts are made of.
    ///
    /// Packager's manifests are of no use in this mode; only media and key lines are.
    PerFrame,
}

/// Seconds of packager's own live window; ours is rendered elsewhere.
const OWN_WINDOW_SECONDS: u32 = 60;

/// The arguments of packager for `plan`.
pub fn argv(plan: &Plan<'_>) -> Argv {
    let mut argv = Argv::new();
    for feed in feeds(plan.spec) {
        let video = feed.video.iter().map(|(_, rendition)| &rendition.name);
        let audio = feed.audio.iter().map(|rendition| &rendition.name);
        for (stream, name) in video.chain(audio).enumerate() {
            argv.push(descriptor(&feed.fifo, stream, name));
        }
    }
    // A read returns only when its block is full: the default of 64 KiB holds back four
    // seconds of audio. 1316 bytes are seven transport-stream packets.
    argv.push("--io_block_size=1316");
    // The default cache is 32 MiB per input and four times the processor time; zero breaks it.
    argv.push("--io_cache_size=65536");
    // Cuts at the first key frame at or after each multiple; ffmpeg puts one there in every rung.
    argv.push(format!("--segment_duration={}", plan.spec.segment_seconds));
    // Ours are rendered from the segments. Packager's own are written anew with each segment of each
    // rendition, for nobody, unless the mode demands an MPD.
    if plan.fragments == Fragments::PerFrame {
        argv.push("--hls_playlist_type=LIVE");
        argv.push(format!("--hls_master_playlist_output={}", local::PACKAGER_MULTIVARIANT));
        argv.push(format!("--mpd_output={}", local::PACKAGER_MANIFEST));
        argv.push(format!("--time_shift_buffer_depth={OWN_WINDOW_SECONDS}"));
    }
    // Zero means that packager never unlinks a segment: a store that is away for minutes
    // must not lose media that is still on disk.
    argv.push("--preserved_segments_outside_live_window=0");
    match plan.fragments {
        Fragments::Whole => {}
        Fragments::PerFrame => {
            argv.push("--low_latency_dash_mode");
            // Demanded in this mode; it ends up only in the manifest that nobody is given.
            argv.push("--utc_timings=urn:mpeg:dash:utc:direct:2014=1970-01-01T00:00:00Z");
        }
    }
    match plan.spec.protection {
        None => {}
        Some(Protection::CbcsClearKey) => encryption::arguments(&mut argv),
    }
    argv
}

/// The stream descriptor of one rendition. Names hold no comma, `=` or `$`.
fn descriptor(fifo: &str, stream: usize, name: &RenditionName) -> String {
    format!(
        "in={fifo},stream={stream},init_segment={},segment_template={},playlist_name={}",
        local::init_segment(name),
        local::segment_template(name),
        local::packager_playlist(name),
    )
}

#[cfg(test)]
mod tests;

//! Where the objects of a channel lie, relative to the job's prefix `output_<job_id>/`.
//!
//! Names of renditions hold only letters, digits, `_` and `-`, so nothing needs an escape.
//! Media playlists lie one folder deep and reach segments through `../`.

use crate::timeline::PeriodId;

/// The HLS multivariant playlist.
pub const MULTIVARIANT_PLAYLIST: &str = "master.m3u8";
/// The DASH manifest.
pub const MPD: &str = "master.mpd";
/// The timeline, the truth behind both.
pub const TIMELINE: &str = "timeline.json";

/// The media playlist of a rendition.
pub fn media_playlist(rendition: &str) -> String {
    format!("{rendition}/playlist.m3u8")
}

/// The init segment of a rendition in a period.
pub fn init(period: PeriodId, rendition: &str) -> String {
    format!("{period}/{rendition}/init.mp4")
}

/// The content key of a period, in clear-key mode.
pub fn content_key(period: PeriodId) -> String {
    format!("{period}/key.bin")
}

/// The media segment of a rendition that begins at decode time `t`.
pub fn segment(period: PeriodId, rendition: &str, t: u64) -> String {
    format!("{period}/{rendition}/{t}.m4s")
}

/// The URI of a GAP: never an object, but distinct and stable like that of a segment.
pub(crate) fn gap(period: PeriodId, rendition: &str, t: u64) -> String {
    format!("{period}/{rendition}/gap-{t}.m4s")
}

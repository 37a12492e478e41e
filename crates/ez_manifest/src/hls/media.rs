//! Media playlists.
//!
//! Invariants: a playlist never ends with a GAP (shaka-player fails such a stream with 1011);
//! EXT-X-DISCONTINUITY belongs to the first entry of a period and leaves with it, so
//! EXT-X-DISCONTINUITY-SEQUENCE counts the periods whose first entry has left; EXT-X-MAP and
//! EXT-X-KEY stand at the top of every window and after every EXT-X-DISCONTINUITY.

use std::fmt::Write as _;

use crate::{
    ticks,
    timeline::{Entry, Period, PeriodId, Timeline, Track},
    uri, utc,
};

/// Up to this window every segment gets EXT-X-PROGRAM-DATE-TIME, beyond it every tenth.
const DATED_WINDOW_MS: i64 = 600_000;
/// Distance of dates in longer windows.
const DATE_EVERY: u64 = 10;

/// One line of the window: an entry with its place.
struct Listed<'a> {
    period: &'a Period,
    track: &'a Track,
    entry: &'a Entry,
    sequence: u64,
    /// Whether EXT-X-DISCONTINUITY stands before it.
    begins_period: bool,
}

/// Writes the media playlist of a rendition.
///
/// `None` when the ladder does not have it, or when there is nothing to list: then what was
/// published before stays as it is (until the channel ends, which is always written).
pub fn media_playlist(timeline: &Timeline, rendition: &str) -> Option<String> {
    let position = timeline.position(rendition)?;
    let mut window = window(timeline, position);
    let shown = window.iter().rposition(|listed| !listed.entry.is_gap()).map_or(0, |last| last + 1);
    window.truncate(shown);
    if window.is_empty() && !timeline.has_ended() {
        return None;
    }
    let mut text = header(timeline, &window, position);
    let is_short = timeline.settings().window_ms() <= DATED_WINDOW_MS;
    let mut shown_period: Option<PeriodId> = None;
    let mut is_encrypted = false;
    for listed in &window {
        let is_new = shown_period != Some(listed.period.id);
        if listed.begins_period {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if is_new {
            shown_period = Some(listed.period.id);
            write_map(&mut text, listed, rendition, &mut is_encrypted);
        }
        write_entry(&mut text, listed, rendition, is_new || is_short || listed.sequence % DATE_EVERY == 0);
    }
    if timeline.has_ended() {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    Some(text)
}

fn window(timeline: &Timeline, position: usize) -> Vec<Listed<'_>> {
    let first = timeline.sequences.get(position).copied().unwrap_or(0);
    let tracks = timeline.periods().iter().filter_map(|period| Some((period, period.tracks.get(position)?)));
    let entries = tracks.flat_map(|(period, track)| {
        track.entries.iter().enumerate().map(move |(index, entry)| {
            let begins_period = index == 0 && track.left == 0 && period.index > 0;
            (period, track, entry, begins_period)
        })
    });
    let numbered = (first..).zip(entries);
    numbered
        .map(|(sequence, (period, track, entry, begins_period))| Listed {
            period,
            track,
            entry,
            sequence,
            begins_period,
        })
        .collect()
}

fn header(timeline: &Timeline, window: &[Listed<'_>], position: usize) -> String {
    // EXT-X-GAP asks for version 8, EXT-X-MAP without I-frames-only for 6 (RFC 8216bis 8).
    let version = if window.iter().any(|listed| listed.entry.is_gap()) { 8 } else { 6 };
    let sequence = timeline.sequences.get(position).copied().unwrap_or(0);
    let discontinuity = window.first().map_or(timeline.next_index.saturating_sub(1), |first| {
        first.period.index.saturating_sub(u64::from(first.begins_period))
    });
    let target = timeline.settings().target_duration_s;
    format!(
        "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:{target}\n\
         #EXT-X-MEDIA-SEQUENCE:{sequence}\n#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity}\n"
    )
}

/// Writes what a client has to know before any segment of a period. Callable at any place.
fn write_map(text: &mut String, listed: &Listed<'_>, rendition: &str, is_encrypted: &mut bool) {
    if !listed.track.declared {
        // The rendition has only GAPs in this period.
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "#EXT-X-MAP:URI=\"../{}\"", uri::init(listed.period.id, rendition));
    for key in &listed.track.keys {
        let _ = writeln!(text, "{key}");
    }
    // A key is in force until the next EXT-X-KEY (RFC 8216 4.3.2.4).
    if *is_encrypted && listed.track.keys.is_empty() {
        text.push_str("#EXT-X-KEY:METHOD=NONE\n");
    }
    *is_encrypted = !listed.track.keys.is_empty();
}

fn write_entry(text: &mut String, listed: &Listed<'_>, rendition: &str, is_dated: bool) {
    let Listed { period, track, entry, .. } = listed;
    // Writing to a String cannot fail.
    if is_dated {
        let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", utc::date_time(period.wall_ms(track, entry.t)));
    }
    let name = if entry.is_gap() {
        text.push_str("#EXT-X-GAP\n");
        uri::gap(period.id, rendition, entry.t)
    } else {
        uri::segment(period.id, rendition, entry.t)
    };
    // Five digits: one tick of 90 kHz is 11 microseconds.
    let hundred_thousandths = (ticks::micros(entry.d, track.timescale).saturating_add(5)) / 10;
    let _ = writeln!(
        text,
        "#EXTINF:{}.{:05},\n../{name}",
        hundred_thousandths / 100_000,
        hundred_thousandths % 100_000
    );
}

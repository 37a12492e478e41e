//! Several renditions at one moment.
//!
//! hls.js loses a stream whose renditions disagree about discontinuities; players that switch
//! need a segment of the other rendition at the same time.

use super::{MediaPlaylist, Violation};

/// A playlist to compare.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Name for messages.
    pub rendition: &'a str,
    /// Whether it is audio, which may have one entry more at the end of a period.
    pub is_audio: bool,
    /// Its playlist, written from the same timeline as the others.
    pub playlist: &'a MediaPlaylist,
}

/// One discontinuity of a playlist: begins in ms, whether a GAP, and numbers.
struct Stretch {
    discontinuity: u64,
    entries: Vec<(i64, bool, u64)>,
}

/// Compares every rendition with the first.
///
/// Demanded are the same EXT-X-DISCONTINUITY-SEQUENCE, the same number of entries in every finished discontinuity, and every segment beside one of the other within
/// `tolerance_ms` (one frame of the slower).
pub fn compare(renditions: &[Listed<'_>], tolerance_ms: i64) -> Vec<Violation> {
    let mut found = Vec::new();
    let Some((first, others)) = renditions.split_first() else { return found };
    for other in others {
        let (expected, now) = (first.playlist.discontinuity_sequence, other.playlist.discontinuity_sequence);
        if expected != now {
            found.push(Violation::RenditionsDiscontinuity {
                rendition: other.rendition.to_owned(),
                other: first.rendition.to_owned(),
                found: now,
                expected,
            });
            continue;
        }
        let (ours, theirs) = (stretches(first.playlist), stretches(other.playlist));
        for one in &ours {
            let Some(two) = theirs.iter().find(|two| two.discontinuity == one.discontinuity) else {
                continue;
            };
            let is_live =
                |all: &[Stretch]| all.last().is_some_and(|last| last.discontinuity == one.discontinuity);
            let is_finished = !is_live(&ours) && !is_live(&theirs);
            if is_finished {
                found.extend(counts((first, one), (other, two)));
            }
            found.extend(beside((first, one), (other, two), tolerance_ms));
            found.extend(beside((other, two), (first, one), tolerance_ms));
        }
    }
    found
}

fn stretches(playlist: &MediaPlaylist) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    for (segment, begin) in playlist.segments.iter().zip(playlist.begins_ms()) {
        let entry = (begin.unwrap_or(i64::MIN), segment.is_gap, segment.sequence);
        match found.last_mut().filter(|last| last.discontinuity == segment.discontinuity) {
            Some(last) => last.entries.push(entry),
            None => found.push(Stretch { discontinuity: segment.discontinuity, entries: vec![entry] }),
        }
    }
    found
}

fn counts(one: (&Listed<'_>, &Stretch), two: (&Listed<'_>, &Stretch)) -> Option<Violation> {
    let (mine, other) = (one.1.entries.len(), two.1.entries.len());
    let more = |audio: &Listed<'_>| usize::from(audio.is_audio);
    let is_fine = other <= mine + more(two.0) && mine <= other + more(one.0);
    (!is_fine).then(|| Violation::RenditionsCount {
        rendition: two.0.rendition.to_owned(),
        other: one.0.rendition.to_owned(),
        discontinuity: one.1.discontinuity,
        found: other,
        expected: mine,
    })
}

/// Segments of `one` that begin where `two` has neither segment nor GAP. Beyond the last
/// begin of `two` nothing is said: it may not have come yet, or audio has its piece more.
fn beside(one: (&Listed<'_>, &Stretch), two: (&Listed<'_>, &Stretch), tolerance_ms: i64) -> Vec<Violation> {
    let last_begin = two.1.entries.iter().map(|(begin, ..)| *begin).max().unwrap_or(i64::MIN);
    let trailing =
        one.1.entries.iter().filter(|(_, is_gap, _)| !is_gap).map(|(.., sequence)| *sequence).max();
    let lonely = one.1.entries.iter().filter(|(begin, is_gap, sequence)| {
        let is_trailing = one.0.is_audio && Some(*sequence) == trailing;
        let has_partner =
            two.1.entries.iter().any(|(other, ..)| begin.abs_diff(*other) <= tolerance_ms.unsigned_abs());
        !is_gap && !is_trailing && !has_partner && *begin <= last_begin
    });
    let violations = lonely.map(|(begin_ms, _, sequence)| Violation::RenditionsMisaligned {
        rendition: one.0.rendition.to_owned(),
        other: two.0.rendition.to_owned(),
        sequence: *sequence,
        begin_ms: *begin_ms,
        tolerance_ms,
    });
    violations.collect()
}

//! One rendition over time.

use std::collections::{BTreeMap, HashMap};

use super::{ListedSegment, MediaPlaylist, Violation};

/// Dates have milliseconds, EXTINF five digits: two roundings of each may add up.
const DATE_TOLERANCE_US: i64 = 1010;

/// EXTINF has five decimals.
const DURATION_TOLERANCE_US: u64 = 10;

/// Everything that was ever shown of one rendition.
#[derive(Debug)]
pub struct Watch {
    date_tolerance_us: i64,
    duration_us: Option<u64>,
    playlists: Vec<MediaPlaylist>,
    by_number: BTreeMap<u64, ListedSegment>,
    by_uri: HashMap<String, u64>,
    may_resume: bool,
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// A client that saw nothing yet, strict to the rounding of the playlist's own figures.
    pub fn new() -> Self {
        Self::with_date_tolerance_us(DATE_TOLERANCE_US)
    }

    /// Like [`Watch::new`], but a date may be this many microseconds from the end of the segment before:
    /// for audio, whose frames of another encoder do not continue the grid of the one before.
    pub fn with_date_tolerance_us(date_tolerance_us: i64) -> Self {
        Self {
            date_tolerance_us,
            duration_us: None,
            playlists: Vec::new(),
            by_number: BTreeMap::new(),
            by_uri: HashMap::new(),
            may_resume: false,
        }
    }

    /// Demands that every segment lasts this long that another one follows: the last one of a discontinuity, or
    /// before a GAP, is as long as there was media.
    pub fn expect_duration_us(mut self, duration_us: u64) -> Self {
        self.duration_us = Some(duration_us);
        self
    }

    /// All playlists seen, oldest first.
    pub fn playlists(&self) -> &[MediaPlaylist] {
        &self.playlists
    }

    /// Allows the next playlist to go on after ENDLIST: the channel was resumed by its owner.
    pub fn expect_resume(&mut self) {
        self.may_resume = true;
    }

    /// Takes the playlist of one poll and reports what it breaks.
    pub fn observe(&mut self, text: &str) -> Vec<Violation> {
        let playlist = match MediaPlaylist::parse(text) {
            Ok(playlist) => playlist,
            Err(error) => return vec![error.into()],
        };
        let mut violations = alone(&playlist, self.date_tolerance_us);
        violations.extend(self.duration_us.into_iter().flat_map(|expected| uneven(&playlist, expected)));
        if let Some(before) = self.playlists.last() {
            violations.extend(self.after(before, &playlist));
        }
        for segment in &playlist.segments {
            violations.extend(self.known(segment));
            self.by_uri.entry(segment.uri.clone()).or_insert(segment.sequence);
            self.by_number.entry(segment.sequence).or_insert_with(|| segment.clone());
        }
        if !playlist.has_ended {
            self.may_resume = false;
        }
        self.playlists.push(playlist);
        violations
    }

    /// Rules between a playlist and the one before it.
    fn after(&self, before: &MediaPlaylist, now: &MediaPlaylist) -> Vec<Violation> {
        let mut found = Vec::new();
        if now.media_sequence < before.media_sequence {
            found.push(Violation::MediaSequenceFell {
                before: before.media_sequence,
                now: now.media_sequence,
            });
        }
        let end =
            |playlist: &MediaPlaylist| playlist.media_sequence.saturating_add(playlist.segments.len() as u64);
        if end(now) < end(before) {
            found.push(Violation::EndFell { before: end(before), now: end(now) });
        }
        if now.discontinuity_sequence < before.discontinuity_sequence {
            let (before, now) = (before.discontinuity_sequence, now.discontinuity_sequence);
            found.push(Violation::DiscontinuitySequenceFell { before, now });
        }
        // RFC 8216 6.2.1 forbids it, but who saw the end does not ask again.
        if now.target_duration_s != before.target_duration_s && !self.may_resume {
            let (before, now) = (before.target_duration_s, now.target_duration_s);
            found.push(Violation::TargetDurationChanged { before, now });
        }
        if before.has_ended && !self.may_resume && (!now.has_ended || end(now) > end(before)) {
            found.push(Violation::MediaAfterEnd);
        }
        // A window that shares nothing with the last one is still later in every respect.
        if let (Some(last), Some(first)) = (before.segments.last(), now.segments.first())
            && first.sequence > last.sequence
        {
            if first.discontinuity < last.discontinuity {
                let (before, now) = (last.discontinuity, first.discontinuity);
                found.push(Violation::DiscontinuitySequenceFell { before, now });
            }
            let begins = (before.begins_ms().last().copied().flatten(), first.date_ms);
            if let (Some(before), Some(now)) = begins
                && now <= before
            {
                found.push(Violation::DateNotGrowing { sequence: first.sequence, before, now });
            }
        }
        found
    }

    /// Rules between a segment and what was known under its number and URI.
    fn known(&self, segment: &ListedSegment) -> Option<Violation> {
        let sequence = segment.sequence;
        if let Some(before) = self.by_number.get(&sequence) {
            if before.uri != segment.uri {
                return Some(Violation::UriChanged {
                    sequence,
                    before: before.uri.clone(),
                    now: segment.uri.clone(),
                });
            }
            if before.discontinuity != segment.discontinuity {
                let (before, now) = (before.discontinuity, segment.discontinuity);
                return Some(Violation::DiscontinuityChanged { sequence, before, now });
            }
            let same_date = before.date_ms.zip(segment.date_ms).is_none_or(|(before, now)| before == now);
            if before.duration_us != segment.duration_us || before.is_gap != segment.is_gap || !same_date {
                return Some(Violation::SegmentChanged { sequence });
            }
        }
        let before = self.by_uri.get(&segment.uri).copied().filter(|before| *before != sequence)?;
        Some(Violation::NumberChanged { uri: segment.uri.clone(), before, now: sequence })
    }
}

/// Rules of one playlist on its own.
fn alone(playlist: &MediaPlaylist, date_tolerance_us: i64) -> Vec<Violation> {
    let mut found = Vec::new();
    let has_gap = playlist.segments.iter().any(|segment| segment.is_gap);
    let has_map = playlist.segments.iter().any(|segment| segment.map.is_some());
    let needed = if has_gap { 8 } else { 1 }.max(if has_map { 6 } else { 1 });
    if playlist.version < needed {
        found.push(Violation::VersionTooLow { found: playlist.version, needed });
    }
    for segment in &playlist.segments {
        let &ListedSegment { sequence, duration_us, .. } = segment;
        let rounded = duration_us.saturating_add(500_000) / 1_000_000;
        if rounded > playlist.target_duration_s {
            found.push(Violation::TooLong { sequence, duration_us, target: playlist.target_duration_s });
        }
        if segment.map.is_none() && !segment.is_gap {
            found.push(Violation::MapMissing { sequence });
        }
    }
    if let Some(last) = playlist.segments.last().filter(|last| last.is_gap) {
        found.push(Violation::EndsWithGap { sequence: last.sequence });
    }
    found.extend(dates(playlist, date_tolerance_us));
    found
}

/// Segments that have another one after them and are not as long as all should be.
fn uneven(playlist: &MediaPlaylist, expected_us: u64) -> Vec<Violation> {
    let pairs = playlist.segments.iter().zip(playlist.segments.iter().skip(1));
    let inner = pairs.filter(|(segment, next)| {
        segment.discontinuity == next.discontinuity && !segment.is_gap && !next.is_gap
    });
    let wrong =
        inner.filter(|(segment, _)| segment.duration_us.abs_diff(expected_us) > DURATION_TOLERANCE_US);
    wrong
        .map(|(&ListedSegment { sequence, duration_us, .. }, _)| Violation::Uneven {
            sequence,
            duration_us,
            expected_us,
        })
        .collect()
}

/// Dates grow, and inside a discontinuity they grow by the durations.
fn dates(playlist: &MediaPlaylist, tolerance_us: i64) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut clock_us: Option<i64> = None;
    let mut last_ms: Option<i64> = None;
    for segment in &playlist.segments {
        let sequence = segment.sequence;
        if segment.is_discontinuity {
            clock_us = None;
        }
        match (segment.date_ms, clock_us) {
            (None, None) => found.push(Violation::DateMissing { sequence }),
            (None, Some(_)) => {}
            (Some(now), expected) => {
                if let Some(before) = last_ms.filter(|before| now <= *before) {
                    found.push(Violation::DateNotGrowing { sequence, before, now });
                }
                let found_us = now.saturating_mul(1000);
                if let Some(expected) = expected.filter(|expected| (found_us - expected).abs() > tolerance_us)
                {
                    found.push(Violation::DateJumped { sequence, expected, found: found_us });
                }
                clock_us = Some(found_us);
                last_ms = Some(now);
            }
        }
        let duration = i64::try_from(segment.duration_us).unwrap_or(i64::MAX);
        clock_us = clock_us.map(|us| us.saturating_add(duration));
    }
    found
}

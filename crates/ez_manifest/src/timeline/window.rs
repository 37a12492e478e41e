//! What leaves the window, and until when its objects must stay.

use super::{Entry, Period, Timeline};
use crate::{ticks, uri};

/// An object that no manifest names any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Key relative to the job's prefix; ends with `/` for a whole period folder.
    pub uri: String,
    /// Wall clock (ms) from which it may be deleted: RFC 8216 6.2.2 keeps a segment for its
    /// own duration plus that of the longest playlist that named it.
    pub deletable_at_ms: i64,
}

/// What left the window in one operation; whoever deletes has to remember it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// Segments, init segments and content keys.
    pub objects: Vec<Expired>,
    /// Folders of periods of which nothing is left (for instance `1-1/`).
    pub periods: Vec<Expired>,
}

impl Left {
    /// Whether nothing left.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.periods.is_empty()
    }

    pub(super) fn append(&mut self, mut more: Self) {
        self.objects.append(&mut more.objects);
        self.periods.append(&mut more.periods);
    }
}

impl Timeline {
    /// Removes the slots that lie wholly before the window.
    ///
    /// [`Timeline::append`] does it; alone it is of use after the settings of a job changed.
    pub fn trim(&mut self, now_ms: i64) -> Left {
        let mut left = Left::default();
        let Some(edge_ms) = self.media_end_ms else { return left };
        let horizon = edge_ms.saturating_sub(self.settings.window_ms());
        let longest_ms = self.span_ms();
        while self.periods.len() > 1 || self.slots() > 1 {
            let Some(end) = self.periods.first().and_then(first_slot_end_ms) else { break };
            if end > horizon {
                break;
            }
            self.drop_slot(now_ms, longest_ms, &mut left);
        }
        left
    }

    /// Removes the first `count` periods whole; numbers go on.
    pub(super) fn drop_periods(&mut self, count: usize, now_ms: i64) -> Left {
        let mut left = Left::default();
        let longest_ms = self.span_ms();
        let last = self.periods.get(count).map(|period| period.id);
        while self.periods.first().is_some_and(|period| Some(period.id) != last) {
            self.drop_slot(now_ms, longest_ms, &mut left);
        }
        left
    }

    /// Slots of the first period.
    fn slots(&self) -> usize {
        self.periods
            .first()
            .map_or(0, |period| period.tracks.iter().map(|track| track.entries.len()).max().unwrap_or(0))
    }

    /// Upper bound of the duration of every playlist that showed what is now in the window.
    fn span_ms(&self) -> i64 {
        let begin = self.periods.first().and_then(|period| {
            let begins = period
                .tracks
                .iter()
                .filter_map(|track| Some(period.wall_ms(track, track.entries.first()?.t)));
            begins.min()
        });
        self.media_end_ms.zip(begin).map_or(0, |(end, begin)| end.saturating_sub(begin).max(0))
    }

    /// Removes the first slot. When that empties the period in one rendition, what the others
    /// have left of it (a trailing piece of audio) goes too: T1.
    fn drop_slot(&mut self, now_ms: i64, longest_ms: i64, left: &mut Left) {
        let Some(period) = self.periods.first_mut() else { return };
        let has_ended = period.tracks.iter().any(|track| track.entries.len() <= 1);
        let is_over = has_ended && (period.closed || self.ended);
        let mut latest = now_ms;
        for ((rendition, track), sequence) in
            self.ladder.iter().zip(&mut period.tracks).zip(&mut self.sequences)
        {
            let count = if is_over { track.entries.len() } else { track.entries.len().min(1) };
            for entry in track.entries.drain(..count) {
                *sequence = sequence.saturating_add(1);
                track.left = track.left.saturating_add(1);
                let own_ms = ticks::ms_ceil(entry.d.into(), track.timescale);
                let deletable_at_ms = now_ms.saturating_add(longest_ms).saturating_add(own_ms);
                latest = latest.max(deletable_at_ms);
                if !entry.is_gap() {
                    let uri = uri::segment(period.id, &rendition.name, entry.t);
                    left.objects.push(Expired { uri, deletable_at_ms });
                }
            }
        }
        if is_over || (period.closed && period.is_empty()) {
            let declared = self.ladder.iter().zip(&period.tracks).filter(|(_, track)| track.declared);
            for (rendition, _) in declared {
                let uri = uri::init(period.id, &rendition.name);
                left.objects.push(Expired { uri, deletable_at_ms: latest });
            }
            if period.is_encrypted() {
                left.objects.push(Expired { uri: uri::content_key(period.id), deletable_at_ms: latest });
            }
            left.periods.push(Expired { uri: format!("{}/", period.id), deletable_at_ms: latest });
            self.periods.remove(0);
        }
    }
}

/// Wall clock at which the last of a period's first entries ends.
fn first_slot_end_ms(period: &Period) -> Option<i64> {
    let ends = period
        .tracks
        .iter()
        .filter_map(|track| Some(period.wall_ms_ceil(track, track.entries.first().map(Entry::end)?)));
    ends.max()
}

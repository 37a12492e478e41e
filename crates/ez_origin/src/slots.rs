//! Which segments of a period wait, for the store or for one another.
//!
//! A *slot* is the n-th segment of every rendition of a period. It is published when all of its
//! segments are stored, so that the playlists of all renditions always end alike. A segment that is
//! given up leaves a hole in its rendition and does not hold up the others.
//!
//! Invariant: segments of a rendition leave in the order of their decode times, whatever the order
//! in which uploads end.

use std::collections::BTreeMap;

use ez_manifest::timeline::{Segment, Slot};

/// The segments of one period that are not published yet.
#[derive(Debug)]
pub(crate) struct Slots {
    /// In the order in which the segments of a slot are uploaded.
    renditions: Vec<Rendition>,
}

#[derive(Debug)]
struct Rendition {
    name: String,
    is_audio: bool,
    /// By decode time.
    waiting: BTreeMap<u64, Waiting>,
    /// Decode time of the last one that left.
    last: Option<u64>,
    /// Decode times at which the first began and the last that left ended.
    span: Option<(u64, u64)>,
}

#[derive(Debug)]
struct Waiting {
    segment: Segment,
    state: State,
    /// Whether its pictures follow each other; where an encoder died, some may be missing between others.
    is_whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// On the worker's disk.
    Closed,
    /// On its way to the store.
    Uploading,
    /// Acknowledged by the store.
    Stored,
    /// Given up: its slot is published without it.
    Lost,
}

impl Waiting {
    const fn end(&self) -> u64 {
        self.segment.t.saturating_add(self.segment.d)
    }

    /// Whether it has no media that could be used.
    fn is_torn(&self) -> bool {
        self.state == State::Lost && self.segment.d == 0
    }

    /// Whether all of its time is encoded again if its period is replaced.
    fn is_redone(&self) -> bool {
        self.is_torn() || !self.is_whole
    }
}

impl State {
    /// Whether the store has not acknowledged it and is still to do so.
    const fn is_on_disk_only(self) -> bool {
        matches!(self, Self::Closed | Self::Uploading)
    }
}

impl Slots {
    /// Nothing yet, for these renditions (name, whether audio), in the order of upload.
    pub(crate) fn new(renditions: impl IntoIterator<Item = (String, bool)>) -> Self {
        let renditions = renditions
            .into_iter()
            .map(|(name, is_audio)| Rendition {
                name,
                is_audio,
                waiting: BTreeMap::new(),
                last: None,
                span: None,
            })
            .collect();
        Self { renditions }
    }

    /// Everything up to this decode time has been published before.
    pub(crate) fn resume_after(&mut self, rendition: &str, decode_time: u64) {
        if let Some(rendition) = self.find(rendition) {
            rendition.last = rendition.last.max(Some(decode_time));
        }
    }

    /// A segment was closed; `false` when its time has passed already.
    pub(crate) fn closed(&mut self, rendition: &str, segment: Segment, is_whole: bool) -> bool {
        self.enter(rendition, segment, State::Closed, is_whole)
    }

    /// A segment was closed that cannot be used.
    pub(crate) fn unusable(&mut self, rendition: &str, decode_time: u64) {
        self.enter(rendition, Segment { t: decode_time, d: 0, bytes: 0 }, State::Lost, true);
    }

    fn enter(&mut self, rendition: &str, segment: Segment, state: State, is_whole: bool) -> bool {
        let Some(rendition) = self.find(rendition) else { return false };
        if rendition.last.is_some_and(|last| segment.t <= last) {
            return false;
        }
        rendition.span.get_or_insert((segment.t, segment.t));
        rendition.waiting.entry(segment.t).or_insert(Waiting { segment, state, is_whole });
        true
    }

    /// The segment to upload next, now marked as on its way: of the oldest slot, there in the order of
    /// upload. Renditions for which `is_open` is false are passed over.
    pub(crate) fn next_upload(&mut self, is_open: impl Fn(&str) -> bool) -> Option<(String, Segment)> {
        let first_closed = |rendition: &Rendition| {
            rendition.waiting.values().position(|waiting| waiting.state == State::Closed)
        };
        let open = self.renditions.iter_mut().filter(|rendition| is_open(&rendition.name));
        let (_, rendition) = open
            .filter_map(|rendition| Some((first_closed(rendition)?, rendition)))
            .min_by_key(|(at, _)| *at)?;
        let waiting = rendition.waiting.values_mut().find(|waiting| waiting.state == State::Closed)?;
        waiting.state = State::Uploading;
        Some((rendition.name.clone(), waiting.segment))
    }

    /// The store has acknowledged a segment.
    pub(crate) fn stored(&mut self, rendition: &str, decode_time: u64) {
        // What was given up in the meantime stays so: its file is gone.
        if let Some(waiting) = self.waiting(rendition, decode_time).filter(|it| it.state.is_on_disk_only()) {
            waiting.state = State::Stored;
        }
    }

    /// Whether this segment waits, for the store or for the other renditions.
    pub(crate) fn is_waiting(&self, rendition: &str, decode_time: u64) -> bool {
        let rendition = self.renditions.iter().find(|candidate| candidate.name == rendition);
        let waiting = rendition.and_then(|rendition| rendition.waiting.get(&decode_time));
        waiting.is_some_and(|waiting| waiting.state != State::Lost)
    }

    /// The oldest segment of a rendition that is not stored yet, now given up: one whose upload does not get
    /// through holds up all that came later.
    pub(crate) fn give_up_oldest(&mut self, rendition: &str) -> Option<Segment> {
        let rendition = self.find(rendition)?;
        let waiting = rendition.waiting.values_mut().find(|waiting| waiting.state.is_on_disk_only())?;
        waiting.state = State::Lost;
        Some(waiting.segment)
    }

    /// Segments that wait, for an upload or for the other renditions.
    pub(crate) fn backlog(&self) -> usize {
        self.renditions.iter().map(|rendition| rendition.waiting.len()).sum()
    }

    /// Bytes of segments that are not stored yet.
    pub(crate) fn bytes(&self) -> u64 {
        let waiting = self.renditions.iter().flat_map(|rendition| rendition.waiting.values());
        let on_disk = waiting.filter(|waiting| waiting.state.is_on_disk_only());
        on_disk.map(|waiting| waiting.segment.bytes).sum()
    }

    /// Whether nothing waits for the store.
    pub(crate) fn is_settled(&self) -> bool {
        let mut waiting = self.renditions.iter().flat_map(|rendition| rendition.waiting.values());
        !waiting.any(|waiting| waiting.state.is_on_disk_only())
    }

    /// Whether nothing waits at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.renditions.iter().all(|rendition| rendition.waiting.is_empty())
    }

    /// The next slot, if it is complete. One that looks like the end of a period whose encoder died waits until more
    /// comes or the period `has_ended`: it may have to be taken back.
    pub(crate) fn next(&mut self, has_ended: bool) -> Option<Slot> {
        let may_be_redone = || {
            let mut firsts = self.renditions.iter().filter_map(|rendition| rendition.waiting.values().next());
            !self.is_even(0) || firsts.any(Waiting::is_redone)
        };
        let goes_on = self.renditions.iter().all(|rendition| rendition.waiting.len() > 1);
        if !has_ended && !goes_on && may_be_redone() {
            return None;
        }
        let is_complete = self.renditions.iter().all(|rendition| {
            rendition
                .waiting
                .first_key_value()
                .is_some_and(|(_, waiting)| matches!(waiting.state, State::Stored | State::Lost))
        });
        is_complete.then(|| self.take_firsts())
    }

    /// Takes back what was closed beyond the last slot that every rendition has, as long as every other: the media
    /// of these segments is encoded again. Answers their names and times.
    pub(crate) fn cut_to_redo(&mut self) -> Vec<(String, u64)> {
        let mut cut = Vec::new();
        // One that was torn by the death of its packager is none, and encoded again like those never begun.
        for rendition in &mut self.renditions {
            while let Some(last) = rendition.waiting.last_entry().filter(|last| last.get().is_redone()) {
                let (time, last) = last.remove_entry();
                if !last.is_torn() {
                    cut.push((rendition.name.clone(), time));
                }
            }
        }
        let complete = self.complete();
        let uneven = usize::from(complete > 0 && !self.is_even(complete - 1));
        cut.extend(self.cut_to(complete - uneven));
        cut
    }

    /// As [`Self::cut_to_redo`] where nobody encodes again: what every rendition has stays, as it is.
    pub(crate) fn cut_to_complete(&mut self) -> Vec<(String, u64)> {
        self.cut_to(self.complete())
    }

    /// How many slots every rendition has.
    fn complete(&self) -> usize {
        self.renditions.iter().map(|rendition| rendition.waiting.len()).min().unwrap_or(0)
    }

    fn cut_to(&mut self, complete: usize) -> Vec<(String, u64)> {
        let mut cut = Vec::new();
        for rendition in &mut self.renditions {
            while rendition.waiting.len() > complete
                && let Some((time, _)) = rendition.waiting.pop_last()
            {
                cut.push((rendition.name.clone(), time));
            }
        }
        cut
    }

    /// Whether the pictures of all renditions end together in the slot with this index: an encoder that is killed
    /// was not equally far with each. All are cut from one MPEG-TS, whose clock is theirs (ISO/IEC 13818-1 2.4.2.2).
    fn is_even(&self, index: usize) -> bool {
        let video = self.renditions.iter().filter(|rendition| !rendition.is_audio);
        let mut ends = video.filter_map(|rendition| rendition.waiting.values().nth(index)).map(Waiting::end);
        let first = ends.next();
        ends.all(|end| Some(end) == first)
    }

    /// Ticks from the beginning of a rendition's first segment to the end of its newest.
    pub(crate) fn ticks(&self, rendition: &str) -> u64 {
        let rendition = self.renditions.iter().find(|candidate| candidate.name == rendition);
        let Some((begin, left)) = rendition.and_then(|rendition| rendition.span) else { return 0 };
        let newest = rendition.and_then(|rendition| rendition.waiting.values().next_back());
        let end = newest.map_or(left, Waiting::end);
        end.saturating_sub(begin)
    }

    /// What is left once the period is over and every upload has ended: incomplete slots, in which
    /// the renditions left out have lost their segment, and whether the last is trailing audio.
    pub(crate) fn drain(&mut self) -> Vec<(Slot, bool)> {
        let mut slots = Vec::new();
        loop {
            let has_video =
                self.renditions.iter().any(|rendition| !rendition.is_audio && !rendition.waiting.is_empty());
            let is_audio_only_ladder = self.renditions.iter().all(|rendition| rendition.is_audio);
            if self.is_empty() {
                return slots;
            }
            let slot = self.take_firsts();
            slots.push((slot, !has_video && !is_audio_only_ladder));
        }
    }

    fn take_firsts(&mut self) -> Slot {
        let mut slot = Slot::new();
        for rendition in &mut self.renditions {
            if let Some((time, waiting)) = rendition.waiting.pop_first() {
                rendition.last = Some(time);
                if let Some((_, end)) = &mut rendition.span {
                    *end = time.saturating_add(waiting.segment.d);
                }
                if waiting.state == State::Stored {
                    slot.insert(rendition.name.clone(), waiting.segment);
                }
            }
        }
        slot
    }

    fn find(&mut self, name: &str) -> Option<&mut Rendition> {
        self.renditions.iter_mut().find(|rendition| rendition.name == name)
    }

    fn waiting(&mut self, rendition: &str, decode_time: u64) -> Option<&mut Waiting> {
        self.find(rendition)?.waiting.get_mut(&decode_time)
    }
}

#[cfg(test)]
mod tests;

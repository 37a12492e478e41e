//! Which segments can be published together.
//!
//! A *slot* is the n-th segment of every rendition of a period. It is published when all of its
//! segments are stored, so that the playlists of all renditions always end alike.
//!
//! Invariant: segments of a rendition leave in the order of their decode times, whatever the order
//! in which uploads end.

use std::collections::BTreeMap;

use ez_manifest::timeline::{Segment, Slot};

/// The segments of one period that are not published yet.
#[derive(Debug)]
pub(crate) struct Slots {
    renditions: Vec<Rendition>,
}

#[derive(Debug)]
struct Rendition {
    name: String,
    is_audio: bool,
    /// By decode time; `None` while the upload is on its way.
    waiting: BTreeMap<u64, Option<Segment>>,
    /// Decode time of the last one that left.
    last: Option<u64>,
}

impl Slots {
    /// Nothing yet, for these renditions (name, whether audio).
    pub(crate) fn new(renditions: impl IntoIterator<Item = (String, bool)>) -> Self {
        let renditions = renditions
            .into_iter()
            .map(|(name, is_audio)| Rendition { name, is_audio, waiting: BTreeMap::new(), last: None })
            .collect();
        Self { renditions }
    }

    /// A segment was closed and its upload begins; `false` when its time has passed already.
    pub(crate) fn closed(&mut self, rendition: &str, decode_time: u64) -> bool {
        let Some(rendition) = self.find(rendition) else { return false };
        if rendition.last.is_some_and(|last| decode_time <= last) {
            return false;
        }
        rendition.waiting.entry(decode_time).or_insert(None);
        true
    }

    /// The store has acknowledged a segment.
    pub(crate) fn stored(&mut self, rendition: &str, segment: Segment) {
        if let Some(rendition) = self.find(rendition)
            && let Some(place) = rendition.waiting.get_mut(&segment.t)
        {
            *place = Some(segment);
        }
    }

    /// Segments that wait, for an upload or for the other renditions.
    pub(crate) fn backlog(&self) -> usize {
        self.renditions.iter().map(|rendition| rendition.waiting.len()).sum()
    }

    /// The next slot, if it is complete.
    pub(crate) fn next(&mut self) -> Option<Slot> {
        let complete = self
            .renditions
            .iter()
            .all(|rendition| matches!(rendition.waiting.first_key_value(), Some((_, Some(_)))));
        complete.then(|| self.take_firsts())
    }

    /// What is left once the period is over and every upload has ended: incomplete slots, in which
    /// the renditions left out have lost their segment, and whether the last is trailing audio.
    pub(crate) fn drain(&mut self) -> Vec<(Slot, bool)> {
        let mut slots = Vec::new();
        for rendition in &mut self.renditions {
            rendition.waiting.retain(|_, segment| segment.is_some());
        }
        loop {
            let has_video =
                self.renditions.iter().any(|rendition| !rendition.is_audio && !rendition.waiting.is_empty());
            let is_audio_only_ladder = self.renditions.iter().all(|rendition| rendition.is_audio);
            let slot = self.take_firsts();
            if slot.is_empty() {
                return slots;
            }
            slots.push((slot, !has_video && !is_audio_only_ladder));
        }
    }

    fn take_firsts(&mut self) -> Slot {
        let mut slot = Slot::new();
        for rendition in &mut self.renditions {
            if let Some((time, Some(segment))) = rendition.waiting.pop_first() {
                rendition.last = Some(time);
                slot.insert(rendition.name.clone(), segment);
            }
        }
        slot
    }

    fn find(&mut self, name: &str) -> Option<&mut Rendition> {
        self.renditions.iter_mut().find(|rendition| rendition.name == name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(t: u64) -> Segment {
        Segment { t, d: 10, bytes: 1 }
    }

    fn slots() -> Slots {
        Slots::new([("v".to_owned(), false), ("a".to_owned(), true)])
    }

    #[test]
    fn a_slot_waits_for_every_rendition() {
        let mut slots = slots();
        assert!(slots.closed("v", 0) && slots.closed("a", 0) && slots.closed("v", 10));
        slots.stored("v", segment(10));
        slots.stored("v", segment(0));
        assert_eq!(slots.next(), None);
        slots.stored("a", segment(0));
        let slot = slots.next().unwrap();
        assert_eq!((slot["v"].t, slot["a"].t), (0, 0));
        assert_eq!(slots.next(), None);
        assert_eq!(slots.backlog(), 1);
        assert!(!slots.closed("v", 0), "its time has passed");
    }

    #[test]
    fn what_is_left_at_the_end_is_told_apart() {
        let mut slots = slots();
        for (name, time) in [("v", 0), ("v", 10), ("a", 0), ("a", 10), ("a", 20)] {
            slots.closed(name, time);
            if (name, time) != ("v", 10) {
                slots.stored(name, segment(time));
            }
        }
        let drained = slots.drain();
        let shape: Vec<(Vec<&str>, bool)> = drained
            .iter()
            .map(|(slot, trailing)| (slot.keys().map(String::as_str).collect(), *trailing))
            .collect();
        assert_eq!(shape, [(vec!["a", "v"], false), (vec!["a"], true), (vec!["a"], true)]);
    }

    proptest! {
        #[test]
        fn each_rendition_leaves_in_order_and_once(order in Just((0..2_usize).flat_map(|r| (0..8_u64).map(move |t| (r, t * 10))).collect::<Vec<_>>()).prop_shuffle()) {
            let mut slots = slots();
            let names = ["v", "a"];
            for name in names {
                for time in 0..8 { slots.closed(name, time * 10); }
            }
            let mut seen = Vec::new();
            for (rendition, time) in order {
                slots.stored(names[rendition], segment(time));
                while let Some(slot) = slots.next() { seen.push((slot["v"].t, slot["a"].t)); }
            }
            prop_assert_eq!(seen, (0..8).map(|t| (t * 10, t * 10)).collect::<Vec<_>>());
        }
    }
}

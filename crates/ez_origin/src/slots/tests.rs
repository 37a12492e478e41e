use proptest::prelude::*;

use super::*;

fn segment(t: u64) -> Segment {
    Segment { t, d: 10, bytes: 1 }
}

/// Uploaded in this order: audio first.
fn slots() -> Slots {
    Slots::new([("a".to_owned(), true), ("v".to_owned(), false)])
}

fn closed(entries: &[(&str, u64)]) -> Slots {
    let mut slots = slots();
    for (name, time) in entries {
        assert!(slots.closed(name, segment(*time), true));
    }
    slots
}

#[test]
fn a_slot_waits_for_every_rendition() {
    let mut slots = closed(&[("v", 0), ("a", 0), ("v", 10)]);
    slots.stored("v", 10);
    slots.stored("v", 0);
    assert_eq!(slots.next(false), None);
    slots.stored("a", 0);
    let slot = slots.next(false).unwrap();
    assert_eq!((slot["v"].t, slot["a"].t), (0, 0));
    assert_eq!(slots.next(false), None);
    assert_eq!(slots.backlog(), 1);
    assert!(!slots.closed("v", segment(0), true), "its time has passed");
}

#[test]
fn the_oldest_slot_is_uploaded_first_and_audio_before_video() {
    let mut slots = closed(&[("v", 0), ("v", 10), ("a", 0), ("a", 10)]);
    let mut order = Vec::new();
    while let Some((name, segment)) = slots.next_upload(|_| true) {
        order.push((name, segment.t));
    }
    let expected = [("a", 0), ("v", 0), ("a", 10), ("v", 10)].map(|(name, time)| (name.to_owned(), time));
    assert_eq!(order, expected);
}

#[test]
fn a_rendition_that_may_not_be_uploaded_yet_is_passed_over() {
    let mut slots = closed(&[("v", 0), ("a", 0)]);
    assert_eq!(slots.next_upload(|name| name == "v").unwrap().0, "v");
    assert_eq!(slots.next_upload(|name| name == "v"), None);
}

#[test]
fn a_segment_given_up_leaves_a_hole_and_holds_nobody_up() {
    let mut slots = closed(&[("v", 0), ("v", 10), ("a", 0)]);
    assert_eq!(slots.give_up_oldest("v").unwrap().t, 0);
    slots.stored("a", 0);
    let slot = slots.next(false).unwrap();
    assert_eq!(slot.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(slots.give_up_oldest("v").unwrap().t, 10, "the next one");
    assert_eq!(slots.give_up_oldest("v"), None);
}

#[test]
fn an_upload_that_does_not_get_through_is_given_up_first() {
    let mut slots = closed(&[("v", 0), ("v", 10), ("a", 0)]);
    assert_eq!(slots.next_upload(|name| name == "v").unwrap().1.t, 0);
    let before = slots.bytes();
    assert_eq!(slots.give_up_oldest("v").unwrap().t, 0);
    assert!(slots.bytes() < before, "what is on its way is on the disk still");
    slots.stored("a", 0);
    assert_eq!(slots.next(false).unwrap().keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn an_unusable_segment_keeps_its_place() {
    let mut slots = closed(&[("v", 0), ("a", 0), ("a", 10)]);
    slots.unusable("v", 10);
    for (name, time) in [("v", 0), ("a", 0), ("a", 10)] {
        slots.stored(name, time);
    }
    assert_eq!(slots.next(false).unwrap().len(), 2);
    assert_eq!(slots.next(false), None, "its encoder may have died");
    assert_eq!(slots.next(true).unwrap().keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn what_is_encoded_again_is_taken_back() {
    let mut slots = closed(&[("v", 0), ("v", 10), ("a", 0)]);
    assert_eq!(slots.cut_to_redo(), [("v".to_owned(), 10)]);
    assert_eq!(slots.ticks("v"), 10);
    assert_eq!(slots.cut_to_redo(), []);
    slots.stored("v", 0);
    slots.stored("a", 0);
    assert!(slots.next(false).is_some());
    assert_eq!(slots.ticks("v"), 10, "what left counts too");
}

#[test]
fn what_was_torn_at_the_end_is_encoded_again_in_every_rendition() {
    let mut slots = closed(&[("v", 0), ("v", 10), ("a", 0)]);
    slots.unusable("a", 10);
    assert_eq!(slots.cut_to_redo(), [("v".to_owned(), 10)]);
    // One in the middle stays a hole: what comes after it is whole.
    let mut slots = closed(&[("v", 0), ("v", 10), ("a", 10)]);
    slots.unusable("a", 0);
    assert_eq!(slots.cut_to_redo(), []);
}

#[test]
fn renditions_that_end_apart_are_cut_back_to_where_they_did_not() {
    let ladder = [("a".to_owned(), true), ("low".to_owned(), false), ("high".to_owned(), false)];
    let last = |of_high: u64| {
        let mut slots = Slots::new(ladder.clone());
        for (name, d) in [("a", 9), ("low", 8), ("high", of_high)] {
            slots.closed(name, segment(0), true);
            slots.closed(name, Segment { d, ..segment(10) }, true);
        }
        slots.cut_to_redo().into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(last(7), ["a", "low", "high"], "one picture fewer in one of them");
    assert!(last(8).is_empty(), "sound ends where its frames do");
}

#[test]
fn what_looks_like_the_end_of_a_dead_encoder_waits_for_word_of_it() {
    let ladder = [("low".to_owned(), false), ("high".to_owned(), false)];
    let ended = |of_high: u64, is_whole: bool| {
        let mut slots = Slots::new(ladder.clone());
        slots.closed("low", Segment { d: 8, ..segment(0) }, true);
        slots.closed("high", Segment { d: of_high, ..segment(0) }, is_whole);
        slots.stored("low", 0);
        slots.stored("high", 0);
        slots
    };
    assert!(ended(8, true).next(false).is_some(), "an end like any other");
    for mut slots in [ended(7, true), ended(8, false)] {
        assert_eq!(slots.next(false), None);
        let cut = slots.cut_to_redo();
        assert_eq!(cut.len(), 2, "both are encoded again: {cut:?}");
        assert!(slots.is_empty());
    }
    for mut slots in [ended(7, true), ended(8, false)] {
        assert_eq!(slots.cut_to_complete(), [], "nobody encodes it again");
        assert_eq!(slots.next(true).map(|slot| slot.len()), Some(2));
    }
    let mut goes_on = ended(7, true);
    goes_on.closed("low", segment(10), true);
    goes_on.closed("high", segment(10), true);
    assert!(goes_on.next(false).is_some(), "it was not the end");
}

#[test]
fn what_is_left_at_the_end_is_told_apart() {
    let mut slots = closed(&[("v", 0), ("v", 10), ("a", 0), ("a", 10), ("a", 20)]);
    slots.give_up_oldest("v");
    for (name, time) in [("v", 10), ("a", 0), ("a", 10), ("a", 20)] {
        slots.stored(name, time);
    }
    assert!(slots.is_settled());
    let drained = slots.drain();
    let shape: Vec<(Vec<&str>, bool)> = drained
        .iter()
        .map(|(slot, trailing)| (slot.keys().map(String::as_str).collect(), *trailing))
        .collect();
    assert_eq!(shape, [(vec!["a"], false), (vec!["a", "v"], false), (vec!["a"], true)]);
}

#[test]
fn what_was_published_before_is_not_taken_again() {
    let mut slots = slots();
    slots.resume_after("v", 10);
    assert!(!slots.closed("v", segment(10), true));
    assert!(slots.closed("v", segment(20), true));
}

proptest! {
    #[test]
    fn each_rendition_leaves_in_order_and_once(order in Just((0..2_usize).flat_map(|r| (0..8_u64).map(move |t| (r, t * 10))).collect::<Vec<_>>()).prop_shuffle()) {
        let mut slots = slots();
        let names = ["v", "a"];
        for name in names {
            for time in 0..8 { slots.closed(name, segment(time * 10), true); }
        }
        let mut seen = Vec::new();
        for (rendition, time) in order {
            slots.stored(names[rendition], time);
            while let Some(slot) = slots.next(false) { seen.push((slot["v"].t, slot["a"].t)); }
        }
        prop_assert_eq!(seen, (0..8).map(|t| (t * 10, t * 10)).collect::<Vec<_>>());
    }
}

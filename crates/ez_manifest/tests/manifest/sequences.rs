//! Random histories of a channel, seen by the strict client after every write.

use ez_manifest::{
    dash::mpd,
    hls,
    timeline::{Error, Timeline},
};
use proptest::prelude::*;

use crate::support::{ALL, BEGIN_MS, Channel, VIDEO_D, Viewers};

#[derive(Debug, Clone)]
enum Operation {
    /// A slot with this video duration in frames, without the renditions of the mask.
    Append {
        frames: u64,
        lost: u8,
    },
    /// One or more AAC frames more, and the end of the period.
    Trailing(u64),
    Close,
    /// A period so long after (or before) the end of the last.
    Open(i64),
    /// Another owner takes over after so long.
    Run(i64),
    End,
    Resume,
    Trim,
    /// The record goes through the store.
    Reload,
}

fn operation() -> impl Strategy<Value = Operation> {
    let lost = prop_oneof![6 => Just(0u8), 1 => 0u8..8];
    let frames = prop_oneof![5 => Just(60u64), 1 => 1u64..70];
    let wait = prop_oneof![Just(0i64), -3000i64..600, 300i64..9000, 9_000i64..100_000];
    prop_oneof![
        30 => (frames, lost).prop_map(|(frames, lost)| Operation::Append { frames, lost }),
        2 => prop_oneof![Just(1u64), 1u64..90].prop_map(Operation::Trailing),
        1 => Just(Operation::Close),
        3 => wait.clone().prop_map(Operation::Open),
        2 => wait.prop_map(Operation::Run),
        1 => Just(Operation::End),
        2 => Just(Operation::Resume),
        1 => Just(Operation::Trim),
        1 => Just(Operation::Reload),
    ]
}

fn perform(channel: &mut Channel, operation: &Operation, viewers: &mut Viewers) -> Result<(), TestCaseError> {
    let end = channel.timeline.media_end_ms().unwrap_or(BEGIN_MS);
    let is_open = channel.timeline.periods().last().is_some_and(|period| !period.closed);
    let has_media =
        is_open && channel.timeline.periods().last().is_some_and(|period| period.anchor.is_some());
    match operation {
        Operation::Append { frames, lost } if is_open => {
            let mut slot = channel.slot(frames * 3000);
            let lost = ALL.iter().enumerate().filter(|(bit, _)| lost & (1 << bit) != 0);
            for (_, name) in lost {
                slot.remove(*name);
            }
            match channel.timeline.append(&slot, channel.now_ms) {
                Ok(left) => channel.left = left,
                Err(Error::EmptySlot) => {}
                // The documented way out of a refused segment.
                Err(Error::Discontiguous { .. } | Error::TooLong { .. }) => channel.open(end),
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            }
        }
        Operation::Trailing(count) if has_media => channel.append_trailing(count * 1920),
        Operation::Close => channel.timeline.close_period(),
        Operation::Open(wait) if !channel.timeline.has_ended() => channel.open(end + wait),
        Operation::Run(wait) => {
            let epoch = channel.timeline.epoch();
            prop_assert!(channel.timeline.begin_run(epoch - 1).is_err());
            channel.timeline.begin_run(epoch + 1).map_err(|error| TestCaseError::fail(error.to_string()))?;
            if !channel.timeline.has_ended() {
                channel.open(end + wait);
            }
        }
        Operation::End => channel.timeline.end(),
        Operation::Resume if channel.timeline.has_ended() => {
            viewers.expect_resume();
            channel.left = channel
                .timeline
                .resume(channel.now_ms)
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            channel.open(end);
        }
        Operation::Trim => channel.left = channel.timeline.trim(channel.now_ms),
        Operation::Reload => {
            let json = channel.timeline.to_json().map_err(|error| TestCaseError::fail(error.to_string()))?;
            let stored =
                Timeline::from_json(&json).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(&stored, &channel.timeline);
            channel.timeline = stored;
        }
        _ => {}
    }
    channel.now_ms += 2000;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn no_history_breaks_a_rule(
        window_s in prop_oneof![Just(0u32), 10u32..60],
        operations in prop::collection::vec(operation(), 1..80),
    ) {
        let mut channel = Channel::begun(window_s);
        let mut viewers = Viewers::default();
        let mut sequences = [0u64; 3];
        let mut deleted: Vec<String> = Vec::new();
        for operation in &operations {
            perform(&mut channel, operation, &mut viewers)?;
            viewers.poll(&channel.timeline).map_err(TestCaseError::fail)?;
            for (name, before) in ALL.iter().zip(&mut sequences) {
                let now = channel.timeline.media_sequence(name).unwrap_or(0);
                prop_assert!(now >= *before, "MEDIA-SEQUENCE of {name} fell from {before} to {now}");
                *before = now;
            }
            deleted.extend(std::mem::take(&mut channel.left.objects).into_iter().map(|object| object.uri));
            let shown = ALL.iter().filter_map(|name| hls::media_playlist(&channel.timeline, name)).collect::<String>();
            for uri in &deleted {
                prop_assert!(!shown.contains(&format!("../{uri}\n")), "{uri} left but is still listed");
            }
            if let Some(manifest) = mpd(&channel.timeline, channel.now_ms, &[]) {
                well_formed(&manifest)?;
            }
        }
        let mut once = deleted.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), deleted.len(), "an object left twice");
    }

    #[test]
    fn damaged_records_never_panic(cut in 0usize..4000, byte in any::<u8>(), digits in "[0-9]{1,20}") {
        let mut channel = Channel::begun(10);
        channel.append(4);
        channel.open(channel.end_ms() + 4000);
        channel.append(2);
        let json = channel.timeline.to_json().unwrap();
        let cut = cut % json.len();
        let mut damaged = json.clone();
        damaged[cut] = byte;
        let text = String::from_utf8_lossy(&json);
        let other = format!("{}{digits}{}", &text[..cut], &text[cut + 1..]);
        for record in [damaged, other.into_bytes()] {
            let Ok(mut timeline) = Timeline::from_json(&record) else { continue };
            let slot = channel.slot(VIDEO_D);
            let _ = timeline.append(&slot, 0);
            let _ = timeline.begin_run(9).and_then(|()| timeline.open_period(BEGIN_MS));
            for name in ALL {
                let _ = timeline.set_track(name, crate::support::track(name));
            }
            let _ = timeline.append(&slot, 0);
            let _ = timeline.trim(0);
            let _ = mpd(&timeline, 0, &[]);
            let _ = ALL.map(|name| hls::media_playlist(&timeline, name));
            timeline.end();
            let _ = timeline.resume(0);
        }
    }
}

/// Periods of an MPD come in order and do not overlap; the XML is well-formed.
fn well_formed(manifest: &str) -> Result<(), TestCaseError> {
    crate::packager::content_protection(manifest).map_err(TestCaseError::fail)?;
    let mut end = i64::MIN;
    for line in manifest.lines().filter(|line| line.trim_start().starts_with("<Period")) {
        let ms = |name: &str| {
            let value = line.split_once(&format!(" {name}=\"PT"))?.1.split_once("S\"")?.0.replace('.', "");
            value.parse::<i64>().ok()
        };
        let start = ms("start").ok_or_else(|| TestCaseError::fail(line.to_owned()))?;
        prop_assert!(start >= end, "{line} begins before {end}");
        end = start + ms("duration").unwrap_or(0);
    }
    Ok(())
}

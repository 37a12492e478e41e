//! How much media may wait on the worker's disk, and what goes when it is more.
//!
//! The best picture goes first: viewers keep a lower one, and one segment of it frees the most. It goes when ten
//! minutes wait, or when the store is away or too slow and the disk is nearly full: a disk that is full ends the run,
//! and all that waits with it.

use std::collections::VecDeque;

use ez_domain::spec::{JobSpec, RenditionName};
use ez_manifest::timeline::Segment;
use ez_service::disk::Room;

use crate::period::Period;

/// Media that may wait.
const SECONDS: u64 = 600;
/// What an outage leaves free on the disk, for all channels of the worker together.
const RESERVE_BYTES: u64 = 256 * 1024 * 1024;
/// And on a small one: this part of it.
const RESERVE_PART: u64 = 10;
/// The part of a shortage that one look of one channel makes up for.
const SHARE: u64 = 4;
/// Room for the smallest of ladders.
const LEAST_BYTES: u64 = 64 * 1024 * 1024;

/// The bounds of one run's spool.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: u64,
    /// In the order in which renditions are given up: pictures, so many, then sound.
    order: Vec<RenditionName>,
    pictures: usize,
}

/// How much of the reserve of a disk is in use.
fn missing(room: Room) -> u64 {
    RESERVE_BYTES.min(room.total / RESERVE_PART).saturating_sub(room.free)
}

impl Budget {
    /// `bytes`, or ten minutes of the whole ladder at its highest rates.
    pub(crate) fn of(spec: &JobSpec, bytes: Option<u64>) -> Self {
        Self::of_bytes(bytes.unwrap_or_else(|| Self::ten_minutes(spec)), spec)
    }

    fn ten_minutes(spec: &JobSpec) -> u64 {
        let video = spec.video.iter().map(|rendition| rendition.max_bitrate.bps());
        let audio = spec.audio.iter().map(|rendition| rendition.bitrate.bps());
        (video.chain(audio).sum::<u64>() / 8).saturating_mul(SECONDS).max(LEAST_BYTES)
    }

    fn of_bytes(bytes: u64, spec: &JobSpec) -> Self {
        let mut video: Vec<_> = spec.video.iter().collect();
        video.sort_by_key(|rendition| std::cmp::Reverse(rendition.max_bitrate.bps()));
        let video = video.into_iter().map(|rendition| rendition.name.clone());
        let audio = spec.audio.iter().map(|rendition| rendition.name.clone());
        Self { bytes, order: video.chain(audio).collect(), pictures: spec.video.len() }
    }

    /// Gives segments up until the rest fits; answers what went, with the place of its period. `room` is that of
    /// the disk while the store is away or too slow.
    pub(crate) fn enforce(
        &self,
        periods: &mut VecDeque<Period>,
        room: Option<Room>,
    ) -> Vec<(usize, RenditionName, Segment)> {
        let mut waiting: u64 = periods.iter().map(|period| period.slots.bytes()).sum();
        let mut given_up = Vec::new();
        for rendition in &self.order {
            for (place, period) in periods.iter_mut().enumerate() {
                while waiting > self.bytes {
                    let Some(segment) = period.slots.give_up_oldest(rendition.as_str()) else { break };
                    waiting = waiting.saturating_sub(segment.bytes);
                    given_up.push((place, rendition.clone(), segment));
                }
            }
        }
        // Each channel of the worker sees the same disk, so none makes all of the room at once; and sound and the
        // lowest picture are kept: whoever fills the disk, it is not they.
        let mut share = room.map_or(0, missing) / SHARE;
        for rendition in self.order.iter().take(self.pictures.saturating_sub(1)) {
            for (place, period) in periods.iter_mut().enumerate() {
                while share > 0
                    && let Some(segment) = period.slots.give_up_oldest(rendition.as_str())
                {
                    share = share.saturating_sub(segment.bytes);
                    given_up.push((place, rendition.clone(), segment));
                }
            }
        }
        given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_on_large_and_small_disks() {
        const MIB: u64 = 1024 * 1024;
        for (free, total, expected) in [
            (500, 100_000, 0),
            (256, 100_000, 0),
            (200, 100_000, 56),
            (0, 100_000, 256),
            (3, 24, 0),
            (1, 100, 9),
        ] {
            let room = Room { free: free * MIB, total: total * MIB };
            assert_eq!(missing(room) / MIB, expected, "{free} of {total} MiB free");
        }
    }
}

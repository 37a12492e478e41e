//! A first key frame and what follows it, held for a moment before it goes live.
//!
//! The moment tells whether audio comes, and whether the media arrives faster than it plays: then it
//! is a burst of old media, and playing it from its start would leave a lead for good.

use bytes::Bytes;

use super::settings::JUMP;
use super::time::Nanos;
use crate::flv::{Kind, Tag};
use crate::media::video::{Packet, Role};

const MAX_BYTES: usize = 32 * 1024 * 1024;
const MAX_TAGS: usize = 4000;

/// A tag with its unrolled time and its arrival.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) kind: Kind,
    pub(crate) at: Nanos,
    pub(crate) arrival: Nanos,
    pub(crate) body: Bytes,
}

impl Arrived {
    pub(crate) fn new(tag: Tag, at: Nanos, arrival: Nanos) -> Self {
        Self { kind: tag.kind, at, arrival, body: tag.body }
    }

    pub(crate) fn is_key_frame(&self) -> bool {
        self.kind == Kind::Video && Packet::parse(&self.body).is_some_and(|head| head.role == Role::KeyFrame)
    }
}

/// The tags since a key frame.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    /// Never empty; the first one is a key frame.
    pub(crate) tags: Vec<Arrived>,
    pub(crate) began: Nanos,
    bytes: usize,
}

impl Hold {
    pub(crate) fn new(key_frame: Arrived) -> Self {
        Self { began: key_frame.arrival, bytes: key_frame.body.len(), tags: vec![key_frame] }
    }

    pub(crate) fn push(&mut self, tag: Arrived) {
        self.bytes += tag.body.len();
        self.tags.push(tag);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes > MAX_BYTES || self.tags.len() > MAX_TAGS
    }

    /// The last key frame held.
    pub(crate) fn last_key_frame(&self) -> usize {
        self.tags.iter().rposition(Arrived::is_key_frame).unwrap_or(0)
    }

    /// How much media there is from tag `start` on; jumps do not count.
    pub(crate) fn span(&self, start: usize) -> Nanos {
        let mut videos = self.tags.iter().skip(start).filter(|tag| tag.kind == Kind::Video).map(|tag| tag.at);
        let Some(mut last) = videos.next() else { return 0 };
        let mut span: Nanos = 0;
        for at in videos {
            let step = at.wrapping_sub(last);
            if (0..=JUMP).contains(&step) {
                span = span.saturating_add(step);
            }
            last = at;
        }
        span
    }

    /// By how much the media from tag `start` on ran ahead of the clock.
    pub(crate) fn lead(&self, start: usize, now: Nanos) -> Nanos {
        let arrival = self.tags.get(start).map_or(now, |tag| tag.arrival);
        self.span(start) - now.saturating_sub(arrival)
    }
}

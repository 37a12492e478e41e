//! What the calls of a contribution give: tags, and events for its owner.

use std::time::Duration;

use bytes::Bytes;

use super::writer::Period;
use crate::flv::{self, Tag};
use crate::media::{audio, video};

/// Something that the owner has to know or do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The running period has its first media: timestamp 0 is fixed to a moment.
    Anchored(Period),
    /// The publisher cannot be taken: end its session with this reason.
    Unsupported(Unsupported),
    /// The publisher's video codec is not the period's. ffmpeg would end its stream at the change: end
    /// it in order, start another and call [`super::Contribution::begin_period`]. Its media is held back.
    NeedsNewPeriod {
        /// Codec of the running period.
        from: video::Codec,
        /// Codec of the publisher.
        to: video::Codec,
    },
    /// A gap seems to begin: make a still of [`super::Contribution::last_gop`] and hand it to
    /// [`super::Contribution::set_still`].
    StillWanted,
    /// The picture is being filled.
    FillingBegan,
    /// The publisher's picture is back.
    FillingEnded,
}

/// A codec that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// The video codec.
    #[error("{0} is not supported: publish H.264, or HEVC by Enhanced RTMP")]
    Video(video::Codec),
    /// The audio codec.
    #[error("{0} is not supported: publish AAC")]
    Audio(audio::Codec),
}

/// What one call gives: tags to be written in this order, and events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// For ffmpeg's stdin; a fresh ffmpeg gets [`flv::header`] first.
    pub tags: Vec<Tag>,
    /// What happened.
    pub events: Vec<Event>,
}

impl Output {
    /// What the encoder of a fresh period has to leave out ([`Period::preroll`]).
    pub fn preroll(&self) -> Duration {
        let anchored = self.events.iter().find_map(|event| match event {
            Event::Anchored(period) => Some(period.preroll),
            Event::Unsupported(_)
            | Event::NeedsNewPeriod { .. }
            | Event::StillWanted
            | Event::FillingBegan
            | Event::FillingEnded => None,
        });
        anchored.unwrap_or_default()
    }

    /// The tags as FLV bytes.
    pub fn flv(&self) -> Bytes {
        flv::encode(&self.tags)
    }
}

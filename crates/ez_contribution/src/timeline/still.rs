//! The still picture that a gap shows instead of the last key frame.

use bytes::Bytes;
use thiserror::Error;

use super::settings::MAX_COMPOSITION;
use super::time::{MS, Nanos};
use crate::flv::{Kind, ParseError, Parser, Tag};
use crate::media::video::{Codec, Packet, Role};

/// A key frame with the header it needs: one picture that can be repeated for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    pub(crate) codec: Codec,
    pub(crate) header: Bytes,
    pub(crate) body: Bytes,
    pub(crate) composition: Nanos,
}

/// Why a picture cannot serve as a still.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StillError {
    /// The maker's output is not FLV.
    #[error("read the still maker's FLV")]
    Flv(#[from] ParseError),
    /// There is no sequence header followed by a key frame.
    #[error("still without a sequence header followed by a key frame: encode exactly one IDR picture to FLV")]
    Incomplete,
    /// The codec is not the period's: ffmpeg would end the stream.
    #[error(
        "still in {still}, but the contribution is {contribution}: make it with the contribution's codec"
    )]
    Codec {
        /// The still's codec.
        still: Codec,
        /// The codec of the running period.
        contribution: Codec,
    },
}

impl Still {
    /// Reads the FLV bytes of a still maker: the first sequence header and the first key frame.
    pub fn from_flv(bytes: &[u8]) -> Result<Self, StillError> {
        let mut parser = Parser::new();
        parser.push(bytes);
        let mut header: Option<Tag> = None;
        while let Some(tag) = parser.next_tag()? {
            let Some(packet) = Packet::parse(&tag.body).filter(|_| tag.kind == Kind::Video) else { continue };
            match (packet.role, &header) {
                (Role::SequenceHeader, _) => header = Some(tag),
                (Role::KeyFrame, Some(header)) => {
                    return Self::new(header.body.clone(), tag.body).ok_or(StillError::Incomplete);
                }
                _ => {}
            }
        }
        Err(StillError::Incomplete)
    }

    /// From two video bodies; `None` unless they are a header and a key frame of one supported codec.
    pub fn new(header: Bytes, body: Bytes) -> Option<Self> {
        let (first, second) = (Packet::parse(&header)?, Packet::parse(&body)?);
        let composition = composition(&second)?;
        let fits = first.role == Role::SequenceHeader
            && second.role == Role::KeyFrame
            && first.codec == second.codec
            && first.codec.is_supported();
        fits.then_some(Self { codec: first.codec, header, body, composition })
    }
}

/// The composition time, unless it is damage.
pub(crate) fn composition(packet: &Packet) -> Option<Nanos> {
    let composition = Nanos::from(packet.composition_ms) * MS;
    (composition.abs() <= MAX_COMPOSITION).then_some(composition)
}

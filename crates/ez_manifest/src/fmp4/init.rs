//! Init segments: what a track is, and the defaults that its media segments inherit.

use mp4_atom::{Audio, Decode as _, Hdlr, Mdhd, Tkhd, Trex, Visual};

use super::{
    Error,
    boxes::{RawBox, find, require, walk},
    codec,
    encryption::{self, Encryption},
};

/// What the single track carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// Pictures of this size in pixels.
    Video {
        /// Width of the sample entry.
        width: u32,
        /// Height of the sample entry.
        height: u32,
    },
    /// Sound.
    Audio {
        /// Samples per second.
        sample_rate: u32,
        /// Channels.
        channels: u32,
    },
}

/// An init segment (`ftyp` + `moov`) with exactly one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitSegment {
    /// Ticks per second of every time in the media segments.
    pub timescale: u32,
    /// RFC 6381 codec string; of the clear format when the track is encrypted.
    pub codec: String,
    /// Video or audio with its measures.
    pub media: Media,
    /// How samples are encrypted; `None` when they are in clear.
    pub encryption: Option<Encryption>,
    pub(super) track_id: u32,
    pub(super) default_duration: u32,
    pub(super) default_flags: u32,
}

impl InitSegment {
    /// Reads a whole init segment.
    ///
    /// # Errors
    /// [`Error::Torn`] when the boxes do not add up, else what is missing or not understood.
    pub fn read(file: &[u8]) -> Result<Self, Error> {
        let moov = walk(require(&walk(file)?, "moov")?.body)?;
        let tracks = moov.iter().filter(|child| &child.kind == b"trak").count();
        if tracks > 1 {
            return Err(Error::SeveralTracks(tracks));
        }
        let trak = walk(require(&moov, "trak")?.body)?;
        let track_id = require(&trak, "tkhd")?.decode::<Tkhd>("tkhd")?.track_id;
        let mdia = walk(require(&trak, "mdia")?.body)?;
        let timescale = require(&mdia, "mdhd")?.decode::<Mdhd>("mdhd")?.timescale;
        if timescale == 0 {
            return Err(Error::Time("the timescale is zero"));
        }
        let handler = require(&mdia, "hdlr")?.decode::<Hdlr>("hdlr")?.handler;
        let minf = walk(require(&mdia, "minf")?.body)?;
        let stbl = walk(require(&minf, "stbl")?.body)?;
        let entry = SampleEntry::read(require(&stbl, "stsd")?, handler.into(), &moov)?;
        let trex = defaults(&moov, track_id)?;
        Ok(Self {
            timescale,
            codec: entry.codec,
            media: entry.media,
            encryption: entry.encryption,
            track_id,
            default_duration: trex.default_sample_duration,
            default_flags: trex.default_sample_flags,
        })
    }
}

/// The `trex` of the track; without one all defaults are zero.
fn defaults(moov: &[RawBox<'_>], track_id: u32) -> Result<Trex, Error> {
    let Some(mvex) = find(moov, "mvex") else { return Err(Error::Missing("mvex")) };
    for child in walk(mvex.body)?.iter().filter(|child| &child.kind == b"trex") {
        let trex: Trex = child.decode("trex")?;
        if trex.track_id == track_id {
            return Ok(trex);
        }
    }
    Err(Error::Missing("trex"))
}

struct SampleEntry {
    codec: String,
    media: Media,
    encryption: Option<Encryption>,
}

impl SampleEntry {
    /// Reads the first entry of `stsd`: version, flags and entry count, then the entries.
    fn read(stsd: RawBox<'_>, handler: [u8; 4], moov: &[RawBox<'_>]) -> Result<Self, Error> {
        let entries = walk(stsd.body.get(8..).ok_or(Error::Missing("stsd"))?)?;
        let entry = entries.first().copied().ok_or(Error::Missing("sample entry"))?;
        let mut rest = entry.body;
        match &handler {
            b"vide" => {
                let fixed = Visual::decode(&mut rest).map_err(malformed)?;
                let (codec, encryption) = Self::codec(entry.kind, rest, moov)?;
                let media = Media::Video { width: fixed.width.into(), height: fixed.height.into() };
                Ok(Self { codec: codec.name, media, encryption })
            }
            b"soun" => {
                let fixed = Audio::decode(&mut rest).map_err(malformed)?;
                let (codec, encryption) = Self::codec(entry.kind, rest, moov)?;
                let media = Media::Audio {
                    sample_rate: fixed.sample_rate.integer().into(),
                    // The sample entry's count is fixed to 2 by some writers; the codec knows better.
                    channels: codec.channels.unwrap_or_else(|| fixed.channel_count.into()),
                };
                Ok(Self { codec: codec.name, media, encryption })
            }
            _ => Err(Error::UnknownHandler(String::from_utf8_lossy(&handler).into_owned())),
        }
    }

    /// Looks through the protection wrapper (`encv`, `enca`) at the original format.
    fn codec(
        kind: [u8; 4],
        children: &[u8],
        moov: &[RawBox<'_>],
    ) -> Result<(codec::Codec, Option<Encryption>), Error> {
        let children = walk(children)?;
        if !matches!(&kind, b"encv" | b"enca") {
            return Ok((codec::describe(kind, &children)?, None));
        }
        let sinf = walk(require(&children, "sinf")?.body)?;
        let format = encryption::original_format(&sinf)?;
        let encryption = encryption::read(&sinf, moov)?;
        Ok((codec::describe(format, &children)?, Some(encryption)))
    }
}

fn malformed(source: mp4_atom::Error) -> Error {
    Error::Malformed { kind: "sample entry", source }
}

//! Audio bodies and the AAC configuration.
//!
//! Reference: Adobe FLV E.4.2, ISO/IEC 14496-3 1.6.2.1 (`AudioSpecificConfig`). Only what rate,
//! channels and the length of a frame need is read; program config elements are not.

use std::fmt;

use super::bits::Bits;

/// The audio codecs that a contribution can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// AAC of any profile.
    Aac,
    /// MP3, which is not taken.
    Mp3,
    /// Another `SoundFormat`, which is not taken; 9 is Enhanced RTMP.
    Other(u8),
}

impl Codec {
    /// Whether a contribution of this codec can be taken.
    pub const fn is_supported(self) -> bool {
        matches!(self, Self::Aac)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aac => formatter.write_str("AAC"),
            Self::Mp3 => formatter.write_str("MP3"),
            Self::Other(9) => formatter.write_str("Enhanced RTMP audio"),
            Self::Other(format) => write!(formatter, "FLV sound format {format}"),
        }
    }
}

/// What an audio packet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The `AudioSpecificConfig`.
    SequenceHeader,
    /// One coded frame.
    Frame,
    /// Nothing that decoding needs.
    Other,
}

/// The head of an audio body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Codec of the body.
    pub codec: Codec,
    /// What the body is.
    pub role: Role,
    /// The first byte, which fillers repeat.
    pub first: u8,
}

impl Packet {
    /// Reads the head of an audio body; `None` for one that is cut short.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let first = *body.first()?;
        let (codec, role) = match first >> 4 {
            10 => match *body.get(1)? {
                0 => (Codec::Aac, Role::SequenceHeader),
                1 if body.len() > 2 => (Codec::Aac, Role::Frame),
                _ => (Codec::Aac, Role::Other),
            },
            2 | 14 => (Codec::Mp3, Role::Other),
            other => (Codec::Other(other), Role::Other),
        };
        Some(Self { codec, role, first })
    }
}

/// What an `AudioSpecificConfig` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Audio object type of the core: 2 is AAC-LC.
    pub object_type: u32,
    /// Sample rate of the core coder, in Hz.
    pub core_rate: u32,
    /// Sample rate after spectral band replication where that is signalled, else the core's.
    pub output_rate: u32,
    /// `channelConfiguration`; 0 means that a program config element has them.
    pub channel_configuration: u32,
    /// HE-AAC, explicitly signalled.
    pub has_band_replication: bool,
    /// HE-AAC v2, explicitly signalled.
    pub has_parametric_stereo: bool,
    /// Samples of the core in one frame: 1024 or 960.
    pub frame_samples: u32,
}

const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350];

impl Config {
    /// Reads an `AudioSpecificConfig`; `None` if it is damaged or its rate impossible.
    pub fn parse(config: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(config);
        let mut object_type = object_type(&mut bits)?;
        let core_rate = rate(&mut bits)?;
        let channel_configuration = bits.take(4)?;
        let has_parametric_stereo = object_type == 29;
        let has_band_replication = object_type == 5 || has_parametric_stereo;
        let mut output_rate = core_rate;
        if has_band_replication {
            output_rate = rate(&mut bits)?;
            object_type = self::object_type(&mut bits)?;
        }
        // GASpecificConfig begins with frameLengthFlag (14496-3 4.4.1).
        let is_general = matches!(object_type, 1..=4 | 6 | 7);
        let frame_samples = if is_general && bits.bit()? { 960 } else { 1024 };
        Some(Self {
            object_type,
            core_rate,
            output_rate,
            channel_configuration,
            has_band_replication,
            has_parametric_stereo,
            frame_samples,
        })
    }

    /// Number of channels, where the configuration alone tells it.
    pub const fn channels(&self) -> Option<u32> {
        match self.channel_configuration {
            1 if self.has_parametric_stereo => Some(2),
            count @ 1..=6 => Some(count),
            7 | 12 | 14 => Some(8),
            11 => Some(7),
            _ => None,
        }
    }
}

fn object_type(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(5)? {
        31 => Some(32 + bits.take(6)?),
        small => Some(small),
    }
}

/// Rates below 1 kHz would make frames of more than a second: nothing real has them.
fn rate(bits: &mut Bits<'_>) -> Option<u32> {
    let rate = match bits.take(4)? {
        15 => bits.take(24)?,
        index => *RATES.get(usize::try_from(index).ok()?)?,
    };
    (1000..=192_000).contains(&rate).then_some(rate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn configurations() {
        // Object type, core rate, output rate, channel configuration, samples.
        type Expected = (u32, u32, u32, u32, u32);
        let cases: [(&str, &[u8], Expected); 7] = [
            ("48k stereo", &[0x11, 0x90], (2, 48_000, 48_000, 2, 1024)),
            ("44.1k stereo", &[0x12, 0x10], (2, 44_100, 44_100, 2, 1024)),
            ("48k mono", &[0x11, 0x88], (2, 48_000, 48_000, 1, 1024)),
            ("ffmpeg tail", &[0x12, 0x10, 0x56, 0xE5, 0x00], (2, 44_100, 44_100, 2, 1024)),
            ("960 samples", &[0x11, 0x94], (2, 48_000, 48_000, 2, 960)),
            // 5, index 6 (24k), 2 channels, index 3 (48k), 2
            ("HE-AAC", &[0x2B, 0x11, 0x88, 0x00], (2, 24_000, 48_000, 2, 1024)),
            // 2, index 15, 24-bit 12345, 1 channel
            ("explicit rate", &[0x17, 0x80, 0x18, 0x1C, 0x88], (2, 12_345, 12_345, 1, 1024)),
        ];
        for (name, bytes, expected) in cases {
            let config = Config::parse(bytes).unwrap();
            let found = (
                config.object_type,
                config.core_rate,
                config.output_rate,
                config.channel_configuration,
                config.frame_samples,
            );
            assert_eq!(found, expected, "{name}");
        }
        assert!(Config::parse(&[0x2B, 0x11, 0x88, 0x00]).unwrap().has_band_replication);
        assert_eq!(Config::parse(&[0x11]), None, "cut short");
        assert_eq!(Config::parse(&[0x16, 0x90]), None, "reserved rate index 13");
    }

    #[test]
    fn heads() {
        type Expected = Option<(Codec, Role)>;
        let cases: [(&[u8], Expected); 7] = [
            (&[0xAF, 0, 0x11, 0x90], Some((Codec::Aac, Role::SequenceHeader))),
            (&[0xAF, 1, 0x21], Some((Codec::Aac, Role::Frame))),
            (&[0xAF, 1], Some((Codec::Aac, Role::Other))),
            (&[0xAF], None),
            (&[0x2F, 0xFF], Some((Codec::Mp3, Role::Other))),
            (&[0x90], Some((Codec::Other(9), Role::Other))),
            (&[], None),
        ];
        for (body, expected) in cases {
            assert_eq!(Packet::parse(body).map(|packet| (packet.codec, packet.role)), expected, "{body:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Some(config) = Config::parse(&bytes) {
                prop_assert!(config.core_rate >= 1000);
            }
        }
    }
}

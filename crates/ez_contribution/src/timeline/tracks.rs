//! What was written of each track: the state that seams and fillers go on from.

use bytes::Bytes;

use super::time::{Nanos, fraction};
use crate::media::audio::Config;
use crate::media::{silence, video};

/// A filler's slots: `origin + n * step`, so that nothing accumulates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    pub(crate) origin: Nanos,
    pub(crate) next: i64,
}

/// A live key frame with its header.
#[derive(Debug, Clone)]
pub(crate) struct CachedKey {
    pub(crate) header: Bytes,
    pub(crate) body: Bytes,
    pub(crate) composition: Nanos,
}

/// The video track.
#[derive(Debug, Default)]
pub(crate) struct VideoTrack {
    /// Latest decoding and presentation time, once anything was written.
    pub(crate) last: Option<(Nanos, Nanos)>,
    /// The sequence header that ffmpeg has.
    pub(crate) header: Option<Bytes>,
    pub(crate) key: Option<CachedKey>,
    /// Nothing but a key frame may be written.
    pub(crate) is_gated: bool,
    pub(crate) filling: Option<Slots>,
    /// Arrival of the last live picture.
    pub(crate) heard: Nanos,
}

/// The audio track.
#[derive(Debug)]
pub(crate) struct AudioTrack {
    /// Where the next frame belongs, once anything was written.
    pub(crate) end: Option<Nanos>,
    /// Decoding time of the last frame.
    pub(crate) last: Option<Nanos>,
    /// The sequence header that ffmpeg has, and what it says.
    pub(crate) header: Option<Bytes>,
    pub(crate) config: Config,
    pub(crate) filling: Option<Slots>,
    pub(crate) heard: Nanos,
    /// Live audio of this session is being written.
    pub(crate) has_joined: bool,
    /// Constant correction that lets live audio continue the written track without a hole.
    pub(crate) snap: Nanos,
    pub(crate) misfits: u32,
    /// The next live frame is preceded by its header even if ffmpeg has the same.
    pub(crate) resend_header: bool,
}

/// What a publisher has announced.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    pub(crate) video: Option<(video::Codec, Bytes)>,
    pub(crate) audio: Option<(Config, Bytes)>,
    pub(crate) rejections: u32,
    pub(crate) is_refused: bool,
}

/// AAC-LC, 48 kHz, stereo.
pub(crate) const STEREO: Config = Config {
    object_type: 2,
    core_rate: 48_000,
    output_rate: 48_000,
    channel_configuration: 2,
    has_band_replication: false,
    has_parametric_stereo: false,
    frame_samples: 1024,
};

/// The body that announces [`STEREO`].
pub(crate) const fn stereo_header() -> Bytes {
    Bytes::from_static(&[silence::AAC_FIRST, 0, silence::STEREO_48K[0], silence::STEREO_48K[1]])
}

/// `count` audio frames.
pub(crate) fn audio_frames(config: &Config, count: i64) -> Nanos {
    fraction(count, config.frame_samples, config.core_rate)
}

impl Default for AudioTrack {
    fn default() -> Self {
        Self {
            end: None,
            last: None,
            header: None,
            config: STEREO,
            filling: None,
            heard: 0,
            has_joined: false,
            snap: 0,
            misfits: 0,
            resend_header: false,
        }
    }
}

impl AudioTrack {
    /// Duration of one frame under the configuration that ffmpeg has.
    pub(crate) fn frame(&self) -> Nanos {
        audio_frames(&self.config, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::audio::Packet;

    #[test]
    fn own_header_is_what_it_says() {
        let header = stereo_header();
        assert!(Packet::parse(&header).is_some());
        assert_eq!(Config::parse(&header[2..]), Some(STEREO));
    }
}

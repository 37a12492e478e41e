//! `input_info.json`: what the publisher sends, in the words of `ffprobe -show_format -show_streams`.
//!
//! Written once the contribution has been looked at for some seconds, and anew when it has become another
//! one (another encoder, size or codec), not with every flutter of its rates.

use std::time::Duration;

use ez_contribution::media::{audio, video};
use ez_contribution::timeline::Figures;
use ez_domain::id::Epoch;
use ez_domain::units::FrameRate;
use ez_origin::Message;
use serde_json::{Value, json};

use super::Run;

/// Time until the rates of a new publisher are worth telling.
const LOOK: Duration = Duration::from_secs(3);

/// What makes a contribution another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Codec, width and height.
    video: Option<(&'static str, u32, u32)>,
    /// Codec, sample rate and channels.
    audio: Option<(&'static str, Option<u32>, Option<u32>)>,
}

impl Run {
    /// Tells the origin of a contribution that was not described yet.
    pub(super) async fn describe(&mut self) {
        let now = self.clock.now();
        let is_known = self.leaving.is_none() && self.meter.publishing_for(now) >= LOOK;
        let Some(contribution) = self.contribution.as_ref().filter(|_| is_known) else { return };
        let figures = contribution.figures(now);
        let facts = facts(&figures);
        if facts.video.is_none() && facts.audio.is_none() || self.described.as_ref() == Some(&facts) {
            return;
        }
        let text = document(&facts, &figures, self.description.epoch).to_string();
        tracing::info!(?facts, "the contribution is described");
        self.described = Some(facts);
        // An origin that is gone tells why by itself.
        drop(self.to_origin.send(Message::InputKnown { json: text.into() }).await);
    }
}

fn facts(figures: &Figures) -> Facts {
    let size = figures.width.zip(figures.height);
    let video = figures.video.zip(size).map(|(codec, (width, height))| (video_name(codec), width, height));
    let audio = figures.audio.map(|codec| (audio_name(codec), figures.sample_rate, figures.channels));
    Facts { video, audio }
}

/// As ffprobe calls it.
const fn video_name(codec: video::Codec) -> &'static str {
    match codec {
        video::Codec::Avc => "h264",
        video::Codec::Hevc => "hevc",
        video::Codec::Av1 => "av1",
        video::Codec::OtherId(_) | video::Codec::OtherFourCc(_) => "unknown",
    }
}

/// As ffprobe calls it.
const fn audio_name(codec: audio::Codec) -> &'static str {
    match codec {
        audio::Codec::Aac => "aac",
        audio::Codec::Mp3 => "mp3",
        audio::Codec::Other(_) => "unknown",
    }
}

/// Rates are texts, as ffprobe writes them; the epoch is ours.
fn document(facts: &Facts, figures: &Figures, epoch: Epoch) -> Value {
    let mut streams = Vec::new();
    if let Some((codec, width, height)) = facts.video {
        let rate = figures
            .frames_per_second
            .and_then(FrameRate::snapped)
            .map_or_else(|| "0/0".to_owned(), |rate| format!("{}/{}", rate.numerator(), rate.denominator()));
        let announced = figures.metadata.and_then(|metadata| metadata.video_rate_kbps);
        streams.push(json!({
            "index": 0,
            "codec_type": "video",
            "codec_name": codec,
            "width": width,
            "height": height,
            "r_frame_rate": rate,
            "avg_frame_rate": rate,
        }));
        if let (Some(kbps), Some(stream)) = (announced.filter(|kbps| *kbps > 0.0), streams.last_mut()) {
            stream["bit_rate"] = format!("{:.0}", kbps * 1000.0).into();
        }
    }
    if let Some((codec, sample_rate, channels)) = facts.audio {
        let mut stream = json!({"index": streams.len(), "codec_type": "audio", "codec_name": codec});
        if let Some(rate) = sample_rate {
            stream["sample_rate"] = rate.to_string().into();
        }
        if let Some(channels) = channels {
            stream["channels"] = channels.into();
        }
        streams.push(stream);
    }
    let format = json!({
        "format_name": "flv",
        "nb_streams": streams.len(),
        "bit_rate": figures.bits_per_second.to_string(),
    });
    json!({ "epoch": epoch, "streams": streams, "format": format })
}

#[cfg(test)]
mod tests {
    use ez_contribution::media::metadata::Metadata;
    use ez_contribution::timeline::State;

    use super::*;

    fn figures() -> Figures {
        Figures {
            state: State::Live,
            bits_per_second: 2_500_000,
            frames_per_second: Some(29.96),
            key_frame_interval: None,
            width: Some(1280),
            height: Some(720),
            video: Some(video::Codec::Avc),
            audio: Some(audio::Codec::Aac),
            sample_rate: Some(48_000),
            channels: Some(2),
            metadata: Some(Metadata { video_rate_kbps: Some(2400.0), ..Metadata::default() }),
            total_bytes: 0,
            dropped_tags: 0,
            filler_tags: 0,
            drift_ms: 0,
            lead: Duration::ZERO,
        }
    }

    #[test]
    fn a_contribution_is_described_as_ffprobe_does() {
        let told = document(&facts(&figures()), &figures(), Epoch::new(3));
        let expected = json!({
            "epoch": 3,
            "streams": [
                {"index": 0, "codec_type": "video", "codec_name": "h264", "width": 1280, "height": 720,
                 "r_frame_rate": "30000/1001", "avg_frame_rate": "30000/1001", "bit_rate": "2400000"},
                {"index": 1, "codec_type": "audio", "codec_name": "aac", "sample_rate": "48000", "channels": 2},
            ],
            "format": {"format_name": "flv", "nb_streams": 2, "bit_rate": "2500000"},
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_not_known_is_left_out_and_rates_make_no_other_contribution() {
        let sound = Figures { video: None, sample_rate: None, channels: None, ..figures() };
        let told = document(&facts(&sound), &sound, Epoch::new(1));
        assert_eq!(told["streams"], json!([{"index": 0, "codec_type": "audio", "codec_name": "aac"}]));
        let faster = Figures { frames_per_second: Some(60.0), bits_per_second: 1, ..figures() };
        assert_eq!(facts(&faster), facts(&figures()));
        let larger = Figures { width: Some(1920), ..figures() };
        assert_ne!(facts(&larger), facts(&figures()));
    }
}

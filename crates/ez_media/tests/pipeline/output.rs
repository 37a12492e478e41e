//! Bit rates and start times of what came out.

use ez_domain::spec::RenditionName;
use ez_domain::units::Bitrate;

use crate::harness::Run;

/// The media of `name` has its own target rate, within a quarter.
#[expect(clippy::cast_precision_loss, reason = "bit rates of a few seconds are far below 2^53")]
pub(crate) fn assert_rate_near(run: &Run, name: &RenditionName, target: Bitrate, seconds: f64) {
    let bytes: u64 = run.media(name).packets.iter().map(|packet| packet.size).sum();
    let found = bytes as f64 * 8.0 / seconds;
    let ratio = found / target.bps() as f64;
    assert!((0.75..1.25).contains(&ratio), "{name}: {found:.0} bit/s, asked for {target}");
}

/// Audio begins at most one of its frames before the first picture, and not after the next.
pub(crate) fn assert_audio_starts_with_video(run: &Run) {
    for rendition in &run.spec().audio {
        let start = run.media(&rendition.name).packets.iter().map(|packet| packet.pts).min().unwrap();
        let offset = i64::try_from(start).unwrap() - i64::try_from(run.start_ticks()).unwrap();
        assert!(
            (-2160..=3600).contains(&offset),
            "{}: audio starts {offset} ticks after video",
            rendition.name
        );
    }
}

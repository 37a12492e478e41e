//! Encoder options of the audio renditions of one feed.

use ez_domain::spec::{AudioCodec, AudioRendition};
use ez_domain::units::Bitrate;

use crate::argv::Argv;
use crate::feed::Feed;

pub(super) fn options(argv: &mut Argv, feed: &Feed<'_>) {
    if feed.audio.is_empty() {
        return;
    }
    // Holes and overlaps of the contribution's clock are filled or squeezed, so that sound
    // stays beside the picture. `flags=res` keeps the resampler in place also when the rates
    // are equal: without it a 48 kHz source keeps holes of 16 ms.
    argv.option("-filter:a", "aresample=48000:async=1000:flags=res");
    // The same format whatever the publisher sends: the initialisation segment stays valid.
    argv.option("-ar:a", "48000");
    argv.option("-ac:a", "2");
    for (stream, rendition) in feed.audio.iter().enumerate() {
        argv.option(format!("-c:a:{stream}"), encoder(rendition.codec));
        argv.option(format!("-b:a:{stream}"), bitrate(rendition));
        argv.option(format!("-threads:a:{stream}"), "1");
    }
}

const fn encoder(codec: AudioCodec) -> &'static str {
    match codec {
        AudioCodec::Aac => "aac",
        AudioCodec::Mp3 => "libmp3lame",
    }
}

/// The bit rate asked for, within what the encoder takes.
fn bitrate(rendition: &AudioRendition) -> Bitrate {
    match rendition.codec {
        AudioCodec::Aac => rendition.bitrate,
        // MPEG-1 layer III at 48 kHz: 32 to 320 kb/s (ISO/IEC 11172-3 2.4.2.3).
        AudioCodec::Mp3 => rendition.bitrate.clamp(Bitrate::from_kbps(32), Bitrate::from_kbps(320)),
    }
}

//! Which renditions travel together from ffmpeg to packager, and in which container.
//!
//! One MPEG-TS carries every rendition that MPEG-TS can carry: packager waits for about
//! 64 KiB before it knows the container, which a shared stream fills at once. AV1 has no
//! mapping in MPEG-TS that packager reads (stream type 0x06 is refused), and several tracks
//! in one fragmented MP4 confuse its durations, so each AV1 rendition has a FIFO of its own.
//!
//! Invariant: the position of a rendition in its feed is the index of its stream both in
//! ffmpeg's output and in packager's `stream=` selector. Both builders read this module.

use ez_domain::spec::{AudioCodec, AudioRendition, JobSpec, VideoCodec, VideoRendition};

use crate::layout::local;

/// The container between ffmpeg and packager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// MPEG-2 transport stream (ISO/IEC 13818-1).
    MpegTs,
    /// Fragmented MP4 (ISO/IEC 14496-12), one fragment per frame.
    FragmentedMp4,
}

impl Transport {
    /// What carries this video codec.
    pub const fn of_video(codec: VideoCodec) -> Self {
        match codec {
            VideoCodec::H264 | VideoCodec::H265 => Self::MpegTs,
            VideoCodec::Av1 => Self::FragmentedMp4,
        }
    }

    /// What carries this audio codec; packager refuses MP3 inside MP4.
    pub const fn of_audio(codec: AudioCodec) -> Self {
        match codec {
            AudioCodec::Aac | AudioCodec::Mp3 => Self::MpegTs,
        }
    }
}

/// One FIFO and what goes through it, in stream order: video first, then audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed<'spec> {
    /// The container.
    pub transport: Transport,
    /// Name of the FIFO inside the period's folder.
    pub fifo: String,
    /// Video renditions, each with its index in the specification.
    pub video: Vec<(usize, &'spec VideoRendition)>,
    /// Audio renditions.
    pub audio: Vec<&'spec AudioRendition>,
}

/// All feeds of a job: the transport stream first, if anything needs it.
pub fn feeds(spec: &JobSpec) -> Vec<Feed<'_>> {
    let mut shared = Feed {
        transport: Transport::MpegTs,
        fifo: local::TRANSPORT_STREAM_FIFO.to_owned(),
        video: Vec::new(),
        audio: Vec::new(),
    };
    let mut own = Vec::new();
    for (index, rendition) in spec.video.iter().enumerate() {
        match Transport::of_video(rendition.codec) {
            Transport::MpegTs => shared.video.push((index, rendition)),
            Transport::FragmentedMp4 => own.push(Feed {
                transport: Transport::FragmentedMp4,
                fifo: local::fragmented_mp4_fifo(&rendition.name),
                video: vec![(index, rendition)],
                audio: Vec::new(),
            }),
        }
    }
    for rendition in &spec.audio {
        match Transport::of_audio(rendition.codec) {
            Transport::MpegTs => shared.audio.push(rendition),
            Transport::FragmentedMp4 => own.push(Feed {
                transport: Transport::FragmentedMp4,
                fifo: local::fragmented_mp4_fifo(&rendition.name),
                video: Vec::new(),
                audio: vec![rendition],
            }),
        }
    }
    let mut feeds = Vec::new();
    if !(shared.video.is_empty() && shared.audio.is_empty()) {
        feeds.push(shared);
    }
    feeds.append(&mut own);
    feeds
}

/// Null packets to be written into the transport-stream FIFO before ffmpeg opens it.
///
/// They fill packager's container detection, so that audio-only starts 1.1 s earlier. The
/// count stays below the capacity of a FIFO (64 KiB = 348 packets): the writer never blocks.
pub const NULL_PACKET_COUNT: usize = 340;

/// One null packet: sync byte, PID 0x1FFF, payload only (ISO/IEC 13818-1 2.4.3.2).
pub const NULL_PACKET: [u8; 188] = {
    let mut packet = [0xff; 188];
    packet[0] = 0x47;
    packet[1] = 0x1f;
    packet[2] = 0xff;
    packet[3] = 0x10;
    packet
};

/// All null packets in one piece (63,920 bytes).
pub fn null_packets() -> Vec<u8> {
    NULL_PACKET.repeat(NULL_PACKET_COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn av1_has_its_own_fifo_and_the_rest_share_one() {
        let mut spec = samples::ladder();
        spec.video[1].codec = VideoCodec::Av1;
        let feeds = feeds(&spec);
        let shape: Vec<_> = feeds
            .iter()
            .map(|feed| {
                let video: Vec<usize> = feed.video.iter().map(|(index, _)| *index).collect();
                (feed.transport, feed.fifo.as_str(), video, feed.audio.len())
            })
            .collect();
        assert_eq!(
            shape,
            [
                (Transport::MpegTs, "feed.ts", vec![0, 2], 1),
                (Transport::FragmentedMp4, "feed.v480.mp4", vec![1], 0),
            ]
        );
    }

    #[test]
    fn an_av1_only_job_has_no_transport_stream() {
        let mut spec = samples::ladder();
        spec.audio.clear();
        spec.video.iter_mut().for_each(|rendition| rendition.codec = VideoCodec::Av1);
        assert!(feeds(&spec).iter().all(|feed| feed.transport == Transport::FragmentedMp4));
    }

    #[test]
    fn null_packets_fit_into_an_empty_fifo() {
        let packets = null_packets();
        assert!(packets.len() <= 65_536, "{}", packets.len());
        assert!(packets.chunks(188).all(|packet| packet[..4] == [0x47, 0x1f, 0xff, 0x10]));
    }
}

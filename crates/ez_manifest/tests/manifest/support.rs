//! A small channel to play with: two rungs and AAC, 2 s segments.

use ez_manifest::{
    hls,
    timeline::{Kind, Left, Rendition, Segment, Settings, Slot, Timeline, TrackInfo},
    watch::{Listed, MediaPlaylist, Watch, compare},
};

pub(crate) const LOW: &str = "video_400k";
pub(crate) const HIGH: &str = "video_800k";
pub(crate) const AUDIO: &str = "audio_96k";
pub(crate) const ALL: [&str; 3] = [LOW, HIGH, AUDIO];
/// 2026-11-20T20:46:00Z.
pub(crate) const BEGIN_MS: i64 = 1_795_207_560_000;
pub(crate) const VIDEO_ZERO: u64 = 1920;
pub(crate) const VIDEO_D: u64 = 180_000;

pub(crate) fn settings(window_s: u32) -> Settings {
    Settings {
        target_duration_s: 2,
        segment_ms: 2000,
        window_s,
        presentation_delay_ms: 6000,
        frame_rate: Some((30, 1)),
    }
}

pub(crate) fn ladder() -> Vec<Rendition> {
    let video = |width, height| Kind::Video { width, height, frame_rate: Some((30, 1)) };
    let audio = Kind::Audio { sample_rate: None, channels: None, language: None };
    vec![
        Rendition::new(LOW, video(320, 180), 400_000),
        Rendition::new(HIGH, video(640, 360), 800_000),
        Rendition::new(AUDIO, audio, 96_000),
    ]
}

pub(crate) fn track(name: &str) -> TrackInfo {
    let is_audio = name == AUDIO;
    TrackInfo {
        timescale: 90_000,
        codec: if is_audio { "mp4a.40.2" } else { "avc1.42c00d" }.to_owned(),
        audio: is_audio.then_some((48_000, 2)),
        keys: Vec::new(),
        protection: None,
    }
}

/// A timeline with the media clock of the period that is open.
pub(crate) struct Channel {
    pub(crate) timeline: Timeline,
    pub(crate) video_t: u64,
    pub(crate) audio_t: u64,
    pub(crate) now_ms: i64,
    pub(crate) left: Left,
}

impl Channel {
    pub(crate) fn new(window_s: u32) -> Self {
        let timeline = Timeline::new(settings(window_s), ladder()).unwrap();
        Self { timeline, video_t: 0, audio_t: 0, now_ms: BEGIN_MS, left: Left::default() }
    }

    /// A channel with its first run and period.
    pub(crate) fn begun(window_s: u32) -> Self {
        let mut channel = Self::new(window_s);
        channel.timeline.begin_run(1).unwrap();
        channel.open(BEGIN_MS);
        channel
    }

    pub(crate) fn open(&mut self, wall_ms: i64) {
        self.timeline.open_period(wall_ms).unwrap();
        for name in ALL {
            self.timeline.set_track(name, track(name)).unwrap();
        }
        self.video_t = VIDEO_ZERO;
        self.audio_t = 0;
    }

    /// The next slot of whole segments; audio in whole AAC frames, as packager cuts it.
    pub(crate) fn slot(&mut self, video_d: u64) -> Slot {
        let video = Segment { t: self.video_t, d: video_d, bytes: 100_000 };
        self.video_t += video_d;
        let audio_end = (self.video_t - VIDEO_ZERO).div_ceil(1920) * 1920;
        let audio =
            Segment { t: self.audio_t, d: audio_end.max(self.audio_t + 1920) - self.audio_t, bytes: 24_000 };
        self.audio_t += audio.d;
        [(LOW, video), (HIGH, Segment { bytes: 200_000, ..video }), (AUDIO, audio)]
            .map(|(name, segment)| (name.to_owned(), segment))
            .into()
    }

    pub(crate) fn append_without(&mut self, lost: &[&str]) {
        let mut slot = self.slot(VIDEO_D);
        slot.retain(|name, _| !lost.contains(&name.as_str()));
        self.push(&slot);
    }

    pub(crate) fn append(&mut self, count: usize) {
        for _ in 0..count {
            self.append_without(&[]);
        }
    }

    pub(crate) fn push(&mut self, slot: &Slot) {
        self.now_ms += 2000;
        self.left = self.timeline.append(slot, self.now_ms).unwrap();
    }

    /// One AAC frame more than video, at the end of the period.
    pub(crate) fn append_trailing(&mut self, d: u64) {
        let slot = Slot::from([(AUDIO.to_owned(), Segment { t: self.audio_t, d, bytes: 200 })]);
        self.left = self.timeline.append_trailing(&slot, self.now_ms).unwrap();
    }

    pub(crate) fn end_ms(&self) -> i64 {
        self.timeline.media_end_ms().unwrap()
    }

    pub(crate) fn playlist(&self, name: &str) -> String {
        hls::media_playlist(&self.timeline, name).unwrap()
    }

    /// URIs of a playlist without their folders' common part, for short assertions.
    pub(crate) fn uris(&self, name: &str) -> Vec<String> {
        let playlist = MediaPlaylist::parse(&self.playlist(name)).unwrap();
        playlist
            .segments
            .iter()
            .map(|segment| segment.uri.replace(&format!("/{name}/"), ":").replace("../", ""))
            .collect()
    }
}

/// The strict client on all renditions of a channel.
#[derive(Default)]
pub(crate) struct Viewers {
    watches: [Watch; 3],
}

impl Viewers {
    /// Polls every playlist and demands that nothing is broken.
    pub(crate) fn poll(&mut self, timeline: &Timeline) -> Result<(), String> {
        for (name, watch) in ALL.iter().zip(&mut self.watches) {
            if let Some(text) = hls::media_playlist(timeline, name) {
                let violations = watch.observe(&text);
                if !violations.is_empty() {
                    return Err(format!("{name}: {violations:#?}\n{text}"));
                }
            }
        }
        let shown: Vec<(&str, MediaPlaylist)> = ALL
            .iter()
            .filter_map(|name| {
                Some((*name, MediaPlaylist::parse(&hls::media_playlist(timeline, name)?).ok()?))
            })
            .collect();
        let listed: Vec<Listed<'_>> = shown
            .iter()
            .map(|(rendition, playlist)| Listed { rendition, is_audio: *rendition == AUDIO, playlist })
            .filter(|listed| !listed.playlist.segments.is_empty())
            .collect();
        let violations = compare(&listed, 45);
        if violations.is_empty() { Ok(()) } else { Err(format!("{violations:#?}\n{shown:#?}")) }
    }

    pub(crate) fn expect_resume(&mut self) {
        for watch in &mut self.watches {
            watch.expect_resume();
        }
    }
}

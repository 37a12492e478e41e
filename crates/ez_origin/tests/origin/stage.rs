//! What outlives a process: the bucket, and the worker's disk.

use std::path::PathBuf;
use std::sync::Arc;

use ez_domain::id::{Epoch, JobId};
use ez_domain::spec::{
    AudioCodec, AudioRendition, BucketName, Delivery, JobSpec, Preset, RenditionName, VideoCodec,
    VideoRendition,
};
use ez_domain::units::{Bitrate, FrameRate};
use ez_media::layout::Objects;
use ez_objects::dice::Dice;
use ez_objects::memory::MemoryStore;
use ez_objects::unreliable::{Faults, Unreliable};
use ez_origin::Settings;
use ez_service::clock::RunClock;

use super::media::RENDITIONS;

/// Wall clock (ms) of the first picture.
pub(crate) const BEGIN_MS: i64 = 1_795_000_000_000;

pub(crate) struct Stage {
    pub(crate) store: Arc<Unreliable<MemoryStore>>,
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) job: JobId,
    disk: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            store: Arc::new(Unreliable::new(MemoryStore::new(), Faults::default(), Dice::from_seed(seed))),
            spec: Arc::new(spec()),
            job: JobId::from_uuid(uuid::Uuid::from_u128(u128::from(seed) + 1)),
            disk: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn settings(&self, epoch: u64) -> Settings {
        Settings {
            job: self.job,
            epoch: Epoch::new(epoch),
            spec: Arc::clone(&self.spec),
            time_url: None,
            clock: RunClock::start(),
            content_key: None,
            spool_bytes: None,
        }
    }

    /// The spool of a run.
    pub(crate) fn spool(&self, epoch: u64) -> PathBuf {
        self.disk.path().join(format!("run-{epoch}")).join("spool")
    }

    /// Where packager writes.
    pub(crate) fn work_folder(&self, name: &str) -> PathBuf {
        self.disk.path().join("work").join(name)
    }

    /// What lies in the spool.
    pub(crate) fn spooled(&self, epoch: u64) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.spool(epoch)) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn key(&self, uri: &str) -> String {
        format!("{}{uri}", Objects::of(self.job).prefix())
    }

    /// The renditions of the present specification.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let spec = Arc::clone(&self.spec);
        RENDITIONS.into_iter().filter(move |name| spec.rendition_names().any(|known| known.as_str() == *name))
    }

    /// The user replaces the specification, while no run is there.
    pub(crate) fn replace(&mut self, change: impl FnOnce(&mut JobSpec)) {
        change(Arc::make_mut(&mut self.spec));
    }

    /// The present text of an object.
    pub(crate) fn text(&self, uri: &str) -> Option<String> {
        let history = self.store.inner().history(&self.key(uri));
        history.last().map(|version| String::from_utf8(version.bytes.to_vec()).unwrap())
    }

    pub(crate) fn playlist(&self, rendition: &str) -> String {
        self.text(&format!("{rendition}/playlist.m3u8")).unwrap_or_default()
    }
}

fn video(name: &str, width: u32, height: u32, kbps: u64) -> VideoRendition {
    VideoRendition {
        name: RenditionName::new(name).unwrap(),
        codec: VideoCodec::H264,
        width,
        height,
        frame_rate: None,
        bitrate: Bitrate::from_kbps(kbps),
        max_bitrate: Bitrate::from_kbps(kbps),
        buffer_bits: Bitrate::from_kbps(kbps),
        preset: Preset::Ultrafast,
        crf: None,
        threads: 1,
    }
}

/// A window that nothing leaves.
fn spec() -> JobSpec {
    JobSpec {
        delivery: Delivery::HlsAndDash,
        segment_seconds: 2,
        gop_seconds: 2,
        low_latency: false,
        window_seconds: 600,
        reconnect_seconds: 60,
        protection: None,
        bucket: BucketName::new("live").unwrap(),
        video: vec![video("low", 160, 90, 300), video("high", 320, 180, 800)],
        audio: vec![AudioRendition {
            name: RenditionName::new("sound").unwrap(),
            codec: AudioCodec::Aac,
            bitrate: Bitrate::from_kbps(96),
        }],
    }
}

pub(crate) fn frame_rate() -> FrameRate {
    FrameRate::new(30, 1).unwrap()
}

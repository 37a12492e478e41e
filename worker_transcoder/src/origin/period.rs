//! A period whose files are being published.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use ez_domain::spec::{JobSpec, RenditionName};
use ez_manifest::fmp4::{InitSegment, Media, MediaSegment};
use ez_manifest::timeline::{Error, PeriodId, Segment, Slot, Timeline, TrackInfo};
use tokio::sync::oneshot;

use super::slots::Slots;
use super::upload::{Job, Stored};
use crate::period::{ClosedFile, FileKind};

/// Init segments, slots and uploads of one period.
#[derive(Debug)]
pub(crate) struct OpenPeriod {
    pub(crate) id: PeriodId,
    /// Set once no more files come.
    pub(crate) ending: Option<oneshot::Sender<Duration>>,
    /// Media published so far, by the first rendition.
    pub(crate) published: Duration,
    inits: HashMap<RenditionName, InitSegment>,
    /// Segments of renditions whose init segment is not stored yet: they would be unplayable.
    held: HashMap<RenditionName, Vec<Job>>,
    declared: HashMap<RenditionName, bool>,
    slots: Slots,
    uploading: usize,
    first: String,
}

impl OpenPeriod {
    pub(crate) fn new(id: PeriodId, spec: &JobSpec) -> Self {
        let video = spec.video.iter().map(|rendition| (rendition.name.to_string(), false));
        let audio = spec.audio.iter().map(|rendition| (rendition.name.to_string(), true));
        let first = spec.rendition_names().next().map(ToString::to_string).unwrap_or_default();
        Self {
            id,
            ending: None,
            published: Duration::ZERO,
            inits: HashMap::new(),
            held: HashMap::new(),
            declared: HashMap::new(),
            slots: Slots::new(video.chain(audio)),
            uploading: 0,
            first,
        }
    }

    /// Reads and checks a closed file; answers its upload, unless it has to wait for another one.
    pub(crate) async fn take(&mut self, file: &ClosedFile) -> Result<Option<Job>> {
        let bytes = Bytes::from(tokio::fs::read(&file.path).await.context("read the file")?);
        let rendition = file.rendition.clone();
        match file.kind {
            FileKind::Init => {
                if self.inits.contains_key(&rendition) {
                    return Ok(None);
                }
                let init = InitSegment::read(&bytes).context("read the init segment")?;
                self.inits.insert(rendition.clone(), init);
                self.uploading += 1;
                Ok(Some(Job {
                    path: file.path.clone(),
                    bytes,
                    what: Stored::Init(rendition),
                    period: self.id,
                }))
            }
            FileKind::Segment => {
                let init = self.inits.get(&rendition).context("its init segment has not been seen")?;
                let media = MediaSegment::read(&bytes, init).context("read the segment")?;
                let segment = Segment { t: media.decode_time, d: media.duration, bytes: media.bytes };
                if !self.slots.closed(rendition.as_str(), segment.t) {
                    anyhow::bail!("its slot has been published without it");
                }
                let what = Stored::Segment(rendition.clone(), segment);
                let job = Job { path: file.path.clone(), bytes, what, period: self.id };
                if self.declared.get(&rendition).copied().unwrap_or(false) {
                    self.uploading += 1;
                    Ok(Some(job))
                } else {
                    self.held.entry(rendition).or_default().push(job);
                    Ok(None)
                }
            }
        }
    }

    /// An upload was acknowledged; answers those that had waited for it.
    pub(crate) fn stored(&mut self, what: Stored, timeline: &mut Timeline) -> Result<Vec<Job>, Error> {
        self.uploading = self.uploading.saturating_sub(1);
        match what {
            Stored::Init(rendition) => {
                if let Some(init) = self.inits.get(&rendition) {
                    timeline.set_track(rendition.as_str(), track(init))?;
                }
                self.declared.insert(rendition.clone(), true);
                let waiting = self.held.remove(&rendition).unwrap_or_default();
                self.uploading += waiting.len();
                Ok(waiting)
            }
            Stored::Segment(rendition, segment) => {
                self.slots.stored(rendition.as_str(), segment);
                Ok(Vec::new())
            }
        }
    }

    pub(crate) fn next_slot(&mut self) -> Option<Slot> {
        self.slots.next()
    }

    pub(crate) fn rest(&mut self) -> Vec<(Slot, bool)> {
        self.slots.drain()
    }

    /// Adds a published slot to what was published.
    pub(crate) fn count(&mut self, slot: &Slot) {
        let name = RenditionName::new(self.first.as_str()).ok();
        let init = name.and_then(|name| self.inits.get(&name));
        if let (Some(init), Some(segment)) = (init, slot.get(&self.first)) {
            let micros = segment.d.saturating_mul(1_000_000) / u64::from(init.timescale.max(1));
            self.published += Duration::from_micros(micros);
        }
    }

    /// Whether no upload is on its way.
    pub(crate) const fn is_idle(&self) -> bool {
        self.uploading == 0
    }

    pub(crate) fn backlog(&self) -> usize {
        self.slots.backlog()
    }
}

fn track(init: &InitSegment) -> TrackInfo {
    let audio = match init.media {
        Media::Audio { sample_rate, channels } => Some((sample_rate, channels)),
        Media::Video { .. } => None,
    };
    TrackInfo {
        timescale: init.timescale,
        codec: init.codec.clone(),
        audio,
        keys: Vec::new(),
        protection: None,
    }
}

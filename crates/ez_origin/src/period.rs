//! A period whose files are being published.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_domain::content_key::KeyId;
use ez_domain::spec::{JobSpec, RenditionName};
use ez_manifest::fmp4::{InitSegment, Media, MediaSegment};
use ez_manifest::timeline::{PeriodId, Segment, Timeline, TrackInfo};
use ez_manifest::{protection, uri};

use crate::file::{ClosedFile, FileKind};
use crate::slots::Slots;
use crate::spool::{PeriodFolder, Record};

/// The one encryption scheme that is offered.
const SCHEME: &str = "cbcs";

/// One period: its files on disk, and what the store has of them.
#[derive(Debug)]
pub(crate) struct Period {
    /// The number that the run gave it; `None` is one that an earlier process left behind.
    pub(crate) local: Option<u32>,
    pub(crate) record: Record,
    pub(crate) folder: PeriodFolder,
    pub(crate) slots: Slots,
    /// Whether no more files come.
    pub(crate) has_ended: bool,
    /// The version of the timeline that names it must be stored before anything is uploaded.
    pub(crate) opened_in: Option<u64>,
    /// What its media must be encrypted with, and how far that key is on its way; `None` for media in clear.
    key: Option<(KeyId, Upload)>,
    inits: HashMap<RenditionName, Init>,
    names: Vec<RenditionName>,
}

#[derive(Debug)]
struct Init {
    segment: InitSegment,
    state: Upload,
}

/// How far something is on its way to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upload {
    Waiting,
    UnderWay,
    Stored,
}

/// What comes of a closed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It waits for its upload.
    Waits,
    /// It was here before, or its time has passed.
    Superfluous,
    /// It is not encrypted as the channel's media must be; why.
    Exposed(&'static str),
}

/// What to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Key,
    Init(RenditionName),
    Segment(RenditionName, Segment),
}

impl Period {
    /// `key` names what the media must be encrypted with.
    pub(crate) fn new(
        local: Option<u32>,
        record: Record,
        folder: PeriodFolder,
        spec: &JobSpec,
        key: Option<KeyId>,
    ) -> Self {
        // Audio first, then from the smallest picture up: what viewers miss least waits longest.
        let mut video: Vec<_> = spec.video.iter().collect();
        video.sort_by_key(|rendition| rendition.max_bitrate.bps());
        let audio = spec.audio.iter().map(|rendition| (rendition.name.to_string(), true));
        let video = video.into_iter().map(|rendition| (rendition.name.to_string(), false));
        Self {
            local,
            record,
            folder,
            slots: Slots::new(audio.chain(video)),
            has_ended: false,
            opened_in: None,
            key: key.map(|key| (key, Upload::Waiting)),
            inits: HashMap::new(),
            names: spec.rendition_names().cloned().collect(),
        }
    }

    /// Reads and checks a closed file and moves it into the spool.
    ///
    /// # Errors
    /// When it is torn, unusable or cannot be moved; a segment then counts as lost.
    pub(crate) async fn take(&mut self, file: &ClosedFile) -> Result<Taken> {
        let taken = self.read_and_keep(file).await;
        if let (Err(_), FileKind::Segment { time }) = (&taken, file.kind) {
            self.slots.unusable(file.rendition.as_str(), time);
        }
        taken
    }

    async fn read_and_keep(&mut self, file: &ClosedFile) -> Result<Taken> {
        let rendition = &file.rendition;
        if matches!(file.kind, FileKind::Init) && self.inits.contains_key(rendition) {
            return Ok(Taken::Superfluous);
        }
        let bytes = tokio::fs::read(&file.path).await.context("read the file")?;
        match file.kind {
            FileKind::Init => {
                let segment = InitSegment::read(&bytes).context("read the init segment")?;
                if let Some(why) = self.exposes(&segment) {
                    return Ok(Taken::Exposed(why));
                }
                self.keep(file, self.folder.init(rendition)).await?;
                self.inits.insert(rendition.clone(), Init { segment, state: Upload::Waiting });
            }
            FileKind::Segment { .. } => {
                let init = self.inits.get(rendition).context("its init segment has not been seen")?;
                let media = MediaSegment::read(&bytes, &init.segment).context("read the segment")?;
                let segment = Segment { t: media.decode_time, d: media.duration, bytes: media.bytes };
                self.keep(file, self.folder.segment(rendition, segment.t)).await?;
                if !self.slots.closed(rendition.as_str(), segment, media.is_gapless) {
                    return Ok(Taken::Superfluous);
                }
            }
        }
        Ok(Taken::Waits)
    }

    /// Why media behind this init segment must not be published, if so.
    fn exposes(&self, init: &InitSegment) -> Option<&'static str> {
        let wanted = self.key.as_ref().map(|(key, _)| key.as_bytes());
        match (wanted, &init.encryption) {
            (None, None) => None,
            (Some(key), Some(found)) if found.key_id == *key && found.scheme == SCHEME => None,
            (Some(_), None) => Some("packager left media in clear that is to be protected"),
            (Some(_), Some(_)) => Some("packager encrypted media otherwise than it was told"),
            (None, Some(_)) => Some("packager encrypted media that is to be in clear"),
        }
    }

    async fn keep(&self, file: &ClosedFile, to: PathBuf) -> Result<()> {
        if file.path == to {
            // Found in the spool after a crash.
            return Ok(());
        }
        self.folder.take(&file.path, &to).await
    }

    /// Takes over what the stored timeline tells of this period, after a crash.
    pub(crate) fn resume(&mut self, timeline: &Timeline) {
        let Some(stored) = timeline.periods().last().filter(|period| Some(period.id) == self.record.id)
        else {
            return;
        };
        for (rendition, track) in timeline.ladder().iter().zip(&stored.tracks) {
            if let Some(last) = track.entries.last() {
                self.slots.resume_after(&rendition.name, last.t);
            }
        }
    }

    /// What to upload next, now marked as on its way: the key, then init segments, then everything else.
    pub(crate) fn next_upload(&mut self) -> Option<What> {
        match &mut self.key {
            Some((_, Upload::UnderWay)) => return None,
            Some((_, state @ Upload::Waiting)) => {
                *state = Upload::UnderWay;
                return Some(What::Key);
            }
            None | Some((_, Upload::Stored)) => {}
        }
        for name in &self.names {
            if let Some(init) = self.inits.get_mut(name).filter(|init| init.state == Upload::Waiting) {
                init.state = Upload::UnderWay;
                return Some(What::Init(name.clone()));
            }
        }
        // A segment whose init segment is not stored would be unplayable.
        let inits = &self.inits;
        let is_open = |name: &str| {
            inits.iter().any(|(known, init)| known.as_str() == name && init.state == Upload::Stored)
        };
        let (name, segment) = self.slots.next_upload(is_open)?;
        let rendition = self.names.iter().find(|known| known.as_str() == name)?;
        Some(What::Segment(rendition.clone(), segment))
    }

    /// Whether an upload is still waited for.
    pub(crate) fn wants(&self, what: &What) -> bool {
        match what {
            What::Key | What::Init(_) => true,
            What::Segment(rendition, segment) => self.slots.is_waiting(rendition.as_str(), segment.t),
        }
    }

    /// The store has acknowledged an upload; answers the track that can be declared now.
    pub(crate) fn stored(&mut self, what: &What) -> Option<TrackInfo> {
        match what {
            What::Key => {
                if let Some((_, state)) = &mut self.key {
                    *state = Upload::Stored;
                }
                None
            }
            What::Init(rendition) => {
                let id = self.record.id?;
                let init = self.inits.get_mut(rendition)?;
                init.state = Upload::Stored;
                Some(track(&init.segment, id))
            }
            What::Segment(rendition, segment) => {
                self.slots.stored(rendition.as_str(), segment.t);
                None
            }
        }
    }

    /// The local file of an upload; the key has none.
    pub(crate) fn path(&self, what: &What) -> Option<PathBuf> {
        match what {
            What::Key => None,
            What::Init(rendition) => Some(self.folder.init(rendition)),
            What::Segment(rendition, segment) => Some(self.folder.segment(rendition, segment.t)),
        }
    }

    /// The local files of segments, by name of rendition and decode time.
    pub(crate) fn segment_paths(&self, segments: &[(String, u64)]) -> Vec<PathBuf> {
        let path = |(name, time): &(String, u64)| {
            let rendition = self.names.iter().find(|known| known.as_str() == name)?;
            Some(self.folder.segment(rendition, *time))
        };
        segments.iter().filter_map(path).collect()
    }

    /// Length of all its media so far: how far every rendition with pictures goes, or every one if none has any.
    pub(crate) fn length(&self) -> Duration {
        let length = |(name, init): (&RenditionName, &Init)| {
            let ticks = u128::from(self.slots.ticks(name.as_str()));
            let micros = ticks * 1_000_000 / u128::from(init.segment.timescale.max(1));
            Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
        };
        let has_pictures = |init: &Init| matches!(init.segment.media, Media::Video { .. });
        let video = self.inits.iter().filter(|(_, init)| has_pictures(init)).map(length).min();
        video.or_else(|| self.inits.iter().map(length).min()).unwrap_or_default()
    }

    pub(crate) const fn id(&self) -> Option<PeriodId> {
        self.record.id
    }
}

fn track(init: &InitSegment, period: PeriodId) -> TrackInfo {
    let audio = match init.media {
        Media::Audio { sample_rate, channels } => Some((sample_rate, channels)),
        Media::Video { .. } => None,
    };
    TrackInfo {
        timescale: init.timescale,
        codec: init.codec.clone(),
        audio,
        keys: init
            .encryption
            .iter()
            .filter_map(|encryption| {
                // As a media playlist reaches it, one folder deep.
                protection::key_line(encryption, &format!("../{}", uri::content_key(period)))
            })
            .collect(),
        protection: init.encryption.as_ref().map(protection::content_protection),
    }
}

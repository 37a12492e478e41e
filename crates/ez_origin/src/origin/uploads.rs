//! What is on its way into the store, and what is given up when the disk holds too much.

use bytes::Bytes;
use ez_manifest::timeline::PeriodId;
use ez_objects::Body;
use ez_service::latest::Latest as _;
use tokio::task::{AbortHandle, Id, JoinError};

use super::Origin;
use crate::period::What;
use crate::upload::Uploaded;
use crate::{Stopped, bug};

/// Uploads at a time.
const UPLOADS: usize = 4;

/// Segments of each rendition that wait where the store is slower than the channel.
const BEHIND: usize = 5;

/// The upload of a segment.
#[derive(Debug)]
pub(super) struct UnderWay {
    period: PeriodId,
    rendition: String,
    /// Decode time of the segment.
    time: u64,
    task: AbortHandle,
}

impl Origin {
    pub(super) fn begin_uploads(&mut self) {
        let stored = self.acknowledged.latest().timeline;
        let Some(period) = self.periods.front_mut() else { return };
        let is_open = period.opened_in.is_some_and(|version| version <= stored);
        let Some(id) = period.id().filter(|_| is_open) else { return };
        while self.uploads.len() < UPLOADS
            && let Some(what) = period.next_upload()
        {
            let body = match (period.path(&what), &self.settings.content_key) {
                (Some(path), _) => Body::File(path),
                (None, Some(key)) => Body::Bytes(Bytes::copy_from_slice(key.key.expose().as_bytes())),
                (None, None) => continue,
            };
            let segment = match &what {
                What::Segment(rendition, segment) => Some((rendition.to_string(), segment.t)),
                What::Key | What::Init(_) => None,
            };
            let task = self.uploads.spawn(self.uploader.clone().run(body, id, what, self.dice.fork()));
            if let Some((rendition, time)) = segment {
                self.under_way.push(UnderWay { period: id, rendition, time, task });
            }
        }
    }

    pub(super) fn uploaded(&mut self, uploaded: Result<(Id, Uploaded), JoinError>) -> Result<(), Stopped> {
        let (task, Uploaded { period: id, what, took, result }) = match uploaded {
            Ok(uploaded) => uploaded,
            // Given up while it was on its way; what arrived of it nobody will name.
            Err(error) if error.is_cancelled() => {
                if let Some(UnderWay { period, rendition, time, .. }) = self.landed(error.id()) {
                    self.expire(period, &[(rendition, time)]);
                }
                return Ok(());
            }
            Err(error) => return Err(bug(error)),
        };
        self.landed(task);
        if matches!(what, What::Segment(..)) && result.is_ok() {
            self.segment_uploads.add(took);
        }
        let period = self.periods.front_mut().filter(|period| period.id() == Some(id) && period.wants(&what));
        let (Some(period), Some(timeline)) = (period, self.timeline.as_mut()) else {
            // Cut off while it was on its way: its file is gone, and whether it arrived does not matter.
            if let What::Segment(rendition, segment) = what {
                self.expire(id, &[(rendition.to_string(), segment.t)]);
            }
            return Ok(());
        };
        result.map_err(|error| Stopped::Failed(crate::refusals::failure(&error)))?;
        if let (Some(track), What::Init(rendition)) = (period.stored(&what), &what) {
            timeline.set_track(rendition.as_str(), track).map_err(bug)?;
        }
        Ok(())
    }

    pub(super) async fn keep_within_budget(&mut self) {
        let is_held_up = self.health.trouble().is_some() || self.is_behind();
        let room = if self.asks_for_room && is_held_up { self.spool.room() } else { None };
        self.asks_for_room = false;
        let given_up = self.budget.enforce(&mut self.periods, room);
        for (place, rendition, segment) in given_up {
            self.given_up = self.given_up.saturating_add(1);
            tracing::warn!(%rendition, time = segment.t, "the spool is full: a segment is given up");
            let Some(period) = self.periods.get(place) else { continue };
            let carries = |upload: &&UnderWay| {
                (Some(upload.period), upload.rendition.as_str(), upload.time)
                    == (period.id(), rendition.as_str(), segment.t)
            };
            if let Some(upload) = self.under_way.iter().find(carries) {
                upload.task.abort();
            }
            // Empty it keeps its place: after a crash the later segments must not move up.
            let path = period.folder.segment(&rendition, segment.t);
            if let Err(error) = tokio::fs::write(&path, b"").await {
                tracing::warn!(%error, path = %path.display(), "a segment given up could not be emptied");
            }
        }
    }

    /// Whether more comes in than a slow store takes.
    fn is_behind(&self) -> bool {
        self.backlog() > BEHIND * self.settings.spec.rendition_names().count()
    }

    /// Segments that wait for the store.
    pub(super) fn backlog(&self) -> usize {
        self.periods.iter().map(|period| period.slots.backlog()).sum()
    }

    /// An upload is over.
    fn landed(&mut self, task: Id) -> Option<UnderWay> {
        let place = self.under_way.iter().position(|upload| upload.task.id() == task)?;
        Some(self.under_way.swap_remove(place))
    }
}

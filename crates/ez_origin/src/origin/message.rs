//! What the run tells the origin, in order.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use ez_domain::fault::{Failure, Fault};
use ez_domain::units::FrameRate;
use tokio::sync::oneshot;

use super::Origin;
use crate::Stopped;
use crate::file::ClosedFile;
use crate::period::{Period, Taken};
use crate::spool::Record;

/// What the run tells the origin, in order.
#[derive(Debug)]
pub enum Message {
    /// A period began.
    PeriodBegan {
        /// Counts the periods of this process.
        local: u32,
        /// Where packager writes its files.
        work_folder: PathBuf,
        /// Frame rate of renditions that follow the contribution.
        frame_rate: FrameRate,
        /// Wall clock (ms) of its first picture.
        wall_ms: i64,
    },
    /// A file of a period is complete.
    Closed {
        /// Which period.
        local: u32,
        /// The file.
        file: ClosedFile,
    },
    /// No more files come from this period.
    PeriodEnded {
        /// Which period.
        local: u32,
        /// What becomes of an incomplete slot at its end.
        tail: Tail,
        /// Told the length of its media, from its first picture on, as it will be published.
        length: oneshot::Sender<Duration>,
    },
    /// What the publisher sends is known.
    InputKnown {
        /// Its description, which names the epoch.
        json: Bytes,
    },
    /// The run is over: answers when everything of it is published.
    Leave {
        /// Whether the channel ends.
        playlists: Playlists,
        /// Told at the end.
        done: oneshot::Sender<()>,
    },
}

/// What becomes of the segments at the end of a period that not every rendition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// They are published; the other renditions have a hole.
    Keep,
    /// They are dropped, and so is what does not end alike: the same media is encoded again in the next period.
    Redo,
    /// They are dropped; the run ends here, and what every rendition has stays.
    Drop,
}

/// What becomes of the playlists when a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playlists {
    /// They end: ENDLIST, static MPD.
    End,
    /// They rest: another run goes on.
    Rest,
}

impl Origin {
    pub(super) async fn handle(&mut self, message: Message) -> Result<(), Stopped> {
        match message {
            Message::PeriodBegan { local, work_folder, frame_rate, wall_ms } => {
                let record = Record { work_folder, wall_ms, frame_rate, id: None };
                self.period_began(local, record).await
            }
            Message::Closed { local, file } => self.closed(local, &file).await,
            Message::PeriodEnded { local, tail, length } => {
                let ended = self.period_ended(local, tail).await;
                // A run that is gone needs no answer.
                let _ = length.send(ended);
                Ok(())
            }
            Message::InputKnown { json } => {
                self.input_info.say(json);
                Ok(())
            }
            Message::Leave { playlists, done } => {
                self.leave(playlists, done);
                Ok(())
            }
        }
    }

    async fn period_began(&mut self, local: u32, record: Record) -> Result<(), Stopped> {
        let spec = &self.settings.spec;
        let folder =
            self.spool.begin(&record, spec.rendition_names()).await.map_err(|error| super::disk(&error))?;
        self.periods.push_back(Period::new(Some(local), record, folder, spec, self.settings.key_id()));
        Ok(())
    }

    async fn closed(&mut self, local: u32, file: &ClosedFile) -> Result<(), Stopped> {
        // A period whose media never got a first picture is not known: nothing of it can be shown.
        let Some(period) = self.find(local) else { return Ok(()) };
        match period.take(file).await {
            Ok(Taken::Waits) => {}
            Ok(Taken::Exposed(why)) => {
                return Err(Stopped::Failed(Failure::retryable(Fault::Worker, why)));
            }
            Ok(Taken::Superfluous) => tracing::debug!(file = %file.path.display(), "a file is not needed"),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), file = %file.path.display(), "a file cannot be published");
            }
        }
        Ok(())
    }

    async fn period_ended(&mut self, local: u32, tail: Tail) -> Duration {
        let Some(period) = self.find(local) else { return Duration::ZERO };
        period.has_ended = true;
        if tail != Tail::Keep {
            let cut =
                if tail == Tail::Redo { period.slots.cut_to_redo() } else { period.slots.cut_to_complete() };
            let (id, length) = (period.id(), period.length());
            // After a crash they would be published beside what is encoded in their place.
            for path in period.segment_paths(&cut) {
                super::discard(path).await;
            }
            if let Some(id) = id {
                self.expire(id, &cut);
            }
            return length;
        }
        period.length()
    }

    fn find(&mut self, local: u32) -> Option<&mut Period> {
        self.periods.iter_mut().find(|period| period.local == Some(local))
    }
}

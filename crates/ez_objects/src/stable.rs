//! The objects that are replaced under a stable name: playlists, the MPD, the timeline.
//!
//! A [`StableObject`] is a compare-and-swap cell. It is what keeps a worker that was frozen, cut off
//! or given up from overwriting the work of its successor: every write names the content that it was
//! derived from, and a write that loses is answered with what won.
//!
//! Invariants:
//! - S1: no write of an epoch lands after the successor's first write. S3's tag is a hash of the
//!   bytes, so a successor that wrote the *same* bytes would leave the old owner's `If-Match` valid:
//!   each content carries its epoch ([`Mark`]), which makes the tag differ.
//! - S2: a content is only replaced by its own writer, or by one that has read it: no lost update.
//! - S3: when [`StableObject::write`] fails without an answer, the next one reads first.
//!
//! Not here: what the content is, and when to write (callers coalesce).

mod mark;

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use ez_domain::id::Epoch;

pub use self::mark::Mark;
use crate::dice::Dice;
use crate::error::{Cause, Error};
use crate::object::{Body, ETag, ObjectInfo, ObjectStore, Precondition, PutOptions, WriteId};
use crate::retry::{Attempts, Policy, persist};

/// How often a store may refuse the very tag that it shows before it is called broken.
const BASELESS_REFUSALS_MAX: u32 = 5;

/// How a stable object is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The key.
    pub key: String,
    /// `Content-Type`.
    pub content_type: String,
    /// `Cache-Control`.
    pub cache_control: String,
    /// How the content carries its epoch.
    pub mark: Mark,
    /// Whether the store has conditional writes ([`crate::fence`]). Without them each write is
    /// preceded by a look at the epoch, which narrows the gap but does not close it: the caller
    /// must hold its lease strictly.
    pub conditional: bool,
    /// Attempts and pauses.
    pub policy: Policy,
}

/// One object under a stable name, as one owner sees it.
#[derive(Debug)]
pub struct StableObject {
    store: Arc<dyn ObjectStore>,
    settings: Settings,
    writer: u64,
    sequence: u64,
    known: Known,
    dice: Dice,
}

/// What we know about the object.
#[derive(Debug, Clone, Default)]
enum Known {
    /// Nothing for certain: never read, or a write ended without an answer.
    #[default]
    Unread,
    Absent,
    Present(Current),
}

/// A content with what the store knows about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// The bytes as they lie in the store, mark included.
    pub bytes: Bytes,
    /// Tag, epoch and write-id.
    pub info: ObjectInfo,
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The content is in the store.
    Written(ETag),
    /// The store holds this content under this epoch already; nothing was sent.
    Unchanged,
    /// Nothing was written: an owner of this epoch, higher than ours or ours in other hands, has
    /// written. We are a zombie: stop the run, write nothing any more.
    Fenced {
        /// The epoch that was seen.
        seen: Epoch,
    },
    /// Nothing was written: the object is not the one that the content was derived from (a last
    /// write of the predecessor; or it is gone). Derive the content anew from this and write again.
    Changed(Option<Current>),
}

enum Settled {
    Applied(ObjectInfo),
    Unmoved,
    OwnEarlier(ObjectInfo),
    Ended(Outcome),
}

impl StableObject {
    /// A cell that has not looked at the store yet.
    pub fn new(store: Arc<dyn ObjectStore>, settings: Settings, mut dice: Dice) -> Self {
        Self { store, settings, writer: dice.next(), sequence: 0, known: Known::Unread, dice }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.settings.key
    }

    /// Reads the object; the next write replaces exactly this content.
    pub async fn read(&mut self) -> Result<Option<Current>, Error> {
        self.known = Known::Unread;
        let (store, key) = (&self.store, &self.settings.key);
        let found = persist(&self.settings.policy, &mut self.dice, "get", key, || store.get(key)).await?;
        let current = found.map(|(bytes, info)| Current { bytes, info });
        self.known = current.clone().map_or(Known::Absent, Known::Present);
        Ok(current)
    }

    /// Replaces the content that was last read or written by `content`.
    ///
    /// May be cancelled at any point: the write may then have happened or not, and the next call
    /// finds out.
    pub async fn write(&mut self, content: &Bytes, epoch: Epoch) -> Result<Outcome, Error> {
        let bytes = self.settings.mark.apply(content, epoch);
        if matches!(self.known, Known::Unread)
            && let Some(current) = self.read().await?
            && !self.is_mine(&current.info)
        {
            return Ok(self.give_way(Some(current), epoch));
        }
        if let Known::Present(current) = &self.known {
            if let Some(seen) = current.info.epoch.filter(|seen| *seen > epoch) {
                return Ok(Outcome::Fenced { seen });
            }
            if current.bytes == bytes && current.info.epoch == Some(epoch) {
                return Ok(Outcome::Unchanged);
            }
            if current.bytes == bytes {
                let detail = format!(
                    "epoch {epoch} would write the bytes of epoch {:?}; the tag would stay and the old owner could \
                     still write: the content must carry its epoch",
                    current.info.epoch
                );
                return Err(Error::new("put", self.key(), Cause::Other, detail));
            }
        }
        // From here to the answer nothing is known for certain, also when the caller goes away.
        let base = match mem::take(&mut self.known) {
            Known::Present(current) => Some(current.info),
            Known::Unread | Known::Absent => None,
        };
        self.swap(base, bytes, epoch).await
    }

    /// Derives the content from what is there and writes it, again and again until it is written,
    /// unchanged or fenced; [`Outcome::Changed`] is never returned.
    pub async fn update(
        &mut self,
        epoch: Epoch,
        mut derive: impl FnMut(Option<&Current>) -> Bytes,
    ) -> Result<Outcome, Error> {
        if matches!(self.known, Known::Unread) {
            self.read().await?;
        }
        loop {
            let content = match &self.known {
                Known::Present(current) => derive(Some(current)),
                Known::Unread | Known::Absent => derive(None),
            };
            match self.write(&content, epoch).await? {
                Outcome::Changed(_) => {}
                outcome @ (Outcome::Written(_) | Outcome::Unchanged | Outcome::Fenced { .. }) => {
                    return Ok(outcome);
                }
            }
        }
    }

    async fn swap(
        &mut self,
        mut base: Option<ObjectInfo>,
        bytes: Bytes,
        epoch: Epoch,
    ) -> Result<Outcome, Error> {
        self.sequence = self.sequence.saturating_add(1);
        let write_id = WriteId { writer: self.writer, sequence: self.sequence };
        let body = Body::Bytes(bytes.clone());
        let policy = self.settings.policy;
        let mut dice = self.dice.fork();
        let mut attempts = Attempts::new(&policy, &mut dice);
        let mut baseless_refusals = 0;
        loop {
            if !self.settings.conditional
                && let Settled::Ended(outcome) = self.settle(write_id, base.as_ref(), epoch).await?
            {
                return Ok(outcome);
            }
            let options = self.options(write_id, base.as_ref(), epoch);
            let sent = self.store.put(&self.settings.key, &body, &options);
            let error = match attempts.once("put", &self.settings.key, sent).await {
                Ok(etag) => {
                    let info = written_info(etag.clone(), &options, bytes.len());
                    self.known = Known::Present(Current { bytes, info });
                    return Ok(Outcome::Written(etag));
                }
                Err(error) => error,
            };
            if error.cause != Cause::PreconditionFailed && !error.is_ambiguous() {
                attempts.pause_after(error).await?;
                continue;
            }
            match self.settle(write_id, base.as_ref(), epoch).await? {
                Settled::Applied(info) => {
                    let etag = info.etag.clone();
                    self.known = Known::Present(Current { bytes, info });
                    return Ok(Outcome::Written(etag));
                }
                Settled::Ended(outcome) => return Ok(outcome),
                // A write that we had given up on has landed: ours is newer, on top of it.
                Settled::OwnEarlier(info) => base = Some(info),
                Settled::Unmoved if error.is_ambiguous() => attempts.pause_after(error).await?,
                Settled::Unmoved => {
                    baseless_refusals += 1;
                    if baseless_refusals >= BASELESS_REFUSALS_MAX {
                        return Err(error);
                    }
                    attempts.pause_after(Error { cause: Cause::Conflict, ..error }).await?;
                }
            }
        }
    }

    /// Finds out by the write-id what became of a write that failed or was not answered.
    async fn settle(
        &mut self,
        write_id: WriteId,
        base: Option<&ObjectInfo>,
        epoch: Epoch,
    ) -> Result<Settled, Error> {
        let (store, key) = (&self.store, &self.settings.key);
        let found = persist(&self.settings.policy, &mut self.dice, "head", key, || store.head(key)).await?;
        let Some(info) = found else {
            return Ok(if base.is_none() {
                Settled::Unmoved
            } else {
                Settled::Ended(self.give_way(None, epoch))
            });
        };
        if info.write_id == Some(write_id) {
            return Ok(Settled::Applied(info));
        }
        if base.is_some_and(|base| base.etag == info.etag && base.write_id == info.write_id) {
            return Ok(Settled::Unmoved);
        }
        if self.is_mine(&info) {
            return Ok(Settled::OwnEarlier(info));
        }
        // Our own epoch in other hands: a second process of this run has taken over.
        if let Some(seen) = info.epoch.filter(|seen| *seen >= epoch) {
            return Ok(Settled::Ended(Outcome::Fenced { seen }));
        }
        let current = self.read().await?;
        Ok(Settled::Ended(self.give_way(current, epoch)))
    }

    fn give_way(&mut self, current: Option<Current>, epoch: Epoch) -> Outcome {
        let seen = current.as_ref().and_then(|current| current.info.epoch).filter(|seen| *seen > epoch);
        self.known = current.clone().map_or(Known::Absent, Known::Present);
        seen.map_or(Outcome::Changed(current), |seen| Outcome::Fenced { seen })
    }

    fn is_mine(&self, info: &ObjectInfo) -> bool {
        info.write_id.is_some_and(|write_id| write_id.writer == self.writer)
    }

    fn options(&self, write_id: WriteId, base: Option<&ObjectInfo>, epoch: Epoch) -> PutOptions {
        PutOptions {
            content_type: self.settings.content_type.clone(),
            cache_control: self.settings.cache_control.clone(),
            epoch: Some(epoch),
            write_id: Some(write_id),
            precondition: match base {
                _ if !self.settings.conditional => Precondition::None,
                Some(info) => Precondition::IfMatch(info.etag.clone()),
                None => Precondition::IfAbsent,
            },
        }
    }
}

fn written_info(etag: ETag, options: &PutOptions, size: usize) -> ObjectInfo {
    ObjectInfo {
        etag,
        size: size as u64,
        content_type: Some(options.content_type.clone()),
        cache_control: Some(options.cache_control.clone()),
        epoch: options.epoch,
        write_id: options.write_id,
        last_modified: None,
    }
}

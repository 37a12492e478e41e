//! Putting objects that are written once: init segments and segments.
//!
//! Their names lie in a folder that only one epoch writes and tell the content, so an object that
//! is there already is either this very write, whose answer was lost, or the same segment from
//! before the process was restarted. Anything else is a collision and an error.

use ez_domain::id::Epoch;

use crate::dice::Dice;
use crate::error::{Cause, Error};
use crate::object::{Body, ETag, ObjectInfo, ObjectStore, Precondition, PutOptions, WriteId};
use crate::retry::{Attempts, Policy, persist};

/// How an immutable object is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Immutable {
    /// `Content-Type`.
    pub content_type: String,
    /// `Cache-Control`.
    pub cache_control: String,
    /// The run that writes.
    pub epoch: Epoch,
    /// Whether the store has conditional writes ([`crate::fence`]); without them the object is
    /// simply overwritten.
    pub conditional: bool,
}

/// How an immutable object came to be in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// This write put it there, at the first attempt or a later one.
    Written(ETag),
    /// It was there already, from the same epoch and with the same size.
    AlreadyThere(ObjectInfo),
}

/// Puts an object that must not be there yet, for as long as the policy allows.
pub async fn put_immutable(
    store: &dyn ObjectStore,
    key: &str,
    body: &Body,
    object: &Immutable,
    policy: &Policy,
    dice: &mut Dice,
) -> Result<Stored, Error> {
    let size = body.size(key).await?;
    let write_id = WriteId { writer: dice.next(), sequence: 0 };
    let options = PutOptions {
        content_type: object.content_type.clone(),
        cache_control: object.cache_control.clone(),
        epoch: Some(object.epoch),
        write_id: Some(write_id),
        precondition: if object.conditional { Precondition::IfAbsent } else { Precondition::None },
    };
    let mut looking = dice.fork();
    let mut attempts = Attempts::new(policy, dice);
    loop {
        let error = match attempts.once("put", key, store.put(key, body, &options)).await {
            Ok(etag) => return Ok(Stored::Written(etag)),
            Err(error) => error,
        };
        if error.cause != Cause::PreconditionFailed {
            attempts.pause_after(error).await?;
            continue;
        }
        match persist(policy, &mut looking, "head", key, || store.head(key)).await? {
            Some(info) if info.write_id == Some(write_id) => return Ok(Stored::Written(info.etag)),
            Some(info) if info.epoch == Some(object.epoch) && info.size == size => {
                return Ok(Stored::AlreadyThere(info));
            }
            Some(info) => {
                let detail = format!(
                    "another object of {} bytes and epoch {:?} is there; this one has {size} bytes and epoch {}",
                    info.size, info.epoch, object.epoch
                );
                return Err(Error::new("put", key, Cause::PreconditionFailed, detail));
            }
            // Deleted in between: the next attempt finds the place free.
            None => attempts.pause_after(Error { cause: Cause::Conflict, ..error }).await?,
        }
    }
}

//! Finds out whether the store can carry the fence: conditional writes with exactly one winner.
//!
//! One write after the other proves nothing: stores that check first and write later pass that and
//! still let several racing writers win. So the probe races.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use tokio::time::sleep;

use crate::dice::Dice;
use crate::error::{Cause, Error};
use crate::object::{Body, ETag, ObjectStore, Precondition, PutOptions, WriteId};
use crate::retry::{Policy, bounded, persist};

/// How many writers race; with 16 every store that races was caught in each of 40 rounds.
const WRITERS: u64 = 16;
/// How often each kind of race is run.
pub const ROUNDS: u32 = 3;
/// Clear answers that make a race count; a store that races shows it among these, too.
const CLEAR_ANSWERS: usize = 4;
/// How often a race that the network disturbed is run again.
const DISTURBED_MAX: u32 = 5;
/// After how long a store that limits the writes to a key takes the next one.
const NEXT_WRITE: Duration = Duration::from_secs(1);

/// What protects the objects of a channel from a run that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fence {
    /// The store itself: the write of a zombie fails.
    Conditional,
    /// Only the lease: the store cannot be trusted with conditional writes.
    LeaseOnly {
        /// What the probe saw.
        reason: String,
    },
}

impl Fence {
    /// Whether conditional writes may be used.
    pub const fn is_conditional(&self) -> bool {
        matches!(self, Self::Conditional)
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conditional => formatter.write_str("conditional writes"),
            Self::LeaseOnly { reason } => write!(formatter, "lease only: {reason}"),
        }
    }
}

enum Race {
    Won(ETag),
    Broken(String),
    Disturbed(Error),
}

/// Races conditional writes on keys below `prefix` and deletes them afterwards.
///
/// An error means that the question could not be answered (store away, access refused), not that
/// the answer is no.
pub async fn probe(
    store: &dyn ObjectStore,
    prefix: &str,
    policy: &Policy,
    dice: &mut Dice,
    rounds: u32,
) -> Result<Fence, Error> {
    let mut keys = Vec::new();
    let fence = race_in_rounds(store, prefix, policy, dice, rounds, &mut keys).await;
    if let Err(error) = bounded(policy.attempt_timeout, "delete", prefix, store.delete_batch(&keys)).await {
        tracing::warn!(%prefix, %error, "the objects of the fence probe could not be deleted");
    }
    fence
}

async fn race_in_rounds(
    store: &dyn ObjectStore,
    prefix: &str,
    policy: &Policy,
    dice: &mut Dice,
    rounds: u32,
    keys: &mut Vec<String>,
) -> Result<Fence, Error> {
    let broken = |reason| Ok(Fence::LeaseOnly { reason });
    let mut disturbed = 0;
    let mut done = 0;
    while done < rounds {
        let key = format!("{prefix}{:016x}", dice.next());
        keys.push(key.clone());
        let created = match won(store, &key, Precondition::IfAbsent, policy, dice).await? {
            Race::Won(etag) => etag,
            Race::Broken(reason) => return broken(reason),
            Race::Disturbed(error) => {
                disturbed = again(disturbed, error, policy, dice).await?;
                continue;
            }
        };
        match won(store, &key, Precondition::IfMatch(created.clone()), policy, dice).await? {
            Race::Won(_) => {}
            Race::Broken(reason) => return broken(reason),
            Race::Disturbed(error) => {
                disturbed = again(disturbed, error, policy, dice).await?;
                continue;
            }
        }
        for (condition, precondition, key) in [
            ("If-None-Match on an object that is there", Precondition::IfAbsent, key.clone()),
            ("If-Match with a tag of yesterday", Precondition::IfMatch(created.clone()), key.clone()),
            (
                "If-Match on an object that is not there",
                Precondition::IfMatch(created),
                format!("{key}-absent"),
            ),
        ] {
            keys.push(key.clone());
            let options = PutOptions { precondition, ..probe_options(dice) };
            let body = Body::Bytes(Bytes::from_static(b"must be refused"));
            let refused = persist(policy, dice, "put", &key, || store.put(&key, &body, &options)).await;
            match refused {
                Err(error) if error.cause == Cause::PreconditionFailed => {}
                Err(error) if matches!(error.cause, Cause::Other | Cause::Unsupported) => {
                    return broken(format!("{condition}: {error}"));
                }
                Err(error) => return Err(error),
                Ok(_) => return broken(format!("{condition} was accepted")),
            }
        }
        done += 1;
    }
    Ok(Fence::Conditional)
}

/// A race that is run again while nobody wins it: then the object is as it was.
async fn won(
    store: &dyn ObjectStore,
    key: &str,
    precondition: Precondition,
    policy: &Policy,
    dice: &mut Dice,
) -> Result<Race, Error> {
    let mut disturbed = 0;
    loop {
        match race(store, key, precondition.clone(), policy, dice).await? {
            Race::Disturbed(error) if error.cause == Cause::Conflict => {
                disturbed = again(disturbed, error, policy, dice).await?;
                sleep(NEXT_WRITE).await;
            }
            decided => return Ok(decided),
        }
    }
}

/// Lets all writers loose on one key at once.
async fn race(
    store: &dyn ObjectStore,
    key: &str,
    precondition: Precondition,
    policy: &Policy,
    dice: &mut Dice,
) -> Result<Race, Error> {
    let entries: Vec<_> = (0..WRITERS)
        .map(|_| PutOptions { precondition: precondition.clone(), ..probe_options(dice) })
        .map(|options| (Body::Bytes(Bytes::from(format!("{:?}", options.write_id))), options))
        .collect();
    let answers =
        join_all(entries.iter().map(|(body, options)| {
            bounded(policy.attempt_timeout, "put", key, store.put(key, body, options))
        }))
        .await;
    let mut winners = Vec::new();
    let (mut losers, mut conflicts) = (0, 0);
    // Writes that may have won, and what kept a writer from hearing.
    let (mut unheard, mut disturbance) = (Vec::new(), None);
    for ((_, options), answer) in entries.iter().zip(answers) {
        match answer {
            Ok(etag) => winners.push((options.write_id, etag)),
            Err(error) => match error.cause {
                Cause::PreconditionFailed => losers += 1,
                // Neither wrote anything: some stores let one writer at a time to a key, and send the others away.
                Cause::Conflict | Cause::Throttled => conflicts += 1,
                // A store that does not know the header says so with a 400 or a 501.
                Cause::Other | Cause::Unsupported => return Ok(Race::Broken(error.to_string())),
                Cause::Refused => return Err(error),
                Cause::Unavailable | Cause::Timeout | Cause::NotSent | Cause::File => {
                    unheard.extend(error.is_ambiguous().then_some(options.write_id));
                    disturbance = Some(error);
                }
            },
        }
    }
    if winners.len() + losers < CLEAR_ANSWERS
        && let Some(error) = disturbance
    {
        return Ok(Race::Disturbed(error));
    }
    if winners.is_empty() && !unheard.is_empty() {
        let info = persist(policy, dice, "head", key, || store.head(key)).await?;
        let Some(info) = info.filter(|info| unheard.contains(&info.write_id)) else {
            return Ok(Race::Broken(format!(
                "all racing writes with {precondition:?} lost that were answered"
            )));
        };
        winners.push((info.write_id, info.etag));
    }
    let Some((winner, etag)) = winners.pop() else {
        if conflicts == 0 {
            return Ok(Race::Broken(format!("all of {WRITERS} racing writes with {precondition:?} lost")));
        }
        // Every writer met another one (409) or was sent away: allowed, but no answer.
        return Ok(Race::Disturbed(Error::new("put", key, Cause::Conflict, "a race without a winner")));
    };
    if !winners.is_empty() {
        let detail =
            format!("{} of {WRITERS} racing writes with {precondition:?} won, not one", winners.len() + 1);
        return Ok(Race::Broken(detail));
    }
    let info = persist(policy, dice, "head", key, || store.head(key)).await?;
    Ok(match info {
        Some(info) if info.write_id == winner && info.etag == etag => Race::Won(etag),
        info => {
            Race::Broken(format!("the winner wrote {winner:?} as {etag:?}, but the store shows {info:?}"))
        }
    })
}

async fn again(disturbed: u32, error: Error, policy: &Policy, dice: &mut Dice) -> Result<u32, Error> {
    if disturbed >= DISTURBED_MAX {
        return Err(error);
    }
    sleep(policy.pause(disturbed + 1, dice)).await;
    Ok(disturbed + 1)
}

fn probe_options(dice: &mut Dice) -> PutOptions {
    PutOptions {
        content_type: "text/plain".to_owned(),
        cache_control: "no-store".to_owned(),
        write_id: Some(WriteId { writer: dice.next(), sequence: 0 }),
        ..PutOptions::default()
    }
}

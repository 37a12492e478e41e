//! What every [`ObjectStore`] must do, as checks that run against a real one.
//!
//! Run [`run`] in the tests of each implementation, and by hand against a store that is new to us.
//! The checks write below the given prefix only and delete what they wrote.

mod conditions;
mod content;
mod listing;

use std::fmt;

use bytes::Bytes;
use ez_domain::id::Epoch;

use crate::error::Error;
use crate::object::{Body, ObjectStore, PutOptions, WriteId};

pub use self::conditions::{conditions, races};
pub use self::content::{absent_objects, content, files, unusual_keys};
pub use self::listing::{deletion, listing};

/// A rule that the store breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{check}: {what}")]
pub struct Violation {
    /// The check that found it.
    pub check: &'static str,
    /// What was expected and what was seen.
    pub what: String,
}

/// Runs all checks below `prefix`, which should be fresh and end with a slash.
pub async fn run(store: &dyn ObjectStore, prefix: &str) -> Result<(), Violation> {
    content(store, &format!("{prefix}content/")).await?;
    files(store, &format!("{prefix}files/")).await?;
    unusual_keys(store, &format!("{prefix}unusual/")).await?;
    absent_objects(store, &format!("{prefix}absent/")).await?;
    conditions(store, &format!("{prefix}conditions/")).await?;
    races(store, &format!("{prefix}races/")).await?;
    listing(store, &format!("{prefix}listing/")).await?;
    deletion(store, &format!("{prefix}deletion/")).await
}

/// One check under way.
#[derive(Clone, Copy)]
struct Check(&'static str);

impl Check {
    fn violation(self, what: impl Into<String>) -> Violation {
        Violation { check: self.0, what: what.into() }
    }

    fn equal<T: PartialEq + fmt::Debug>(self, what: &str, seen: &T, expected: &T) -> Result<(), Violation> {
        if seen == expected {
            Ok(())
        } else {
            Err(self.violation(format!("{what} is {}, not {}", short(seen), short(expected))))
        }
    }

    fn holds(self, holds: bool, what: impl FnOnce() -> String) -> Result<(), Violation> {
        if holds { Ok(()) } else { Err(self.violation(what())) }
    }

    fn done<T>(self, answer: Result<T, Error>) -> Result<T, Violation> {
        answer.map_err(|error| self.violation(format!("unexpected error: {error} ({error:?})")))
    }
}

/// The debug text, cut: bodies have megabytes.
fn short(value: &impl fmt::Debug) -> String {
    let mut text = format!("{value:?}");
    if let Some((end, _)) = text.char_indices().nth(300) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn options(sequence: u64) -> PutOptions {
    PutOptions {
        content_type: "video/mp4".to_owned(),
        cache_control: "public, max-age=31536000, immutable".to_owned(),
        epoch: Some(Epoch::new(7)),
        write_id: Some(WriteId { writer: 0xfeed_0000_0000_0001, sequence }),
        ..PutOptions::default()
    }
}

fn body(text: &str) -> Body {
    Body::Bytes(Bytes::copy_from_slice(text.as_bytes()))
}

async fn clean_up(check: Check, store: &dyn ObjectStore, keys: &[String]) -> Result<(), Violation> {
    check.done(store.delete_batch(keys).await)
}

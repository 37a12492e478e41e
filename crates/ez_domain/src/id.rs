//! Identifiers, each a type of its own so that they cannot be mixed up.

mod run;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use run::{NoRunId, RunId};

macro_rules! uuid_id {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that was made at the edge.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            /// Reads the hyphenated form only: an identifier becomes part of paths and keys,
            /// so one identifier must have one spelling.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let uuid = Uuid::try_parse(text)?;
                if uuid.to_string() == text {
                    Ok(Self(uuid))
                } else {
                    Err(Uuid::try_parse("").map_or_else(|error| error, |_| unreachable!("an empty text is no UUID")))
                }
            }
        }
    };
}

uuid_id! {
    /// A job (a *channel* in the console): the long-lived thing that a user makes.
    JobId
}
uuid_id! {
    /// A worker host, issued at registration and kept in its data folder.
    WorkerId
}
uuid_id! {
    /// One life of a worker process: a restarted worker that lost its children has a new one.
    Incarnation
}

/// A number issued by the store for each run of a job; it only grows.
///
/// Every message about a run, every stable object and every segment folder carries it,
/// so whatever an older run still does can be told apart and refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The epoch of the next run.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_one_spelling() {
        let canonical = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f";
        assert_eq!(canonical.parse::<JobId>().unwrap().to_string(), canonical);
        for other in [
            "0191E7C6-7D4E-7C3A-9B1F-2A3B4C5D6E7F",
            "0191e7c67d4e7c3a9b1f2a3b4c5d6e7f",
            "{0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f}",
            "../etc/passwd",
            "",
        ] {
            assert!(other.parse::<JobId>().is_err(), "{other}");
        }
    }
}

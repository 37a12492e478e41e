//! Names of everything a period leaves behind: local files ([`local`]) and public objects
//! ([`object`]).
//!
//! The two are kept apart on purpose: packager chooses none of the public names, and a
//! public name never depends on where a worker keeps its files.

pub mod local;
pub mod object;

use std::fmt;
use std::str::FromStr;

use ez_domain::id::Epoch;

pub use local::{LocalFile, OutputLayout};
pub use object::{ObjectKey, ObjectKind, Objects};

/// One unbroken stretch of media: the `n`-th of the run with this epoch.
///
/// Spelled `<epoch>-<n>`; rendition names of that form are refused, so that the folders of
/// periods and renditions cannot meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeriodName {
    /// Epoch of the run.
    pub epoch: Epoch,
    /// Number inside the run, from zero.
    pub number: u32,
}

impl fmt::Display for PeriodName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.epoch, self.number)
    }
}

/// A text that is not `<epoch>-<n>` in plain decimal numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no period name: it has the form <epoch>-<number>, such as 7-0")]
pub struct PeriodNameError(String);

impl FromStr for PeriodName {
    type Err = PeriodNameError;

    /// Takes only the one spelling that `Display` gives.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('-').and_then(|(epoch, number)| {
            Some(Self { epoch: Epoch::new(epoch.parse().ok()?), number: number.parse().ok()? })
        });
        parsed.filter(|name| name.to_string() == text).ok_or_else(|| PeriodNameError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_name_has_one_spelling() {
        let name: PeriodName = "7-12".parse().unwrap();
        assert_eq!(name, PeriodName { epoch: Epoch::new(7), number: 12 });
        for bad in ["", "7", "7-", "-7", "07-1", "7-01", "+7-1", "7-1-2", "a-b", "7-4294967296"] {
            assert!(bad.parse::<PeriodName>().is_err(), "{bad}");
        }
    }
}

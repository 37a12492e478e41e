//! The name of a run: in logs, and of its folder and log file on the worker.

use std::fmt;
use std::str::FromStr;

use super::{Epoch, JobId};

/// One run of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// Which job.
    pub job: JobId,
    /// Which of its runs.
    pub epoch: Epoch,
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.job, self.epoch)
    }
}

/// A text that is not a job's id, a hyphen and an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run is named by its job's id, a hyphen and its epoch")]
pub struct NoRunId;

impl FromStr for RunId {
    type Err = NoRunId;

    /// Reads only what is written: one run has one name.
    fn from_str(text: &str) -> Result<Self, NoRunId> {
        let (job, epoch) = text.rsplit_once('-').ok_or(NoRunId)?;
        let (job, epoch) = (job.parse().map_err(|_| NoRunId)?, epoch.parse().map_err(|_| NoRunId)?);
        let id = Self { job, epoch: Epoch::new(epoch) };
        if id.to_string() == text { Ok(id) } else { Err(NoRunId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_is_one_run() {
        let text = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f-12";
        let id: RunId = text.parse().unwrap();
        assert_eq!((id.epoch.number(), id.to_string().as_str()), (12, text));
        for other in [
            "",
            "12",
            "x-1",
            "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f",
            "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f-012",
            "../a-1",
        ] {
            assert!(other.parse::<RunId>().is_err(), "{other}");
        }
    }
}

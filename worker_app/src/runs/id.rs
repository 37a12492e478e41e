//! The name of a run, also of its folder and log.

use std::fmt;
use std::str::FromStr;

use ez_domain::id::{Epoch, JobId};

/// One run of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RunId {
    /// Which job.
    pub(crate) job: JobId,
    /// Which of its runs.
    pub(crate) epoch: Epoch,
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.job, self.epoch)
    }
}

impl FromStr for RunId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (job, epoch) = text.rsplit_once('-').ok_or(())?;
        let id =
            Self { job: job.parse().map_err(|_| ())?, epoch: Epoch::new(epoch.parse().map_err(|_| ())?) };
        if id.to_string() == text { Ok(id) } else { Err(()) }
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

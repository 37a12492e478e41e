//! Whose fault a failure is, and in which words it is told.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who has to act on a failure. It decides the log level, the retry and the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The request asked for something impossible.
    Caller,
    /// The feed from the encoder is unusable or gone.
    Contribution,
    /// The bucket refuses or cannot be reached.
    Destination,
    /// The host that ran the job failed.
    Worker,
    /// We did something wrong.
    Bug,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Caller, Self::Contribution, Self::Destination, Self::Worker, Self::Bug];
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Caller => "caller",
            Self::Contribution => "contribution",
            Self::Destination => "destination",
            Self::Worker => "worker",
            Self::Bug => "bug",
        })
    }
}

/// A failure as it is shown to the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Who has to act.
    pub fault: Fault,
    /// What happened and what helps, in one or two sentences.
    pub reason: String,
    /// Whether another try can succeed as far as the one who failed can tell.
    pub retryable: bool,
}

impl Failure {
    /// A failure that another try may mend.
    pub fn retryable(fault: Fault, reason: impl Into<String>) -> Self {
        Self { fault, reason: reason.into(), retryable: true }
    }

    /// A failure that only a person can mend.
    pub fn final_(fault: Fault, reason: impl Into<String>) -> Self {
        Self { fault, reason: reason.into(), retryable: false }
    }
}

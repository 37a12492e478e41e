//! Where a page of a listing begins.
//!
//! A cursor names the last job of the page before, by its place in the order and not by a count,
//! so jobs that come or go meanwhile neither repeat nor hide others.

use std::fmt;
use std::str::FromStr;

use ez_domain::id::JobId;
use ez_domain::job::Job;
use ez_domain::units::Timestamp;

/// The place right after a job, in the order of creation, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When the job before was made.
    pub created_at: Timestamp,
    /// The job before; among jobs of one millisecond the higher id comes first.
    pub id: JobId,
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a cursor: take the one from the link to the next page, unchanged")]
pub struct NoCursor;

impl Cursor {
    /// The place right after `job`.
    pub const fn after(job: &Job) -> Self {
        Self { created_at: job.created_at, id: job.id }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.created_at.millis(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (millis, id) = text.split_once('.').ok_or(NoCursor)?;
        if millis.is_empty() || millis.len() > 15 || !millis.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoCursor);
        }
        let millis = millis.parse().map_err(|_| NoCursor)?;
        let id = id.parse().map_err(|_| NoCursor)?;
        Ok(Self { created_at: Timestamp::from_millis(millis), id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let text = "1760000000000.0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f";
        assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        for bad in
            ["", ".", "1.", "1.x", "-1.0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f", "9999999999999999.x", "1"]
        {
            assert_eq!(bad.parse::<Cursor>(), Err(NoCursor), "{bad}");
        }
    }
}

//! Where readers put what they find.

use crate::fault::{Fault, Warning};

/// Faults reported at most: an answer must not be many times larger than its request.
const MOST_FAULTS: usize = 100;

/// Faults and warnings in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    faults: Vec<Fault>,
    unreported: usize,
    warnings: Vec<Warning>,
}

impl Findings {
    pub(super) fn fault(&mut self, pointer: &str, detail: impl Into<String>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { pointer: pointer.to_owned(), detail: detail.into() });
        } else {
            self.unreported += 1;
        }
    }

    pub(super) fn warn(&mut self, pointer: &str, detail: impl Into<String>) {
        self.warnings.push(Warning { pointer: pointer.to_owned(), detail: detail.into() });
    }

    /// `value` with the warnings when nothing is wrong with it.
    pub(super) fn conclude<T>(mut self, value: Option<T>) -> Result<(T, Vec<Warning>), Vec<Fault>> {
        if self.unreported > 0 {
            let detail = format!("{} more faults are not listed; mend those above first", self.unreported);
            self.faults.push(Fault { pointer: String::new(), detail });
        }
        match value {
            Some(value) if self.faults.is_empty() => Ok((value, self.warnings)),
            None if self.faults.is_empty() => {
                // A reader that gave up has said why; this only keeps `Err` from ever being empty.
                let detail =
                    "the specification cannot be read; compare it with docs/job-reference.md".to_owned();
                Err(vec![Fault { pointer: String::new(), detail }])
            }
            Some(_) | None => Err(self.faults),
        }
    }
}

//! Which page of which jobs a query asks for.

use std::collections::BTreeSet;

use ez_api::job::State;
use ez_api::problem::Problem;
use ez_domain::job::PhaseName;
use ez_store::Selection;
use ez_store::cursor::{Cursor, NoCursor};

use crate::refusal::Refusal;

/// Jobs on a page when the client does not say.
const DEFAULT_LIMIT: usize = 100;
/// Most jobs on a page.
const MOST: usize = 500;

/// A page of jobs.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Most jobs on the page.
    pub(super) limit: usize,
    /// Where it begins; `None` is the newest job.
    pub(super) after: Option<Cursor>,
    /// Which jobs.
    pub(super) selection: Selection,
    /// The filters as they were given, for the link to the next page.
    filters: Vec<(&'static str, String)>,
}

impl Wanted {
    /// A page of all jobs.
    pub(super) fn read(limit: Option<&str>, after: Option<&str>) -> Result<Self, Refusal> {
        let limit = limit.map_or(Ok(DEFAULT_LIMIT), read_limit)?;
        let after = after.map(read_cursor).transpose()?;
        Ok(Self { limit, after, selection: Selection::default(), filters: Vec::new() })
    }

    /// Those that run or stream, as the original's `/jobs/active` has it.
    pub(super) fn active(mut self) -> Self {
        self.narrow(|phase| matches!(State::from(phase), State::Running | State::Streaming));
        self
    }

    /// Those in one of the original's states.
    pub(super) fn in_state(mut self, text: Option<String>) -> Result<Self, Refusal> {
        if let Some(text) = text {
            let known: State = serde_json::from_value(text.as_str().into())
                .map_err(|_| refused(format!("state={text:?} is none of {}", names(&State::ALL))))?;
            self.narrow(|phase| State::from(phase) == known);
            self.filters.push(("state", text));
        }
        Ok(self)
    }

    /// Those in one phase.
    pub(super) fn in_phase(mut self, text: Option<String>) -> Result<Self, Refusal> {
        if let Some(text) = text {
            let known: PhaseName = serde_json::from_value(text.as_str().into())
                .map_err(|_| refused(format!("phase={text:?} is none of {}", names(&PhaseName::ALL))))?;
            self.narrow(|phase| phase == known);
            self.filters.push(("phase", text));
        }
        Ok(self)
    }

    /// Those whose run is on one worker.
    pub(super) fn on_worker(mut self, text: Option<String>) -> Result<Self, Refusal> {
        if let Some(text) = text {
            let unknown = |_| {
                refused(format!("worker={text:?} is no id of a worker; GET /workers lists those there are"))
            };
            self.selection.worker = Some(text.parse().map_err(unknown)?);
            self.filters.push(("worker", text));
        }
        Ok(self)
    }

    /// The query of the page that begins at `next`.
    pub(super) fn query(&self, next: &str) -> String {
        let mut query = format!("limit={}&after={next}", self.limit);
        for (key, value) in &self.filters {
            // Every value that was accepted is a plain word.
            query.push_str(&format!("&{key}={value}"));
        }
        query
    }

    fn narrow(&mut self, fits: impl Fn(PhaseName) -> bool) {
        let before = self.selection.phases.take();
        let mut phases = before.unwrap_or_else(|| BTreeSet::from(PhaseName::ALL));
        phases.retain(|phase| fits(*phase));
        self.selection.phases = Some(phases);
    }
}

fn read_limit(text: &str) -> Result<usize, Refusal> {
    let in_range = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    in_range.ok_or_else(|| refused(format!("limit={text:?} is no whole number from 1 to {MOST}")))
}

fn read_cursor(text: &str) -> Result<Cursor, Refusal> {
    text.parse().map_err(|error: NoCursor| refused(format!("after={text:?}: {error}")))
}

fn refused(detail: String) -> Refusal {
    Problem::invalid_request(detail).into()
}

/// The words of an enumeration as JSON has them.
fn names<T: serde::Serialize>(all: &[T]) -> String {
    let names = all.iter().filter_map(|name| Some(serde_json::to_value(name).ok()?.as_str()?.to_owned()));
    names.collect::<Vec<_>>().join(", ")
}

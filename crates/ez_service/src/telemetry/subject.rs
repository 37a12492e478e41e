//! What all lines of a process are about: a transcoder logs of one run only, in whatever task.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ez_domain::id::{Epoch, JobId, RunId};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The fields that stand on each line once they are known. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    fields: Arc<OnceLock<[(&'static str, String); 3]>>,
}

impl Subject {
    /// From now on every line names this run; a second call changes nothing.
    pub fn is_run(&self, job: JobId, epoch: Epoch) {
        let run = format!("\"{}\"", RunId { job, epoch });
        let fields = [("job", format!("\"{job}\"")), ("epoch", epoch.to_string()), ("run", run)];
        // The first word counts: a process has one run.
        let _ = self.fields.set(fields);
    }

    /// The line with the fields: inside a JSON object, in front of any other.
    fn put(&self, line: &str, writer: &mut Writer<'_>) -> fmt::Result {
        let Some(fields) = self.fields.get() else { return writer.write_str(line) };
        let (opening, rest) = line.strip_prefix('{').map_or(("", line), |rest| ("{", rest));
        writer.write_str(opening)?;
        for (name, value) in fields {
            if opening.is_empty() {
                write!(writer, "{name}={} ", value.trim_matches('"'))?;
            } else if !rest.contains(&format!("\"{name}\":")) {
                write!(writer, "\"{name}\":{value},")?;
            }
        }
        writer.write_str(rest)
    }
}

/// A format whose lines name the subject.
pub(super) struct About<F> {
    pub(super) format: F,
    pub(super) subject: Subject,
}

impl<S, N, F> FormatEvent<S, N> for About<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.subject.fields.get().is_none() {
            return self.format.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        self.subject.put(&line, &mut writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(subject: &Subject, line: &str) -> String {
        let mut text = String::new();
        subject.put(line, &mut Writer::new(&mut text)).unwrap();
        text
    }

    #[test]
    fn lines_name_the_run_once_it_is_known() {
        let subject = Subject::default();
        let line = "{\"level\":\"INFO\",\"message\":\"up\"}\n";
        assert_eq!(told(&subject, line), line);
        let job: JobId = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f".parse().unwrap();
        subject.is_run(job, Epoch::new(7));
        subject.is_run(job, Epoch::new(8));
        let event: serde_json::Value = serde_json::from_str(&told(&subject, line)).unwrap();
        assert_eq!((&event["job"], &event["epoch"]), (&job.to_string().into(), &7.into()));
        assert_eq!((&event["run"], &event["message"]), (&format!("{job}-7").into(), &"up".into()));
        let own = told(&subject, "{\"epoch\":3}\n");
        assert_eq!(own.matches("\"epoch\":").count(), 1, "what the event says itself is kept: {own}");
        assert_eq!(told(&subject, "plain\n"), format!("job={job} epoch=7 run={job}-7 plain\n"));
    }
}

//! The last lines of a job's logs, over all its runs whose files are still here.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use ez_api::internal::LogLine;
use ez_domain::id::{Epoch, JobId, RunId};

/// How much of the end of a file is read.
const TAIL: u64 = 512 * 1024;
/// Length of a line.
const LONGEST_LINE: usize = 4_096;

/// At most `wanted` lines, oldest first.
pub(super) fn last(folder: &Path, job: JobId, wanted: usize) -> Vec<LogLine> {
    let mut found: Vec<LogLine> = Vec::new();
    for (epoch, _, path) in newest_first(folder, job) {
        let missing = wanted.saturating_sub(found.len());
        if missing == 0 {
            break;
        }
        // A file that is gone meanwhile has no lines.
        let lines = tail(&path).unwrap_or_default();
        found.extend(lines.into_iter().rev().take(missing).map(|line| LogLine { epoch, line }));
    }
    found.reverse();
    found
}

/// The job's files: of each run the present one, then the one that was turned over.
fn newest_first(folder: &Path, job: JobId) -> Vec<(Epoch, bool, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.to_owned();
            let (run, is_present) = match name.strip_suffix(".log") {
                Some(run) => (run, true),
                None => (name.strip_suffix(".log.1")?, false),
            };
            let run: RunId = run.parse().ok()?;
            (run.job == job).then_some((run.epoch, is_present, path))
        })
        .collect();
    files.sort_unstable_by(|one, other| other.cmp(one));
    files
}

/// The last whole lines of a file, shortened and without control characters.
fn tail(path: &Path) -> std::io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let begin = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line is cut off where the file does not begin here.
    let lines = text.lines().skip(usize::from(begin > 0)).filter(|line| !line.trim().is_empty());
    let plain = |line: &str| {
        line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_LINE).collect::<String>()
    };
    Ok(lines.map(plain).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f";
    const OTHER: &str = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e80";

    fn told(folder: &Path, wanted: usize) -> Vec<String> {
        let lines = last(folder, JOB.parse().unwrap(), wanted);
        lines.into_iter().map(|line| format!("{} {}", line.epoch, line.line)).collect()
    }

    #[test]
    fn lines_go_on_over_files_and_runs_of_one_job() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(told(folder.path(), 9), Vec::<String>::new());
        assert_eq!(told(&folder.path().join("none"), 9), Vec::<String>::new());
        for (name, content) in [
            (format!("{JOB}-2.log"), "a\nb\n"),
            (format!("{JOB}-10.log.1"), "c\n\n"),
            (format!("{JOB}-10.log"), "d\u{1b}[0m\ne"),
            (format!("{OTHER}-11.log"), "of another job\n"),
            (format!("{JOB}-x.log"), "of nobody\n"),
            (JOB.to_owned(), "no log\n"),
        ] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        assert_eq!(told(folder.path(), 99), ["2 a", "2 b", "10 c", "10 d [0m", "10 e"]);
        assert_eq!(told(folder.path(), 4), ["2 b", "10 c", "10 d [0m", "10 e"]);
        assert_eq!(told(folder.path(), 1), ["10 e"]);
        assert_eq!(told(folder.path(), 0), Vec::<String>::new());
    }

    #[test]
    fn a_large_file_costs_its_end_only() {
        let folder = tempfile::tempdir().unwrap();
        let line = "x".repeat(10_000);
        let lines: Vec<&str> = std::iter::repeat_n(line.as_str(), 1_000).collect();
        let content = [lines.join("\n").into_bytes(), vec![b'\n', 0xff, b'\n']].concat();
        std::fs::write(folder.path().join(format!("{JOB}-1.log")), content).unwrap();
        let told = last(folder.path(), JOB.parse().unwrap(), 1_000);
        assert!((40..=60).contains(&told.len()), "{}", told.len());
        assert!(told.iter().all(|line| line.line.chars().count() <= LONGEST_LINE));
        assert_eq!(told.last().unwrap().line, "\u{fffd}");
    }
}

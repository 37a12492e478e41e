//! A transcoder process: our own child, or one that a former `worker_app` started.
//!
//! The end of a child is told by the kernel. The end of an adopted process shows first as the end
//! of its connection; only while it has none is `/proc` looked at often.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use ez_service::child::signal_group;
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

/// Time between two looks at an adopted process without a connection.
const LOOK_OFTEN: Duration = Duration::from_millis(20);
/// Time between two looks at one whose connection would tell its end.
const LOOK_SELDOM: Duration = Duration::from_secs(1);

/// The process of a run.
#[derive(Debug)]
pub(super) enum Process {
    /// Our child.
    Own(Child),
    /// Somebody else's child, now init's.
    Adopted(Adopted),
}

impl Process {
    /// Its identity, while it lives.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Own(child) => child.id(),
            Self::Adopted(adopted) => Some(adopted.pid),
        }
    }

    /// Waits for its end and says how it ended. Can be dropped and called again.
    pub(super) async fn ended(&mut self, connected: bool) -> String {
        match self {
            Self::Own(child) => match child.wait().await {
                Ok(status) => in_words(status),
                Err(error) => format!("its exit status cannot be read: {error}"),
            },
            Self::Adopted(adopted) => {
                while adopted.lives() {
                    tokio::time::sleep(if connected { LOOK_SELDOM } else { LOOK_OFTEN }).await;
                }
                "ended with an unknown exit status".to_owned()
            }
        }
    }

    /// Kills its whole process group.
    pub(super) fn kill(&self) {
        match self {
            Self::Own(child) => signal_group(child, Signal::SIGKILL),
            Self::Adopted(adopted) => adopted.kill(),
        }
    }
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("was killed by {signal}"),
            Err(_) => format!("was killed by signal {number}"),
        },
        (None, None) => "ended".to_owned(),
    }
}

/// A living process that is no child of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Adopted {
    pid: u32,
    start_ticks: u64,
}

impl Adopted {
    /// The process with this identity, if there is one.
    ///
    /// # Errors
    /// When that cannot be found out, such as for want of file descriptors.
    pub(super) fn find(pid: u32) -> io::Result<Option<Self>> {
        Ok(start_ticks(pid)?.map(|start_ticks| Self { pid, start_ticks }))
    }

    /// Its identity.
    pub(super) const fn pid(self) -> u32 {
        self.pid
    }

    /// When it started, in ticks since boot: tells it from a later process with the same identity.
    pub(super) const fn start_ticks(self) -> u64 {
        self.start_ticks
    }

    /// Where it cannot be found out it is taken to live: only what is known to be gone may be replaced.
    fn lives(self) -> bool {
        start_ticks(self.pid).map_or(true, |found| found == Some(self.start_ticks))
    }

    fn kill(self) {
        // Transcoders lead a process group of their own. 0 and 1 would mean other groups.
        if let Some(pid) = i32::try_from(self.pid).ok().filter(|&pid| pid > 1)
            && matches!(start_ticks(self.pid), Ok(Some(found)) if found == self.start_ticks)
        {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// Start time of a living process: field 22 of `/proc/<pid>/stat`; a zombie counts as gone.
pub(super) fn start_ticks(pid: u32) -> io::Result<Option<u64>> {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => Ok(parse_stat(&stat)),
        // One that ends while it is read is no such process.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse_stat(text: &str) -> Option<u64> {
    // The name in parentheses may itself hold spaces and parentheses.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let rest = "1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 22 33";
        assert_eq!(parse_stat(&format!("7 (sh) S {rest}")), Some(4711));
        assert_eq!(parse_stat(&format!("7 (a) R) (b) S {rest}")), Some(4711));
        assert_eq!(parse_stat(&format!("7 (sh) Z {rest}")), None);
        for broken in ["", "7 (sh", "7 (sh) S 1 2 3"] {
            assert_eq!(parse_stat(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_process_is_known_by_its_start_time() {
        let own = Adopted::find(std::process::id()).unwrap().unwrap();
        assert!(own.lives());
        assert!(!Adopted { start_ticks: own.start_ticks + 1, ..own }.lives());
        assert!(Adopted::find(u32::MAX).unwrap().is_none());
    }
}

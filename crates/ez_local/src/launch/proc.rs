//! What `/proc` tells about processes: who is it, is it still the same, who listens where.
//!
//! Process ids are given out again. A process is therefore known by its id *and* its start time
//! (`proc_pid_stat(5)`, field 22); nothing is signalled that does not match both.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// One process, and never another that got its id later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// Its start, in clock ticks since the system's start.
    pub started: u64,
}

impl Identity {
    /// The process that has this id now.
    pub fn of(pid: u32) -> Option<Self> {
        let (_, started) = state_and_start(pid)?;
        Some(Self { pid, started })
    }

    /// Whether it still runs. A zombie does not: it has ended and waits for its parent only.
    pub fn is_alive(self) -> bool {
        state_and_start(self.pid)
            .is_some_and(|(state, started)| started == self.started && !matches!(state, 'Z' | 'X'))
    }

    /// Signals its process group, if it still runs. (Every child leads a group of its own.)
    ///
    /// # Errors
    /// When the system refuses; a process that has ended is no failure.
    pub fn signal_group(self, signal: Signal) -> nix::Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        let Ok(pid) = i32::try_from(self.pid) else { return Ok(()) };
        match killpg(Pid::from_raw(pid), signal) {
            Err(nix::errno::Errno::ESRCH) => Ok(()),
            result => result,
        }
    }
}

fn state_and_start(pid: u32) -> Option<(char, u64)> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The state (field 3) and the start time (field 22). Field 2 is the name in parentheses and may
/// itself hold blanks and parentheses, so counting starts after the last one.
fn parse_stat(text: &str) -> Option<(char, u64)> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

/// A name for this run of the system: start times of another one mean nothing.
pub(super) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Running processes whose program has one of these names and that work inside `folder`; not this
/// one and not the one that waits for it.
pub(super) fn working_in(folder: &Path, programs: &[&str]) -> Vec<Identity> {
    all_pids()
        .filter(|pid| *pid != std::process::id() && *pid != std::os::unix::process::parent_id())
        .filter(|pid| program_name(*pid).is_some_and(|name| programs.contains(&name.as_str())))
        .filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder)))
        .filter_map(Identity::of)
        .filter(|identity| identity.is_alive())
        .collect()
}

/// The file name of the running program; a rebuild in the meantime does not change it.
fn program_name(pid: u32) -> Option<String> {
    let path: PathBuf = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = path.file_name()?.to_str()?;
    Some(name.strip_suffix(" (deleted)").unwrap_or(name).to_owned())
}

fn all_pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Who listens on a TCP port, such as `nginx (pid 12)`; `None` when the system does not tell.
pub(super) fn listener_of(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let owns = |pid: &u32| {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut links = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
        links.any(|link| link.to_str().is_some_and(|link| sockets.iter().any(|socket| socket == link)))
    };
    let pid = if sockets.is_empty() { None } else { all_pids().find(owns) }?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("{} (pid {pid})", name.trim()))
}

/// Column 2 is the local address, 4 the state (`0A` is LISTEN), 10 the inode.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let wanted = format!(":{port:04X}");
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(1).is_some_and(|local| local.ends_with(&wanted)))
        .filter(|row| row.get(3) == Some(&"0A"))
        .filter_map(|row| row.get(9).map(ToString::to_string))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn names_with_parentheses_do_not_shift_the_fields() {
        let tail = "S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000";
        for name in ["sh", "a) S 1 (b", "x y"] {
            assert_eq!(parse_stat(&format!("7 ({name}) {tail}")), Some(('S', 987_654)), "{name}");
        }
        for broken in ["", "7 (sh) S 1", "7 (sh", "7 (sh) S 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 x 1"] {
            assert_eq!(parse_stat(broken), None, "{broken}");
        }
    }

    #[test]
    fn another_process_with_the_same_id_is_not_taken_for_it() {
        let mut child = Command::new("/bin/sh").args(["-c", "read x"]).stdin(Stdio::piped()).spawn().unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.is_alive());
        let impostor = Identity { started: identity.started + 1, ..identity };
        assert!(!impostor.is_alive());
        impostor.signal_group(Signal::SIGKILL).unwrap();
        assert!(child.try_wait().unwrap().is_none(), "an impostor was killed");

        drop(child.stdin.take());
        while identity.is_alive() {
            std::thread::yield_now();
        }
        assert!(Path::new(&format!("/proc/{}", identity.pid)).exists(), "a zombie until it is waited for");
        child.wait().unwrap();
        assert_eq!(Identity::of(identity.pid), None);
    }

    #[test]
    fn only_named_programs_inside_the_folder_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let start = |place: &Path| {
            let mut command = Command::new("/usr/bin/sleep");
            command.arg("60").current_dir(place).spawn().unwrap()
        };
        let (mut inside, mut outside) = (start(&folder), start(Path::new("/")));
        let name = program_name(inside.id()).unwrap();
        let found = working_in(&folder, &[name.as_str()]);
        let others = working_in(&folder, &["ffmpeg"]);
        for child in [&mut inside, &mut outside] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(found.iter().map(|identity| identity.pid).collect::<Vec<_>>(), [inside.id()]);
        assert_eq!(others, []);
    }

    #[test]
    fn the_owner_of_a_listener_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listener_of(port).unwrap().ends_with(&format!("(pid {})", std::process::id())));
        drop(listener);
        assert_eq!(listener_of(port), None);
    }
}

//! Finds the external programs that tests use, starts them, and hands out free ports.
//!
//! It installs nothing: `script/test` does. A missing program is an error, never a skipped test.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;
use tokio::time::timeout;

/// The longest time that a tool which processes a test file may take.
const TOOL_DEADLINE: Duration = Duration::from_secs(180);

/// An external program that some test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// The pinned ffmpeg; `EZ_FFMPEG` overrides it.
    Ffmpeg,
    /// The pinned ffprobe; `EZ_FFPROBE` overrides it.
    Ffprobe,
    /// The pinned Shaka packager; `EZ_PACKAGER` overrides it.
    Packager,
    /// Redis from the distribution; `EZ_REDIS_SERVER` overrides it.
    RedisServer,
    /// A Chromium that runs headless; `EZ_CHROMIUM` overrides it.
    Chromium,
    /// Node.js; `EZ_NODE` overrides it.
    Node,
    /// The pinned moto, which speaks SQS; `EZ_MOTO` overrides it.
    Moto,
    /// The pinned schemathesis, which makes requests up; `EZ_SCHEMATHESIS` overrides it.
    Schemathesis,
    /// The pinned Docker Compose, which reads compose files; `EZ_COMPOSE` overrides it.
    Compose,
}

impl Tool {
    fn variable(self) -> &'static str {
        match self {
            Self::Ffmpeg => "EZ_FFMPEG",
            Self::Ffprobe => "EZ_FFPROBE",
            Self::Packager => "EZ_PACKAGER",
            Self::RedisServer => "EZ_REDIS_SERVER",
            Self::Chromium => "EZ_CHROMIUM",
            Self::Node => "EZ_NODE",
            Self::Moto => "EZ_MOTO",
            Self::Schemathesis => "EZ_SCHEMATHESIS",
            Self::Compose => "EZ_COMPOSE",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Ffprobe => "ffprobe",
            Self::Packager => "packager",
            Self::RedisServer => "redis-server",
            Self::Chromium => "chromium",
            Self::Node => "node",
            Self::Moto => "moto_server",
            Self::Schemathesis => "schemathesis",
            Self::Compose => "docker-compose",
        }
    }

    /// Whether the program must be the pinned one in `.tools/bin`: versions differ in flags and
    /// output, so one that happens to lie in `PATH` is never taken.
    fn is_pinned(self) -> bool {
        !matches!(self, Self::RedisServer | Self::Chromium | Self::Node)
    }

    /// The path of the program, or an error that says where it was looked for and how to get it.
    pub fn path(self) -> Result<PathBuf> {
        let chosen = std::env::var_os(self.variable());
        let search = std::env::var_os("PATH").unwrap_or_default();
        self.find(chosen.as_deref(), &workspace_root().join(".tools/bin"), &search)
    }

    fn find(self, chosen: Option<&OsStr>, pinned: &Path, search: &OsStr) -> Result<PathBuf> {
        let name = self.name();
        let variable = self.variable();
        if let Some(chosen) = chosen.filter(|value| !value.is_empty()) {
            let path = PathBuf::from(chosen);
            ensure!(path.is_file(), "{variable} names {}, which is not a file", path.display());
            return Ok(path);
        }
        if self.is_pinned() {
            let path = pinned.join(name);
            ensure!(
                path.is_file(),
                "{name} is not at {}; run script/test, which installs it, or set {variable}",
                path.display()
            );
            return Ok(path);
        }
        match std::env::split_paths(search).map(|folder| folder.join(name)).find(|path| path.is_file()) {
            Some(path) => Ok(path),
            None => bail!("{name} is not in PATH; run script/test, which installs it, or set {variable}"),
        }
    }

    /// A command for this program: no standard input, killed when its handle is dropped.
    pub fn command(self) -> Result<Command> {
        #[expect(clippy::disallowed_methods, reason = "the rule is for services; this is their test kit")]
        let mut command = Command::new(self.path()?);
        command.stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }
}

/// The root of the workspace, where `.tools` and `target` are.
pub fn workspace_root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).unwrap_or(crate_folder).to_path_buf()
}

/// What a tool left behind when it ended well.
#[derive(Debug)]
pub struct Output {
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Runs a command to its end; its failure is an error that carries its last words.
pub async fn run(mut command: Command) -> Result<Output> {
    let shown = format!("{:?}", command.as_std());
    let output = timeout(TOOL_DEADLINE, command.output())
        .await
        .with_context(|| format!("{shown} did not end within {TOOL_DEADLINE:?}"))?
        .with_context(|| format!("start {shown}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{shown} ended with {}:\n{}", output.status, tail(&stderr));
    Ok(Output { stdout: output.stdout, stderr })
}

/// The last lines of a log, for error texts.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// A loopback TCP port that was free a moment ago, and that this process was not given before: services of many
/// tests at once would meet on one now and then.
///
/// Another process may take it before it is used: whoever starts a server on it must be ready
/// to try again with another one.
pub fn free_port() -> Result<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    fresh_port(&mut GIVEN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A free port that is not among those that were given; now it is.
fn fresh_port(given: &mut BTreeSet<u16>) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a free loopback port")?;
    let port = listener.local_addr().context("read the port that was bound")?.port();
    // Held while another one is looked for, else the kernel could name the same one again.
    if given.insert(port) { Ok(port) } else { fresh_port(given) }
}

/// Whether something listens on a TCP port, seen without connecting to it.
///
/// A probe connection would use up a one-shot listener such as `ffmpeg -listen 1`, so the kernel's
/// table is read instead (column `st`: `0A` is `TCP_LISTEN`).
pub fn is_listening(port: u16) -> bool {
    let wanted = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().map(str::to_owned).collect::<Vec<_>>())
        .any(|line| {
            let mut columns = line.split_whitespace().skip(1);
            let local = columns.next().unwrap_or_default();
            local.ends_with(&wanted) && columns.nth(1) == Some("0A")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_says_how_to_get_it() {
        let empty = tempfile::tempdir().unwrap();
        for tool in [Tool::Ffmpeg, Tool::Ffprobe, Tool::Packager, Tool::RedisServer, Tool::Node] {
            let error = tool.find(None, empty.path(), empty.path().as_os_str()).unwrap_err().to_string();
            assert!(error.contains(tool.name()), "{error}");
            assert!(error.contains("run script/test, which installs it"), "{error}");
            let error = tool.find(Some(OsStr::new("/no/such")), empty.path(), OsStr::new("")).unwrap_err();
            assert!(error.to_string().contains(tool.variable()), "{error}");
        }
    }

    #[test]
    fn every_tool_of_the_tests_is_here() {
        for tool in
            [Tool::Ffmpeg, Tool::Ffprobe, Tool::Packager, Tool::RedisServer, Tool::Chromium, Tool::Node]
        {
            tool.path().unwrap();
        }
    }

    #[tokio::test]
    async fn a_failing_tool_is_an_error_with_its_words() {
        let mut command = Tool::Ffprobe.command().unwrap();
        command.arg("/no/such/file");
        let error = run(command).await.unwrap_err().to_string();
        assert!(error.contains("No such file"), "{error}");
    }

    #[test]
    fn a_listener_is_seen_without_a_connection() {
        let leave = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            assert!(is_listening(port));
            port
        };
        // A neighbour may take the port the moment it is free.
        assert!((0..10).any(|_| !is_listening(leave())));
        assert_ne!(free_port().unwrap(), 0);
    }
}

//! Why a stack cannot be started, in one line each that says what to do.

use std::io;
use std::path::PathBuf;

/// Why the launcher could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An environment variable is no port.
    #[error("{variable}={text}: set it to a port number from 1 to 65535")]
    NotAPort {
        /// The variable.
        variable: &'static str,
        /// What it holds.
        text: String,
    },
    /// Somebody listens on a port already.
    #[error("port {port} ({purpose}) is taken by {}; end that or set {variable} to another port",
            .owner.as_deref().unwrap_or("another process"))]
    PortTaken {
        /// The port.
        port: u16,
        /// What it is for.
        purpose: String,
        /// The variable that chooses another.
        variable: &'static str,
        /// Who listens, if the system tells.
        owner: Option<String>,
    },
    /// The system does not give the port, as for those below 1024.
    #[error("port {port} ({purpose}) cannot be used: {source}; set {variable} to another port")]
    PortRefused {
        /// The port.
        port: u16,
        /// What it is for.
        purpose: String,
        /// The variable that chooses another.
        variable: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Two services want the same port.
    #[error("port {port} is wanted by both {first} and {second}; set {variable} to another port")]
    PortTwice {
        /// The port.
        port: u16,
        /// Who wants it.
        first: String,
        /// Who wants it too.
        second: String,
        /// The variable of the second.
        variable: &'static str,
    },
    /// A range goes beyond the last port.
    #[error("{count} ports from {base} on go beyond 65535; set {variable} lower or use fewer workers")]
    PortRange {
        /// The first port.
        base: u16,
        /// How many.
        count: u16,
        /// The variable.
        variable: &'static str,
    },
    /// The system has no free ports.
    #[error("no free ports: {0}; end programs that hold many")]
    NoFreePorts(#[source] io::Error),
    /// Too few or too many workers.
    #[error("--workers {0}: choose 1 to {max}", max = super::MAX_WORKERS)]
    Workers(u16),
    /// The data folder belongs to a running stack.
    #[error("a stack runs on {0} already; end it with script/down, or choose another folder with --data")]
    AlreadyRunning(PathBuf),
    /// The disk refused.
    #[error("cannot {verb} {path}: {source}; check permissions and free space")]
    Disk {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A secret file is not what the launcher wrote.
    #[error(
        "{0} does not hold a secret of this launcher; restore it, or remove the data folder to begin anew"
    )]
    Secret(PathBuf),
    /// A program is not there.
    #[error("{program} is not at {path}; run script/up, which makes or installs it")]
    ProgramMissing {
        /// The program's name.
        program: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The program would not start.
    #[error("{service} cannot be started: {reason}")]
    NotStarted {
        /// Which service.
        service: String,
        /// The reason.
        reason: String,
    },
    /// A service ended before it was ready.
    #[error("{service} ended before it was ready ({reason}); its last words: {words:?}; log: {log}")]
    Ended {
        /// Which service.
        service: String,
        /// How it ended.
        reason: String,
        /// The end of its log.
        words: String,
        /// Where the log is.
        log: PathBuf,
    },
    /// A service did not become ready.
    #[error("{service} was not ready within {seconds} s ({reason}); log: {log}")]
    NotReady {
        /// Which service.
        service: String,
        /// How long was waited.
        seconds: u64,
        /// What the last look said.
        reason: String,
        /// Where the log is.
        log: PathBuf,
    },
    /// A name that no service has.
    #[error("there is no service {0:?} in this stack")]
    NoSuchService(String),
    /// A process cannot be signalled.
    #[error("{service} cannot be signalled: {source}")]
    Signal {
        /// Which service.
        service: String,
        /// What the system said.
        source: nix::Error,
    },
}

/// Maps a failure of the disk.
pub(crate) fn disk(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Disk { verb, path, source }
}

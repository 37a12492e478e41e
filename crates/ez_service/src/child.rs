//! Child processes: an argument vector, a cleared environment, a process group of their own.
//!
//! Children that must not outlive us get SIGKILL from the kernel when we die
//! (`PR_SET_PDEATHSIG`). That signal is sent when the *thread* that spawned the child ends, so
//! every child is spawned by one thread that lives as long as the process.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// What to start and how.
#[derive(Debug)]
pub struct Spec {
    /// The program.
    pub program: PathBuf,
    /// Its arguments. They are visible to every user of the host: no secret belongs here.
    pub arguments: Vec<OsString>,
    /// The whole environment of the child.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working folder.
    pub folder: PathBuf,
    /// Its standard input.
    pub stdin: Stdio,
    /// Its standard output.
    pub stdout: Stdio,
    /// Its standard error.
    pub stderr: Stdio,
    /// Whether the kernel kills it when this process dies.
    pub dies_with_parent: bool,
}

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program cannot be executed.
    #[error("{program} cannot be started")]
    Start {
        /// Which program.
        program: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The spawning thread is gone; only at the end of the process.
    #[error("no child can be started any more")]
    Ended,
}

struct Order {
    command: Command,
    runtime: tokio::runtime::Handle,
    reply: oneshot::Sender<std::io::Result<Child>>,
}

fn spawner() -> &'static std::sync::mpsc::Sender<Order> {
    static SPAWNER: OnceLock<std::sync::mpsc::Sender<Order>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (orders, inbox) = std::sync::mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for mut order in inbox {
                let entered = order.runtime.enter();
                let spawned = order.command.spawn();
                drop(entered);
                drop(order.reply.send(spawned));
            }
        });
        orders
    })
}

/// Starts a child in a process group of its own.
///
/// # Errors
/// When the program cannot be executed.
#[expect(clippy::disallowed_methods, reason = "this is the place that the rule points to")]
pub async fn spawn(spec: Spec) -> Result<Child, SpawnError> {
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.arguments)
        .env_clear()
        .envs(spec.environment)
        .current_dir(&spec.folder)
        .stdin(spec.stdin)
        .stdout(spec.stdout)
        .stderr(spec.stderr)
        .process_group(0)
        .kill_on_drop(spec.dies_with_parent);
    if spec.dies_with_parent {
        die_with_parent(&mut command);
    }
    let (reply, spawned) = oneshot::channel();
    let order = Order { command, runtime: tokio::runtime::Handle::current(), reply };
    spawner().send(order).map_err(|_| SpawnError::Ended)?;
    spawned
        .await
        .map_err(|_| SpawnError::Ended)?
        .map_err(|source| SpawnError::Start { program: spec.program, source })
}

#[expect(unsafe_code, reason = "the only way to run prctl between fork and exec")]
fn die_with_parent(command: &mut Command) {
    // SAFETY: the closure runs in the forked child; it makes one async-signal-safe system call
    // and allocates nothing.
    unsafe {
        command.pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from));
    }
}

/// Sends `signal` to the child's whole process group; a group that is gone is no failure.
pub fn signal_group(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}

/// Ends a child: SIGTERM, after `grace` SIGKILL, then its status.
///
/// # Errors
/// When its status cannot be read.
pub async fn stop(child: &mut Child, grace: Duration) -> std::io::Result<ExitStatus> {
    if let Ok(Some(status)) = child.try_wait() {
        return Ok(status);
    }
    signal_group(child, Signal::SIGTERM);
    if let Ok(status) = tokio::time::timeout(grace, child.wait()).await {
        return status;
    }
    signal_group(child, Signal::SIGKILL);
    child.wait().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, dies_with_parent: bool) -> Spec {
        Spec {
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            folder: std::env::temp_dir(),
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            stderr: Stdio::null(),
            dies_with_parent,
        }
    }

    #[tokio::test]
    async fn the_environment_is_only_what_was_given() {
        let child = spawn(shell("env", true)).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("PATH=/usr/bin:/bin") && !text.contains("HOME="), "{text}");
    }

    #[tokio::test]
    async fn the_ladder_ends_a_child_that_ignores_the_polite_signal() {
        use tokio::io::AsyncReadExt as _;
        let mut child =
            spawn(shell("trap '' TERM; echo ready; while :; do read x; done", true)).await.unwrap();
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).await.unwrap();
        let status = stop(&mut child, Duration::from_millis(50)).await.unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let mut spec = shell("", true);
        spec.program = PathBuf::from("/nonexistent/ffmpeg");
        assert!(spawn(spec).await.unwrap_err().to_string().contains("/nonexistent/ffmpeg"));
    }
}

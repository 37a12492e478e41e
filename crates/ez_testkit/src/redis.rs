//! A private redis-server for one test.
//!
//! It listens on a free loopback port, keeps its data in a folder of its own and dies with its
//! handle. It can be killed like a crashed machine and started again on the same data and port,
//! and frozen like a machine that hangs. It does not do Sentinel or Cluster.

use std::fs::File;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::tools::{self, Tool, tail};
use crate::wait::eventually;

/// How long a start may take on a loaded machine.
const READY_DEADLINE: Duration = Duration::from_secs(20);
/// How many ports are tried before giving up: the free one can be taken by somebody else meanwhile.
const PORT_ATTEMPTS: usize = 5;

/// What the server writes to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Nothing: a killed server comes back empty.
    #[default]
    Memory,
    /// Append-only file, synced at every write: a killed server comes back with every acknowledged write.
    AppendOnly,
}

/// A running (or just killed) redis-server.
#[derive(Debug)]
pub struct RedisServer {
    /// `None` between [`RedisServer::kill`] and [`RedisServer::restart`].
    child: Option<Child>,
    port: u16,
    durability: Durability,
    folder: TempDir,
    /// Bound and not listened on, while there is no server.
    kept_port: Option<TcpSocket>,
}

impl RedisServer {
    /// Starts a server that keeps nothing, and waits until it answers.
    pub async fn start() -> Result<Self> {
        Self::start_with(Durability::Memory).await
    }

    /// Starts a server with the given durability, and waits until it answers.
    pub async fn start_with(durability: Durability) -> Result<Self> {
        let mut failures = Vec::new();
        for _ in 0..PORT_ATTEMPTS {
            let folder = tempfile::tempdir().context("make a folder for redis")?;
            let mut server =
                Self { child: None, port: tools::free_port()?, durability, folder, kept_port: None };
            match server.restart().await {
                Ok(()) => return Ok(server),
                Err(error) => failures.push(format!("{error:#}")),
            }
        }
        bail!("redis-server did not start:\n{}", failures.join("\n"))
    }

    /// The address in the form that clients take.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The port on 127.0.0.1; the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id, or `None` while it is killed.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// A new connection.
    pub async fn connection(&self) -> Result<::redis::aio::MultiplexedConnection> {
        let client = ::redis::Client::open(self.url()).context("read the address of redis")?;
        client.get_multiplexed_async_connection().await.context("connect to redis")
    }

    /// Sets one of its parameters (`CONFIG SET`) until it is started again.
    pub async fn configure(&self, parameter: &str, value: &str) -> Result<()> {
        let mut connection = self.connection().await?;
        let mut command = ::redis::cmd("CONFIG");
        command.arg("SET").arg(parameter).arg(value);
        command.exec_async(&mut connection).await.with_context(|| format!("set {parameter} of redis"))
    }

    /// Kills it with SIGKILL, as a crash would, and waits until it is gone. Its data stay, and its port is kept from
    /// others: connections to it are refused.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().context("kill redis-server")?;
            child.wait().context("reap redis-server")?;
            let kept = TcpSocket::new_v4().context("make a socket")?;
            kept.set_reuseaddr(true).context("share an address with closing connections")?;
            kept.bind((Ipv4Addr::LOCALHOST, self.port).into()).context("keep the port of redis")?;
            self.kept_port = Some(kept);
        }
        Ok(())
    }

    /// Starts it again on the same port and data, and waits until it answers. Kills it first if it runs.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.kept_port = None;
        let child = self.spawn()?;
        let pid = child.id();
        self.child = Some(child);
        eventually(READY_DEADLINE, "redis-server to answer PING", || async {
            // The process id tells our server from another one that grabbed the port first.
            let mut connection = self.connection().await?;
            let pong: String = ::redis::cmd("PING").query_async(&mut connection).await?;
            ensure!(pong == "PONG", "PING answered {pong}");
            let info: String = ::redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
            let expected = format!("process_id:{pid}");
            ensure!(info.lines().any(|line| line == expected), "another redis-server has port {}", self.port);
            Ok(())
        })
        .await
        .with_context(|| format!("log of redis-server:\n{}", self.log()))
    }

    /// Freezes it (SIGSTOP): connections stay open, nothing answers.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets a frozen server go on (SIGCONT).
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().ok_or_else(|| anyhow!("redis-server is not running"))?;
        let pid = i32::try_from(pid).context("process id of redis-server")?;
        kill(Pid::from_raw(pid), signal).with_context(|| format!("send {signal} to redis-server"))
    }

    fn spawn(&self) -> Result<Child> {
        let log = File::create(self.folder.path().join("redis.log")).context("make the log of redis")?;
        let append_only = if self.durability == Durability::AppendOnly { "yes" } else { "no" };
        let port = self.port.to_string();
        Command::new(Tool::RedisServer.path()?)
            .args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--daemonize", "no"])
            .args(["--appendonly", append_only, "--appendfsync", "always"])
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the log of redis")?)
            .stderr(log)
            .spawn()
            .context("start redis-server")
    }

    fn log(&self) -> String {
        tail(&std::fs::read_to_string(self.folder.path().join("redis.log")).unwrap_or_default())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            #[expect(clippy::print_stderr, reason = "a left-over child must be seen in the test's output")]
            {
                eprintln!("{error:#}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn set(server: &RedisServer) {
        let mut connection = server.connection().await.unwrap();
        let () = ::redis::cmd("SET").arg("k").arg("v").query_async(&mut connection).await.unwrap();
    }

    async fn get(server: &RedisServer) -> Option<String> {
        let mut connection = server.connection().await.unwrap();
        ::redis::cmd("GET").arg("k").query_async(&mut connection).await.unwrap()
    }

    #[tokio::test]
    async fn append_only_data_survive_a_kill_and_memory_does_not() {
        for (durability, kept) in [(Durability::AppendOnly, Some("v".to_owned())), (Durability::Memory, None)]
        {
            let mut server = RedisServer::start_with(durability).await.unwrap();
            set(&server).await;
            let before = server.pid();
            server.kill().unwrap();
            assert!(server.connection().await.is_err(), "a killed server must not answer");
            server.restart().await.unwrap();
            assert_ne!(server.pid(), before);
            assert_eq!(get(&server).await, kept, "{durability:?}");
        }
    }

    #[tokio::test]
    async fn a_paused_server_does_not_answer_until_it_goes_on() {
        let server = RedisServer::start().await.unwrap();
        set(&server).await;
        let mut connection = server.connection().await.unwrap();
        server.pause().unwrap();
        let look = async { ::redis::cmd("GET").arg("k").query_async::<String>(&mut connection).await };
        let answer = tokio::time::timeout(Duration::from_millis(200), look).await;
        assert!(!matches!(answer, Ok(Ok(_))), "{answer:?}");
        server.resume().unwrap();
        assert_eq!(get(&server).await.as_deref(), Some("v"));
    }

    #[tokio::test]
    async fn servers_are_private_and_die_with_their_handle() {
        let (a, b) = (RedisServer::start().await.unwrap(), RedisServer::start().await.unwrap());
        set(&a).await;
        assert_eq!(get(&b).await, None);
        let (port, pid) = (a.port(), a.pid().unwrap());
        drop(a);
        assert!(!tools::is_listening(port));
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

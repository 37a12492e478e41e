//! Starts, supervises and ends a whole ezLiveStreaming on one machine, as `script/up` and the
//! end-to-end tests need it.
//!
//! Everything listens on loopback and keeps its data in one folder. A service that dies is started
//! again, as an orchestrator would. This is no way to run a production.
//!
//! Invariants:
//! - One folder has one stack at a time (an advisory lock that ends with its process).
//! - When a [`Stack`] is dropped or its process dies, its processes are gone, transcoders included.

mod cloud;
mod configs;
mod endpoints;
mod error;
mod layout;
mod leftovers;
mod ports;
mod proc;
mod readiness;
mod record;
mod secrets;
mod services;
mod stack;
mod supervise;
mod supervised;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use cloud::Cloud;
pub use endpoints::{Endpoints, Pids};
pub use error::Error;
pub use layout::Layout;
pub use leftovers::{Downed, down};
pub use ports::{Ports, RTMP_PORTS_PER_WORKER};
pub use proc::Identity;
pub use record::Contents;
pub use services::{BUCKET, REDIS, S3, S3_ACCESS_KEY, worker_name};
pub use stack::Stack;

pub(crate) use stack::Shared;

/// Most workers of one stack.
pub const MAX_WORKERS: u16 = 64;

/// Where the launcher's messages go, a line each.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// How much of a stack is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All services.
    Everything,
    /// Only redis and the local S3.
    Storage,
}

/// What to start and where.
#[derive(Clone)]
pub struct Options {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// How many workers.
    pub workers: u16,
    /// How much.
    pub scope: Scope,
    /// Where the services listen.
    pub ports: Ports,
    /// The folder with the programs of this workspace.
    pub binaries: PathBuf,
    /// The folder with ffmpeg, ffprobe and packager.
    pub tools: PathBuf,
    /// The program redis-server.
    pub redis_server: PathBuf,
    /// SQS and S3 of somebody else; `None` is the Redis stream and the local S3.
    pub cloud: Option<Cloud>,
    /// Filter of the services' logs; `None` is that of the launcher's own environment.
    pub log: Option<String>,
    /// Where messages go.
    pub say: Say,
}

impl Options {
    /// One worker on the given ports, with the programs that lie beside the running one: the same
    /// build for `ez_local` itself, `target/debug` for a test of the workspace.
    pub fn new(data: &Path, ports: Ports) -> Self {
        let binaries = beside_us();
        Self {
            data: data.to_path_buf(),
            workers: 1,
            scope: Scope::Everything,
            ports,
            tools: pinned_tools(&binaries),
            binaries,
            redis_server: in_path("redis-server"),
            cloud: None,
            log: None,
            say: Arc::new(|line| tracing::info!("{line}")),
        }
    }
}

/// The folder of the running program; of the build where that is a test, which lies in `deps`.
fn beside_us() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let folder = own.parent().unwrap_or(Path::new("."));
    match (folder.file_name(), folder.parent()) {
        (Some(name), Some(build)) if name == "deps" => build.to_path_buf(),
        _ => folder.to_path_buf(),
    }
}

/// `.tools/bin` above the programs; a build that lies elsewhere looks in the workspace it is of.
fn pinned_tools(binaries: &Path) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(binaries);
    let mut folders = binaries.ancestors().chain([workspace]).map(|folder| folder.join(".tools/bin"));
    folders.find(|tools| tools.is_dir()).unwrap_or_else(|| workspace.join(".tools/bin"))
}

fn in_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| Path::new("/usr/bin").join(name))
}

//! An API server with a Redis of its own, for clients that are programs of others.

use anyhow::{Context as _, Result};
use api_server::{App, Config};
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_testkit::redis::RedisServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A server on a free port; it ends when dropped.
pub struct Served {
    /// Where it is.
    pub base: String,
    /// Its state.
    pub redis: RedisServer,
    tasks: TaskGroup,
}

impl Served {
    /// Starts it.
    ///
    /// # Errors
    /// When Redis or the server cannot be started.
    pub async fn start() -> Result<Self> {
        let redis = RedisServer::start().await.context("start Redis")?;
        let mut config = Config { master_key: "07".repeat(32), ..Config::default() };
        config.redis.url = redis.url();
        config.playback.endpoint = "http://127.0.0.1:9000".to_owned();
        let app = App::build(&config).context("put the server together")?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("bind a port")?;
        let base = format!("http://{}", listener.local_addr().context("read the port")?);
        let tasks = TaskGroup::new(CancellationToken::new());
        let shutdown = tasks.shutdown().clone();
        tasks.spawn("api_server", OnFailure::Log, api_server::run(app, listener, shutdown));
        Ok(Self { base, redis, tasks })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.tasks.shutdown().cancel();
    }
}

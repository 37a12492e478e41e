//! A local S3 for one test.

use std::path::Path;

use ez_aws::AccessKey;
use ez_domain::secret::Secret;
use ez_local::s3::{Error, Options, serve};
use ez_objects::s3::{Config, S3Store};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) struct Server {
    pub(crate) endpoint: String,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinSet<Result<(), Error>>,
}

impl Server {
    pub(crate) async fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(serve(listener, options(root), shutdown.clone()));
        Self { endpoint, shutdown, task }
    }

    pub(crate) async fn store(&self) -> S3Store {
        let key = AccessKey { id: "local".to_owned(), secret: Secret::new("local-secret".to_owned()) };
        let endpoint = Some(self.endpoint.clone());
        S3Store::connect(&Config { endpoint, access_key: Some(key), ..Config::new("media") }).await
    }

    pub(crate) fn url(&self, key: &str) -> String {
        format!("{}/media/{key}", self.endpoint)
    }

    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        self.task.join_next().await.unwrap().unwrap().unwrap();
    }
}

pub(crate) fn options(root: &Path) -> Options {
    Options {
        root: root.to_path_buf(),
        buckets: vec!["media".to_owned(), "control".to_owned()],
        access_key: "local".to_owned(),
        secret_key: "local-secret".to_owned(),
    }
}

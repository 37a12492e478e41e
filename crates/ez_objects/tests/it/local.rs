//! A local S3 for one test.

use ez_aws::AccessKey;
use ez_domain::secret::Secret;
use ez_local::s3::{Error, Options, serve};
use ez_objects::s3::{Checksums, Config, S3Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) struct LocalS3 {
    pub(crate) config: Config,
    shutdown: CancellationToken,
    server: JoinSet<Result<(), Error>>,
    folder: TempDir,
}

impl LocalS3 {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let options = Options {
            root: folder.path().to_path_buf(),
            buckets: vec!["media".to_owned()],
            access_key: "local".to_owned(),
            secret_key: "local-secret".to_owned(),
        };
        let mut server = JoinSet::new();
        server.spawn(serve(listener, options, shutdown.clone()));
        let key = AccessKey { id: "local".to_owned(), secret: Secret::new("local-secret".to_owned()) };
        let config = Config { endpoint: Some(endpoint), access_key: Some(key), ..Config::new("media") };
        Self { config, shutdown, server, folder }
    }

    pub(crate) async fn store(&self) -> S3Store {
        S3Store::connect(&self.config).await
    }

    pub(crate) async fn store_with(&self, checksums: Checksums) -> S3Store {
        S3Store::connect(&Config { checksums, ..self.config.clone() }).await
    }

    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        self.server.join_next().await.unwrap().unwrap().unwrap();
        self.folder.close().unwrap();
    }
}

//! Access to the buckets that jobs name.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use ez_domain::spec::BucketName;
use ez_objects::ObjectStore;
use ez_objects::s3::{self, S3Store};
use tokio::sync::Mutex;

/// Opens buckets by name.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// Access to `bucket`; sends no request to it.
    async fn open(&self, bucket: &BucketName) -> Arc<dyn ObjectStore>;
}

/// Buckets of one S3-compatible store. Clients are made once per bucket and kept.
pub struct S3Buckets {
    access: s3::Config,
    opened: Mutex<HashMap<BucketName, Arc<S3Store>>>,
}

impl S3Buckets {
    /// All buckets are reached as `access` says; the bucket it names does not matter.
    pub fn new(access: s3::Config) -> Self {
        Self { access, opened: Mutex::default() }
    }
}

#[async_trait]
impl Buckets for S3Buckets {
    async fn open(&self, bucket: &BucketName) -> Arc<dyn ObjectStore> {
        let mut opened = self.opened.lock().await;
        if let Some(store) = opened.get(bucket) {
            return Arc::clone(store) as Arc<dyn ObjectStore>;
        }
        let config = s3::Config { bucket: bucket.as_str().to_owned(), ..self.access.clone() };
        let store = Arc::new(S3Store::connect(&config).await);
        opened.insert(bucket.clone(), Arc::clone(&store));
        store
    }
}

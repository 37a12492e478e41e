//! S3 and everything that speaks its protocol, through the AWS SDK.
//!
//! One call is one HTTP request: retries, stalled-stream detection and the like are off, because
//! the layers above must know of each attempt (see [`crate::retry`]).

mod config;
mod failure;

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;
use ez_domain::id::Epoch;

pub use self::config::{Checksums, Config};
use crate::error::{Cause, Error};
use crate::object::{
    Body, DELETE_BATCH_MAX, ETag, Listed, ObjectInfo, ObjectStore, Page, Precondition, PutOptions, file_error,
};
use crate::retry::bounded;

/// User metadata that carries the epoch (`x-amz-meta-epoch`).
const META_EPOCH: &str = "epoch";
/// User metadata that carries the write-id (`x-amz-meta-write-id`).
const META_WRITE_ID: &str = "write-id";

/// A bucket of an S3-compatible store.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    bucket: String,
    attempt_timeout: Duration,
}

impl S3Store {
    /// Prepares the client; sends no request to the bucket.
    ///
    /// Without an explicit access key the usual AWS chain is asked (environment, profile, web
    /// identity, container, instance).
    pub async fn connect(config: &Config) -> Self {
        Self {
            client: config.client().await,
            bucket: config.bucket.clone(),
            attempt_timeout: Duration::from_millis(config.attempt_timeout_ms),
        }
    }

    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put(&self, key: &str, body: &Body, options: &PutOptions) -> Result<ETag, Error> {
        let body = match body {
            Body::Bytes(bytes) => ByteStream::from(bytes.clone()),
            Body::File(path) => ByteStream::from_path(path)
                .await
                .map_err(|source| file_error(key, path, std::io::Error::other(source)))?,
        };
        let mut request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .set_content_type(header(&options.content_type))
            .set_cache_control(header(&options.cache_control))
            .body(body);
        if let Some(epoch) = options.epoch {
            request = request.metadata(META_EPOCH, epoch.to_string());
        }
        if let Some(write_id) = options.write_id {
            request = request.metadata(META_WRITE_ID, write_id.to_string());
        }
        request = match &options.precondition {
            Precondition::None => request,
            Precondition::IfAbsent => request.if_none_match("*"),
            Precondition::IfMatch(etag) => request.if_match(etag.as_str()),
        };
        // The future of the SDK has 20 KiB: it goes to the heap.
        let sent = Box::pin(async {
            request.send().await.map_err(|error| {
                let mut error = failure::from_sdk("put", key, error);
                // AWS answers 404 to If-Match when the object is gone: the condition does not hold.
                let is_gone =
                    error.status == Some(404) && matches!(options.precondition, Precondition::IfMatch(_));
                if is_gone {
                    error.error.cause = Cause::PreconditionFailed;
                }
                error.error
            })
        });
        let output = bounded(self.attempt_timeout, "put", key, sent).await?;
        etag("put", key, output.e_tag())
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, ObjectInfo)>, Error> {
        bounded(self.attempt_timeout, "get", key, async {
            let output = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
                Ok(output) => output,
                Err(error) => return failure::from_sdk("get", key, error).none_if_absent(),
            };
            let info = ObjectInfo {
                etag: etag("get", key, output.e_tag())?,
                size: size(output.content_length()),
                content_type: output.content_type().map(str::to_owned),
                cache_control: output.cache_control().map(str::to_owned),
                epoch: metadata(output.metadata(), META_EPOCH).map(Epoch::new),
                write_id: metadata(output.metadata(), META_WRITE_ID),
                last_modified: time(output.last_modified()),
            };
            let body = output.body.collect().await.map_err(|source| {
                Error::new("get", key, Cause::Unavailable, "the body broke off or its checksum is wrong")
                    .caused_by(source)
            })?;
            Ok(Some((body.into_bytes(), info)))
        })
        .await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        bounded(self.attempt_timeout, "head", key, async {
            let output = match self.client.head_object().bucket(&self.bucket).key(key).send().await {
                Ok(output) => output,
                Err(error) => return failure::from_sdk("head", key, error).none_if_absent(),
            };
            Ok(Some(ObjectInfo {
                etag: etag("head", key, output.e_tag())?,
                size: size(output.content_length()),
                content_type: output.content_type().map(str::to_owned),
                cache_control: output.cache_control().map(str::to_owned),
                epoch: metadata(output.metadata(), META_EPOCH).map(Epoch::new),
                write_id: metadata(output.metadata(), META_WRITE_ID),
                last_modified: time(output.last_modified()),
            }))
        })
        .await
    }

    async fn delete_batch(&self, keys: &[String]) -> Result<(), Error> {
        let Some(first) = keys.first() else { return Ok(()) };
        if keys.len() > DELETE_BATCH_MAX {
            let detail = format!("{} keys at once; S3 takes at most {DELETE_BATCH_MAX}", keys.len());
            return Err(Error::new("delete", first, Cause::Other, detail));
        }
        let invalid = |source| Error::new("delete", first, Cause::Other, "").caused_by(source);
        let objects: Result<Vec<_>, _> =
            keys.iter().map(|key| ObjectIdentifier::builder().key(key).build()).collect();
        let delete = Delete::builder()
            .set_objects(Some(objects.map_err(invalid)?))
            .quiet(true)
            .build()
            .map_err(invalid)?;
        let request = self.client.delete_objects().bucket(&self.bucket).delete(delete);
        let sent =
            async { request.send().await.map_err(|error| failure::from_sdk("delete", first, error).error) };
        let output = bounded(self.attempt_timeout, "delete", first, sent).await?;
        output.errors().iter().find_map(failure::from_delete).map_or(Ok(()), Err)
    }

    async fn list(&self, prefix: &str, continuation: Option<&str>) -> Result<Page, Error> {
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_continuation_token(continuation.map(str::to_owned));
        let sent =
            async { request.send().await.map_err(|error| failure::from_sdk("list", prefix, error).error) };
        let output = bounded(self.attempt_timeout, "list", prefix, sent).await?;
        let listed = output
            .contents()
            .iter()
            .filter_map(|object| Some(Listed { key: object.key()?.to_owned(), size: size(object.size()) }));
        Ok(Page { objects: listed.collect(), next: output.next_continuation_token().map(str::to_owned) })
    }
}

fn etag(operation: &'static str, key: &str, value: Option<&str>) -> Result<ETag, Error> {
    value.map(ETag::new).ok_or_else(|| {
        let detail = "the answer has no ETag; the store or a proxy before it is not compatible with S3";
        Error::new(operation, key, Cause::Other, detail)
    })
}

/// An empty text means that the header is left out.
fn header(value: &str) -> Option<String> {
    Some(value).filter(|value| !value.is_empty()).map(str::to_owned)
}

fn size(length: Option<i64>) -> u64 {
    length.and_then(|length| u64::try_from(length).ok()).unwrap_or_default()
}

fn metadata<T: std::str::FromStr>(
    metadata: Option<&std::collections::HashMap<String, String>>,
    name: &str,
) -> Option<T> {
    metadata?.get(name)?.parse().ok()
}

fn time(time: Option<&DateTime>) -> Option<SystemTime> {
    SystemTime::try_from(*time?).ok()
}

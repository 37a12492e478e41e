//! `s3s-fs` with one writer at a time per object, and with writes that happen whole or not at all.
//!
//! `s3s-fs` alone checks preconditions first and writes later, without a lock (of 16 racing
//! conditional writes up to 15 won), replaces body and tag in separate steps, and leaves side-cars
//! behind when it deletes. Here a request takes one of 256 locks, picked by a hash of bucket and
//! key: readers share it, a writer has it alone. A body that is being read needs no lock: the file
//! is open, and a later write replaces the name, not the file.
//!
//! Operations that are not listed here answer 501.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::BytesMut;
use futures::TryStreamExt as _;
use s3s::dto::{
    CreateBucketInput, CreateBucketOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    PutObjectInput, PutObjectOutput, Range, StreamingBlob,
};
use s3s::{Body, S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::sync::RwLock;
use tokio_util::task::TaskTracker;

use super::places::{ObjectFiles, Places};
use super::undo::Notes;

/// How many locks the keys share.
const LOCKS: u64 = 256;
/// The largest body: it is gathered in memory, so that a slow client holds no lock.
const BODY_MAX: usize = 512 * 1024 * 1024;

/// The storage with its locks. Cheap to clone.
#[derive(Clone)]
pub(super) struct Guarded {
    shared: Arc<Shared>,
    writes: TaskTracker,
}

struct Shared {
    storage: FileSystem,
    places: Places,
    notes: Notes,
    locks: Vec<RwLock<()>>,
}

impl Guarded {
    pub(super) fn new(storage: FileSystem, places: Places) -> Self {
        let notes = Notes::new(&places);
        let locks = (0..LOCKS).map(|_| RwLock::new(())).collect();
        Self { shared: Arc::new(Shared { storage, places, notes, locks }), writes: TaskTracker::new() }
    }

    /// The writes under way.
    pub(super) fn writes(&self) -> TaskTracker {
        self.writes.clone()
    }

    /// Runs a write to its end even if its client goes away: dropped half way it would be torn.
    async fn to_the_end<T: Send + 'static>(
        &self,
        write: impl Future<Output = S3Result<T>> + Send + 'static,
    ) -> S3Result<T> {
        self.writes.spawn(write).await.unwrap_or_else(|error| Err(S3Error::internal_error(error)))
    }
}

impl Shared {
    fn lock(&self, bucket: &str, key: &str) -> &RwLock<()> {
        let mut hasher = DefaultHasher::new();
        (bucket, key).hash(&mut hasher);
        &self.locks[usize::try_from(hasher.finish() % LOCKS).unwrap_or_default()]
    }

    /// The files of an object that is there.
    fn present(&self, bucket: &str, key: &str) -> S3Result<ObjectFiles> {
        self.check_bucket(bucket)?;
        let files = self.places.object(bucket, key)?;
        if files.exists() { Ok(files) } else { Err(s3_error!(NoSuchKey)) }
    }

    fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.places.has_bucket(bucket) { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }

    async fn put(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let files = self.places.object(&bucket, &key)?;
        let _alone = self.lock(&bucket, &key).write().await;
        if !self.places.is_free_path(&bucket, &files) {
            return Err(s3_error!(InvalidRequest, "a key of this store cannot be a folder of another key"));
        }
        let note = self.notes.begin(&bucket, &key, files).map_err(disk)?;
        let answer = self.storage.put_object(request).await;
        if answer.is_ok() { note.forget() } else { note.restore() }.map_err(disk)?;
        answer
    }

    async fn delete(&self, bucket: &str, key: &str) -> S3Result<()> {
        // A key that cannot be kept is not there, and that is what the caller wants.
        let Ok(files) = self.places.object(bucket, key) else { return Ok(()) };
        let _alone = self.lock(bucket, key).write().await;
        files.remove().map_err(disk)
    }
}

#[async_trait]
impl S3 for Guarded {
    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.shared.check_bucket(&request.input.bucket)?;
        let Some(mut body) = request.input.body.take() else { return Err(s3_error!(IncompleteBody)) };
        let mut bytes = BytesMut::new();
        while let Some(part) = body.try_next().await.map_err(cut_off)? {
            if bytes.len() + part.len() > BODY_MAX {
                return Err(s3_error!(EntityTooLarge));
            }
            bytes.extend_from_slice(&part);
        }
        request.input.body = Some(StreamingBlob::from(Body::from(bytes.freeze())));
        let shared = Arc::clone(&self.shared);
        self.to_the_end(async move { shared.put(request).await }).await
    }

    async fn get_object(
        &self,
        mut request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let shared = &self.shared;
        let input = &mut request.input;
        let _together = shared.lock(&input.bucket, &input.key).read().await;
        let files = shared.present(&input.bucket, &input.key)?;
        if let Some(Range::Suffix { length }) = &mut input.range {
            // "The last 500 bytes" of an object of 100 are all of it (RFC 9110, 14.1.2); s3s-fs
            // would seek before the beginning.
            *length = (*length).min(files.body.metadata().map_err(disk)?.len());
        }
        shared.storage.get_object(request).await
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let (shared, input) = (&self.shared, &request.input);
        let _together = shared.lock(&input.bucket, &input.key).read().await;
        shared.present(&input.bucket, &input.key)?;
        shared.storage.head_object(request).await
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let (shared, input) = (Arc::clone(&self.shared), request.input);
        shared.check_bucket(&input.bucket)?;
        self.to_the_end(async move { shared.delete(&input.bucket, &input.key).await }).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let (shared, input) = (Arc::clone(&self.shared), request.input);
        shared.check_bucket(&input.bucket)?;
        let is_quiet = input.delete.quiet;
        let deleted = self
            .to_the_end(async move {
                let mut deleted = Vec::new();
                for object in input.delete.objects {
                    shared.delete(&input.bucket, &object.key).await?;
                    deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() });
                }
                Ok(deleted)
            })
            .await?;
        let deleted = Some(deleted).filter(|_| is_quiet != Some(true));
        Ok(S3Response::new(DeleteObjectsOutput { deleted, ..DeleteObjectsOutput::default() }))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        self.shared.storage.list_objects(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.shared.storage.list_objects_v2(request).await
    }

    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.shared.storage.create_bucket(request).await
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.shared.storage.head_bucket(request).await
    }

    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        self.shared.storage.list_buckets(request).await
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.shared.storage.get_bucket_location(request).await
    }
}

fn cut_off(source: Box<dyn std::error::Error + Send + Sync>) -> S3Error {
    S3Error::with_source(S3ErrorCode::IncompleteBody, source)
}

fn disk(error: io::Error) -> S3Error {
    tracing::error!(%error, "S3: the data folder fails");
    S3Error::internal_error(error)
}

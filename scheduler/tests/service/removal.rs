//! Deleted jobs and their media.

use bytes::Bytes;
use ez_domain::id::JobId;
use ez_domain::lifecycle::Event;
use ez_objects::memory::MemoryStore;
use ez_objects::unreliable::Faults;
use ez_objects::{Body, ObjectStore as _, PutOptions};
use ez_store::Store as _;
use ez_testkit::wait::eventually;

use super::cluster::{Cluster, SOON, quick, spec};

async fn fill(bucket: &MemoryStore, job: JobId, objects: usize) {
    for number in 0..objects {
        let key = format!("output_{job}/1-1/video_500k/{number}.m4s");
        bucket.put(&key, &Body::from(Bytes::from_static(b"media")), &PutOptions::default()).await.unwrap();
    }
}

async fn left(bucket: &MemoryStore, job: JobId) -> usize {
    let prefix = format!("output_{job}/");
    let (mut count, mut next) = (0, None);
    loop {
        let page = bucket.list(&prefix, next.as_deref()).await.unwrap();
        count += page.objects.len();
        next = page.next;
        if next.is_none() {
            return count;
        }
    }
}

async fn delete(cluster: &Cluster, job: JobId, keep_media: bool) {
    cluster.wish(job, Event::StopRequested).await;
    cluster.wish(job, Event::DeleteRequested { keep_media }).await;
}

pub(crate) async fn until_gone(cluster: &Cluster, job: JobId) {
    eventually(SOON, "the record to be gone", || async {
        match cluster.store.load(job).await.unwrap() {
            None => Ok(()),
            Some(stored) => Err(format!("{:?}", stored.job.phase)),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn media_goes_with_its_job_and_nothing_else_does() {
    let cluster = Cluster::start().await;
    let [deleted, kept, neighbour] =
        [cluster.create(1).await, cluster.create(1).await, cluster.create(1).await];
    let bucket = cluster.buckets.bucket(&spec().bucket);
    let bucket = bucket.inner();
    // More than the pages of one turn hold.
    fill(bucket, deleted, 1_234).await;
    fill(bucket, kept, 150).await;
    fill(bucket, neighbour, 3).await;
    delete(&cluster, deleted, false).await;
    delete(&cluster, kept, true).await;

    let scheduler = cluster.scheduler(quick()).await;
    until_gone(&cluster, deleted).await;
    until_gone(&cluster, kept).await;
    assert_eq!(left(bucket, deleted).await, 0);
    assert_eq!(left(bucket, kept).await, 150);
    assert_eq!(left(bucket, neighbour).await, 3);
    assert!(cluster.store.load(neighbour).await.unwrap().is_some());
    cluster.audit().await;
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn a_bucket_that_fails_is_tried_again_and_the_record_waits() {
    let cluster = Cluster::start().await;
    let job = cluster.create(1).await;
    let bucket = cluster.buckets.bucket(&spec().bucket);
    fill(bucket.inner(), job, 5).await;
    bucket.set(Faults { throttle: 1000, ..Faults::default() });
    delete(&cluster, job, false).await;
    let scheduler = cluster.scheduler(quick()).await;
    // Another job's removal in another turn proves that the failing one was tried and skipped.
    let other = cluster.create(1).await;
    delete(&cluster, other, true).await;
    until_gone(&cluster, other).await;
    assert!(cluster.store.load(job).await.unwrap().is_some());
    assert_eq!(left(bucket.inner(), job).await, 5);

    bucket.heal();
    until_gone(&cluster, job).await;
    assert_eq!(left(bucket.inner(), job).await, 0);
    scheduler.stop().await.unwrap();
}

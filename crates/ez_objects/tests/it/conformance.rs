//! The suite on every implementation, and on stores that must fail it.

use ez_objects::conformance::{conditions, content, deletion, files, run};
use ez_objects::memory::MemoryStore;
use ez_objects::s3::Checksums;

use crate::local::LocalS3;
use crate::sloppy::{Fault, Sloppy};

#[tokio::test]
async fn the_memory_store_conforms() {
    run(&MemoryStore::new(), "suite/").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_s3_conforms() {
    let s3 = LocalS3::start().await;
    run(&s3.store().await, "suite/").await.unwrap();
    s3.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_checksums_do_the_same() {
    let s3 = LocalS3::start().await;
    let store = s3.store_with(Checksums::RequiredOnly).await;
    content(&store, "content/").await.unwrap();
    files(&store, "files/").await.unwrap();
    conditions(&store, "conditions/").await.unwrap();
    deletion(&store, "deletion/").await.unwrap();
    s3.stop().await;
}

#[tokio::test]
async fn the_suite_finds_each_fault() {
    for (fault, check) in [
        (Fault::ChecksThenWrites, "races"),
        (Fault::IgnoresConditions, "conditions"),
        (Fault::RefusesConditions, "conditions"),
        (Fault::MatchesNothing, "conditions"),
        (Fault::MatchesNever, "conditions"),
        (Fault::DropsMetadata, "content"),
        (Fault::WritesNothing, "content"),
        (Fault::DeletesNothing, "unusual keys"),
    ] {
        let violation = run(&Sloppy::new(fault), "suite/").await.unwrap_err();
        assert_eq!(violation.check, check, "{fault:?}: {violation}");
    }
}

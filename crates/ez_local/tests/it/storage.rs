//! Restart, shutdown, refusals to start, and what bare `s3s-fs` would do.

use std::time::Duration;

use bytes::Bytes;
use ez_aws::AccessKey;
use ez_domain::id::Epoch;
use ez_domain::secret::Secret;
use ez_local::s3::{Error, serve};
use ez_objects::conformance::races;
use ez_objects::dice::Dice;
use ez_objects::s3::{Config, S3Store};
use ez_objects::{Body, Cause, ObjectStore, Precondition, PutOptions, WriteId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::server::{Server, options};

fn body(text: &'static str) -> Body {
    Body::Bytes(Bytes::from_static(text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_outlive_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let written = PutOptions {
        content_type: "application/dash+xml".to_owned(),
        cache_control: "max-age=1".to_owned(),
        epoch: Some(Epoch::new(3)),
        write_id: Some(WriteId { writer: 1, sequence: 2 }),
        precondition: Precondition::IfAbsent,
    };
    let etag = server.store().await.put("output_1/master.mpd", &body("<MPD/>"), &written).await.unwrap();
    let before = server.store().await.get("output_1/master.mpd").await.unwrap();
    server.stop().await;

    let server = Server::start(folder.path()).await;
    let store = server.store().await;
    assert_eq!(store.get("output_1/master.mpd").await.unwrap(), before);
    let again = PutOptions { precondition: Precondition::IfMatch(etag), ..written };
    store.put("output_1/master.mpd", &body("<MPD>2</MPD>"), &again).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join(".undo")).unwrap().count(), 0, "no note stays");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_object_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let store = server.store().await;
    let files = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    store.put("a", &body("x"), &PutOptions::default()).await.unwrap();
    let with_object = files();
    store.delete_batch(&["a".to_owned()]).await.unwrap();
    let without = files();
    assert_eq!(without, [".lock", ".undo", "control", "media"]);
    assert_eq!(with_object.len(), without.len() + 2, "the two side-cars are what deletion has to find");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_cannot_keep_is_refused_and_not_retried() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let store = server.store().await;
    store.put("a/b", &body("x"), &PutOptions::default()).await.unwrap();
    let long = "k".repeat(300);
    for key in ["a", "a/b/c", "a//b", "a/../b", long.as_str()] {
        let error = store.put(key, &body("y"), &PutOptions::default()).await.unwrap_err();
        assert!(error.cause == Cause::Other && !error.is_retryable(), "{key}: {error:?}");
    }
    assert_eq!(store.get("a/b").await.unwrap().unwrap().0, "x");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_refused_late_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let store = server.store().await;
    store.put("output_1/a", &body("old"), &PutOptions::default()).await.unwrap();
    let before = store.get("output_1/a").await.unwrap();
    // s3s-fs replaces the body before it finds the Content-MD5 to be wrong.
    let sdk = aws_client(&server).await;
    let wrong = sdk.put_object().bucket("media").key("output_1/a").content_md5("AAAAAAAAAAAAAAAAAAAAAA==");
    let refused = wrong.body(Bytes::from_static(b"new").into()).send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 400);
    assert_eq!(store.get("output_1/a").await.unwrap(), before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_no_torn_object() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let store = server.store().await;
    let mut dice = Dice::from_seed(1);
    let (mut cancelled, mut landed) = (0, 0);
    for sequence in 0..300_u64 {
        let text = format!("write {sequence} ").repeat(usize::try_from(sequence * 7 % 500).unwrap() + 1);
        let options = PutOptions { write_id: Some(WriteId { writer: 1, sequence }), ..PutOptions::default() };
        let body = Body::Bytes(Bytes::from(text));
        let patience = Duration::from_micros(1000 + dice.below(12_000));
        let write = tokio::time::timeout(patience, store.put("output_1/a", &body, &options)).await;
        cancelled += u32::from(write.is_err());
        let Some((bytes, info)) = store.get("output_1/a").await.unwrap() else { continue };
        let named = info.write_id.unwrap().sequence;
        assert!(
            bytes.starts_with(format!("write {named} ").as_bytes()),
            "body of another write than {named}"
        );
        landed += u32::from(write.is_err() && named == sequence);
    }
    assert!(cancelled > 20, "only {cancelled} of 300 clients went away");
    assert!(landed > 0, "none of {cancelled} went away late enough to matter");
    server.stop().await;
}

async fn aws_client(server: &Server) -> aws_sdk_s3::Client {
    let credentials = aws_sdk_s3::config::Credentials::new("local", "local-secret", None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(&server.endpoint)
        .force_path_style(true)
        .build();
    std::future::ready(aws_sdk_s3::Client::from_conf(config)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_server_and_buckets_have_names() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    // The first answer means that the folder is taken.
    server.store().await.head("x").await.unwrap();
    let listen = || async { TcpListener::bind("127.0.0.1:0").await.unwrap() };
    let second = serve(listen().await, options(folder.path()), CancellationToken::new()).await;
    assert!(matches!(second, Err(Error::Busy(_))), "{second:?}");
    server.stop().await;

    let mut wrong = options(folder.path());
    wrong.buckets.push("../escape".to_owned());
    let third = serve(listen().await, wrong, CancellationToken::new()).await;
    assert!(matches!(third, Err(Error::BucketName(name)) if name == "../escape"));

    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let fourth = serve(listen().await, options(&file), CancellationToken::new()).await;
    assert!(matches!(fourth, Err(Error::Folder { .. })), "{fourth:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_waits_neither_for_idle_nor_for_stuck_connections() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path()).await;
    let address = server.endpoint.strip_prefix("http://").unwrap().to_owned();
    let mut idle = TcpStream::connect(&address).await.unwrap();
    idle.write_all(format!("GET /media/output_1/x HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    assert!(idle.read(&mut [0; 4096]).await.unwrap() > 0);
    let mut stuck = TcpStream::connect(&address).await.unwrap();
    stuck
        .write_all(b"PUT /media/output_1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc")
        .await
        .unwrap();
    server.shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(15), server.task.join_next()).await;
    ended.unwrap().unwrap().unwrap().unwrap();
    drop(stuck);
}

/// The negative control of this crate: what it adds to `s3s-fs` is needed.
#[tokio::test(flavor = "multi_thread")]
async fn bare_s3s_fs_lets_several_racing_writers_win() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("media")).unwrap();
    let mut builder = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
    builder.set_auth(s3s::auth::SimpleAuth::from_single("local", "local-secret"));
    let failed = |_| async { axum::http::StatusCode::INTERNAL_SERVER_ERROR };
    let service = axum::error_handling::HandleError::new(builder.build(), failed);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut task = tokio::task::JoinSet::new();
    task.spawn(axum::serve(listener, axum::Router::new().fallback_service(service)).into_future());

    let key = AccessKey { id: "local".to_owned(), secret: Secret::new("local-secret".to_owned()) };
    let config = Config { endpoint: Some(endpoint), access_key: Some(key), ..Config::new("media") };
    let store = S3Store::connect(&config).await;
    // Eight rounds of 16 writers at a time; to pass by chance all of them would have to be lucky.
    let mut violation = None;
    for attempt in 0..5 {
        violation = violation.or(races(&store, &format!("races-{attempt}/")).await.err());
    }
    let violation = violation.unwrap();
    assert_eq!(violation.check, "races", "{violation}");
}

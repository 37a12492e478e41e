//! Errors of a real server and of a real network, sorted as the callers need them.

use std::time::Duration;

use bytes::Bytes;
use ez_aws::AccessKey;
use ez_domain::fault::Fault;
use ez_domain::secret::Secret;
use ez_objects::s3::{Config, S3Store};
use ez_objects::{Body, Cause, ETag, ObjectStore, Precondition, PutOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::local::LocalS3;

fn body() -> Body {
    Body::Bytes(Bytes::from_static(b"x"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_or_bucket_is_refused_for_good() {
    let s3 = LocalS3::start().await;
    let wrong_key = AccessKey { id: "local".to_owned(), secret: Secret::new("wrong".to_owned()) };
    for config in [
        Config { access_key: Some(wrong_key), ..s3.config.clone() },
        Config { bucket: "missing".to_owned(), ..s3.config.clone() },
    ] {
        let store = S3Store::connect(&config).await;
        for error in [
            store.put("k", &body(), &PutOptions::default()).await.unwrap_err(),
            store.get("k").await.unwrap_err(),
            store.delete_batch(&["k".to_owned()]).await.unwrap_err(),
            store.list("", None).await.unwrap_err(),
        ] {
            assert_eq!(error.cause, Cause::Refused, "{error:?}");
            assert_eq!(error.fault(), Fault::Destination);
            assert!(!error.is_retryable() && !error.is_ambiguous());
            assert!(error.detail.starts_with('4'), "the status is told: {error}");
        }
    }
    s3.stop().await;
}

/// A server that gives the same answer to every request, or none.
async fn canned(answer: Option<&'static str>) -> (Config, tokio::task::JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            assert!(stream.read(&mut buffer).await.unwrap() > 0, "a request comes first");
            let Some(answer) = answer else { return std::future::pending().await };
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            // Closed with unread bytes the connection would be reset, and the answer with it.
            while stream.read(&mut buffer).await.is_ok_and(|size| size > 0) {}
        }
    });
    let key = AccessKey { id: "local".to_owned(), secret: Secret::new("secret".to_owned()) };
    let config = Config { endpoint, access_key: Some(key), attempt_timeout_ms: 500, ..Config::new("media") };
    (config, tasks)
}

#[tokio::test]
async fn each_answer_of_the_network_has_its_cause() {
    const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let if_match = Precondition::IfMatch(ETag::new("\"a\""));
    for (answer, precondition, cause) in [
        (None, Precondition::None, Cause::Timeout),
        (Some(""), Precondition::None, Cause::Unavailable),
        (Some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), Precondition::None, Cause::Other),
        (Some("HTTP/1.1 503 Slow\r\ncontent-length: 0\r\n\r\n"), Precondition::None, Cause::Throttled),
        (Some("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"), Precondition::None, Cause::Unavailable),
        (Some("HTTP/1.1 502 Bad\r\ncontent-length: 5\r\n\r\n<html"), Precondition::None, Cause::Unavailable),
        (Some("HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n"), Precondition::IfAbsent, Cause::Conflict),
        (
            Some("HTTP/1.1 412 No\r\ncontent-length: 0\r\n\r\n"),
            Precondition::IfAbsent,
            Cause::PreconditionFailed,
        ),
        (Some("HTTP/1.1 501 No\r\ncontent-length: 0\r\n\r\n"), Precondition::IfAbsent, Cause::Unsupported),
        (Some(NOT_FOUND), Precondition::None, Cause::Refused),
        (Some(NOT_FOUND), if_match, Cause::PreconditionFailed),
    ] {
        let (config, _server) = canned(answer).await;
        let store = S3Store::connect(&config).await;
        let options = PutOptions { precondition, ..PutOptions::default() };
        let begun = tokio::time::Instant::now();
        let error = store.put("k", &body(), &options).await.unwrap_err();
        assert_eq!(error.cause, cause, "{answer:?} {options:?}: {error:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "the SDK must not retry: {answer:?}");
    }
}

#[tokio::test]
async fn a_closed_port_and_a_body_that_breaks_off_are_passing_troubles() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (canned_config, _server) =
        canned(Some("HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 100\r\n\r\nonly this")).await;
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let config = Config { endpoint: Some(closed), ..canned_config.clone() };
    for config in [config, canned_config] {
        let error = S3Store::connect(&config).await.get("k").await.unwrap_err();
        assert_eq!(error.cause, Cause::Unavailable, "{error:?}");
        assert!(error.is_retryable());
    }
}

//! What players and browsers get without a key.

use bytes::Bytes;
use ez_objects::{Body, ObjectStore, PutOptions};
use reqwest::{Client, Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::Server;

const SEGMENT: &str = "output_1/1-0/video/0.m4s";

async fn with_objects(folder: &std::path::Path) -> Server {
    let server = Server::start(folder).await;
    let store = server.store().await;
    let options = PutOptions {
        content_type: "video/mp4".to_owned(),
        cache_control: "public, max-age=31536000, immutable".to_owned(),
        ..PutOptions::default()
    };
    for key in [SEGMENT, "control/1.json"] {
        let body = Body::Bytes((0..=255u8).collect());
        store.put(key, &body, &options).await.unwrap();
    }
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn only_single_outputs_can_be_read_and_nothing_written() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_objects(folder.path()).await;
    let client = Client::new();
    for (method, path, expected) in [
        (Method::GET, "/media/output_1/1-0/video/0.m4s", 200),
        (Method::HEAD, "/media/output_1/1-0/video/0.m4s", 200),
        (Method::GET, "/media/output_1/1-0/video/missing.m4s", 404),
        (Method::HEAD, "/media/output_1/1-0/video/missing.m4s", 404),
        (Method::GET, "/media/output_1/1-0/video", 404),
        (Method::PUT, "/media/output_1/1-0/video/0.m4s", 403),
        (Method::DELETE, "/media/output_1/1-0/video/0.m4s", 403),
        (Method::POST, "/media?delete", 403),
        (Method::GET, "/media/output_1/1-0/video/0.m4s?acl", 403),
        (Method::GET, "/media/control/1.json", 403),
        (Method::GET, "/media", 403),
        (Method::GET, "/media?list-type=2&prefix=output_", 403),
        (Method::PUT, "/another", 403),
        (Method::GET, "/", 403),
    ] {
        let request = client.request(method.clone(), format!("{}{path}", server.endpoint));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{method} {path}");
        let caching = answer.headers().get("cache-control").map(|value| value.to_str().unwrap().to_owned());
        let expected = if expected < 400 { "public, max-age=31536000, immutable" } else { "no-store" };
        assert_eq!(caching.as_deref(), Some(expected), "{method} {path}");
    }
    let intact = client.get(server.url(SEGMENT)).send().await.unwrap();
    assert_eq!(intact.headers()["content-type"], "video/mp4");
    assert_eq!(intact.bytes().await.unwrap(), (0..=255u8).collect::<Bytes>());
    server.stop().await;
}

/// Clients take dots out of paths before they send them; an attacker does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_with_dots_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_objects(folder.path()).await;
    let address = server.endpoint.strip_prefix("http://").unwrap();
    for path in [
        "/media/output_1/../control/1.json",
        "/media/output_1/%2e%2e/control/1.json",
        "/media/output_1%2F..%2Fcontrol%2F1.json",
        "/media/output_1/../../../../../../etc/hostname",
        "/media/output_1//1-0/video/0.m4s",
        "/media/output_1/./1-0/video/0.m4s",
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_objects(folder.path()).await;
    let client = Client::new();
    for (range, status, content_range, bytes) in [
        ("bytes=0-9", 206, "bytes 0-9/256", 0..10),
        ("bytes=250-", 206, "bytes 250-255/256", 250..256),
        ("bytes=250-9999", 206, "bytes 250-255/256", 250..256),
        ("bytes=-6", 206, "bytes 250-255/256", 250..256),
        ("bytes=-9999", 206, "bytes 0-255/256", 0..256),
        ("bytes=256-", 416, "", 0..0),
    ] {
        let answer = client.get(server.url(SEGMENT)).header("range", range).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{range}");
        if status == 206 {
            assert_eq!(answer.headers()["content-range"], content_range, "{range}");
            let expected: Bytes = bytes.map(|byte: u16| u8::try_from(byte).unwrap()).collect();
            assert_eq!(answer.bytes().await.unwrap(), expected, "{range}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_of_other_origins_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_objects(folder.path()).await;
    let client = Client::new();
    let preflight = client
        .request(Method::OPTIONS, server.url(SEGMENT))
        .header("origin", "http://player.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "range")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), StatusCode::OK);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert!(preflight.headers()["access-control-allow-headers"].to_str().unwrap().contains("range"));
    let methods = preflight.headers()["access-control-allow-methods"].to_str().unwrap().to_owned();
    assert!(methods.contains("GET") && methods.contains("HEAD") && !methods.contains("PUT"), "{methods}");

    // Also a missing segment must be readable as such by the player's script.
    for key in [SEGMENT, "output_1/missing.m4s"] {
        let answer =
            client.get(server.url(key)).header("origin", "http://player.example").send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap().to_lowercase();
        for header in ["etag", "date", "content-range", "content-length"] {
            assert!(exposed.contains(header), "{header} in {exposed}");
        }
        assert!(answer.headers().contains_key("date"));
    }
    server.stop().await;
}

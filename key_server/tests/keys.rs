//! The service as others see it: the real router on a real port, a real Redis behind it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::time::Duration;

use ez_service::tasks::{OnFailure, TaskGroup};
use ez_testkit::metrics::Exposition;
use ez_testkit::redis::RedisServer;
use ez_testkit::wait::eventually;
use key_server::{App, Config};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "a-token-that-nobody-guesses";
const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

struct KeyServer {
    base: String,
    redis: RedisServer,
    client: reqwest::Client,
    tasks: TaskGroup,
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.tasks.shutdown().cancel();
    }
}

impl KeyServer {
    async fn start() -> Self {
        let redis = RedisServer::start().await.unwrap();
        let mut config = Config {
            master_key: MASTER_KEY.to_owned(),
            service_token: TOKEN.to_owned(),
            ..Config::default()
        };
        config.redis.url = redis.url();
        config.redis.prefix = "{t}:".to_owned();
        let app = App::build(&config).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let tasks = TaskGroup::new(CancellationToken::new());
        tasks.spawn("key_server", OnFailure::Log, key_server::run(app, listener, tasks.shutdown().clone()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { base, redis, client, tasks }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("{}{path}", self.base))
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = self.request(method, path).bearer_auth(TOKEN).body(body.to_owned());
        read(request.send().await.unwrap()).await
    }

    async fn make(&self, content_id: &str) -> (u16, Value) {
        self.send("POST", "/keys", &format!(r#"{{"Content_id": "{content_id}"}}"#)).await
    }
}

/// Refusals are problem documents.
async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let expected = if status < 400 { "application/json" } else { "application/problem+json" };
    assert_eq!(media_type, expected, "{status}");
    (status, response.json().await.unwrap())
}

#[tokio::test]
async fn a_content_id_has_one_key_and_it_is_sealed_at_rest() {
    let server = KeyServer::start().await;
    let (status, made) = server.make("job-1").await;
    assert_eq!((status, &made["Content_id"]), (201, &Value::from("job-1")));
    assert_eq!(made.as_object().unwrap().len(), 3, "the answer has no key: {made}");
    let key_id = made["Key_id"].as_str().unwrap();

    let response = server.request("GET", &format!("/keys/{key_id}")).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!response.headers().contains_key("access-control-allow-origin"), "no browser talks to it");
    let told = read(response).await.1;
    let key = told["Key"].as_str().unwrap();
    for text in [key, key_id] {
        assert!(text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
    }
    assert_eq!((&told["Content_id"], &told["Time_created"]), (&made["Content_id"], &made["Time_created"]));

    assert_eq!(server.make("job-1").await, (200, made.clone()), "asked again");
    assert_eq!(server.send("POST", "/keys/", r#"{"Content_id": "job-1"}"#).await, (200, made.clone()));
    assert_ne!(server.make("job-2").await.1["Key_id"], made["Key_id"]);
    assert_eq!(server.send("GET", &format!("/keys/{key_id}/"), "").await, (200, told.clone()));

    let mut connection = server.redis.connection().await.unwrap();
    let kept: Vec<String> =
        redis::cmd("HVALS").arg("{t}:drm_keys").query_async(&mut connection).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().any(|record| record.contains(key_id)), "{kept:?}");
    assert!(kept.iter().all(|record| !record.contains(key)), "a key lies in Redis in clear");
}

#[tokio::test]
async fn many_at_once_get_the_same_key() {
    let server = KeyServer::start().await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let request = server.request("POST", "/keys").bearer_auth(TOKEN).body(r#"{"Content_id": "job"}"#);
        asking.spawn(async move { read(request.send().await.unwrap()).await });
    }
    let answers = asking.join_all().await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|(_, key)| *key == answers[0].1), "{answers:?}");
}

#[tokio::test]
async fn a_key_is_removed_for_good() {
    let server = KeyServer::start().await;
    let (_, made) = server.make("job").await;
    let path = format!("/keys/{}", made["Key_id"].as_str().unwrap());
    assert_eq!(server.request("DELETE", &path).send().await.unwrap().status(), 401, "without the token");
    assert_eq!(server.send("GET", &path, "").await.0, 200);
    for _ in 0..2 {
        let answer = server.request("DELETE", &path).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), 204);
    }
    assert_eq!(server.send("GET", &path, "").await.0, 404);
    let mut connection = server.redis.connection().await.unwrap();
    let left: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert_eq!(left, Vec::<String>::new(), "nothing of it is left in Redis");
    let (status, again) = server.make("job").await;
    assert_eq!(status, 201, "another key");
    assert_ne!(again["Key_id"], made["Key_id"]);
    server.request("DELETE", &path).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(server.make("job").await, (200, again.clone()), "the old one's removal does not touch it");

    // Damaged on disk: nobody can use it, and nobody must be held up by it.
    let key_id = again["Key_id"].as_str().unwrap();
    let mut damage = redis::cmd("HSET");
    let () = damage.arg("{t}:drm_keys").arg(key_id).arg("{").query_async(&mut connection).await.unwrap();
    let path = format!("/keys/{key_id}");
    assert_eq!(server.send("GET", &path, "").await.0, 500);
    let answer = server.request("DELETE", &path).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(server.send("GET", &path, "").await.0, 404);
    assert_eq!(server.make("job").await.0, 201);
}

#[tokio::test]
async fn nothing_is_told_without_the_token() {
    let server = KeyServer::start().await;
    let (_, made) = server.make("job").await;
    let path = format!("/keys/{}", made["Key_id"].as_str().unwrap());
    for authorization in
        [None, Some("Bearer wrong"), Some("Bearer"), Some("Basic a-token-that-nobody-guesses")]
    {
        for (method, path) in
            [("GET", path.as_str()), ("POST", "/keys"), ("PUT", "/keys"), ("GET", "/keys/x")]
        {
            let mut request = server.request(method, path).body(r#"{"Content_id": "job"}"#);
            if let Some(authorization) = authorization {
                request = request.header("authorization", authorization);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            assert_eq!(read(response).await.0, 401, "{method} {path} {authorization:?}");
        }
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.request("GET", path).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn keys_are_counted_and_never_named() {
    let server = KeyServer::start().await;
    let told = async || {
        let answer = server.request("GET", "/metrics").send().await.unwrap();
        let text = answer.text().await.unwrap();
        (Exposition::parse(&text).unwrap(), text)
    };
    let count = |told: &Exposition, name: &str, result: &str| told.value(name, &[("result", result)]);
    assert_eq!(count(&told().await.0, "ezls_content_keys_total", "made"), None);
    let (_, made) = server.make("job-of-the-metrics").await;
    server.make("job-of-the-metrics").await;
    let key_id = made["Key_id"].as_str().unwrap();
    let (_, key) = server.send("GET", &format!("/keys/{key_id}"), "").await;
    server.send("GET", "/keys/00000000000000000000000000000000", "").await;
    let (after, text) = told().await;
    assert_eq!(count(&after, "ezls_content_keys_total", "made"), Some(1.0));
    assert_eq!(count(&after, "ezls_content_keys_total", "found"), Some(1.0));
    assert_eq!(count(&after, "ezls_content_key_lookups_total", "told"), Some(1.0));
    assert_eq!(count(&after, "ezls_content_key_lookups_total", "missing"), Some(1.0));
    assert_eq!(after.undocumented("key_server").unwrap(), Vec::<String>::new());
    for secret in [TOKEN, MASTER_KEY, key_id, key["Key"].as_str().unwrap(), "job-of-the-metrics"] {
        assert!(!text.contains(secret), "{secret} is told");
    }
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let server = KeyServer::start().await;
    let long = format!(r#"{{"Content_id": "{}"}}"#, "x".repeat(129));
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"Content_id": 7}"#,
        r#"{"Content_id": ""}"#,
        r#"{"Content_id": "a/b"}"#,
        &long,
        r#"{"Content_id": "a", "Key": "b"}"#,
    ] {
        assert_eq!(server.send("POST", "/keys", body).await.0, 400, "{body}");
    }
    assert_eq!(server.send("POST", "/keys", &"x".repeat(300_000)).await.0, 413);
    for path in ["/keys/x", "/keys/00000000000000000000000000000000", "/keys/%ff", "/key"] {
        assert_eq!(server.send("GET", path, "").await.0, 404, "{path}");
    }
    let (status, problem) = server.send("DELETE", "/keys", "").await;
    assert_eq!((status, &problem["allow"][0]), (405, &Value::from("POST")));
}

#[tokio::test]
async fn no_bytes_make_it_fail() {
    let server = KeyServer::start().await;
    let good = br#"{"Content_id": "job-1"}"#;
    let bytes = proptest::collection::vec(any::<u8>(), 0..60);
    let changed = proptest::collection::vec((0..good.len(), any::<u8>()), 1..3).prop_map(|changes| {
        let mut body = good.to_vec();
        changes.into_iter().for_each(|(at, value)| body[at] = value);
        body
    });
    let bodies = prop_oneof![1 => bytes, 3 => changed, 1 => Just(good.to_vec())];
    let paths = prop_oneof![Just("/keys".to_owned()), "/keys/[!-\"$->@-~]{0,40}", "/[!-\"$->@-~]{0,20}"];
    let methods = proptest::sample::select(vec!["GET", "POST", "PUT", "DELETE"]);
    let mut runner = TestRunner::deterministic();
    let mut made = 0;
    for _ in 0..400 {
        let (body, path, method) = (&bodies, &paths, &methods).new_tree(&mut runner).unwrap().current();
        let request = server.request(method, &path).bearer_auth(TOKEN).body(body.clone());
        let status = request.send().await.unwrap().status();
        assert!(!status.is_server_error(), "{method} {path} answers {status} to {body:?}");
        made += usize::from(status.as_u16() == 201);
    }
    assert!(made > 0, "no body was good: the bodies show nothing");
}

#[tokio::test]
async fn a_store_that_died_is_told_and_its_return_is_noticed() {
    let mut server = KeyServer::start().await;
    assert_eq!(server.make("job").await.0, 201);
    server.redis.kill().unwrap();
    let response = server
        .request("POST", "/keys")
        .bearer_auth(TOKEN)
        .body(r#"{"Content_id": "a"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(read(response).await.0, 503);
    assert_eq!(server.request("GET", "/readyz").send().await.unwrap().status(), 503);
    server.redis.restart().await.unwrap();
    eventually(Duration::from_secs(20), "keys to be made again", || async {
        match server.make("b").await {
            (200 | 201, _) => Ok(()),
            (status, _) => Err(status),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_configuration_without_secrets_or_with_weak_ones_is_refused() {
    let complete =
        Config { master_key: MASTER_KEY.to_owned(), service_token: TOKEN.to_owned(), ..Config::default() };
    assert!(App::build(&complete).is_ok());
    for (broken, word) in [
        (Config { master_key: String::new(), ..complete.clone() }, "EZ_MASTER_KEY"),
        (Config { master_key: "00".to_owned(), ..complete.clone() }, "64 hexadecimal"),
        (Config { service_token: String::new(), ..complete.clone() }, "EZ_KEY_TOKEN"),
        (Config { service_token: "short".to_owned(), ..complete.clone() }, "16 characters"),
        (Config { service_token_file: "/x".to_owned(), ..complete }, "both"),
    ] {
        let error = App::build(&broken).err().expect("it must be refused");
        let text = ez_service::telemetry::chain(&error);
        assert!(text.contains(word), "{text}");
    }
}

//! The binary itself: exit statuses, the printed configuration, the end on a signal.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use ez_testkit::redis::RedisServer;
use ez_testkit::tools::free_port;
use ez_testkit::wait::eventually;

use crate::support::MASTER_KEY;

/// Nothing of the developer's own environment reaches the process.
fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api_server"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command(arguments, environment).output().unwrap();
    (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

#[test]
fn a_bad_configuration_is_status_64_and_says_what_to_do() {
    let key = ("EZ_MASTER_KEY", MASTER_KEY);
    for (arguments, environment, word) in [
        (&[][..], &[][..], "openssl rand -hex 32"),
        (&[], &[("EZ_MASTER_KEY", "secret")], "64 hexadecimal"),
        (&["--set", "Api_port=1"], &[key], "Api_port"),
        (&["--config", "/nonexistent"], &[key], "/nonexistent"),
        (&["--set", "Playback.Endpoint=localhost"], &[key], "Playback"),
        (&["--set", "Redis.Url=http://x"], &[key], "Redis.Url"),
        (&["--what"], &[key], "--what"),
    ] {
        let (status, text) = run(arguments, environment);
        assert_eq!(status, Some(64), "{arguments:?}: {text}");
        assert!(text.contains(word), "{arguments:?}: {text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn the_configuration_in_force_is_printed_without_secrets() {
    let environment =
        [("EZ_MASTER_KEY", MASTER_KEY), ("EZ_REDIS_URL", "redis://:hunter2@h/"), ("EZ_API_PORT", "99")];
    let (status, text) = run(&["--check-config"], &environment);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains(r#""Api_server_port": "99""#), "{text}");
    assert!(!text.contains("hunter2") && !text.contains(MASTER_KEY), "{text}");
}

#[test]
fn a_taken_port_is_status_1_and_named() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (status, text) = run(&[], &[("EZ_MASTER_KEY", MASTER_KEY), ("EZ_API_PORT", &port)]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains(&port) && text.contains("free the port"), "{text}");
}

#[tokio::test]
async fn it_serves_until_a_signal_and_ends_well() {
    let redis = RedisServer::start().await.unwrap();
    let port = free_port().unwrap().to_string();
    let environment = [("EZ_MASTER_KEY", MASTER_KEY), ("EZ_API_PORT", &port), ("EZ_REDIS_URL", &redis.url())];
    let mut child: Child = command(&[], &environment).stderr(Stdio::null()).spawn().unwrap();
    let url = format!("http://127.0.0.1:{port}/readyz");
    let ready = eventually(Duration::from_secs(20), "readiness", || async {
        reqwest::get(&url).await.and_then(reqwest::Response::error_for_status).map(drop)
    })
    .await;
    let signalled = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let ended = eventually(Duration::from_secs(20), "the end", || {
        let ended = child.try_wait().unwrap().ok_or("still running");
        async move { ended }
    })
    .await;
    if ended.is_err() {
        child.kill().unwrap();
    }
    ready.unwrap();
    assert!(signalled.success());
    assert_eq!(ended.unwrap().code(), Some(0));
}

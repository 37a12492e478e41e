//! The suite of every store, on a real Redis.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use ez_store::{Config, RedisStore};
use ez_testkit::redis::RedisServer;

async fn empty_store() -> (RedisServer, RedisStore) {
    let server = RedisServer::start().await.unwrap();
    // The prefix that a cluster needs must not disturb anything.
    let config = Config {
        url: server.url(),
        prefix: "{ez}:".to_owned(),
        command_timeout_ms: 20_000,
        ..Config::default()
    };
    (server, RedisStore::connect(&config).unwrap())
}

ez_store::store_conformance!(empty_store);

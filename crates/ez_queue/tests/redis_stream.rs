//! The suite of every queue on a real Redis, and what only Redis can do wrong.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ez_queue::conformance::{Subject, command};
use ez_queue::redis_stream::Config;
use ez_queue::{CommandQueue, Delivery, RedisStreamQueue};
use ez_testkit::redis::{Durability, RedisServer};
use ez_testkit::wait::eventually;
use tokio::time::Instant;

const DEADLINE: Duration = Duration::from_secs(15);

struct OnRedis {
    server: RedisServer,
}

#[async_trait]
impl Subject for OnRedis {
    async fn consumer(&self) -> Arc<dyn CommandQueue> {
        Arc::new(consumer(&self.server, 700))
    }

    fn visibility(&self) -> Duration {
        Duration::from_millis(700)
    }

    async fn send_nonsense(&self, text: &str) {
        let _: String = raw(&self.server, &["XADD", "{ez}:commands", "*", "body", text]).await;
    }
}

async fn on_redis() -> OnRedis {
    OnRedis { server: RedisServer::start().await.unwrap() }
}

ez_queue::queue_conformance!(on_redis);

fn consumer(server: &RedisServer, visibility_ms: u64) -> RedisStreamQueue {
    let config = Config {
        url: server.url(),
        prefix: "{ez}:".to_owned(),
        visibility_ms,
        command_timeout_ms: 10_000,
        ..Config::default()
    };
    RedisStreamQueue::connect(&config).unwrap()
}

async fn raw<T: redis::FromRedisValue>(server: &RedisServer, command: &[&str]) -> T {
    let mut sent = redis::cmd(command[0]);
    sent.arg(&command[1..]);
    sent.query_async(&mut server.connection().await.unwrap()).await.unwrap()
}

async fn take_some(queue: &RedisStreamQueue) -> Vec<Delivery> {
    eventually(DEADLINE, "a message", async || match queue.receive(Duration::from_millis(500)).await {
        Ok(taken) if !taken.is_empty() => Ok(taken),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn sent_and_taken_messages_survive_a_kill() {
    let mut server = RedisServer::start_with(Durability::AppendOnly).await.unwrap();
    let queue = consumer(&server, 500);
    queue.send(command(1)).await.unwrap();
    assert_eq!(take_some(&queue).await.len(), 1, "taken, and not acknowledged before the crash");
    queue.send(command(2)).await.unwrap();
    server.restart().await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        for delivery in take_some(&queue).await {
            queue.acknowledge(&delivery).await.unwrap();
            seen.push(delivery.command.generation);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2]);
    assert_eq!(
        raw::<u64>(&server, &["XLEN", "{ez}:commands"]).await,
        0,
        "acknowledged messages leave the stream"
    );
}

#[tokio::test]
async fn consumers_that_are_gone_are_forgotten_and_lose_nothing() {
    const WAIT: Duration = Duration::from_millis(50);
    let server = RedisServer::start().await.unwrap();
    let listed = async || {
        let told: Vec<HashMap<String, redis::Value>> =
            raw(&server, &["XINFO", "CONSUMERS", "{ez}:commands", "schedulers"]).await;
        told.into_iter().map(|consumer| redis::from_redis_value(consumer["name"].clone()).unwrap()).collect()
    };
    // Redis knows a consumer from its first message on.
    let idle = consumer(&server, 30_000);
    idle.send(command(7)).await.unwrap();
    idle.acknowledge(&take_some(&idle).await[0]).await.unwrap();
    let holder = consumer(&server, 30_000);
    holder.send(command(1)).await.unwrap();
    assert_eq!(take_some(&holder).await.len(), 1);
    let both: Vec<String> = listed().await;
    assert_eq!(both.len(), 2, "who has just asked may be alive");

    // Each start looks once; for these the two are gone after a fifth of a second.
    let mut seen = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    while listed().await.iter().any(|name| both.contains(name)) {
        assert!(Instant::now() < deadline, "{both:?} stay");
        let next = consumer(&server, 20);
        for _ in 0..2 {
            for delivery in next.receive(WAIT).await.unwrap() {
                next.acknowledge(&delivery).await.unwrap();
                seen.push(delivery.command.generation);
            }
        }
    }
    assert_eq!(seen, [1], "what one of them held was taken over first");
    // It was only asleep: it is a consumer again with its next question.
    idle.send(command(2)).await.unwrap();
    assert_eq!(take_some(&idle).await[0].command, command(2));
}

#[tokio::test]
async fn the_group_is_made_again_after_data_loss() {
    let mut server = RedisServer::start().await.unwrap();
    let queue = consumer(&server, 30_000);
    for round in 1..=2_u32 {
        queue.send(command(u128::from(round))).await.unwrap();
        let taken = take_some(&queue).await;
        assert_eq!(taken[0].command, command(u128::from(round)));
        // Its message is lost with the rest: finishing it is no error.
        server.restart().await.unwrap();
        queue.acknowledge(&taken[0]).await.unwrap();
        queue.park(&taken[0], "after the loss").await.unwrap();
        assert_eq!(queue.parked().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_waiting_consumer_survives_data_loss_and_restart() {
    let mut server = RedisServer::start().await.unwrap();
    let (queue, sender) = (consumer(&server, 30_000), consumer(&server, 30_000));
    queue.receive(Duration::ZERO).await.unwrap();
    // In the middle of the blocking read.
    let lose = async {
        let _: String = raw(&server, &["FLUSHALL"]).await;
        sender.send(command(1)).await.unwrap();
    };
    let (taken, ()) = futures::join!(queue.receive(Duration::from_secs(10)), lose);
    assert_eq!(taken.unwrap()[0].command, command(1));

    let restart = async {
        server.restart().await.unwrap();
        sender.send(command(2)).await.unwrap();
    };
    let (taken, ()) = futures::join!(queue.receive(Duration::from_secs(10)), restart);
    assert_eq!(taken.unwrap()[0].command, command(2));
}

#[tokio::test]
async fn calls_fail_in_their_time_while_redis_is_away() {
    let mut server = RedisServer::start().await.unwrap();
    let config = Config { url: server.url(), command_timeout_ms: 300, ..Config::default() };
    let queue = RedisStreamQueue::connect(&config).unwrap();
    queue.send(command(1)).await.unwrap();
    let taken = queue.receive(Duration::from_secs(1)).await.unwrap();
    for frozen in [true, false] {
        if frozen {
            server.pause().unwrap();
        } else {
            server.kill().unwrap();
        }
        let begun = Instant::now();
        assert!(queue.send(command(2)).await.is_err());
        assert!(queue.acknowledge(&taken[0]).await.is_err());
        assert!(queue.receive(Duration::from_millis(500)).await.is_err());
        assert!(begun.elapsed() < Duration::from_secs(4), "three calls took {:?}", begun.elapsed());
        if frozen {
            server.resume().unwrap();
        }
    }
    server.restart().await.unwrap();
    eventually(DEADLINE, "the queue to answer", async || queue.send(command(3)).await).await.unwrap();
}

/// A shutdown drops the receive in the middle; nothing may be swallowed by what was dropped.
#[tokio::test]
async fn a_dropped_receive_takes_no_message_with_it() {
    let server = RedisServer::start().await.unwrap();
    let (queue, sender) = (consumer(&server, 30_000), consumer(&server, 30_000));
    for n in 1..=5 {
        let cut =
            tokio::time::timeout(Duration::from_millis(100), queue.receive(Duration::from_secs(5))).await;
        assert!(cut.is_err(), "the queue is empty");
        // Redis has seen the connection go when no client is blocked any more.
        eventually(DEADLINE, "no blocked client", async || {
            let info: String = raw(&server, &["INFO", "clients"]).await;
            if info.contains("blocked_clients:0") { Ok(()) } else { Err(info) }
        })
        .await
        .unwrap();
        sender.send(command(n)).await.unwrap();
        let begun = Instant::now();
        let taken = take_some(&queue).await;
        assert_eq!(taken[0].command, command(n));
        assert!(begun.elapsed() < Duration::from_secs(3), "it did not wait for the visibility");
        queue.acknowledge(&taken[0]).await.unwrap();
    }
}

#[tokio::test]
async fn a_blocking_read_holds_nobody_up() {
    let server = RedisServer::start().await.unwrap();
    let queue = consumer(&server, 30_000);
    queue.receive(Duration::ZERO).await.unwrap();
    let quick = async {
        let begun = Instant::now();
        for _ in 0..20 {
            queue.parked().await.unwrap();
        }
        begun.elapsed()
    };
    let (_, took) = futures::join!(queue.receive(Duration::from_secs(2)), quick);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_parked_message_can_be_looked_at() {
    let server = RedisServer::start().await.unwrap();
    let queue = consumer(&server, 30_000);
    queue.send(command(7)).await.unwrap();
    queue.park(&take_some(&queue).await[0], "tried too often").await.unwrap();
    let _: String = raw(&server, &["XADD", "{ez}:commands", "*", "job", "x", "generation", "1"]).await;
    assert_eq!(queue.receive(Duration::from_millis(200)).await.unwrap(), []);
    let parked: redis::streams::StreamRangeReply =
        raw(&server, &["XRANGE", "{ez}:parked_commands", "-", "+"]).await;
    let field = |index: usize, name: &str| parked.ids[index].get::<String>(name).unwrap();
    assert_eq!(field(0, "job"), command(7).job.to_string());
    assert_eq!((field(0, "generation"), field(0, "reason")), ("7".to_owned(), "tried too often".to_owned()));
    assert!(field(1, "reason").contains("`job` is no job id"), "{}", field(1, "reason"));
    assert_eq!(field(1, "job"), "x");
}

#[test]
fn an_address_that_cannot_be_read_is_told_at_once_and_never_printed() {
    let config = Config { url: "redis://user:hunter2@".to_owned(), ..Config::default() };
    let error = RedisStreamQueue::connect(&config).unwrap_err();
    assert!(error.to_string().contains("address"), "{error}");
    assert!(!format!("{error} {error:?} {config:?}").contains("hunter2"));
}

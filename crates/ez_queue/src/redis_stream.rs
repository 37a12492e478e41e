//! The command queue on a Redis stream with one consumer group.
//!
//! Keys: `commands` (stream with the fields `job` and `generation`), `parked_commands` (stream, bounded,
//! with the reason) and `parked_commands_count`. A message that its consumer did not acknowledge in the
//! visibility time is claimed by whoever receives next. The group is made again when Redis lost it. Each start of
//! a scheduler is a consumer of its own; the next start forgets those that are gone.

mod config;
mod message;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ez_redis::{BlockingReader, CallError, Connection};
use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};
use redis::{AsyncCommands as _, RedisResult, Script};
use tokio::time::Instant;

pub use self::config::Config;
use crate::{Command, CommandQueue, Delivery, QueueError};

/// The consumer group that all schedulers share.
const GROUP: &str = "schedulers";
/// Most messages taken at once.
const BATCH: usize = 10;
/// How many parked messages are kept; older ones are dropped, but stay counted.
const PARKED_KEPT: usize = 10_000;
/// Longest wait in one blocking read. Between reads, abandoned messages are looked for.
const LONGEST_READ: Duration = Duration::from_secs(1);
/// A consumer that asked for nothing in so many visibility times is gone; a live one asks every second.
const GONE_AFTER: u64 = 10;

/// The queue on a Redis stream.
pub struct RedisStreamQueue {
    connection: Connection,
    reader: BlockingReader,
    commands: String,
    parked: String,
    parked_count: String,
    consumer: String,
    visibility_ms: u64,
    /// Where the search for abandoned messages goes on.
    claim_from: Mutex<String>,
    /// Whether consumers that are gone have been forgotten.
    is_tidy: AtomicBool,
    finish: Script,
    park: Script,
    forget_consumers: Script,
}

impl fmt::Debug for RedisStreamQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RedisStreamQueue")
            .field("commands", &self.commands)
            .field("consumer", &self.consumer)
            .finish_non_exhaustive()
    }
}

impl RedisStreamQueue {
    /// Prepares the queue; connections and the consumer group are made when they are needed, so that a
    /// service can start before Redis does.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn connect(config: &Config) -> Result<Self, QueueError> {
        let access = config.access();
        let unusable = |error| failed("read the address of Redis", &error);
        let connection = Connection::prepare(&access).map_err(unusable)?;
        let reader = BlockingReader::prepare(&access).map_err(unusable)?;
        Ok(Self {
            connection,
            reader,
            commands: format!("{}commands", config.prefix),
            parked: format!("{}parked_commands", config.prefix),
            parked_count: format!("{}parked_commands_count", config.prefix),
            consumer: config.consumer.clone(),
            visibility_ms: config.visibility_ms,
            claim_from: Mutex::new("0-0".to_owned()),
            is_tidy: AtomicBool::new(false),
            finish: Script::new(include_str!("lua/finish.lua")),
            park: Script::new(include_str!("lua/park.lua")),
            forget_consumers: Script::new(include_str!("lua/forget_consumers.lua")),
        })
    }

    /// Asks Redis, with the error as the queue's users see it.
    async fn query<T, F, Fut>(&self, action: &'static str, ask: F) -> Result<T, QueueError>
    where
        F: Fn(redis::aio::ConnectionManager) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        self.connection.query(action, ask).await.map_err(|error| failed(action, &error))
    }

    /// Makes the consumer group, from the first message on, unless it is there.
    async fn make_group(&self) -> Result<(), QueueError> {
        let made = self
            .query("make the consumer group", |mut manager| async move {
                let made: RedisResult<()> = manager.xgroup_create_mkstream(&self.commands, GROUP, "0").await;
                match made {
                    Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
                    other => other,
                }
            })
            .await;
        made.map(|()| tracing::info!(stream = self.commands, "the consumer group is ready"))
    }

    /// Takes over messages that their consumers did not acknowledge in time.
    async fn claim(&self) -> Result<Vec<(StreamId, u32)>, QueueError> {
        let from = self.claim_from.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let from = &from;
        let reply: StreamAutoClaimReply = self
            .with_group("claim abandoned messages", |mut manager| async move {
                redis::cmd("XAUTOCLAIM")
                    .arg(&self.commands)
                    .arg(GROUP)
                    .arg(&self.consumer)
                    .arg(self.visibility_ms)
                    .arg(from)
                    .arg("COUNT")
                    .arg(BATCH)
                    .query_async(&mut manager)
                    .await
            })
            .await?;
        *self.claim_from.lock().unwrap_or_else(PoisonError::into_inner) = reply.next_stream_id;
        let mut claimed = Vec::with_capacity(reply.claimed.len());
        for message in reply.claimed {
            let attempt = self.attempts(&message.id).await?;
            claimed.push((message, attempt));
        }
        Ok(claimed)
    }

    /// Forgets the consumers that are gone, once. Where it fails, the next start does it.
    async fn tidy(&self) {
        if self.is_tidy.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut invocation = self.forget_consumers.key(&self.commands);
        invocation.arg(GROUP).arg(self.visibility_ms.saturating_mul(GONE_AFTER));
        let invocation = &invocation;
        let forgotten: Result<u64, _> =
            self.query("forget consumers", |mut manager| async move {
                invocation.invoke_async(&mut manager).await
            })
            .await;
        match forgotten {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "consumers that are gone were forgotten"),
            Err(error) => tracing::warn!(%error, "consumers that are gone stay listed"),
        }
    }

    /// How often a message has been delivered.
    async fn attempts(&self, id: &str) -> Result<u32, QueueError> {
        let pending: Vec<(String, String, u64, u32)> = self
            .query("count deliveries", |mut manager| async move {
                redis::cmd("XPENDING")
                    .arg(&self.commands)
                    .arg(GROUP)
                    .arg(id)
                    .arg(id)
                    .arg(1)
                    .query_async(&mut manager)
                    .await
            })
            .await?;
        // Acknowledged in this very moment by a slow consumer: any number will do.
        Ok(pending.first().map_or(1, |(.., attempts)| *attempts))
    }

    /// Waits for messages that nobody has been given yet.
    async fn read(&self, wait: Duration) -> Result<Vec<StreamId>, QueueError> {
        // BLOCK 0 would wait for ever.
        let block = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(&self.consumer).arg("COUNT").arg(BATCH);
        command.arg("BLOCK").arg(block).arg("STREAMS").arg(&self.commands).arg(">");
        let reply: Option<StreamReadReply> = match self.reader.query(&command, wait).await {
            Err(error) if is_missing_group(&error) => {
                self.make_group().await?;
                self.reader.query(&command, wait).await
            }
            other => other,
        }
        .map_err(|error| failed("receive", &error))?;
        Ok(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|stream| stream.ids).collect())
    }

    /// Asks Redis; when the group is missing, makes it and asks again.
    async fn with_group<T, F, Fut>(&self, action: &'static str, ask: F) -> Result<T, QueueError>
    where
        F: Fn(redis::aio::ConnectionManager) -> Fut + Sync,
        Fut: Future<Output = RedisResult<T>> + Send,
        T: Send,
    {
        match self.connection.query(action, &ask).await {
            Err(error) if is_missing_group(&error) => {
                self.make_group().await?;
                self.query(action, ask).await
            }
            other => other.map_err(|error| failed(action, &error)),
        }
    }

    /// What can be read is delivered; what cannot is parked at once. Where that fails it comes again, and holds up
    /// nothing that came with it.
    async fn sort(&self, messages: Vec<(StreamId, u32)>) -> Vec<Delivery> {
        let mut deliveries = Vec::with_capacity(messages.len());
        for (message, attempt) in messages {
            match message::read(&message) {
                Ok(command) => deliveries.push(Delivery { command, receipt: message.id, attempt }),
                Err(reason) => {
                    tracing::error!(message = message.id, reason, "a message that cannot be read is parked");
                    let fields = message::fields_of(&message);
                    if let Err(error) = self.put_aside(&message.id, &fields, &reason).await {
                        tracing::error!(message = message.id, %error, "it could not be parked and will come again");
                    }
                }
            }
        }
        deliveries
    }

    async fn put_aside(&self, id: &str, fields: &[(String, String)], reason: &str) -> Result<(), QueueError> {
        let mut invocation = self.park.key(&self.commands);
        invocation.key(&self.parked).key(&self.parked_count).arg(GROUP).arg(id).arg(PARKED_KEPT);
        for (name, value) in fields {
            invocation.arg(name).arg(value);
        }
        invocation.arg("reason").arg(reason).arg("message").arg(id);
        let invocation = &invocation;
        let _moved: bool = self
            .query("park a message", |mut manager| async move { invocation.invoke_async(&mut manager).await })
            .await?;
        Ok(())
    }
}

fn failed(action: &'static str, error: &CallError) -> QueueError {
    QueueError { action, detail: error.to_string() }
}

/// Whether Redis has lost the stream or its consumer group (`UNBLOCKED`: during a blocking read).
fn is_missing_group(error: &CallError) -> bool {
    matches!(error, CallError::Redis(error) if matches!(error.code(), Some("NOGROUP" | "UNBLOCKED")))
}

#[async_trait]
impl CommandQueue for RedisStreamQueue {
    async fn send(&self, command: Command) -> Result<(), QueueError> {
        let fields = message::write(command);
        let fields = &fields;
        // Sent again after a lost answer, it is in the queue twice: generations make that harmless.
        let _id: String = self
            .query("send", |mut manager| async move { manager.xadd(&self.commands, "*", fields).await })
            .await?;
        Ok(())
    }

    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        let end = Instant::now() + wait;
        loop {
            let claimed = self.claim().await?;
            let deliveries = self.sort(claimed).await;
            if !deliveries.is_empty() {
                return Ok(deliveries);
            }
            self.tidy().await;
            let left = end.saturating_duration_since(Instant::now());
            let fresh = self.read(left.min(LONGEST_READ)).await?;
            let deliveries = self.sort(fresh.into_iter().map(|message| (message, 1)).collect()).await;
            if !deliveries.is_empty() || Instant::now() >= end {
                return Ok(deliveries);
            }
        }
    }

    async fn acknowledge(&self, delivery: &Delivery) -> Result<(), QueueError> {
        let mut invocation = self.finish.key(&self.commands);
        invocation.arg(GROUP).arg(&delivery.receipt);
        let invocation = &invocation;
        let _removed: u64 = self
            .query("acknowledge", |mut manager| async move { invocation.invoke_async(&mut manager).await })
            .await?;
        Ok(())
    }

    async fn park(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError> {
        self.put_aside(&delivery.receipt, &message::write(delivery.command), reason).await
    }

    /// What is acknowledged or parked leaves the stream.
    async fn waiting(&self) -> Result<u64, QueueError> {
        self.query("count messages", |mut manager| async move { manager.xlen(&self.commands).await }).await
    }

    async fn parked(&self) -> Result<u64, QueueError> {
        let count: Option<u64> =
            self.query("count parked messages", |mut manager| async move {
                manager.get(&self.parked_count).await
            })
            .await?;
        Ok(count.unwrap_or(0))
    }
}

//! The command queue between the API and the schedulers.
//!
//! The queue is a hint, Redis is the truth: a message carries a job id and a generation, never a
//! specification or a secret, and losing one only costs the time until the outbox is swept.

pub mod conformance;
pub mod redis_stream;
pub mod sqs;

use std::time::Duration;

use async_trait::async_trait;
use ez_domain::id::JobId;
use serde::{Deserialize, Serialize};

pub use redis_stream::RedisStreamQueue;
pub use sqs::SqsQueue;

/// Says that a job has a new command; what it is stands in the job's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Command {
    /// Which job.
    pub job: JobId,
    /// The command's number; a scheduler drops a command that is older than the record.
    pub generation: u64,
}

/// A received message, to be acknowledged once its effect is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it says; a message that cannot be read has been parked already and is not delivered.
    pub command: Command,
    /// The queue's handle for this delivery.
    pub receipt: String,
    /// How often it has been delivered, this time included.
    pub attempt: u32,
}

/// A failure of the queue.
#[derive(Debug, thiserror::Error)]
#[error("the command queue failed to {action}: {detail}")]
pub struct QueueError {
    /// What was being done.
    pub action: &'static str,
    /// What the queue said.
    pub detail: String,
}

/// An at-least-once queue. Order is not promised; generations make it unimportant.
#[async_trait]
pub trait CommandQueue: Send + Sync {
    /// Puts a command in; when it returns, the queue holds it durably.
    async fn send(&self, command: Command) -> Result<(), QueueError>;

    /// Waits at most `wait` for messages and takes up to ten. What is not acknowledged within the
    /// queue's visibility time is delivered again, to anybody.
    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery>, QueueError>;

    /// Removes a message for good.
    async fn acknowledge(&self, delivery: &Delivery) -> Result<(), QueueError>;

    /// Puts a message aside with the reason, for a person to look at, and removes it.
    async fn park(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError>;

    /// Messages that nobody has acknowledged or put aside yet, about.
    async fn waiting(&self) -> Result<u64, QueueError>;

    /// Messages put aside so far.
    async fn parked(&self) -> Result<u64, QueueError>;
}

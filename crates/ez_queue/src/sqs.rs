//! The command queue on Amazon SQS, or on a server that speaks its protocol.
//!
//! A body is `{"job": …, "generation": …}`. Both kinds of queue serve: on a FIFO queue (a name that ends
//! in `.fifo`) each job is a message group of its own and a command that is sent twice is taken once.
//! What is put aside goes to a second queue, for a person to look at, with the reason as a message
//! attribute; if that one is FIFO, a message that is put aside twice is there once.
//!
//! Neither queue is made here: names, rights and retention are the operator's.

mod config;
mod keys;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

pub use self::config::Config;
pub use self::keys::{HalfAccessKey, Keys};
use crate::{Command, CommandQueue, Delivery, QueueError};

/// The longest poll that SQS knows, in seconds.
const LONGEST_POLL: u64 = 20;
/// The most messages that SQS gives at once.
const BATCH: i32 = 10;
/// Longest body of a message that cannot be read that is kept, in characters.
const KEPT_BODY: usize = 8 * 1024;

/// The queue on SQS.
pub struct SqsQueue {
    config: Config,
    client: OnceCell<Client>,
    queue: OnceCell<String>,
    parked: OnceCell<String>,
}

impl fmt::Debug for SqsQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SqsQueue").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What a delivery is known by: SQS wants the handle, a second queue the message's own id.
struct Receipt<'text> {
    message: &'text str,
    handle: &'text str,
}

impl<'text> Receipt<'text> {
    fn read(text: &'text str) -> Self {
        let (message, handle) = text.split_once(' ').unwrap_or(("", text));
        Self { message, handle }
    }

    fn write(message: &str, handle: &str) -> String {
        format!("{message} {handle}")
    }
}

impl SqsQueue {
    /// Prepares the queue. Nothing is asked yet, so that a service can start before SQS can be reached.
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            client: OnceCell::const_new(),
            queue: OnceCell::const_new(),
            parked: OnceCell::const_new(),
        }
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(|| self.config.client()).await
    }

    async fn queue(&self) -> Result<&str, QueueError> {
        self.url(&self.queue, &self.config.queue_name).await
    }

    async fn parked_queue(&self) -> Result<&str, QueueError> {
        self.url(&self.parked, &self.config.parked_queue_name()).await
    }

    async fn url<'cell>(&self, cell: &'cell OnceCell<String>, name: &str) -> Result<&'cell str, QueueError> {
        let url = cell.get_or_try_init(|| async {
            let request = self.client().await.get_queue_url().queue_name(name);
            let found = self.call("find the queue", Duration::ZERO, request.send()).await?;
            found.queue_url.ok_or_else(|| QueueError {
                action: "find the queue",
                detail: format!("the answer for {name} names no URL"),
            })
        });
        url.await.map(String::as_str)
    }

    /// Waits for an answer at most as long as a call may take and `more`.
    async fn call<T, E>(
        &self,
        action: &'static str,
        more: Duration,
        answer: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, QueueError>
    where
        E: StdError + ProvideErrorMetadata + 'static,
    {
        let limit = Duration::from_millis(self.config.command_timeout_ms) + more;
        match timeout(limit, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(QueueError { action, detail: explain(&error) }),
            Err(_) => Err(QueueError { action, detail: format!("no answer within {limit:?}") }),
        }
    }

    /// One poll of whole seconds, as SQS counts them.
    async fn poll(&self, seconds: u64) -> Result<Vec<Message>, QueueError> {
        let request = self
            .client()
            .await
            .receive_message()
            .queue_url(self.queue().await?)
            .max_number_of_messages(BATCH)
            .wait_time_seconds(i32::try_from(seconds).unwrap_or(0))
            .visibility_timeout(i32::try_from(self.config.visibility_seconds).unwrap_or(i32::MAX))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let answer = self.call("receive", Duration::from_secs(seconds), request.send()).await?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// The sum of these attributes of a queue.
    async fn count(
        &self,
        action: &'static str,
        url: &str,
        counts: &[QueueAttributeName],
    ) -> Result<u64, QueueError> {
        let request = self.client().await.get_queue_attributes().queue_url(url);
        let request = request.set_attribute_names(Some(counts.to_vec()));
        let answer = self.call(action, Duration::ZERO, request.send()).await?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(counts
            .iter()
            .filter_map(|name| attributes.get(name)?.parse::<u64>().ok())
            .fold(0, u64::saturating_add))
    }

    /// What can be read is delivered; what cannot is parked at once. Where that fails it comes again, and holds up
    /// nothing that came with it.
    async fn sort(&self, messages: Vec<Message>) -> Vec<Delivery> {
        let mut deliveries = Vec::with_capacity(messages.len());
        for message in messages {
            let body = message.body.as_deref().unwrap_or_default();
            let id = message.message_id.as_deref().unwrap_or_default();
            let receipt = Receipt::write(id, message.receipt_handle.as_deref().unwrap_or_default());
            match serde_json::from_str::<Command>(body) {
                Ok(command) => deliveries.push(Delivery { command, receipt, attempt: attempts(&message) }),
                Err(error) => {
                    let reason = format!("the body is no command: {error}");
                    tracing::error!(message = id, reason, "a message that cannot be read is parked");
                    let body: String = body.chars().take(KEPT_BODY).collect();
                    if let Err(error) = self.put_aside(&receipt, &body, &reason).await {
                        tracing::error!(message = id, %error, "it could not be parked and will come again");
                    }
                }
            }
        }
        deliveries
    }

    /// Stored with the others that were put aside first, then removed: never lost, at worst there twice.
    async fn put_aside(&self, receipt: &str, body: &str, reason: &str) -> Result<(), QueueError> {
        let url = self.parked_queue().await?;
        let text = |value: &str| {
            // An attribute may not be empty.
            let value = if value.is_empty() { "-" } else { value };
            MessageAttributeValue::builder().data_type("String").string_value(value).build()
        };
        let invalid = |error: aws_sdk_sqs::error::BuildError| QueueError {
            action: "park a message",
            detail: error.to_string(),
        };
        let id = Receipt::read(receipt).message;
        let mut request = self
            .client()
            .await
            .send_message()
            .queue_url(url)
            .message_body(if body.is_empty() { "-" } else { body })
            .message_attributes("reason", text(reason).map_err(invalid)?)
            .message_attributes("message", text(id).map_err(invalid)?);
        if is_fifo(url) {
            request = request.message_group_id("parked").message_deduplication_id(id);
        }
        self.call("park a message", Duration::ZERO, request.send()).await?;
        self.remove(receipt).await
    }

    async fn remove(&self, receipt: &str) -> Result<(), QueueError> {
        let handle = Receipt::read(receipt).handle;
        let request =
            self.client().await.delete_message().queue_url(self.queue().await?).receipt_handle(handle);
        let limit = Duration::from_millis(self.config.command_timeout_ms);
        match timeout(limit, request.send()).await {
            Ok(Ok(_)) => Ok(()),
            // Delivered to somebody else meanwhile, who will remove it: commands may come twice.
            Ok(Err(error)) if is_stale(&error) => Ok(()),
            Ok(Err(error)) => Err(QueueError { action: "acknowledge", detail: explain(&error) }),
            Err(_) => {
                Err(QueueError { action: "acknowledge", detail: format!("no answer within {limit:?}") })
            }
        }
    }
}

fn is_fifo(url: &str) -> bool {
    url.ends_with(".fifo")
}

fn explain<E: StdError + 'static>(error: &SdkError<E>) -> String {
    DisplayErrorContext(error).to_string()
}

/// Whether a receipt handle counts no more.
fn is_stale<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    let says_expired = || {
        error
            .as_service_error()
            .and_then(ProvideErrorMetadata::message)
            .is_some_and(|message| message.contains("expired"))
    };
    match code {
        Some("ReceiptHandleIsInvalid") => true,
        // What a FIFO queue says.
        Some("InvalidParameterValue") => says_expired(),
        _ => false,
    }
}

fn attempts(message: &Message) -> u32 {
    message
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount))
        .and_then(|count| count.parse().ok())
        .unwrap_or(1)
}

#[async_trait]
impl CommandQueue for SqsQueue {
    async fn send(&self, command: Command) -> Result<(), QueueError> {
        let url = self.queue().await?;
        let body = serde_json::to_string(&command)
            .map_err(|error| QueueError { action: "send", detail: error.to_string() })?;
        let mut request = self.client().await.send_message().queue_url(url).message_body(body);
        if is_fifo(url) {
            request = request
                .message_group_id(command.job.to_string())
                .message_deduplication_id(format!("{}-{}", command.job, command.generation));
        }
        self.call("send", Duration::ZERO, request.send()).await.map(drop)
    }

    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        let end = Instant::now() + wait;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            let messages = self.poll(seconds.min(LONGEST_POLL)).await?;
            let deliveries = self.sort(messages).await;
            if !deliveries.is_empty() || Instant::now() >= end {
                return Ok(deliveries);
            }
        }
    }

    async fn acknowledge(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.remove(&delivery.receipt).await
    }

    async fn park(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError> {
        let body = serde_json::to_string(&delivery.command)
            .map_err(|error| QueueError { action: "park a message", detail: error.to_string() })?;
        self.put_aside(&delivery.receipt, &body, reason).await
    }

    /// Those that can be received and those that somebody has received; SQS counts approximately.
    async fn waiting(&self) -> Result<u64, QueueError> {
        let counts = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        self.count("count messages", self.queue().await?, &counts).await
    }

    /// Those that nobody has removed from the second queue; SQS counts approximately.
    async fn parked(&self) -> Result<u64, QueueError> {
        let counts = [QueueAttributeName::ApproximateNumberOfMessages];
        self.count("count parked messages", self.parked_queue().await?, &counts).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_read_as_it_was_written() {
        let text = Receipt::write("id-1", "handle with spaces");
        let receipt = Receipt::read(&text);
        assert_eq!((receipt.message, receipt.handle), ("id-1", "handle with spaces"));
    }

    #[test]
    fn the_second_queue_is_of_the_same_kind() {
        let named = |queue: &str, parked: &str| {
            let config = Config {
                queue_name: queue.to_owned(),
                parked_queue_name: parked.to_owned(),
                ..Config::default()
            };
            config.parked_queue_name()
        };
        assert_eq!(named("jobs", ""), "jobs_parked");
        assert_eq!(named("jobs.fifo", ""), "jobs_parked.fifo");
        assert_eq!(named("jobs", "aside"), "aside");
    }
}

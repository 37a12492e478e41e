//! The suite of every queue on a server that speaks SQS, on both kinds of queue.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::QueueAttributeName;
use ez_aws::AccessKey;
use ez_domain::secret::Secret;
use ez_queue::conformance::{Subject, command};
use ez_queue::sqs::Config;
use ez_queue::{CommandQueue, SqsQueue};
use ez_testkit::sqs::{ACCESS_KEY, REGION, endpoint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use uuid::Uuid;

/// Queues of its own on the one server.
struct OnSqs {
    config: Config,
    client: Client,
}

impl OnSqs {
    async fn start(suffix: &str) -> Self {
        let endpoint = endpoint().await.unwrap();
        let name = Uuid::new_v4().simple().to_string();
        let config = Config {
            queue_name: format!("{name}{suffix}"),
            parked_queue_name: format!("{name}_aside.fifo"),
            region: REGION.to_owned(),
            endpoint: Some(endpoint.clone()),
            access_key: Some(AccessKey {
                id: ACCESS_KEY.0.to_owned(),
                secret: Secret::new(ACCESS_KEY.1.to_owned()),
            }),
            visibility_seconds: 1,
            command_timeout_ms: 10_000,
        };
        let client = Client::from_conf(
            aws_sdk_sqs::Config::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new(REGION))
                .credentials_provider(Credentials::new(ACCESS_KEY.0, ACCESS_KEY.1, None, None, "test"))
                .endpoint_url(endpoint)
                .build(),
        );
        for queue in [&config.queue_name, &config.parked_queue_name] {
            let mut request = client.create_queue().queue_name(queue);
            if queue.ends_with(".fifo") {
                request = request.attributes(QueueAttributeName::FifoQueue, "true");
            }
            request.send().await.unwrap();
        }
        Self { config, client }
    }

    fn queue(&self) -> SqsQueue {
        SqsQueue::new(self.config.clone())
    }

    async fn url(&self, name: &str) -> String {
        self.client.get_queue_url().queue_name(name).send().await.unwrap().queue_url.unwrap()
    }
}

#[async_trait]
impl Subject for OnSqs {
    async fn consumer(&self) -> Arc<dyn CommandQueue> {
        Arc::new(self.queue())
    }

    fn visibility(&self) -> Duration {
        Duration::from_secs(self.config.visibility_seconds)
    }

    async fn send_nonsense(&self, text: &str) {
        let url = self.url(&self.config.queue_name).await;
        // SQS takes no empty body.
        let body = if text.is_empty() { "-" } else { text };
        let mut request = self.client.send_message().queue_url(&url).message_body(body);
        if url.ends_with(".fifo") {
            request =
                request.message_group_id("nonsense").message_deduplication_id(Uuid::new_v4().to_string());
        }
        request.send().await.unwrap();
    }
}

mod standard {
    async fn subject() -> super::OnSqs {
        super::OnSqs::start("").await
    }
    ez_queue::queue_conformance!(subject);
}

mod fifo {
    async fn subject() -> super::OnSqs {
        super::OnSqs::start(".fifo").await
    }
    ez_queue::queue_conformance!(subject);
}

#[tokio::test]
async fn a_person_finds_what_was_put_aside_with_the_reason() {
    let subject = OnSqs::start("").await;
    let queue = subject.queue();
    queue.send(command(7)).await.unwrap();
    let taken = queue.receive(Duration::from_secs(5)).await.unwrap();
    queue.park(&taken[0], "tried too often").await.unwrap();
    let url = subject.url(&subject.config.parked_queue_name).await;
    let request = subject.client.receive_message().queue_url(url).message_attribute_names("All");
    let message = request.send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(serde_json::from_str::<ez_queue::Command>(&message.body.unwrap()).unwrap(), command(7));
    let attributes = message.message_attributes.unwrap();
    assert_eq!(attributes["reason"].string_value.as_deref(), Some("tried too often"));
}

/// Nobody made the second queue.
#[tokio::test]
async fn what_cannot_be_put_aside_holds_up_no_command() {
    let mut subject = OnSqs::start("").await;
    subject.config.parked_queue_name = "nobody-made-it".to_owned();
    let queue = subject.queue();
    subject.send_nonsense("{").await;
    queue.send(command(7)).await.unwrap();
    subject.send_nonsense("[").await;
    let mut taken = Vec::new();
    while taken.is_empty() {
        taken = queue.receive(Duration::from_secs(5)).await.unwrap();
    }
    assert_eq!(taken[0].command, command(7));
    queue.acknowledge(&taken[0]).await.unwrap();
}

#[tokio::test]
async fn a_command_that_is_sent_twice_is_taken_once_by_fifo() {
    let subject = OnSqs::start(".fifo").await;
    let queue = subject.queue();
    queue.send(command(7)).await.unwrap();
    queue.send(command(7)).await.unwrap();
    let taken = queue.receive(Duration::from_secs(5)).await.unwrap();
    assert_eq!(taken.len(), 1);
    queue.acknowledge(&taken[0]).await.unwrap();
    assert_eq!(queue.receive(Duration::from_secs(2)).await.unwrap(), []);
}

/// The next request to this port: its body. It is answered with `answer`.
async fn answered(listener: &TcpListener, answer: &str) -> serde_json::Value {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "the request breaks off: {}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nConnection: close";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            return serde_json::from_str(body).unwrap();
        }
    }
}

/// Requests are what SQS is paid for: each waits for as long, and takes as much, as SQS allows.
#[tokio::test]
async fn a_poll_is_as_long_and_as_large_as_can_be() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let config = Config {
        queue_name: "jobs".to_owned(),
        region: REGION.to_owned(),
        endpoint: Some(endpoint.clone()),
        access_key: Some(AccessKey { id: "id".to_owned(), secret: Secret::new("secret".to_owned()) }),
        visibility_seconds: 30,
        command_timeout_ms: 10_000,
        parked_queue_name: String::new(),
    };
    let body = serde_json::to_string(&command(7)).unwrap();
    let message = serde_json::json!({"Messages": [{"MessageId": "1", "ReceiptHandle": "r", "Body": body}]});
    let server = async {
        answered(&listener, &serde_json::json!({"QueueUrl": format!("{endpoint}/1/jobs")}).to_string()).await;
        answered(&listener, &message.to_string()).await
    };
    let queue = SqsQueue::new(config);
    let (taken, asked) = tokio::join!(queue.receive(Duration::from_secs(20)), server);
    assert_eq!(taken.unwrap()[0].command, command(7));
    let figures =
        ["WaitTimeSeconds", "MaxNumberOfMessages", "VisibilityTimeout"].map(|key| asked[key].as_u64());
    assert_eq!(figures, [Some(20), Some(10), Some(30)]);
}

#[tokio::test]
async fn what_is_missing_is_told_without_the_secret() {
    let mut config = OnSqs::start("").await.config;
    config.queue_name = "nobody-made-it".to_owned();
    let error = SqsQueue::new(config.clone()).send(command(1)).await.unwrap_err().to_string();
    assert!(error.contains("find the queue") && error.contains("NonExistentQueue"), "{error}");
    config.access_key = Some(AccessKey { id: "id".to_owned(), secret: Secret::new("hunter2".to_owned()) });
    config.endpoint = Some("http://127.0.0.1:9".to_owned());
    let queue = SqsQueue::new(config);
    let error = queue.receive(Duration::ZERO).await.unwrap_err().to_string();
    assert!(!error.contains("hunter2") && !format!("{queue:?}").contains("hunter2"), "{error}");
}

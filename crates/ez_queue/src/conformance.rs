//! The suite that every [`CommandQueue`] passes.
//!
//! Each case is given an empty queue by way of a [`Subject`] and panics when the queue breaks its contract.
//! What only one implementation can do wrong is tested beside it. [`queue_conformance!`](crate::queue_conformance)
//! makes a test of each case.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ez_domain::id::JobId;
use futures::future::{join, join_all};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Command, CommandQueue, Delivery};

/// One empty queue and the ways to it.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Another consumer of the queue.
    async fn consumer(&self) -> Arc<dyn CommandQueue>;

    /// Time after which a message is delivered again; at most a second, to keep the suite quick.
    fn visibility(&self) -> Duration;

    /// Puts a message in that no command can be read from.
    async fn send_nonsense(&self, text: &str);
}

/// Makes a `#[tokio::test]` of each case. The argument is an async function without parameters that
/// answers a [`Subject`].
#[macro_export]
macro_rules! queue_conformance {
    ($subject:path) => {
        $crate::queue_conformance! { @each $subject =>
            what_is_sent_is_received_once_and_stays_away_when_acknowledged
            an_empty_queue_is_waited_on_and_no_longer_than_told
            a_waiting_consumer_is_woken_by_a_message
            what_is_not_acknowledged_comes_again_to_anybody
            a_long_poll_does_not_delay_what_comes_again
            consumers_share_the_work
            an_acknowledgement_after_the_visibility_still_counts
            messages_wait_until_they_are_acknowledged_or_parked
            parked_messages_are_gone_and_counted_once
            nonsense_is_parked_and_delivered_to_nobody
            more_than_one_batch_arrives_whole
        }
    };
    (@each $subject:path => $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let subject = $subject().await;
                $crate::conformance::$case(&subject).await;
            }
        )*
    };
}

/// The command number `n` of the suite.
pub fn command(n: u128) -> Command {
    Command { job: JobId::from_uuid(Uuid::from_u128(n)), generation: u64::try_from(n).unwrap_or(u64::MAX) }
}

async fn take(queue: &dyn CommandQueue, wait: Duration) -> Vec<Delivery> {
    let taken = queue.receive(wait).await.expect("receive");
    assert!(taken.len() <= 10, "up to ten at once");
    taken
}

/// Receives until something comes, at most ten seconds.
async fn take_some(queue: &dyn CommandQueue) -> Vec<Delivery> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let taken = take(queue, Duration::from_secs(1)).await;
        if !taken.is_empty() {
            return taken;
        }
        assert!(Instant::now() < end, "nothing was delivered");
    }
}

async fn acknowledge_all(queue: &dyn CommandQueue, deliveries: &[Delivery]) {
    for delivery in deliveries {
        queue.acknowledge(delivery).await.expect("acknowledge");
    }
}

/// Longer than the visibility: whatever can come again has come by then.
async fn expect_nothing(subject: &dyn Subject, queue: &dyn CommandQueue) {
    let taken = take(queue, subject.visibility() + Duration::from_millis(300)).await;
    assert_eq!(taken, [], "nothing is left to be delivered");
}

/// The plain way.
pub async fn what_is_sent_is_received_once_and_stays_away_when_acknowledged(subject: &dyn Subject) {
    let queue = subject.consumer().await;
    queue.send(command(1)).await.expect("send");
    let taken = take_some(&*queue).await;
    assert_eq!(
        taken.iter().map(|delivery| (delivery.command, delivery.attempt)).collect::<Vec<_>>(),
        [(command(1), 1)]
    );
    acknowledge_all(&*queue, &taken).await;
    acknowledge_all(&*queue, &taken).await;
    expect_nothing(subject, &*queue).await;
    assert_eq!(queue.parked().await.expect("parked"), 0);
}

/// The wait is a bound, and zero is allowed.
pub async fn an_empty_queue_is_waited_on_and_no_longer_than_told(subject: &dyn Subject) {
    let queue = subject.consumer().await;
    take(&*queue, Duration::ZERO).await;
    for wait in [Duration::ZERO, Duration::from_millis(1_500)] {
        let begun = Instant::now();
        assert_eq!(take(&*queue, wait).await, []);
        let waited = begun.elapsed();
        assert!(waited >= wait && waited < wait + Duration::from_secs(2), "{waited:?} instead of {wait:?}");
    }
}

/// The message does not wait for the end of the poll.
pub async fn a_waiting_consumer_is_woken_by_a_message(subject: &dyn Subject) {
    let (waiting, sender) = (subject.consumer().await, subject.consumer().await);
    take(&*waiting, Duration::ZERO).await;
    let begun = Instant::now();
    let (taken, sent) = join(take(&*waiting, Duration::from_secs(8)), sender.send(command(1))).await;
    sent.expect("send");
    assert_eq!(taken.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(4), "woken after {:?}", begun.elapsed());
}

/// A consumer that died takes nothing with it.
pub async fn what_is_not_acknowledged_comes_again_to_anybody(subject: &dyn Subject) {
    let (dying, other) = (subject.consumer().await, subject.consumer().await);
    dying.send(command(1)).await.expect("send");
    let begun = Instant::now();
    assert_eq!(take_some(&*dying).await.len(), 1);
    for attempt in 2..=3 {
        // A message that is hidden does not come before its time.
        let again = take_some(&*other).await;
        assert_eq!(again.iter().map(|delivery| delivery.command).collect::<Vec<_>>(), [command(1)]);
        assert_eq!(again[0].attempt, attempt);
        assert!(begun.elapsed() + Duration::from_millis(50) >= subject.visibility() * (attempt - 1));
        if attempt == 3 {
            acknowledge_all(&*other, &again).await;
        }
    }
    expect_nothing(subject, &*dying).await;
}

/// A consumer that is in the middle of a long wait gets it, too, and not only at the end of the wait.
pub async fn a_long_poll_does_not_delay_what_comes_again(subject: &dyn Subject) {
    let (dying, waiting) = (subject.consumer().await, subject.consumer().await);
    dying.send(command(1)).await.expect("send");
    assert_eq!(take_some(&*dying).await.len(), 1);
    let begun = Instant::now();
    let again = take(&*waiting, Duration::from_secs(12)).await;
    assert_eq!(again.iter().map(|delivery| delivery.command).collect::<Vec<_>>(), [command(1)]);
    let waited = begun.elapsed();
    assert!(waited < subject.visibility() + Duration::from_secs(5), "it came after {waited:?}");
    acknowledge_all(&*waiting, &again).await;
}

/// What is acknowledged in time is delivered to one of them only, and nothing is left over.
pub async fn consumers_share_the_work(subject: &dyn Subject) {
    const MESSAGES: u128 = 60;
    let sender = subject.consumer().await;
    let consumers = [subject.consumer().await, subject.consumer().await, subject.consumer().await];
    let work = consumers.iter().map(async |queue| {
        let mut seen = Vec::new();
        loop {
            let taken = take(&**queue, Duration::from_millis(500)).await;
            if taken.is_empty() {
                return seen;
            }
            acknowledge_all(&**queue, &taken).await;
            seen.extend(taken.into_iter().map(|delivery| (delivery.command.generation, delivery.attempt)));
        }
    });
    let send = async {
        for n in 1..=MESSAGES {
            sender.send(command(n)).await.expect("send");
        }
    };
    let (seen, ()) = join(join_all(work), send).await;
    let all: Vec<(u64, u32)> = seen.into_iter().flatten().collect();
    // On a machine that stands still for the visibility time, a second attempt is right.
    let first: Vec<u64> = all.iter().filter(|(_, attempt)| *attempt == 1).map(|(n, _)| *n).collect();
    let different: BTreeSet<u64> = first.iter().copied().collect();
    assert_eq!(first.len(), different.len(), "nothing is handed out twice: {all:?}");
    let different: BTreeSet<u64> = all.iter().map(|(n, _)| *n).collect();
    assert_eq!(different.len(), 60, "and nothing is lost: {all:?}");
    expect_nothing(subject, &*sender).await;
}

/// Its effect is stored, so the message must not come once more.
pub async fn an_acknowledgement_after_the_visibility_still_counts(subject: &dyn Subject) {
    let (slow, other) = (subject.consumer().await, subject.consumer().await);
    slow.send(command(1)).await.expect("send");
    let first = take_some(&*slow).await;
    let again = take_some(&*other).await;
    assert_eq!(again[0].command, first[0].command);
    acknowledge_all(&*slow, &first).await;
    acknowledge_all(&*other, &again).await;
    expect_nothing(subject, &*slow).await;
}

/// What was received still waits: it may come again.
pub async fn messages_wait_until_they_are_acknowledged_or_parked(subject: &dyn Subject) {
    let queue = subject.consumer().await;
    let waiting = async || queue.waiting().await.expect("waiting");
    assert_eq!(waiting().await, 0);
    for n in 1..=3 {
        queue.send(command(n)).await.expect("send");
    }
    assert_eq!(waiting().await, 3);
    let mut left = 3;
    while left > 0 {
        for delivery in take_some(&*queue).await {
            assert_eq!(waiting().await, left);
            if left == 2 {
                queue.park(&delivery, "tried too often").await.expect("park");
            } else {
                queue.acknowledge(&delivery).await.expect("acknowledge");
            }
            left -= 1;
            assert_eq!(waiting().await, left);
        }
    }
}

/// Parking is repeatable, and the message is out of the way.
pub async fn parked_messages_are_gone_and_counted_once(subject: &dyn Subject) {
    let queue = subject.consumer().await;
    for n in 1..=2 {
        queue.send(command(n)).await.expect("send");
    }
    let mut parked = 0;
    while parked < 2 {
        for delivery in take_some(&*queue).await {
            queue.park(&delivery, "tried too often").await.expect("park");
            queue.park(&delivery, "tried too often").await.expect("park again");
            parked += 1;
        }
    }
    assert_eq!(queue.parked().await.expect("parked"), 2);
    expect_nothing(subject, &*queue).await;
}

/// A message that cannot be read must neither stop the queue nor come again for ever.
pub async fn nonsense_is_parked_and_delivered_to_nobody(subject: &dyn Subject) {
    let queue = subject.consumer().await;
    subject.send_nonsense("{\"job\": 7").await;
    queue.send(command(1)).await.expect("send");
    subject.send_nonsense("").await;
    let taken = take_some(&*queue).await;
    assert_eq!(taken.iter().map(|delivery| delivery.command).collect::<Vec<_>>(), [command(1)]);
    acknowledge_all(&*queue, &taken).await;
    expect_nothing(subject, &*queue).await;
    assert_eq!(queue.parked().await.expect("parked"), 2);
}

/// Every message arrives, whatever the order and however many calls it takes.
pub async fn more_than_one_batch_arrives_whole(subject: &dyn Subject) {
    let queue = subject.consumer().await;
    join_all((1..=35).map(async |n| queue.send(command(n)).await.expect("send"))).await;
    let mut seen = BTreeSet::new();
    while seen.len() < 35 {
        let taken = take_some(&*queue).await;
        acknowledge_all(&*queue, &taken).await;
        for delivery in taken {
            assert_eq!(delivery.command, command(u128::from(delivery.command.generation)), "kept together");
            seen.insert(delivery.command.generation);
        }
    }
    expect_nothing(subject, &*queue).await;
}

//! Rivals for the one seat.

use std::time::Duration;

use ez_ingest::{EndReason, Limits};
use ez_testkit::wait::eventually;

use tokio::time::timeout;

use crate::bench::{Bench, Client, DEADLINE, KEY, contains};
use crate::wire::Outgoing;

fn takeover_after(takeover_after: Duration) -> Limits {
    Limits { takeover_after, linger: Duration::from_millis(100), ..Limits::default() }
}

#[tokio::test]
async fn a_second_publisher_is_refused_while_the_first_is_alive() {
    let mut bench = Bench::start(takeover_after(Duration::from_secs(30))).await;
    let mut first = Client::publish(&bench, KEY).await;
    first.until("NetStream.Publish.Start").await;
    bench.started().await;
    first.send_video(0).await;

    let answer = Client::publish(&bench, KEY).await.until_closed().await;
    assert!(contains(&answer, "NetStream.Publish.BadName") && contains(&answer, "already publishing"));
    assert!(!contains(&answer, "NetStream.Publish.Start"));

    first.send_video(40).await;
    first.finish().await;
    let (tags, reason) = bench.until_end().await;
    assert_eq!((tags.len(), reason), (2, EndReason::Disconnected));
    assert_eq!(bench.totals().already_publishing, 1);
    bench.stop().await;
}

#[tokio::test]
async fn the_next_publisher_takes_over_after_silence() {
    let mut bench = Bench::start(takeover_after(Duration::from_millis(300))).await;
    let mut silent = Client::publish(&bench, KEY).await;
    silent.until("NetStream.Publish.Start").await;
    let first = bench.started().await;
    silent.send_video(0).await;

    // An encoder that reconnects tries until it is let in.
    let look = || async {
        let mut next = Client::publish(&bench, KEY).await;
        if next.is_let_in().await { Ok(next) } else { Err("refused") }
    };
    let mut next = eventually(DEADLINE, "the silent publisher's seat", look).await.unwrap();
    next.send_video(1000).await;

    let (tags, reason) = bench.until_end().await;
    assert_eq!((tags.len(), reason), (1, EndReason::TakenOver));
    let goodbye = silent.until_closed().await;
    assert!(contains(&goodbye, "took over"), "the old socket is closed");
    assert!(bench.started().await > first);
    next.finish().await;
    let (tags, reason) = bench.until_end().await;
    assert_eq!((tags[0].timestamp_ms, reason), (1000, EndReason::Disconnected));
    assert_eq!(bench.totals().taken_over, 1);
    bench.stop().await;
}

#[tokio::test]
async fn a_publisher_that_waits_for_our_consumer_is_not_silent() {
    // No time at all: whoever is not busy loses the seat at once.
    let mut bench = Bench::with_channel(takeover_after(Duration::ZERO), 2).await;
    let mut first = Client::publish(&bench, KEY).await;
    first.until("NetStream.Publish.Start").await;
    // One event is in the channel. These come in one piece: from the first on the session is busy.
    let video = |timestamp_ms| Outgoing::media(9, timestamp_ms, *b"\x17\x01\0\0\0").chunks(128);
    first.send(&(0..10).flat_map(video).collect::<Vec<_>>()).await;
    let look = || async { if bench.is_full() { Ok(()) } else { Err("room in the channel") } };
    eventually(DEADLINE, "the stall", look).await.unwrap();
    let answer = Client::publish(&bench, KEY).await.until_closed().await;
    assert!(contains(&answer, "already publishing"));
    bench.started().await;
    for expected in 0..10 {
        assert_eq!(bench.tag().await.timestamp_ms, expected);
    }
    bench.stop().await;
}

#[tokio::test]
async fn an_encoder_that_reconnects_while_its_end_is_still_being_told_is_let_in() {
    // A slow consumer: the end of the first session finds no room in the channel.
    let mut bench = Bench::with_channel(takeover_after(Duration::from_secs(30)), 2).await;
    let mut first = Client::publish(&bench, KEY).await;
    assert!(first.is_let_in().await);
    first.send_video(0).await;
    first.finish().await;
    // Refused for as long as the listener has not seen the first one go; then kept waiting.
    let look = || async {
        let mut second = Client::publish(&bench, KEY).await;
        match timeout(Duration::from_millis(500), second.is_let_in()).await {
            Err(_still_waiting) => Ok(second),
            Ok(is_let_in) => Err(format!("let in: {is_let_in}")),
        }
    };
    let patience = Duration::from_secs(15);
    let mut second = eventually(patience, "an encoder kept waiting, not refused", look).await.unwrap();
    bench.started().await;
    assert_eq!(bench.until_end().await.1, EndReason::Disconnected);
    second.send_video(1).await;
    bench.started().await;
    assert_eq!(bench.tag().await.timestamp_ms, 1);
    second.finish().await;
    bench.until_end().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_publishers_get_one_seat() {
    let mut bench = Bench::start(takeover_after(Duration::from_secs(30))).await;
    for round in 0..300 {
        let (mut a, mut b) = tokio::join!(Client::publish(&bench, KEY), Client::publish(&bench, KEY));
        // The winner is told so and stays; the loser is closed.
        let session = bench.started().await;
        let (winner, loser) = tokio::select! {
            biased;
            answer = a.until_closed() => (&mut b, answer),
            answer = b.until_closed() => (&mut a, answer),
        };
        assert!(contains(&loser, "already publishing"), "round {round}");
        winner.send(&Outgoing::media(8, 1, *b"\xaf\x01x").chunks(128)).await;
        winner.finish().await;
        let (tags, reason) = bench.until_end().await;
        assert_eq!((tags.len(), reason), (1, EndReason::Disconnected), "session {session}");
    }
    let totals = bench.totals();
    assert_eq!((totals.published, totals.already_publishing), (300, 300));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_heirs_of_a_silent_publisher_get_one_seat() {
    let mut bench = Bench::start(takeover_after(Duration::from_millis(50))).await;
    let mut holder = Client::publish(&bench, KEY).await;
    assert!(holder.is_let_in().await);
    bench.started().await;
    for round in 0..30 {
        // Until the holder has been silent for long enough, both are refused. Then one of them gets the
        // seat; should the other one be slow, it may find that one silent in its turn. Never two at a time:
        // the bench checks each event.
        let before = bench.totals().published;
        let (mut a, mut b);
        let let_in = loop {
            (a, b) = tokio::join!(Client::publish(&bench, KEY), Client::publish(&bench, KEY));
            let let_in = tokio::join!(a.is_let_in(), b.is_let_in());
            if let_in != (false, false) {
                break let_in;
            }
        };
        for _ in before..bench.totals().published {
            let (_, reason) = bench.until_end().await;
            assert_eq!(reason, EndReason::TakenOver, "round {round}");
            bench.started().await;
        }
        assert!(contains(&holder.until_closed().await, "took over"), "round {round}");
        holder = match let_in {
            (true, false) => a,
            (false, true) => b,
            // The second end tells who followed whom: the one whose socket is closed was the first.
            _ => tokio::select! {
                _ = a.until_closed() => b,
                _ = b.until_closed() => a,
            },
        };
    }
    bench.stop().await;
}

//! Time-outs of the publisher, back-pressure, shutdown.

use std::time::Duration;

use ez_ingest::{EndReason, Event, Limits};
use tokio::time::timeout;

use crate::bench::{Bench, Client, KEY, contains};
use crate::wire::{self, Continuation, Outgoing};

fn short() -> Limits {
    Limits {
        first_media: Duration::from_millis(300),
        idle: Duration::from_millis(300),
        linger: Duration::from_millis(100),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_publisher_without_media_is_ended() {
    let mut bench = Bench::start(short()).await;
    let mut client = Client::publish(&bench, KEY).await;
    // Metadata is not media.
    client.send(&Outgoing::media(18, 0, *b"\x02\x00\x0aonMetaData\x05").chunks(128)).await;
    bench.started().await;
    let (tags, reason) = bench.until_end().await;
    assert_eq!((tags.len(), reason), (1, EndReason::NoMedia));
    assert!(contains(&client.until_closed().await, "No audio or video in time"));
    bench.stop().await;
}

#[tokio::test]
async fn a_publisher_that_only_dribbles_is_idle() {
    let mut bench = Bench::start(short()).await;
    let mut client = Client::publish(&bench, KEY).await;
    client.until("NetStream.Publish.Start").await;
    client.send_video(0).await;
    // Pings and an ever unfinished picture are no media either.
    let (_reader, mut writer) = client.socket.into_split();
    let mut dribble = tokio::task::JoinSet::new();
    dribble.spawn(async move {
        let picture = Outgoing::media(9, 40, vec![1; 4000]).chunks(100);
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        for byte in picture {
            pause.tick().await;
            if tokio::io::AsyncWriteExt::write_all(&mut writer, &[byte]).await.is_err() {
                return;
            }
        }
    });
    bench.started().await;
    let (tags, reason) = bench.until_end().await;
    assert_eq!((tags.len(), reason), (1, EndReason::Idle));
    bench.stop().await;
}

/// Often enough not to be idle, and too little to be a picture.
#[tokio::test]
async fn a_publisher_of_next_to_nothing_is_ended() {
    let limits = Limits { pace_window: Duration::from_millis(600), ..Limits::default() };
    for (pause_ms, reason) in [(60, EndReason::TooSlow), (2, EndReason::Disconnected)] {
        let mut bench = Bench::start(limits).await;
        let mut client = Client::publish(&bench, KEY).await;
        client.until("NetStream.Publish.Start").await;
        let (reader, mut writer) = client.socket.into_split();
        let mut feed = tokio::task::JoinSet::new();
        feed.spawn(async move {
            let _reader = reader;
            let mut pause = tokio::time::interval(Duration::from_millis(pause_ms));
            // 80 bit each: 1.3 kbit/s, or 40.
            for number in 0..(2000 / u32::try_from(pause_ms).unwrap()) {
                pause.tick().await;
                let picture = Outgoing::media(9, number * 40, *b"\x17\x01\0\0\0video").chunks(128);
                if tokio::io::AsyncWriteExt::write_all(&mut writer, &picture).await.is_err() {
                    return;
                }
            }
        });
        bench.started().await;
        assert_eq!(bench.until_end().await.1, reason);
        bench.stop().await;
    }
}

#[tokio::test]
async fn a_publisher_that_breaks_the_protocol_is_ended_with_the_reason() {
    let mut bench = Bench::start(Limits::default()).await;
    let mut client = Client::publish(&bench, KEY).await;
    client.send_video(0).await;
    client.send(&Outgoing::control(1, 0_u32.to_be_bytes()).chunks(128)).await;
    bench.started().await;
    let (tags, reason) = bench.until_end().await;
    assert_eq!(tags.len(), 1);
    assert!(matches!(&reason, EndReason::Protocol(text) if text.contains("chunk size 0")), "{reason:?}");
    bench.stop().await;
}

#[tokio::test]
async fn a_full_channel_stalls_the_publisher_and_loses_nothing() {
    // The stall lasts longer than the idle limit: it is not held against the publisher.
    let mut bench = Bench::with_channel(short(), 4).await;
    let mut client = Client::publish(&bench, KEY).await;
    client.until("NetStream.Publish.Start").await;
    let mut sent = 0;
    let picture = |timestamp_ms| Outgoing::media(9, timestamp_ms, vec![1; 100_000]).chunks(128);
    let stalled = loop {
        let bytes = picture(sent);
        let write = tokio::io::AsyncWriteExt::write_all(&mut client.socket, &bytes);
        // Longer than `idle`: the time for it has passed when the write gives up.
        let mut write = Box::pin(write);
        if timeout(short().idle * 2, &mut write).await.is_err() {
            drop(write);
            break true;
        }
        sent += 1;
        if sent > 1000 {
            break false;
        }
    };
    assert!(stalled, "100 MB went through a channel of 4");
    // The last message is cut off: it will never come; all others do.
    client.finish().await;
    bench.started().await;
    let (tags, reason) = bench.until_end().await;
    assert_eq!(reason, EndReason::Disconnected);
    let times: Vec<u32> = tags.iter().map(|tag| tag.timestamp_ms).collect();
    assert_eq!(times, (0..sent).collect::<Vec<_>>());
    assert!(tags.iter().all(|tag| tag.body.len() == 100_000));
    bench.stop().await;
}

#[tokio::test]
async fn shutdown_says_goodbye_to_everybody_and_waits() {
    let mut bench = Bench::start(Limits::default()).await;
    let mut publisher = Client::publish(&bench, KEY).await;
    publisher.until("NetStream.Publish.Start").await;
    let session = bench.started().await;
    let mut stranger = Client::connect(&bench).await;
    stranger.send(&wire::handshake()).await;
    stranger.send(&wire::connect("live", "").chunks(128)).await;
    stranger.until("NetConnection.Connect.Success").await;
    bench.shutdown.cancel();
    assert!(contains(&publisher.until_closed().await, "NetStream.Unpublish.Success"));
    assert!(contains(&stranger.until_closed().await, "NetConnection.Connect.Closed"));
    drop((publisher, stranger));
    let ended = Event::PublishEnded { session, reason: EndReason::Shutdown };
    assert_eq!(bench.stop().await, [ended]);
}

#[tokio::test]
async fn a_stuck_or_crashed_consumer_does_not_hold_the_shutdown_up() {
    for crash in [true, false] {
        let limits = Limits { write: Duration::from_millis(200), ..short() };
        let mut bench = Bench::with_channel(limits, 1).await;
        let mut client = Client::publish(&bench, KEY).await;
        client.until("NetStream.Publish.Start").await;
        client.send_video(0).await;
        client.send_video(1).await;
        if crash {
            bench.crash_consumer().await;
        } else {
            bench.stop_without_reading().await;
        }
        drop(client);
    }
}

#[tokio::test]
async fn extended_timestamps_of_either_dialect_arrive() {
    let mut bench = Bench::start(Limits::default()).await;
    let mut client = Client::publish(&bench, KEY).await;
    client.until("NetStream.Publish.Start").await;
    bench.started().await;
    for style in [Continuation::Repeated, Continuation::Omitted] {
        for timestamp_ms in [0x00FF_FFFF, 0x0100_0000, u32::MAX] {
            let sent = Outgoing::media(9, timestamp_ms, vec![3; 1000]);
            client.send(&sent.chunks_in_style(128, style)).await;
            let tag = bench.tag().await;
            assert_eq!((tag.timestamp_ms, tag.body.len()), (timestamp_ms, 1000), "{style:?}");
        }
    }
    bench.stop().await;
}

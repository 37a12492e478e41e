//! Whoever has no key: scanners, half-open connections, noise, slow-loris. The publisher must not notice.

use std::time::Duration;

use ez_contribution::flv::Kind;
use ez_ingest::{EndReason, Event, Limits};
use ez_testkit::tools::run;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bench::{Bench, Client, KEY, contains};
use crate::encoders::ffmpeg;
use crate::wire;

/// Limits that a test can wait for.
fn short() -> Limits {
    Limits {
        handshake: Duration::from_millis(400),
        publish: Duration::from_millis(800),
        linger: Duration::from_millis(100),
        ..Limits::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_publisher_does_not_notice_strangers() {
    // The channel holds a small part of the contribution: it is live for as long as we take tags.
    let mut bench = Bench::with_channel(short(), 16).await;
    let url = bench.url(KEY);
    let mut publisher = ffmpeg(4, &["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]);
    publisher.args(["-f", "flv", &url]);
    let mut publishers = JoinSet::new();
    publishers.spawn(run(publisher));
    bench.started().await;
    let mut tags = Vec::new();
    let mut noise: u32 = 1;
    for round in 0..100_u32 {
        let mut stranger = Client::connect(&bench).await;
        match round % 5 {
            // A port scan: connect and go.
            0 => {}
            1 => stranger.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await,
            2 => {
                stranger.send(&wire::prologue("live", "guess")).await;
                assert!(!stranger.is_let_in().await);
            }
            3 => {
                let bytes: Vec<u8> = std::iter::once(3)
                    .chain((0..8000).map(|_| {
                        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        noise.to_be_bytes()[0]
                    }))
                    .collect();
                // The listener may close in the middle of it.
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stranger.socket, &bytes).await;
            }
            // Half open: held until all are there.
            _ => {
                stranger.send(b"\x03half a handshake").await;
                publishers.spawn(async move {
                    stranger.until_closed().await;
                    Ok(ez_testkit::tools::Output { stdout: Vec::new(), stderr: String::new() })
                });
            }
        }
        tags.push(bench.tag().await);
        tags.push(bench.tag().await);
    }
    let (rest, reason) = bench.until_end().await;
    tags.extend(rest);
    while let Some(ended) = publishers.join_next().await {
        ended.unwrap().unwrap();
    }
    assert_eq!(reason, EndReason::Unpublished);
    let pictures = tags.iter().filter(|tag| tag.kind == Kind::Video && tag.body.get(1) == Some(&1)).count();
    assert_eq!(pictures, 100, "all pictures of the publisher");
    bench
        .until_totals("all strangers gone", |totals| {
            totals.abandoned
                + totals.protocol_errors
                + totals.unauthorised
                + totals.handshake_timeouts
                + totals.evicted
                >= 100
        })
        .await;
    let totals = bench.totals();
    assert_eq!((totals.accepted, totals.published, totals.unauthorised), (101, 1, 20), "{totals:?}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_loris_is_cut_at_every_stage() {
    let bench = Bench::start(short()).await;
    let prologue = wire::prologue("live", KEY);
    let publish_at = prologue.len() - wire::publish(KEY).chunks(128).len();
    // (bytes sent at once, then one byte at a time; expected limit)
    let stages = [
        ("nothing", 0, short().handshake),
        ("half a handshake", 800, short().handshake),
        ("C2 missing", 1537 + 5, short().handshake),
        ("handshake done", 3073, short().publish),
        ("inside connect", 3073 + 40, short().publish),
        ("before publish", publish_at, short().publish),
    ];
    let mut clients = JoinSet::new();
    for (name, sent, limit) in stages {
        let mut client = Client::connect(&bench).await;
        let started = Instant::now();
        client.send(&prologue[..sent]).await;
        let rest = prologue[sent..].to_vec();
        clients.spawn(async move {
            let (mut reader, mut writer) = client.socket.into_split();
            let mut dribble = JoinSet::new();
            dribble.spawn(async move {
                let mut pause = tokio::time::interval(Duration::from_millis(100));
                for byte in rest {
                    pause.tick().await;
                    if tokio::io::AsyncWriteExt::write_all(&mut writer, &[byte]).await.is_err() {
                        return;
                    }
                }
            });
            let mut received = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut received).await;
            (name, started.elapsed(), limit, received)
        });
    }
    while let Some(ended) = clients.join_next().await {
        let (name, lived, limit, received) = ended.unwrap();
        assert!(lived + Duration::from_millis(50) > limit, "{name} was cut early, after {lived:?}");
        assert!(lived < limit + Duration::from_secs(2), "{name} lived {lived:?}");
        assert!(!contains(&received, "Publish.Start"), "{name}");
    }
    let totals = bench.totals();
    assert_eq!((totals.handshake_timeouts, totals.publish_timeouts), (3, 3), "{totals:?}");
    assert_eq!(bench.stop().await, []);
}

#[tokio::test]
async fn whoever_fills_the_table_does_not_lock_the_encoder_out() {
    let limits = Limits { max_unauthenticated_per_address: 5, ..Limits::default() };
    let mut bench = Bench::start(limits).await;
    let mut strangers = Vec::new();
    for _ in 0..12 {
        strangers.push(Client::connect(&bench).await);
    }
    bench.until_totals("evictions", |totals| totals.accepted == 12 && totals.evicted == 7).await;
    for stranger in &mut strangers[..7] {
        assert_eq!(stranger.until_closed().await, b"", "the oldest made room");
    }
    let mut encoder = Client::publish(&bench, KEY).await;
    encoder.until("NetStream.Publish.Start").await;
    bench.started().await;
    // It has left the table: even a flood does not evict it.
    for _ in 0..20 {
        strangers.push(Client::connect(&bench).await);
    }
    bench.until_totals("the flood", |totals| totals.accepted == 33).await;
    encoder.send_video(7).await;
    assert!(matches!(bench.next().await, Event::Tag { tag, .. } if tag.timestamp_ms == 7));
    encoder.finish().await;
    bench.until_end().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_guesses_start_nothing_and_are_answered_fast() {
    let bench = Bench::start(short()).await;
    let mut slowest = Duration::ZERO;
    for guess in 0..1000_u32 {
        let started = Instant::now();
        let mut client = Client::publish(&bench, &format!("guess{guess}")).await;
        client.until("NetStream.Publish.BadName").await;
        slowest = slowest.max(started.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert_eq!(bench.totals().unauthorised, 1000);
    let events = bench.stop().await;
    assert!(events.iter().all(|event| matches!(event, Event::Refused { .. })));
    assert!(events.len() <= 512 + 1, "hints never fill more than half the channel: {}", events.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_encoder_that_is_still_sending_is_not_reset() {
    let bench = Bench::start(Limits { linger: Duration::from_secs(30), ..Limits::default() }).await;
    let mut encoder = Client::publish(&bench, "wrong").await;
    // All of the answer, to the end of the listener's half.
    assert!(contains(&encoder.until_closed().await, "NetStream.Publish.BadName"));
    // Writes to a closed socket would be answered by a reset, and fail from the second on.
    let media = wire::Outgoing::media(9, 0, vec![1; 60_000]).chunks(128);
    for _ in 0..50 {
        encoder.send(&media).await;
    }
    encoder.finish().await;
    bench.stop().await;
}

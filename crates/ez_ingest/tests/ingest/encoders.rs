//! Real ffmpeg publishes; what arrives is compared packet by packet with what it wrote to a file.

use std::path::{Path, PathBuf};

use ez_contribution::flv::{self, Kind, Tag};
use ez_ingest::{EndReason, Event, Limits, Refusal, RefusedReason};
use ez_testkit::tools::{Tool, run};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::bench::{Bench, KEY};

/// ffmpeg with four seconds of picture and tone, and the given options after them.
pub(crate) fn ffmpeg(seconds: u32, options: &[&str]) -> Command {
    let mut command = Tool::Ffmpeg.command().unwrap();
    command.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"]);
    command.args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]);
    command.args(["-t", &seconds.to_string(), "-g", "25", "-threads", "1"]);
    command.args(options);
    command
}

const H264: [&str; 6] = ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"];

/// Runs a publisher beside the consumer; gives the session's tags.
async fn contribution(bench: &mut Bench, publisher: Command) -> Vec<Tag> {
    let mut publishers = JoinSet::new();
    publishers.spawn(run(publisher));
    bench.started().await;
    let (tags, reason) = bench.until_end().await;
    publishers.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(reason, EndReason::Unpublished);
    tags
}

/// One line for each packet of a file: kind, times, size, flags and a hash of its bytes.
async fn packets(file: &Path) -> Vec<String> {
    let mut command = Tool::Ffprobe.command().unwrap();
    let entries = "packet=codec_type,pts,dts,size,flags,data_hash";
    command.args(["-v", "error", "-show_data_hash", "md5", "-show_entries", entries, "-of", "compact"]);
    command.arg(file);
    let output = String::from_utf8(run(command).await.unwrap().stdout).unwrap();
    output.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn write_flv(folder: &Path, tags: &[Tag]) -> PathBuf {
    let file = folder.join("received.flv");
    std::fs::write(&file, [&flv::header()[..], &flv::encode(tags)].concat()).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn every_packet_arrives_unchanged() {
    let hevc = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-c:a", "aac"];
    for codecs in [&H264[..], &hevc] {
        let folder = tempfile::tempdir().unwrap();
        let sent = folder.path().join("sent.flv");
        let mut bench = Bench::start(Limits::default()).await;
        let outputs = format!("[f=flv]{}|[f=flv]{}", sent.display(), bench.url(KEY));
        let mut publisher = ffmpeg(4, codecs);
        publisher.args(["-map", "0:v", "-map", "1:a", "-flags", "+global_header", "-f", "tee", &outputs]);
        let tags = contribution(&mut bench, publisher).await;
        bench.stop().await;

        let (sent, received) = (packets(&sent).await, packets(&write_flv(folder.path(), &tags)).await);
        assert_eq!(received.iter().filter(|line| line.contains("codec_type=video")).count(), 100);
        assert_eq!(sent, received, "{codecs:?}");
        // Negative control: the comparison sees one changed byte.
        let mut spoilt = tags.clone();
        let body = &mut spoilt.iter_mut().rfind(|tag| tag.kind == Kind::Audio).unwrap().body;
        *body = [&body[..body.len() - 1], &[body[body.len() - 1] ^ 1]].concat().into();
        assert_ne!(sent, packets(&write_flv(folder.path(), &spoilt)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn timestamps_pass_two_to_the_24_milliseconds() {
    let mut bench = Bench::start(Limits::default()).await;
    let url = bench.url(KEY);
    let mut publisher = ffmpeg(6, &H264);
    publisher.args(["-output_ts_offset", "16775", "-f", "flv", &url]);
    let tags = contribution(&mut bench, publisher).await;
    bench.stop().await;
    let pictures: Vec<u32> = tags
        .iter()
        .filter(|tag| tag.kind == Kind::Video && tag.body.get(1) == Some(&1))
        .map(|tag| tag.timestamp_ms)
        .collect();
    assert_eq!(pictures.len(), 150);
    assert!(pictures[0] < 1 << 24 && pictures[149] > 1 << 24, "{pictures:?}");
    assert!(pictures.windows(2).all(|pair| pair[1] - pair[0] == 40), "{pictures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_or_application_ends_ffmpeg_and_starts_nothing() {
    let bench = Bench::start(Limits::default()).await;
    let wrong_application = bench.url(KEY).replace("/live/", "/other/");
    for (url, said) in [
        (bench.url("wrong"), "application or stream key not accepted"),
        (wrong_application, "application or stream key not accepted"),
        (bench.url("paused"), "channel is stopping"),
    ] {
        let mut publisher = ffmpeg(4, &H264);
        publisher.args(["-f", "flv", &url]);
        let error = run(publisher).await.expect_err("ffmpeg has to fail").to_string();
        assert!(error.contains(said), "{error}");
    }
    let reasons: Vec<_> = bench
        .stop()
        .await
        .into_iter()
        .map(|event| match event {
            Event::Refused { reason, .. } => reason,
            other => panic!("nothing may start: {other:?}"),
        })
        .collect();
    let refusals = [Refusal::Key, Refusal::App, Refusal::NotNow("channel is stopping".to_owned())];
    assert_eq!(reasons, refusals.map(RefusedReason::Unauthorised));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_may_carry_a_query() {
    let mut bench = Bench::start(Limits::default()).await;
    let url = bench.url(&format!("{KEY}?sign=abc&x=1"));
    let mut publisher = ffmpeg(1, &H264);
    publisher.args(["-f", "flv", &url]);
    let tags = contribution(&mut bench, publisher).await;
    assert!(tags[0].body.starts_with(b"\x02\x00\x0aonMetaData"), "{:?}", tags[0]);
    bench.stop().await;
}

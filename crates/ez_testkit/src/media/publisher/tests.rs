use tokio::time::Instant;

use super::*;
use crate::media::Media;
use crate::media::counter::analysis::{Cadence, analyse};
use crate::media::counter::read_frames;
use crate::media::source::{Contribution, Sound};
use crate::tools::{free_port, is_listening};
use crate::wait::eventually;

const DEADLINE: Duration = Duration::from_secs(20);

async fn flv() -> std::path::PathBuf {
    let small = Contribution { width: 320, height: 180, kilobits_per_second: 300, ..Contribution::default() };
    // Without B-frames a cut anywhere leaves no hole in presentation order.
    Contribution { seconds: 3, b_frames: 0, sound: Sound::Beep { sample_rate: 48_000, channels: 1 }, ..small }
        .flv()
        .await
        .unwrap()
}

/// A one-shot RTMP receiver that writes what comes to a file.
async fn receiver(output: &Path) -> (Child, String) {
    let port = free_port().unwrap();
    let url = format!("rtmp://127.0.0.1:{port}/live/key");
    let mut command = Tool::Ffmpeg.command().unwrap();
    command.args([
        "-v",
        "error",
        "-y",
        "-listen",
        "1",
        "-f",
        "flv",
        "-i",
        &url,
        "-c",
        "copy",
        "-flush_packets",
        "1",
    ]);
    let child = command.args(["-f", "flv"]).arg(output).spawn().unwrap();
    eventually(DEADLINE, "the receiver to listen", || async {
        if is_listening(port) { Ok(()) } else { Err("not yet") }
    })
    .await
    .unwrap();
    (child, url)
}

#[tokio::test]
async fn a_file_is_pushed_once_in_real_time_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("received.flv");
    let (mut receiver, url) = receiver(&output).await;
    let start = Instant::now();
    let mut publisher = Publisher::start(&flv().await, &url, Repeat::Once).unwrap();
    assert!(publisher.wait(DEADLINE).await.unwrap().success(), "{}", publisher.log());
    let took = start.elapsed().as_secs_f64();
    assert!(took > 2.85, "3 s of media were sent in {took} s");
    timeout(DEADLINE, receiver.wait()).await.unwrap().unwrap();
    let analysis = analyse(&read_frames(&Media::file(&output)).await.unwrap().frames, Cadence::SAME_RATE);
    assert!(analysis.is_clean() && analysis.readable == 90, "{analysis:?}");
}

#[tokio::test]
async fn a_looping_publisher_goes_on_until_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("received.flv");
    let (mut receiver, url) = receiver(&output).await;
    let mut publisher = Publisher::start(&flv().await, &url, Repeat::Forever).unwrap();
    let looped = Cadence::SAME_RATE.looped(0, 90);
    eventually(DEADLINE, "more than one turn of the loop", || async {
        anyhow::ensure!(output.metadata().is_ok_and(|file| file.len() > 180_000), "file still small");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(publisher.exit_status().unwrap(), None);
    publisher.stop().await.unwrap();
    assert!(publisher.exit_status().unwrap().is_some());
    assert!(publisher.pause().is_err(), "a publisher that has ended cannot be paused");
    timeout(DEADLINE, receiver.wait()).await.unwrap().unwrap();
    let analysis = analyse(&read_frames(&Media::file(&output)).await.unwrap().frames, looped);
    assert!(analysis.readable > 90, "{analysis:?}");
    assert_eq!((analysis.dropped, analysis.doubled, analysis.out_of_order), (0, 0, 0), "{analysis:?}");
}

#[tokio::test]
async fn a_refused_publisher_ends_with_a_reason() {
    let url = format!("rtmp://127.0.0.1:{}/live/key", free_port().unwrap());
    let mut publisher = Publisher::start(&flv().await, &url, Repeat::Once).unwrap();
    assert!(!publisher.wait(DEADLINE).await.unwrap().success());
    assert!(publisher.log().contains("Connection refused"), "{}", publisher.log());
}

#[tokio::test]
async fn a_dropped_publisher_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (_receiver, url) = receiver(&folder.path().join("received.flv")).await;
    let publisher = Publisher::start(&flv().await, &url, Repeat::Forever).unwrap();
    let pid = Pid::from_raw(publisher.pid());
    drop(publisher);
    eventually(DEADLINE, "the publisher to be gone", || async {
        match kill(pid, None) {
            Err(_) => Ok(()),
            Ok(()) => Err("still there"),
        }
    })
    .await
    .unwrap();
}

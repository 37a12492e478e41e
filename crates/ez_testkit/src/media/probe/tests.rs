use super::*;
use crate::media::source::{Contribution, Sound};

async fn source() -> std::path::PathBuf {
    let small = Contribution { width: 320, height: 180, kilobits_per_second: 300, ..Contribution::default() };
    Contribution { sound: Sound::Beep { sample_rate: 44_100, channels: 2 }, ..small }.flv().await.unwrap()
}

async fn remuxed(options: &[&str]) -> Probe {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("output.ts");
    let mut command = Tool::Ffmpeg.command().unwrap();
    command.args(["-v", "error", "-i"]).arg(source().await).args(options);
    command.args(["-muxdelay", "0", "-muxpreload", "0"]).arg(&output);
    run(command).await.unwrap();
    probe(&Media::file(&output)).await.unwrap()
}

fn near(value: Option<f64>, wanted: f64, tolerance: f64) {
    assert!(value.is_some_and(|value| (value - wanted).abs() <= tolerance), "{value:?}, not {wanted}");
}

#[tokio::test]
async fn tracks_packets_and_times() {
    let probe = remuxed(&["-c", "copy"]).await;
    let (video, audio) = (probe.video().unwrap(), probe.audio().unwrap());
    assert_eq!((video.codec.as_str(), video.profile.as_deref()), ("h264", Some("High")));
    assert_eq!(
        (video.width, video.height, video.pixel_format.as_deref()),
        (Some(320), Some(180), Some("yuv420p"))
    );
    assert_eq!((video.frame_rate.as_deref(), video.packets.len()), (Some("30/1"), 120));
    assert_eq!((audio.codec.as_str(), audio.sample_rate, audio.channels), ("aac", Some(44_100), Some(2)));
    near(video.duration(), 4.0, 0.002);
    near(audio.duration(), 4.0, 0.05);
    near(probe.container_duration, 4.0, 0.1);
    near(audio.packets[1].duration, 1024.0 / 44_100.0, 1e-4);
    assert_eq!(video.key_frame_times().len(), 2);
    near(video.key_frame_intervals().first().copied(), 2.0, 1e-3);
    near(probe.audio_start_offset(), 0.0, 0.05);
}

#[tokio::test]
async fn differences_show() {
    let probe =
        remuxed(&["-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-s", "160x90", "-an"]).await;
    let video = probe.video().unwrap();
    assert_eq!((video.width, probe.audio().is_none(), probe.audio_start_offset()), (Some(160), true, None));
    assert!(video.key_frame_intervals().iter().all(|interval| (interval - 0.5).abs() < 0.001));
    let straight = remuxed(&["-c", "copy"]).await.audio_start_offset().unwrap();
    let late = remuxed(&["-c", "copy", "-bsf:a", "setts=ts=TS+13230"]).await.audio_start_offset().unwrap();
    assert!((late - straight).abs() > 0.1, "{late} {straight}");
}

#[tokio::test]
async fn what_is_no_media_is_an_error() {
    assert!(probe(&Media::bytes(b"nothing").unwrap()).await.is_err());
    assert!(!decode_errors(&Media::bytes(b"nothing").unwrap()).await.unwrap().is_empty());
    assert!(decode_errors(&Media::file(source().await)).await.unwrap().is_empty());
}

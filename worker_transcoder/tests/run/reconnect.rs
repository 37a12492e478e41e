//! The publisher goes and comes back.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use ez_api::job::Statistics;
use ez_domain::fault::Fault;
use ez_domain::lifecycle::RunState;
use ez_testkit::machine::undisturbed;
use ez_testkit::media::Media;
use ez_testkit::media::counter::{FrameReading, read_frames};
use ez_testkit::media::hls::HlsClient;
use ez_testkit::media::probe::probe;
use ez_testkit::media::publisher::{Publisher, Repeat};
use ez_testkit::media::source::{Contribution, FrameRate, Sound, VideoCodec};
use ez_testkit::media::sync::{beeps, flashes, offsets};
use ez_testkit::tools::Tool;

use super::harness::{Bucket, Running, Viewer, contribution, decode_periods, job, segments, spec};

/// Seconds by which the beeps of a publisher come after their flashes.
async fn sound_after_picture(published: &std::path::Path) -> Result<f64> {
    let media = Media::file(published);
    let offsets = offsets(&beeps(&media).await?, &flashes(&read_frames(&media).await?.frames));
    offsets.first().copied().context("the publisher neither flashes nor beeps")
}

/// Picture and sound of each period.
async fn both(run: &Running) -> Result<Vec<(Media, Media)>> {
    let client = HlsClient::new()?;
    let presentation = client.presentation(&run.url("master.m3u8")).await?;
    let audio = spec().audio.first().context("a job with sound")?.name.to_string();
    let (picture, sound) =
        (presentation.rendition("low")?.periods(), presentation.rendition(&audio)?.periods());
    let mut both = Vec::new();
    for (picture, sound) in picture.iter().zip(&sound) {
        let media = async |segments| Media::bytes(&client.download(segments).await?);
        both.push((media(picture).await?, media(sound).await?));
    }
    Ok(both)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returning_publisher_goes_on_in_the_same_period_and_loses_no_frame() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut run = Running::start(&bucket, job(2), 1, spec()).await?;
        let mut viewer = Viewer::new(&spec());
        let first = contribution(4, 0).flv().await?;
        let mut publisher = Publisher::start(&first, &run.ingest_url, Repeat::Once)?;
        publisher.wait(Duration::from_secs(20)).await?;
        run.until("the gap is noticed", 10, |state, _| matches!(state, RunState::Interrupted { .. })).await?;

        // Nobody publishes, and the playlists still move.
        let at_the_gap = segments(&viewer.look(&run).await?);
        viewer.until(&run, "two more segments", |text| segments(text) >= at_the_gap + 2).await?;

        let second = contribution(6, 1000).flv().await?;
        // Another size, rate, sound and order of pictures.
        let other = Contribution {
            width: 480,
            height: 360,
            frame_rate: FrameRate::whole(25),
            sound: Sound::Beep { sample_rate: 44_100, channels: 1 },
            b_frames: 2,
            ..contribution(6, 2000)
        };
        let third = other.flv().await?;
        for flv in [&second, &third] {
            let mut publisher = Publisher::start(flv, &run.ingest_url, Repeat::Once)?;
            run.until("it streams again", 10, |state, _| matches!(state, RunState::Streaming { .. })).await?;
            publisher.wait(Duration::from_secs(20)).await?;
            run.until("the gap", 10, |state, _| matches!(state, RunState::Interrupted { .. })).await?;
        }
        let before_stop = viewer.look(&run).await?;
        assert!(!before_stop.contains("#EXT-X-ENDLIST"), "a publisher that leaves does not end the channel");
        run.stop().await?;
        let ended = viewer.look(&run).await?;
        assert!(!ended.contains("#EXT-X-DISCONTINUITY\n"), "{ended}");

        let periods = decode_periods(&run, "low").await?;
        let [read] = periods.as_slice() else { bail!("not one period: {periods:?}") };
        assert_eq!((read.first, read.last), (Some(0), Some(2149)), "{read:?}");
        // The numbers between the publishers are the only ones missing.
        assert_eq!((read.dropped, read.out_of_order), (1000 - 120 + 2000 - 1180, 0), "{read:?}");

        let [(picture, sound)] = &both(&run).await?[..] else { bail!("not one period") };
        let (frames, beeps) = (read_frames(picture).await?.frames, beeps(sound).await?);
        let is_of_other = |frame: &FrameReading| frame.counter.is_some_and(|counter| counter >= 2000);
        let (same, other) = frames.split_at(frames.iter().position(is_of_other).context("the third")?);
        for (flv, frames, seconds) in [(&second, same, 10), (&third, other, 6)] {
            let sent = sound_after_picture(flv).await?;
            let got = offsets(&beeps, &flashes(frames));
            ensure!(got.len() + 1 >= seconds, "{got:?}: a flash and a beep in each of {seconds} seconds");
            ensure!(got.iter().all(|offset| (offset - sent).abs() <= 0.020), "sent {sent}, got {got:?}");
        }
        Ok(())
    })
    .await
}

/// Where the first key frame may not be repeated, nothing fills the gap until there is a still.
#[tokio::test(flavor = "multi_thread")]
async fn a_still_that_fails_is_made_again() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let fails_once = |ffmpeg: &std::path::Path| {
            format!(
                "#!/bin/sh\ntried=\"$0.tried\"\ncase \" $* \" in *' -frames:v '*) \
                 [ -e \"$tried\" ] || {{ : >\"$tried\"; exit 1; }} ;; esac\nexec {} \"$@\"\n",
                ffmpeg.display()
            )
        };
        let mut run =
            Running::start_with_script(&bucket, job(16), spec(), |tools| &mut tools.ffmpeg, fails_once)
                .await?;
        let mut viewer = Viewer::new(&spec());
        let open = Contribution { video: VideoCodec::H265, b_frames: 2, ..contribution(4, 0) };
        let mut publisher = Publisher::start(&open.flv().await?, &run.ingest_url, Repeat::Once)?;
        publisher.wait(Duration::from_secs(20)).await?;
        run.until("the gap is noticed", 10, |state, _| matches!(state, RunState::Interrupted { .. })).await?;
        let at_the_gap = segments(&viewer.look(&run).await?);
        viewer.until(&run, "two more segments", |text| segments(text) >= at_the_gap + 2).await?;
        ensure!(run.folder().join("tool.tried").exists(), "no still was asked for");
        run.stop().await?;
        let periods = decode_periods(&run, "low").await?;
        let [read] = periods.as_slice() else { bail!("not one period: {periods:?}") };
        // The second try is content with the last key frame.
        assert_eq!((read.first, read.last, read.dropped), (Some(0), Some(90), 0), "{read:?}");
        Ok(())
    })
    .await
}

/// Encoders of H.265 code most key frames so that pictures before them may be referred to (open GOP).
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_of_open_gops_leaves_freezes_and_returns_in_one_period() -> Result<()> {
    undisturbed(async || open_gops_go_on_in_one_period(VideoCodec::H265, 15).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_one_whose_key_frames_are_no_idr_pictures_of_h264() -> Result<()> {
    undisturbed(async || open_gops_go_on_in_one_period(VideoCodec::H264, 17).await).await
}

async fn open_gops_go_on_in_one_period(video: VideoCodec, number: u8) -> Result<()> {
    let bucket = Bucket::start().await;
    let mut run = Running::start(&bucket, job(number), 1, spec()).await?;
    let mut viewer = Viewer::new(&spec());
    let open =
        |seconds, first| Contribution { video, open_gop: true, b_frames: 2, ..contribution(seconds, first) };
    let mut publisher = Publisher::start(&open(4, 0).flv().await?, &run.ingest_url, Repeat::Once)?;
    publisher.wait(Duration::from_secs(20)).await?;
    run.until("the gap is noticed", 10, |state, _| matches!(state, RunState::Interrupted { .. })).await?;
    let at_the_gap = segments(&viewer.look(&run).await?);
    viewer.until(&run, "two more segments", |text| segments(text) >= at_the_gap + 2).await?;

    let mut publisher = Publisher::start(&open(12, 1000).flv().await?, &run.ingest_url, Repeat::Once)?;
    run.until("it streams again", 10, |state, _| matches!(state, RunState::Streaming { .. })).await?;
    let before = segments(&viewer.look(&run).await?);
    viewer.until(&run, "the returner's segments", |text| segments(text) >= before + 2).await?;
    publisher.pause()?;
    run.until("the silence is noticed", 10, |state, _| matches!(state, RunState::Interrupted { .. })).await?;
    let before = segments(&viewer.look(&run).await?);
    viewer.until(&run, "a segment of the silence", |text| segments(text) > before).await?;
    publisher.resume()?;
    run.until("it streams on", 10, |state, _| matches!(state, RunState::Streaming { .. })).await?;
    publisher.wait(Duration::from_secs(30)).await?;
    run.stop().await?;
    let ended = viewer.look(&run).await?;
    assert!(!ended.contains("#EXT-X-DISCONTINUITY\n"), "{ended}");

    let periods = decode_periods(&run, "low").await?;
    let [read] = periods.as_slice() else { bail!("not one period: {periods:?}") };
    assert_eq!((read.first, read.last), (Some(0), Some(1359)), "{read:?}");
    assert_eq!((read.out_of_order, read.unreadable), (0, 0), "{read:?}");
    // Missing are the numbers between the two, and what was stale after the silence: about its length, up
    // to a key frame, of which there is one a second.
    let stale = read.dropped.checked_sub(1000 - 120).context("less missing than was never sent")?;
    assert!((1..=180).contains(&stale), "{stale} frames: {read:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_reconnect_window_the_playlists_rest_and_a_new_period_follows() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut spec = spec();
        spec.reconnect_seconds = 0;
        let mut run = Running::start(&bucket, job(3), 1, spec.clone()).await?;
        let mut viewer = Viewer::new(&spec);
        for first_counter in [0, 1000] {
            let flv = contribution(4, first_counter).flv().await?;
            let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
            run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
            publisher.wait(Duration::from_secs(20)).await?;
            run.until("it waits", 15, |state, _| matches!(state, RunState::Listening { .. })).await?;
            let resting = viewer.look(&run).await?;
            assert!(!resting.contains("#EXT-X-ENDLIST"), "{resting}");
        }
        run.stop().await?;
        let ended = viewer.look(&run).await?;
        assert_eq!(ended.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{ended}");
        let periods = decode_periods(&run, "high").await?;
        let read: Vec<_> = periods.iter().map(|read| (read.first, read.last, read.dropped)).collect();
        assert_eq!(read, [(Some(0), Some(119), 0), (Some(1000), Some(1119), 0)]);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_codec_comes_in_a_new_period_and_loses_no_frame() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut run = Running::start(&bucket, job(13), 1, spec()).await?;
        let mut viewer = Viewer::new(&spec());
        let avc = contribution(4, 0).flv().await?;
        let hevc = Contribution { video: VideoCodec::H265, ..contribution(6, 1000) }.flv().await?;
        let mut publisher = Publisher::start(&avc, &run.ingest_url, Repeat::Once)?;
        publisher.wait(Duration::from_secs(20)).await?;
        run.until("the gap is noticed", 10, |state, _| matches!(state, RunState::Interrupted { .. })).await?;
        let mut publisher = Publisher::start(&hevc, &run.ingest_url, Repeat::Once)?;
        viewer
            .until(&run, "media of a second period", |text| text.contains("#EXT-X-DISCONTINUITY\n"))
            .await?;
        let (_, figures) =
            run.until("it streams again", 10, |state, _| matches!(state, RunState::Streaming { .. })).await?;
        assert_eq!(figures.video_codec, "HEVC");
        publisher.wait(Duration::from_secs(20)).await?;
        run.stop().await?;
        viewer.look(&run).await?;
        for name in ["low", "high"] {
            let periods = decode_periods(&run, name).await?;
            let read: Vec<_> = periods.iter().map(|read| (read.first, read.last, read.dropped)).collect();
            assert_eq!(read, [(Some(0), Some(119), 0), (Some(1000), Some(1179), 0)], "{name}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_sound_is_silence_and_a_missing_picture_is_said() -> Result<()> {
    undisturbed(async || {
    let bucket = Bucket::start().await;
    let mut run = Running::start(&bucket, job(14), 1, spec()).await?;
    let mut viewer = Viewer::new(&spec());

    let whole = contribution(8, 0).flv().await?;
    let folder = tempfile::tempdir()?;
    let sound_only = folder.path().join("sound.flv");
    let made = std::process::Command::new(Tool::Ffmpeg.path()?)
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(&whole)
        .args(["-vn", "-c", "copy"])
        .arg(&sound_only)
        .status()?;
    anyhow::ensure!(made.success(), "{made}");
    let mut publisher = Publisher::start(&sound_only, &run.ingest_url, Repeat::Once)?;
    let is_said = |state: &RunState, _: &Statistics| matches!(state, RunState::Listening { reason, fault: Some(Fault::Contribution), .. } if reason.contains("sends no picture"));
    run.until("the missing picture is said", 10, is_said).await?;
    publisher.wait(Duration::from_secs(20)).await?;

    let silent = Contribution { sound: Sound::None, ..contribution(6, 0) }.flv().await?;
    let mut publisher = Publisher::start(&silent, &run.ingest_url, Repeat::Once)?;
    run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
    publisher.wait(Duration::from_secs(20)).await?;
    run.stop().await?;
    viewer.look(&run).await?;
    let client = HlsClient::new()?;
    let presentation = client.presentation(&run.url("master.m3u8")).await?;
    let media = client.download(&presentation.rendition("sound")?.periods()[0]).await?;
    let probed = probe(&Media::bytes(&media)?).await?;
    let seconds = probed.audio().and_then(|audio| audio.duration()).unwrap_or_default();
    anyhow::ensure!(seconds > 5.9, "silence of {seconds} s for a picture of 6 s");
    let read = &decode_periods(&run, "low").await?[0];
    assert_eq!((read.first, read.last, read.dropped), (Some(0), Some(179), 0), "{read:?}");
    Ok(())
    })
    .await
}

//! One channel through the whole installation: API, scheduler, worker, encoder, bucket, browser.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::browser::play;
use ez_e2e::cloud::rent;
use ez_e2e::installation::{Installation, text};
use ez_e2e::mpd;
use ez_testkit::machine::undisturbed;
use ez_testkit::media::Media;
use ez_testkit::media::counter::analysis::{Cadence, analyse};
use ez_testkit::media::counter::read_frames;
use ez_testkit::media::hls::HlsClient;
use ez_testkit::media::probe::probe;
use ez_testkit::media::publisher::{Publisher, Repeat};
use ez_testkit::media::source::{Contribution, FrameRate};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

/// The contribution's length in seconds, and its frames.
const SECONDS: u32 = 36;
const FRAMES: u16 = 36 * 30;

async fn flv() -> Result<std::path::PathBuf> {
    Contribution {
        width: 1280,
        height: 720,
        frame_rate: FrameRate::whole(30),
        seconds: SECONDS,
        gop_seconds: 2.0,
        b_frames: 0,
        kilobits_per_second: 2500,
        ..Contribution::default()
    }
    .flv()
    .await
}

async fn ingest_url(installation: &Installation, id: &str) -> Result<String> {
    let job =
        installation.until(id, "a worker listens", 15, |job| !text(job, "RtmpIngestUrl").is_empty()).await?;
    Ok(text(&job, "RtmpIngestUrl").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_plays_in_browsers_and_every_frame_arrives_in_every_rendition() -> Result<()> {
    undisturbed(async || whole_channel(Installation::start(1).await?).await).await
}

/// The same with commands over SQS and media in S3, as in a cloud.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_plays_just_so_over_sqs_and_s3() -> Result<()> {
    undisturbed(async || {
        let cloud = rent().await?;
        whole_channel(Installation::start_in(cloud, 1).await?).await
    })
    .await
}

async fn whole_channel(installation: Installation) -> Result<()> {
    let flv = flv().await?;
    let created = installation.create(&installation.sample_job()?).await?;
    let id = text(&created, "Id").to_owned();
    let url = ingest_url(&installation, &id).await?;
    let mut publisher = Publisher::start(&flv, &url, Repeat::Once)?;
    let job = installation.until(&id, "it streams", 20, |job| text(job, "State") == "streaming").await?;

    // Both manifests play at the same time, while the channel is live.
    let hls = job["Playback_urls"]["hls"].as_str().context("an HLS URL")?.to_owned();
    let dash = job["Playback_urls"]["dash"].as_str().context("a DASH URL")?.to_owned();
    assert_eq!(text(&job, "Playback_url"), hls);
    let (by_hls, by_dash) = tokio::join!(play(&hls, "shaka", 8), play(&dash, "shaka", 8));
    for report in [by_hls?, by_dash?] {
        assert_eq!(report["ok"], Value::Bool(true), "{report}");
    }
    let live = installation.until(&id, "figures", 5, |job| job["Statistics"]["Video_width"] == 1280).await?;
    figures_are_those_of_the_contribution(&live);
    ensure!(publisher.wait(Duration::from_secs(60)).await?.success(), "{}", publisher.log());

    let (status, _) = installation.ask(Method::PUT, &format!("/jobs/{id}/stop"), None).await?;
    assert_eq!(status, StatusCode::ACCEPTED);
    installation.until(&id, "it stopped", 40, |job| text(job, "State") == "stopped").await?;
    every_frame_is_there(&installation, &hls, &dash).await
}

fn figures_are_those_of_the_contribution(job: &Value) {
    let figures = &job["Statistics"];
    let between = |name: &str, low: f64, high: f64| {
        let figure = figures[name].as_f64().unwrap_or(f64::NAN);
        assert!((low..=high).contains(&figure), "{name} is not in {low}..{high}: {job:#}");
    };
    between("Ingress_kbps", 500.0, 6000.0);
    between("Video_fps", 25.0, 35.0);
    between("Video_height", 720.0, 720.0);
    between("Key_frame_interval_seconds", 1.9, 2.1);
    // Played for 8 s at least: two browsers beside it may slow the encoder down for moments.
    between("Bytes_ingested", 500_000.0, 20_000_000.0);
    between("Up_seconds", 8.0, 120.0);
    between("Active_seconds", 8.0, 60.0);
    between("Encode_speed", 0.5, 1.5);
    between("Upload_backlog", 0.0, 12.0);
    between("Newest_segment_age_seconds", 0.01, 10.0);
    assert_eq!((text(figures, "Video_codec"), text(figures, "Audio_codec")), ("H.264", "AAC"), "{job:#}");
    assert_eq!(text(job, "Reason"), "media is being published", "{job:#}");
    assert_eq!(job["Ingress_bandwidth_kbps"], figures["Ingress_kbps"], "{job:#}");
    assert_eq!(job["Total_bytes_ingested"], figures["Bytes_ingested"], "{job:#}");
}

async fn every_frame_is_there(installation: &Installation, hls: &str, dash: &str) -> Result<()> {
    let client = HlsClient::new()?;
    let presentation = client.presentation(hls).await?;
    let named_by_dash = mpd::objects(&installation.fetch(dash).await?)?;
    let dash: Url = dash.parse().context("the URL of the MPD")?;
    let sample = installation.sample_job()?;
    let outputs = sample["Output"]["Video_outputs"].as_array().context("video outputs")?.clone();
    let mut starts = Vec::new();
    for (rendition, playlist) in &presentation.renditions {
        let periods = playlist.periods();
        assert_eq!(periods.len(), 1, "{}", rendition.url);
        let name = rendition.url.path_segments().and_then(|mut parts| parts.nth_back(1)).unwrap_or_default();
        // What a DASH client gets is byte for byte the same, so it is decoded once.
        let by_hls = client.download(&periods[0]).await?;
        let uris = named_by_dash
            .values()
            .find(|uris| uris.first().is_some_and(|uri| uri.contains(&format!("{name}/"))))
            .with_context(|| format!("{name} is not in the MPD"))?;
        let mut by_dash = Vec::new();
        for uri in uris {
            by_dash.extend(client.bytes(&dash.join(uri)?, None).await?);
        }
        assert!(by_hls == by_dash, "{name}: HLS has {} bytes, DASH {}", by_hls.len(), by_dash.len());

        let media = Media::bytes(&by_hls)?;
        let probed = probe(&media).await?;
        let Some(video) = probed.video() else {
            starts.push(probed.audio().and_then(|audio| audio.first_pts()).context("audio")?);
            continue;
        };
        let output = outputs
            .iter()
            .find(|output| output["Label"].as_str() == Some(name))
            .with_context(|| format!("{name} is not in the request"))?;
        assert_eq!(video.width.map(u64::from), output["Width"].as_u64(), "{name}");
        assert_eq!(video.height.map(u64::from), output["Height"].as_u64(), "{name}");
        assert_eq!(video.frame_rate.as_deref(), Some("30/1"), "{name}");
        for interval in video.key_frame_intervals() {
            assert!((interval - 1.0).abs() < 0.001, "{name}: key frames every {interval} s");
        }
        starts.push(video.first_pts().context("video")?);

        let decoded = read_frames(&media).await?;
        assert!(decoded.errors.is_empty(), "{name}: {:?}", decoded.errors);
        let frames: Vec<_> = decoded
            .frames
            .into_iter()
            .scan(false, |is_over, frame| {
                // Behind the last frame the picture stands until the stop.
                (!std::mem::replace(is_over, frame.counter == Some(FRAMES - 1))).then_some(frame)
            })
            .collect();
        let analysis = analyse(&frames, Cadence::SAME_RATE);
        assert!(analysis.is_clean(), "{name}: {analysis:?}");
        assert!((analysis.longest_time_step - 1.0 / 30.0).abs() < 0.001, "{name}: {analysis:?}");
        assert_eq!((analysis.first, analysis.last), (Some(0), Some(FRAMES - 1)), "{name}");
    }
    let spread =
        starts.iter().copied().fold(f64::MIN, f64::max) - starts.iter().copied().fold(f64::MAX, f64::min);
    assert!(spread < 0.05, "renditions start {spread} s apart: {starts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_channel_is_resumed_and_then_deleted_with_its_media() -> Result<()> {
    undisturbed(async || {
        let short =
            Contribution { seconds: 6, kilobits_per_second: 1500, ..Contribution::default() }.flv().await?;
        let installation = Installation::start(1).await?;
        let created = installation.create(&installation.sample_job()?).await?;
        let id = text(&created, "Id").to_owned();
        let mut sequences = Vec::new();
        let mut hls = String::new();
        for round in 0..2 {
            let url = ingest_url(&installation, &id).await?;
            let mut publisher = Publisher::start(&short, &url, Repeat::Once)?;
            let job =
                installation.until(&id, "it streams", 20, |job| text(job, "State") == "streaming").await?;
            hls = text(&job, "Playback_url").to_owned();
            publisher.wait(Duration::from_secs(20)).await?;
            installation.ask(Method::PUT, &format!("/jobs/{id}/stop"), None).await?;
            installation.until(&id, "it stopped", 40, |job| text(job, "State") == "stopped").await?;
            let presentation = HlsClient::new()?.presentation(&hls).await?;
            let playlist = installation.fetch(presentation.renditions[0].0.url.as_str()).await?;
            assert!(playlist.contains("#EXT-X-ENDLIST"), "{playlist}");
            let sequence: usize = playlist
                .lines()
                .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")?.parse().ok())
                .unwrap_or_default();
            sequences.push((sequence, playlist.matches("#EXTINF").count()));
            if round == 0 {
                let (status, _) = installation.ask(Method::PUT, &format!("/jobs/{id}/resume"), None).await?;
                assert_eq!(status, StatusCode::ACCEPTED);
            }
        }
        assert_eq!(sequences[1].0, sequences[0].0 + sequences[0].1, "the sequence goes on: {sequences:?}");

        let (status, _) = installation.ask(Method::DELETE, &format!("/jobs/{id}"), None).await?;
        assert_eq!(status, StatusCode::ACCEPTED);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while installation.ask(Method::GET, &format!("/jobs/{id}"), None).await?.0 != StatusCode::NOT_FOUND {
            ensure!(tokio::time::Instant::now() < deadline, "the deleted job stays");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(installation.status_of(&hls).await?, StatusCode::NOT_FOUND);
        Ok(())
    })
    .await
}

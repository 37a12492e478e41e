//! Protected channels through the whole installation: key server, encryption, players with and without keys.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::browser::{play, watch, watch_with_key};
use ez_e2e::installation::{Installation, text};
use ez_testkit::machine::undisturbed;
use ez_testkit::media::Media;
use ez_testkit::media::counter::analysis::{Cadence, analyse};
use ez_testkit::media::counter::read_frames;
use ez_testkit::media::hls::HlsClient;
use ez_testkit::media::publisher::{Publisher, Repeat};
use ez_testkit::media::source::{Contribution, FrameRate};
use ez_testkit::wait::eventually;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

/// The original's sample jobs; only the bucket is ours.
const SAMPLES: [&str; 2] = [
    include_str!("../../crates/ez_api/fixtures/sample_live_job.json"),
    include_str!("../../crates/ez_api/fixtures/sample_live_job_without_drm.json"),
];
/// The contribution's length in seconds; the samples encode 25 frames of each.
const SECONDS: u32 = 44;

fn sample(installation: &Installation, which: usize) -> Result<Value> {
    let mut job: Value = serde_json::from_str(SAMPLES[which])?;
    job["Output"]["S3_output"]["Bucket"] = Value::String(installation.stack.endpoints().bucket);
    Ok(job)
}

async fn listening(installation: &Installation, id: &str) -> Result<Value> {
    installation.until(id, "a worker listens", 15, |job| !text(job, "RtmpIngestUrl").is_empty()).await
}

async fn flv() -> Result<std::path::PathBuf> {
    Contribution {
        width: 768,
        height: 432,
        frame_rate: FrameRate::whole(25),
        seconds: SECONDS,
        gop_seconds: 1.0,
        b_frames: 0,
        kilobits_per_second: 1200,
        ..Contribution::default()
    }
    .flv()
    .await
}

/// Whether the check believes that it played.
fn plays(report: &Value) -> bool {
    report["ok"] == Value::Bool(true)
}

/// Whether a player was there, tried, and showed nothing: a browser that does not start proves nothing. Chromium
/// sometimes says nothing of what it cannot decrypt: then it has chosen a rendition, and not a picture came of it.
fn is_refused(report: &Value) -> bool {
    let has_complained = report["fatal"].as_array().is_some_and(|fatal| !fatal.is_empty());
    let waits_in_vain = report["rendition_height"].is_u64() && report["frames_decoded"] == 0;
    !plays(report)
        && (has_complained || waits_in_vain)
        && report["distinct_pictures"].as_u64().unwrap_or(0) <= 1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_channel_plays_for_who_has_the_key_and_for_nobody_else() -> Result<()> {
    undisturbed(async || {
        let flv = flv().await?;
        let installation = Installation::start(1).await?;
        let mut job = sample(&installation, 0)?;
        // Both manifests, and shorter segments than the sample's: less to wait for.
        job["Output"]["Stream_type"] = Value::from("hls+dash");
        job["Output"]["Segment_duration"] = Value::from(2);
        let created = installation.create(&job).await?;
        let id = text(&created, "Id").to_owned();
        let told = listening(&installation, &id).await?;
        let info = &told["DrmEncryptionKeyInfo"];
        assert_eq!((text(info, "Content_id"), text(info, "Key")), (id.as_str(), "*".repeat(32).as_str()));
        let kid = text(info, "Key_id").to_owned();

        let mut publisher = Publisher::start(&flv, text(&told, "RtmpIngestUrl"), Repeat::Once)?;
        let job = installation.until(&id, "it streams", 25, |job| text(job, "State") == "streaming").await?;
        let hls = job["Playback_urls"]["hls"].as_str().context("an HLS URL")?.to_owned();
        let dash = job["Playback_urls"]["dash"].as_str().context("a DASH URL")?.to_owned();

        let client = HlsClient::new()?;
        let base: Url = hls.parse()?;
        let key_url = base.join("1-1/key.bin")?;
        let key = client.bytes(&key_url, None).await?;
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        // Players begin three segments before the end (RFC 8216 6.3.3); with fewer there, shaka-player sometimes jumps,
        // or waits.
        let has_begun = || async {
            let presentation = client.presentation(&hls).await?;
            let (_, playlist) = presentation.renditions.first().context("a rendition")?;
            let listed: usize = playlist.periods().iter().map(|period| period.len()).sum();
            ensure!(listed >= 3, "{listed} segments");
            Ok(())
        };
        eventually(Duration::from_secs(20), "three segments", has_begun).await?;
        // Live, by what the playlists say and nothing else.
        play(&hls, "shaka", 6).await?;
        let with_key = watch_with_key(&dash, 6, &format!("{kid}:{key}")).await?;
        ensure!(plays(&with_key), "DASH does not play with the key: {with_key}");
        ensure!(publisher.wait(Duration::from_secs(60)).await?.success(), "{}", publisher.log());
        installation.ask(Method::PUT, &format!("/jobs/{id}/stop"), None).await?;
        installation.until(&id, "it stopped", 40, |job| text(job, "State") == "stopped").await?;

        let presentation = client.presentation(&hls).await?;
        for name in ["video365k", "video550k"] {
            let variant = presentation.renditions.iter().find(|(one, _)| one.url.path().contains(name));
            play(variant.context("a variant")?.0.url.as_str(), "shaka", 4).await?;
            let periods = presentation.rendition(name)?.periods();
            assert_eq!(periods.len(), 1);
            let media = Media::bytes(&client.download(&periods[0]).await?)?.decrypted_with(&key);
            let decoded = read_frames(&media).await?;
            assert!(decoded.errors.is_empty(), "{name}: {:?}", decoded.errors);
            let read = analyse(&decoded.frames, Cadence::SAME_RATE);
            let last = u16::try_from(SECONDS * 25 - 1)?;
            assert_eq!((read.first, read.last, read.dropped), (Some(0), Some(last), 0), "{name}: {read:?}");
        }

        // The controls: no key, a wrong key, and a key that is gone.
        let without = watch(&dash, "shaka", 4).await?;
        ensure!(is_refused(&without), "DASH plays without a key: {without}");
        let wrong = watch_with_key(&dash, 4, &format!("{kid}:{}", "5a".repeat(16))).await?;
        ensure!(is_refused(&wrong), "DASH plays with a wrong key: {wrong}");
        let objects =
            installation.stack.layout().root().join("s3").join(installation.stack.endpoints().bucket);
        let key_file = objects.join(format!("output_{id}/1-1/key.bin"));
        std::fs::write(&key_file, [0x5a; 16]).context("put another key in its place")?;
        let wrong = watch(&hls, "shaka", 4).await?;
        ensure!(is_refused(&wrong), "HLS plays with a wrong key: {wrong}");
        std::fs::remove_file(&key_file).context("take the key away")?;
        let gone = watch(&hls, "shaka", 4).await?;
        ensure!(is_refused(&gone), "HLS plays although its key is gone: {gone}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_samples_play_and_a_protected_one_waits_for_its_key() -> Result<()> {
    undisturbed(async || {
        let installation = Installation::start(1).await?;
        let clear = installation.create(&sample(&installation, 1)?).await?;
        listening(&installation, text(&clear, "Id")).await?;

        installation.stack.take_away("key_server").await?;
        let created = installation.create(&sample(&installation, 0)?).await?;
        let id = text(&created, "Id").to_owned();
        let says = |job: &Value| {
            text(job, "Reason").contains("waits for its content key: the key server does not answer")
        };
        let job = installation.until(&id, "the reason", 15, says).await?;
        assert_eq!(text(&job, "State"), "created");
        installation.stack.bring_back("key_server").await?;
        listening(&installation, &id).await?;

        // What has its key needs the key server no more.
        installation.stack.take_away("key_server").await?;
        let (status, _) = installation.ask(Method::PUT, &format!("/jobs/{id}/stop"), None).await?;
        assert_eq!(status, StatusCode::ACCEPTED);
        installation.until(&id, "it stopped", 40, |job| text(job, "State") == "stopped").await?;
        installation.ask(Method::PUT, &format!("/jobs/{id}/resume"), None).await?;
        let protected = listening(&installation, &id).await?;
        let clear = listening(&installation, text(&clear, "Id")).await?;

        // As they are, both play.
        let flv = flv().await?;
        let publish = |job: &Value| Publisher::start(&flv, text(job, "RtmpIngestUrl"), Repeat::Once);
        let _publishers = [publish(&clear)?, publish(&protected)?];
        for job in [&clear, &protected] {
            let streams = |job: &Value| text(job, "State") == "streaming";
            let job = installation.until(text(job, "Id"), "it streams", 25, streams).await?;
            play(text(&job, "Playback_url"), "shaka", 4).await?;
        }
        Ok(())
    })
    .await
}

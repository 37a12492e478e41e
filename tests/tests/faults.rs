//! Every fault once on real media, judged by a strict viewer; `script/chaos` does it many times.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::chaos::fault::Fault;
use ez_e2e::chaos::player::{Player, round_with};
use ez_e2e::chaos::session::Session;
use ez_e2e::chaos::viewer::Viewer;
use ez_e2e::control::service::built;
use ez_e2e::installation::{Installation, machine_alone, text};
use ez_testkit::machine::undisturbed;
use ez_testkit::wait::eventually;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Who watches in a browser meanwhile: where a player meets something that it meets nowhere else. One at a time,
/// as an encoder and two browsers are too much for two cores.
const fn player(fault: Fault) -> Option<Player> {
    match fault {
        Fault::PublisherChanges | Fault::TranscoderKilled | Fault::StoreSlow => Some(Player::ShakaHls),
        Fault::CodecChanges | Fault::PackagerKilled | Fault::StoreFails => Some(Player::ShakaDash),
        Fault::PublisherLeaves
        | Fault::PublisherStaysAway
        | Fault::FfmpegKilled
        | Fault::StoreRefuses
        | Fault::RedisAway => Some(Player::HlsJs),
        // Nothing reaches a player of the others that is not above; script/chaos has players for all.
        Fault::None
        | Fault::PublisherFreezes
        | Fault::FfmpegHangs
        | Fault::PackagerHangs
        | Fault::WorkerKilled
        | Fault::StoreAway
        | Fault::RedisKilled
        | Fault::SchedulerKilled
        | Fault::ApiKilled
        | Fault::DiskFull => None,
    }
}

/// One after the other on one channel, each judged by the strict viewer, and by a player where there is one.
async fn survives(faults: &[Fault]) -> Result<()> {
    let setting = faults.first().context("a fault")?.setting();
    let mut session = Session::start(setting).await?;
    let mut complaints = Vec::new();
    for fault in faults {
        let player = player(*fault);
        let (mut outcome, mut found) = round_with(player, &mut session, *fault).await?;
        // A round alone is cheaper to make again than all of them.
        for _ in 0..2 {
            if outcome.counts() || found.is_empty() {
                break;
            }
            (outcome, found) = round_with(player, &mut session, *fault).await?;
        }
        complaints.extend(found.into_iter().map(|complaint| format!("{}: {complaint}", fault.name())));
    }
    ensure!(complaints.is_empty(), "{complaints:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_outlives_its_publishers() -> Result<()> {
    undisturbed(async || {
        survives(&[
            Fault::PublisherLeaves,
            Fault::PublisherChanges,
            Fault::CodecChanges,
            Fault::PublisherFreezes,
        ])
        .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_outlives_its_reconnect_window() -> Result<()> {
    undisturbed(async || survives(&[Fault::PublisherStaysAway]).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_outlives_its_processes() -> Result<()> {
    undisturbed(async || {
        survives(&[
            Fault::FfmpegKilled,
            Fault::PackagerKilled,
            Fault::FfmpegHangs,
            Fault::PackagerHangs,
            Fault::TranscoderKilled,
            Fault::WorkerKilled,
        ])
        .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_outlives_its_bucket() -> Result<()> {
    undisturbed(async || {
        survives(&[Fault::StoreAway, Fault::StoreFails, Fault::StoreSlow, Fault::StoreRefuses]).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_outlives_the_control_plane() -> Result<()> {
    undisturbed(async || {
        survives(&[Fault::RedisKilled, Fault::RedisAway, Fault::SchedulerKilled, Fault::ApiKilled]).await
    })
    .await
}

/// In a process of its own, since a mount must be seen by it and its children alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_outlives_a_full_disk() -> Result<()> {
    let _machine = machine_alone().await;
    undisturbed(async || {
        let mut chaos = std::process::Command::new(built("chaos")?);
        chaos.args(["local", "--rounds", "1", "disk-full"]);
        let output = tokio::task::spawn_blocking(move || chaos.output()).await??;
        let [table, complaints] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        let counts = table.contains("disk-full 1/1: longest wait") && !table.contains("not counted");
        ensure!(output.status.success() && counts, "{table}\n{complaints}");
        Ok(())
    })
    .await
}

/// What was accepted before Redis died is done after, and what cannot be accepted is said so.
#[tokio::test(flavor = "multi_thread")]
async fn orders_outlive_redis() -> Result<()> {
    undisturbed(async || {
        let session = Session::start(Fault::RedisKilled.setting()).await?;
        let (installation, id) = (&session.installation, session.id.as_str());
        let order = |what: &'static str| async move {
            let (status, answer) = installation.ask(Method::PUT, &format!("/jobs/{id}/{what}"), None).await?;
            ensure!(status == StatusCode::ACCEPTED, "{what} answers {status}: {answer}");
            installation.stack.kill("redis").await?;
            installation.stack.kill("scheduler").await?;
            anyhow::Ok(())
        };
        order("stop").await?;
        back(installation, id, 60, |job| text(job, "State") == "stopped").await?;
        order("resume").await?;
        back(installation, id, 30, |job| !text(job, "RtmpIngestUrl").is_empty()).await?;

        installation.stack.take_away("redis").await?;
        let (status, problem) = installation.ask(Method::GET, &format!("/jobs/{id}"), None).await?;
        ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status}: {problem}");
        ensure!(problem["retry_after_seconds"].as_u64().is_some(), "{problem}");
        installation.stack.bring_back("redis").await?;
        back(installation, id, 30, |job| text(job, "Id") == id).await
    })
    .await
}

/// Waits until the job is as wanted; while Redis comes back, questions are refused.
async fn back(
    installation: &Installation,
    id: &str,
    seconds: u64,
    wanted: impl Fn(&Value) -> bool,
) -> Result<()> {
    eventually(Duration::from_secs(seconds), "the job as it should be", || async {
        let (status, job) = installation.ask(Method::GET, &format!("/jobs/{id}"), None).await?;
        ensure!(status == StatusCode::OK && wanted(&job), "{status}: {job:#}");
        Ok(())
    })
    .await?;
    Ok(())
}

/// A bucket that is a folder, with a channel of one rendition whose media playlist is `playlist`.
async fn bucket(root: &Path, playlist: &str) -> Result<(String, JoinSet<()>)> {
    let folder = root.join("bucket/output_1/low");
    std::fs::create_dir_all(&folder)?;
    let multivariant = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.42c00d\"\nlow/playlist.m3u8\n";
    std::fs::write(root.join("bucket/output_1/master.m3u8"), multivariant)?;
    std::fs::write(folder.join("playlist.m3u8"), playlist)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/bucket/output_1/master.m3u8", listener.local_addr()?);
    let options = ez_local::s3::Options {
        root: root.to_owned(),
        buckets: vec!["bucket".to_owned()],
        access_key: "test".to_owned(),
        secret_key: "secret".to_owned(),
    };
    let mut server = JoinSet::new();
    server.spawn(async move {
        drop(ez_local::s3::serve(listener, options, CancellationToken::new()).await);
    });
    Ok((url, server))
}

#[tokio::test]
async fn the_viewer_complains_of_what_is_wrong() -> Result<()> {
    let head = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n";
    let first = format!(
        "{head}#EXT-X-MEDIA-SEQUENCE:5\n#EXT-X-MAP:URI=\"init.mp4\"\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:00.000Z\n#EXTINF:2.00000,\nmissing.m4s\n"
    );
    let folder = tempfile::tempdir()?;
    let (url, _server) = bucket(folder.path(), &first).await?;
    let viewer = Viewer::start(&url, Duration::from_secs(2)).await?;
    let complains = |of: &'static str| {
        let viewer = &viewer;
        async move {
            eventually(Duration::from_secs(10), of, || async {
                let all = viewer.violations();
                if all.iter().any(|violation| violation.contains(of)) { Ok(()) } else { Err(all.join("\n")) }
            })
            .await
        }
    };
    complains("answers 404").await?;
    std::fs::write(
        folder.path().join("bucket/output_1/low/playlist.m3u8"),
        first.replace("SEQUENCE:5", "SEQUENCE:0"),
    )?;
    complains("MEDIA-SEQUENCE fell").await?;
    Ok(())
}

//! Every fault once on real media, judged by a strict viewer; `script/chaos` does it many times.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use ez_e2e::browser::play;
use ez_e2e::chaos::fault::Fault;
use ez_e2e::chaos::round;
use ez_e2e::chaos::session::Session;
use ez_e2e::chaos::viewer::Viewer;
use ez_testkit::wait::eventually;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

async fn survives(faults: &[Fault]) -> Result<()> {
    let mut session = Session::start().await?;
    let mut complaints = Vec::new();
    for fault in faults {
        let outcome = round::run(&mut session, *fault).await?;
        let found = outcome.complaints();
        complaints.extend(found.into_iter().map(|complaint| format!("{}: {complaint}", fault.name())));
    }
    ensure!(complaints.is_empty(), "{complaints:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_outlives_its_publishers() -> Result<()> {
    survives(&[Fault::PublisherLeaves, Fault::PublisherChanges, Fault::PublisherFreezes]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_outlives_its_processes() -> Result<()> {
    survives(&[Fault::FfmpegHangs, Fault::TranscoderKilled, Fault::WorkerKilled]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_outlives_its_surroundings() -> Result<()> {
    survives(&[
        Fault::StoreAway,
        Fault::RedisKilled,
        Fault::RedisAway,
        Fault::SchedulerKilled,
        Fault::ApiKilled,
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn players_play_through_the_death_of_the_encoder() -> Result<()> {
    let mut session = Session::start().await?;
    let (hls, dash) = (session.hls.clone(), session.dash.clone());
    let (killed, by_hls_js, by_dash) = tokio::join!(
        round::run(&mut session, Fault::FfmpegKilled),
        play(&hls, "hls.js", 18),
        play(&dash, "shaka", 18)
    );
    let (replaced, by_shaka) =
        tokio::join!(round::run(&mut session, Fault::PackagerKilled), play(&hls, "shaka", 18));
    for report in [by_hls_js?, by_dash?, by_shaka?] {
        assert_eq!(report["ok"], Value::Bool(true), "{report}");
    }
    let complaints: Vec<String> =
        [killed?, replaced?].iter().flat_map(ez_e2e::chaos::round::Outcome::complaints).collect();
    ensure!(complaints.is_empty(), "{complaints:#?}");
    Ok(())
}

/// A bucket that is a folder, with a channel of one rendition whose media playlist is `playlist`.
async fn bucket(root: &Path, playlist: &str) -> Result<(String, JoinSet<()>)> {
    let folder = root.join("bucket/low");
    std::fs::create_dir_all(&folder)?;
    let multivariant = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.42c00d\"\nlow/playlist.m3u8\n";
    std::fs::write(root.join("bucket/master.m3u8"), multivariant)?;
    std::fs::write(folder.join("playlist.m3u8"), playlist)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/bucket/master.m3u8", listener.local_addr()?);
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
    let viewer = Viewer::start(&url).await?;
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
        folder.path().join("bucket/low/playlist.m3u8"),
        first.replace("SEQUENCE:5", "SEQUENCE:0"),
    )?;
    complains("MEDIA-SEQUENCE fell").await?;
    Ok(())
}

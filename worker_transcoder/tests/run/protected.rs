//! Channels whose media is encrypted.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_domain::fault::Fault;
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_manifest::fmp4::InitSegment;
use ez_testkit::machine::undisturbed;
use ez_testkit::media::Media;
use ez_testkit::media::counter::read_frames;
use ez_testkit::media::hls::HlsClient;
use ez_testkit::media::publisher::{Publisher, Repeat};

use super::harness::{
    Bucket, Running, Viewer, content_key, contribution, decode_periods, job, protected, segments,
};

/// Files below `folder` with this name.
fn named(folder: &std::path::Path, name: &str) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(named(&path, name));
        } else if path.file_name().is_some_and(|file| file == name) {
            found.push(path);
        }
    }
    found
}

/// The whole of a protected channel, also over the death of its transcoder: the still that bridges it is
/// made of an encrypted segment.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ever_in_clear_and_every_frame_is_there_for_who_has_the_key() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut run = Running::start_process(&bucket, job(41), 1, protected()).await?;
        let mut viewer = Viewer::new(&protected());
        let mut publisher =
            Publisher::start(&contribution(20, 0).flv().await?, &run.ingest_url, Repeat::Once)?;
        run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
        viewer.until(&run, "three segments", |text| segments(text) >= 3).await?;
        assert_eq!(
            named(run.folder(), "keys.flags"),
            Vec::<std::path::PathBuf>::new(),
            "packager has its key"
        );

        let seat = run.kill();
        publisher.wait(Duration::from_secs(10)).await?;
        let mut run = Running::restart_process(seat).await?;
        viewer.until(&run, "the still", |text| text.contains("../1-2/low/")).await?;
        let mut publisher =
            Publisher::start(&contribution(6, 1000).flv().await?, &run.ingest_url, Repeat::Once)?;
        publisher.wait(Duration::from_secs(20)).await?;
        run.stop().await?;
        let text = viewer.look(&run).await?;

        let client = HlsClient::new()?;
        for period in ["1-1", "1-2"] {
            let line = format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"../{period}/key.bin\",IV=0x");
            assert_eq!(text.matches(&line).count(), 1, "{text}");
            let key = client.bytes(&run.url(&format!("{period}/key.bin")).parse()?, None).await?;
            assert_eq!(key, content_key().key.expose().as_bytes());
        }
        let mpd = run.fetch("master.mpd").await?.context("an MPD")?;
        let kid = "cenc:default_KID=\"11111111-1111-1111-1111-111111111111\"";
        assert_eq!(mpd.matches(kid).count(), 2 * 2, "two sets in each of two periods: {mpd}");

        let presentation = client.presentation(&run.url("master.m3u8")).await?;
        for name in ["low", "high", "sound"] {
            for period in presentation.rendition(name)?.periods() {
                let media = client.download(&period).await?;
                let init = InitSegment::read(&media[..init_length(&media)?])?;
                assert_eq!(init.encryption.context("encryption")?.key_id, [0x11; 16], "{name}");
                for segment in &period {
                    let bytes = client.bytes(&segment.url, None).await?;
                    ensure!(bytes.windows(4).any(|kind| kind == b"senc"), "{} is in clear", segment.url);
                }
                if name != "sound" {
                    let without = read_frames(&Media::bytes(&media)?).await;
                    let is_readable = without.is_ok_and(|read| {
                        read.errors.is_empty() && read.frames.iter().any(|frame| frame.counter.is_some())
                    });
                    ensure!(!is_readable, "{name} can be read without the key");
                }
            }
        }
        for name in ["low", "high"] {
            let periods = decode_periods(&run, name).await?;
            let [before, after] = periods.as_slice() else { anyhow::bail!("{name}: {periods:?}") };
            assert_eq!(
                (before.first, before.dropped, before.unreadable),
                (Some(0), 0, 0),
                "{name}: {before:?}"
            );
            let (last, still) = (before.last.context("frames")?, after.first.context("frames")?);
            assert!((last - 2..=last).contains(&still), "{name}: frame {still} stands still after {last}");
            assert_eq!(after.last, Some(1179), "{name}: {after:?}");
        }
        Ok(())
    })
    .await
}

fn init_length(media: &[u8]) -> Result<usize> {
    let at = media.windows(4).position(|kind| kind == b"moof").context("a moof")?;
    // The boxes in front of the first moof that belong to the segment: styp and sidx.
    let first = [b"styp", b"sidx"].iter().filter_map(|kind| media.windows(4).position(|four| four == *kind));
    Ok(first.chain([at]).min().context("a segment")? - 4)
}

/// A packager that does not encrypt, whatever it was told.
#[tokio::test(flavor = "multi_thread")]
async fn media_that_should_be_encrypted_and_is_not_is_never_published() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let in_clear = |packager: &std::path::Path| {
            format!(
                "#!/bin/bash\nfor argument; do case $argument in --enable_raw*|--protection*|--clear_lead*|--flagfile*) ;; \
                 *) kept+=(\"$argument\");; esac; done\nexec {} \"${{kept[@]}}\"\n",
                packager.display()
            )
        };
        let mut run =
            Running::start_with_script(&bucket, job(42), protected(), |tools| &mut tools.packager, in_clear)
                .await?;
        let flv = contribution(12, 0).flv().await?;
        let _publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
        let (state, _) =
            run.until("its end", 30, |state, _| matches!(state, RunState::Exited { .. })).await?;
        let RunState::Exited { outcome: RunOutcome::Failed { failure }, committed_segments: 0 } = state else {
            anyhow::bail!("{state:?}");
        };
        assert_eq!((failure.fault, failure.retryable), (Fault::Worker, true), "{failure:?}");
        assert!(failure.reason.contains("left media in clear that is to be protected"), "{failure:?}");
        for name in ["master.m3u8", "master.mpd", "low/playlist.m3u8", "1-1/low/init.mp4"] {
            assert_eq!(run.fetch(name).await?, None, "{name} is published");
        }
        Ok(())
    })
    .await
}

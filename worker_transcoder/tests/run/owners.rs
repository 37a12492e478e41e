//! One run after the other, and one run too many.

use std::time::Duration;

use anyhow::Result;
use ez_api::internal::ToTranscoder;
use ez_domain::id::Epoch;
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_testkit::machine::undisturbed;
use ez_testkit::media::publisher::{Publisher, Repeat};

use super::harness::{Bucket, Running, Viewer, contribution, decode_periods, job, segments, spec};

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_channel_goes_on_in_the_same_playlists() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut viewer = Viewer::new(&spec());
        let mut last_sequence = 0;
        for epoch in [1, 2] {
            let mut run = Running::start(&bucket, job(6), epoch, spec()).await?;
            let flv = contribution(4, 0).flv().await?;
            let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
            run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
            publisher.wait(Duration::from_secs(20)).await?;
            run.stop().await?;
            let ended = viewer.look(&run).await?;
            assert!(ended.contains("#EXT-X-ENDLIST"), "{ended}");
            assert!(ended.contains(&format!("../{epoch}-1/low/")), "{ended}");
            let sequence: usize = ended
                .lines()
                .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")?.parse().ok())
                .unwrap_or_default();
            if epoch == 2 {
                assert_eq!(sequence, last_sequence, "the sequence goes on behind the last segment");
                assert_eq!(decode_periods(&run, "low").await?.len(), 1, "old periods have left");
            }
            last_sequence = sequence + segments(&ended);
            viewer.expect_resume();
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_leaves_lets_the_playlists_rest() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut viewer = Viewer::new(&spec());
        for epoch in [1, 2] {
            let mut run = Running::start(&bucket, job(10), epoch, spec()).await?;
            let flv = contribution(4, 1000 * u16::try_from(epoch)?).flv().await?;
            let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
            viewer.until(&run, "its media", |text| text.contains(&format!("../{epoch}-1/low/"))).await?;
            publisher.wait(Duration::from_secs(20)).await?;
            let exited = run.end(&ToTranscoder::Leave).await?;
            let RunState::Exited { outcome, committed_segments } = exited else {
                anyhow::bail!("{exited:?}")
            };
            assert_eq!(outcome, RunOutcome::Left);
            assert!(committed_segments >= 2, "{committed_segments}");
            let resting = viewer.look(&run).await?;
            assert!(!resting.contains("#EXT-X-ENDLIST"), "{resting}");
            assert!(run.fetch("master.mpd").await?.unwrap_or_default().contains("type=\"dynamic\""));
            let periods = decode_periods(&run, "high").await?;
            let read = periods.last().map(|read| (read.first, read.last, read.dropped));
            let first = 1000 * u16::try_from(epoch)?;
            assert_eq!(read, Some((Some(first), Some(first + 119), 0)), "all of it was published");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_replaced_sees_it_and_writes_nothing_more() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut viewer = Viewer::new(&spec());
        let mut old = Running::start(&bucket, job(7), 1, spec()).await?;
        let flv = contribution(12, 0).flv().await?;
        let _publisher = Publisher::start(&flv, &old.ingest_url, Repeat::Once)?;
        old.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
        viewer.look(&old).await?;

        let mut new = Running::start(&bucket, job(7), 2, spec()).await?;
        new.until(
        "it took over",
        10,
        |state, _| matches!(state, RunState::Listening { reason, .. } if reason == "waiting for a publisher"),
    )
    .await?;
        let (state, _) =
            old.until("the old run is over", 15, |state, _| matches!(state, RunState::Exited { .. })).await?;
        let fenced = RunOutcome::Fenced { seen: Epoch::new(2) };
        assert!(matches!(&state, RunState::Exited { outcome, .. } if *outcome == fenced), "{state:?}");
        let taken = viewer.look(&new).await?;
        assert!(taken.contains("# epoch 2"), "{taken}");

        let flv = contribution(4, 1000).flv().await?;
        let mut publisher = Publisher::start(&flv, &new.ingest_url, Repeat::Once)?;
        viewer.until(&new, "media of the new run", |text| text.contains("../2-1/low/")).await?;
        publisher.wait(Duration::from_secs(20)).await?;
        new.stop().await?;
        viewer.look(&new).await?;
        Ok(())
    })
    .await
}

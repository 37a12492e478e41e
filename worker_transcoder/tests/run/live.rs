//! From the publisher to the bucket, and back out of it.

use std::time::Duration;

use anyhow::Result;
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_testkit::machine::undisturbed;
use ez_testkit::media::publisher::{Publisher, Repeat};

use super::harness::{Bucket, Running, Viewer, contribution, decode_periods, job, segments, spec};

#[tokio::test(flavor = "multi_thread")]
async fn a_contribution_becomes_a_channel_frame_by_frame_and_a_stop_ends_it() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut run = Running::start(&bucket, job(1), 1, spec()).await?;
        assert_eq!(run.fetch("master.m3u8").await?, None, "nothing is published before there is media");

        let flv = contribution(10, 0).flv().await?;
        let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
        run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
        assert!(run.fetch("master.m3u8").await?.is_some());
        let mut viewer = Viewer::new(&spec());
        let live = viewer.until(&run, "four segments", |text| segments(text) >= 4).await?;
        assert!(!live.contains("#EXT-X-ENDLIST"));
        let (_, figures) = run.until("figures", 5, |_, figures| figures.ingress_kbps > 500).await?;
        assert_eq!((figures.video_width, figures.video_height), (640, 360));
        publisher.wait(Duration::from_secs(20)).await?;

        let exited = run.stop().await?;
        assert!(matches!(exited, RunState::Exited { outcome: RunOutcome::Stopped, .. }), "{exited:?}");
        let ended = viewer.look(&run).await?;
        assert!(ended.lines().any(|line| line == "#EXT-X-ENDLIST"), "{ended}");
        assert!(run.fetch("master.mpd").await?.unwrap_or_default().contains("type=\"static\""));

        for name in ["low", "high"] {
            let periods = decode_periods(&run, name).await?;
            assert_eq!(periods.len(), 1);
            let read = &periods[0];
            // All 300 frames in order; behind them the last picture stands until the stop.
            assert_eq!((read.first, read.last), (Some(0), Some(299)), "{name}: {read:?}");
            assert_eq!((read.dropped, read.out_of_order, read.unreadable), (0, 0, 0), "{name}: {read:?}");
        }
        Ok(())
    })
    .await
}

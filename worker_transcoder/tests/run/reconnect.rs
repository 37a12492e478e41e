//! The publisher goes and comes back.

use std::time::Duration;

use anyhow::Result;
use ez_domain::lifecycle::RunState;
use ez_testkit::media::publisher::{Publisher, Repeat};

use super::harness::{Bucket, Running, Viewer, contribution, decode_periods, job, segments, spec};

#[tokio::test(flavor = "multi_thread")]
async fn a_returning_publisher_goes_on_in_the_same_period_and_loses_no_frame() -> Result<()> {
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
    let mut publisher = Publisher::start(&second, &run.ingest_url, Repeat::Once)?;
    run.until("it streams again", 10, |state, _| matches!(state, RunState::Streaming { .. })).await?;
    publisher.wait(Duration::from_secs(20)).await?;
    let before_stop = viewer.look(&run).await?;
    assert!(!before_stop.contains("#EXT-X-ENDLIST"), "a publisher that leaves does not end the channel");
    run.stop().await?;
    let ended = viewer.look(&run).await?;
    assert!(!ended.contains("#EXT-X-DISCONTINUITY\n"), "{ended}");

    let periods = decode_periods(&run, "low").await?;
    assert_eq!(periods.len(), 1);
    let read = &periods[0];
    assert_eq!((read.first, read.last), (Some(0), Some(1179)), "{read:?}");
    // The numbers between the two publishers are the only ones missing.
    assert_eq!((read.dropped, read.out_of_order), (1000 - 120, 0), "{read:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_reconnect_window_the_playlists_rest_and_a_new_period_follows() -> Result<()> {
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
}

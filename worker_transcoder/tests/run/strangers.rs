//! Whoever else knocks at the port.

use std::time::Duration;

use anyhow::Result;
use ez_domain::lifecycle::RunState;
use ez_testkit::machine::undisturbed;
use ez_testkit::media::publisher::{Publisher, Repeat};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::harness::{Bucket, Running, Viewer, contribution, decode_periods, job, segments, spec};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_starts_nothing() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut run = Running::start(&bucket, job(8), 1, spec()).await?;
        let flv = contribution(4, 0).flv().await?;
        let wrong = format!("{}x", run.ingest_url);
        let status = Publisher::start(&flv, &wrong, Repeat::Once)?.wait(Duration::from_secs(10)).await?;
        assert!(!status.success(), "the publisher must be told");
        let started = std::fs::read_dir(run.folder())?.flatten().any(|entry| entry.path().is_dir());
        assert!(!started, "a period was begun for a stranger");
        run.stop().await?;
        assert_eq!(run.fetch("master.m3u8").await?, None);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn port_scans_noise_and_a_second_publisher_leave_the_channel_unharmed() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut run = Running::start(&bucket, job(9), 1, spec()).await?;
        let mut viewer = Viewer::new(&spec());
        let flv = contribution(8, 0).flv().await?;
        let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
        run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
        let address =
            run.ingest_url.trim_start_matches("rtmp://").split('/').next().unwrap_or_default().to_owned();
        let mut half_open = Vec::new();
        for round in 0..30_u8 {
            let mut stranger = TcpStream::connect(&address).await?;
            match round % 3 {
                0 => {}
                1 => stranger.write_all(&[round.wrapping_mul(37); 4096]).await?,
                _ => half_open.push(stranger),
            }
        }
        let second = contribution(4, 1000).flv().await?;
        let status =
            Publisher::start(&second, &run.ingest_url, Repeat::Once)?.wait(Duration::from_secs(10)).await?;
        assert!(!status.success(), "a second publisher is refused while the first is alive");
        assert!(publisher.wait(Duration::from_secs(20)).await?.success());
        viewer.until(&run, "four segments", |text| segments(text) >= 4).await?;
        assert_eq!(half_open.len(), 10, "they stayed connected all the while");
        run.stop().await?;
        let periods = decode_periods(&run, "high").await?;
        let read: Vec<_> = periods.iter().map(|read| (read.first, read.last, read.dropped)).collect();
        assert_eq!(read, [(Some(0), Some(239), 0)]);
        Ok(())
    })
    .await
}

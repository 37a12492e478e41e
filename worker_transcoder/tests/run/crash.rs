//! Children that die.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_domain::lifecycle::RunState;
use ez_testkit::media::publisher::{Publisher, Repeat};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::harness::{Bucket, Running, Viewer, contribution, decode_periods, job, segments, spec};

/// The child of this process that runs `program` for this run.
fn child(run: &Running, program: &str) -> Result<Pid> {
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let runs = std::fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe.ends_with(program));
        let is_ours =
            std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(run.folder()));
        if runs && is_ours {
            return Ok(Pid::from_raw(pid));
        }
    }
    anyhow::bail!("no {program} runs in {}", run.folder().display())
}

async fn survives_the_death_of(program: &str, number: u8) -> Result<()> {
    let bucket = Bucket::start().await;
    let mut run = Running::start(&bucket, job(number), 1, spec()).await?;
    let mut viewer = Viewer::new(&spec());
    let flv = contribution(14, 0).flv().await?;
    let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
    run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
    viewer.until(&run, "two segments", |text| segments(text) >= 2).await?;
    kill(child(&run, program)?, Signal::SIGKILL).context("kill the child")?;
    viewer.until(&run, "media of a second period", |text| text.contains("#EXT-X-DISCONTINUITY\n")).await?;
    publisher.wait(Duration::from_secs(30)).await?;
    run.stop().await?;
    viewer.look(&run).await?;
    for name in ["low", "high"] {
        let periods = decode_periods(&run, name).await?;
        assert_eq!(periods.len(), 2, "{periods:?}");
        for read in &periods {
            assert_eq!((read.dropped, read.out_of_order, read.unreadable), (0, 0, 0), "{name}: {read:?}");
        }
        let (before, after) = (periods[0].last.context("frames")?, periods[1].first.context("frames")?);
        assert!(after <= before + 1, "{name}: frames {before} to {after} are lost");
        assert_eq!((periods[0].first, periods[1].last), (Some(0), Some(419)), "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_killed_costs_no_frame() -> Result<()> {
    survives_the_death_of("ffmpeg", 4).await
}

#[tokio::test(flavor = "multi_thread")]
async fn packager_killed_costs_no_frame() -> Result<()> {
    survives_the_death_of("packager", 5).await
}

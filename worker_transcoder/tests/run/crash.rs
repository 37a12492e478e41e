//! Processes that die: a child, and the transcoder itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_domain::fault::Fault;
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_manifest::fmp4::{InitSegment, MediaSegment};
use ez_testkit::machine::undisturbed;
use ez_testkit::media::publisher::{Publisher, Repeat};
use ez_testkit::media::source::Contribution;
use ez_testkit::wait::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

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

async fn survives_the_death_of(program: &str, number: u8, sent: Contribution) -> Result<()> {
    let bucket = Bucket::start().await;
    let mut run = Running::start(&bucket, job(number), 1, spec()).await?;
    let mut viewer = Viewer::new(&spec());
    let flv = sent.flv().await?;
    let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
    run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
    viewer.until(&run, "two segments", |text| segments(text) >= 2).await?;
    kill(child(&run, program)?, Signal::SIGKILL).context("kill the child")?;
    let is_told =
        |state: &RunState| matches!(state, RunState::Interrupted { fault: Some(Fault::Worker), .. });
    run.until("whose fault it is", 5, |state, _| is_told(state)).await?;
    run.until("it streams again", 10, |state, _| matches!(state, RunState::Streaming { .. })).await?;
    viewer.until(&run, "media of a second period", |text| text.contains("#EXT-X-DISCONTINUITY\n")).await?;
    publisher.wait(Duration::from_secs(30)).await?;
    run.stop().await?;
    viewer.look(&run).await?;
    for name in ["low", "high"] {
        assert_eq!(frames_over_all_periods(&run, name).await?, (2, 0, 419), "{name}");
    }
    Ok(())
}

/// How many periods there are, and the first and the last frame; no frame is missing between them.
async fn frames_over_all_periods(run: &Running, name: &str) -> Result<(usize, u16, u16)> {
    let periods = decode_periods(run, name).await?;
    for read in &periods {
        assert_eq!((read.dropped, read.out_of_order, read.unreadable), (0, 0, 0), "{name}: {read:?}");
    }
    for pair in periods.windows(2) {
        let (before, after) = (pair[0].last.context("frames")?, pair[1].first.context("frames")?);
        // Where sound began before pictures, the one picture on the seam may stand in both.
        let is_seamless = (before..=before + 1).contains(&after);
        assert!(
            is_seamless,
            "{name}: the old period ends with frame {before}, the new one begins with {after}"
        );
    }
    let first = periods.first().and_then(|read| read.first).context("a first frame")?;
    let last = periods.last().and_then(|read| read.last).context("a last frame")?;
    Ok((periods.len(), first, last))
}

/// As after 40 days, before the timestamps of what ffmpeg is given come to their end.
#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_has_lasted_long_is_renewed_without_losing_a_frame() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut run = Running::start_with_short_periods(&bucket, job(32), spec(), 6).await?;
        let mut viewer = Viewer::new(&spec());
        let flv = Contribution { b_frames: 2, ..contribution(14, 0) }.flv().await?;
        let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
        viewer
            .until(&run, "media of a second period", |text| text.contains("#EXT-X-DISCONTINUITY\n"))
            .await?;
        publisher.wait(Duration::from_secs(30)).await?;
        run.stop().await?;
        viewer.look(&run).await?;
        for name in ["low", "high"] {
            let (periods, first, last) = frames_over_all_periods(&run, name).await?;
            assert!((2..=3).contains(&periods), "{periods}");
            assert_eq!((first, last), (0, 419), "{name}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_killed_costs_no_frame() -> Result<()> {
    undisturbed(async || survives_the_death_of("ffmpeg", 4, contribution(14, 0)).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn packager_killed_costs_no_frame() -> Result<()> {
    undisturbed(async || survives_the_death_of("packager", 5, contribution(14, 0)).await).await
}

/// The new ffmpeg begins with a key frame that is no IDR picture, and with pictures that refer to what it never saw.
#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_killed_costs_no_frame_of_open_gops() -> Result<()> {
    let open = Contribution { open_gop: true, b_frames: 2, ..contribution(14, 0) };
    undisturbed(async || survives_the_death_of("ffmpeg", 18, open.clone()).await).await
}

/// A child that hangs takes neither the end of its input nor SIGTERM for an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_hangs_at_the_end_does_not_keep_a_stop_waiting() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut run = Running::start(&bucket, job(31), 1, spec()).await?;
        let mut viewer = Viewer::new(&spec());
        let flv = contribution(8, 0).flv().await?;
        let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
        run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
        viewer.until(&run, "two segments", |text| segments(text) >= 2).await?;
        kill(child(&run, "packager")?, Signal::SIGSTOP).context("stop packager")?;
        let exited = run.stop().await?;
        assert!(matches!(exited, RunState::Exited { outcome: RunOutcome::Stopped, .. }), "{exited:?}");
        let ended = viewer.look(&run).await?;
        assert!(ended.contains("#EXT-X-ENDLIST") && segments(&ended) >= 2, "{ended}");
        assert_eq!(residents(run.folder()), 0, "a child is left");
        publisher.kill().await?;
        Ok(())
    })
    .await
}

/// Processes that work in `folder`.
fn residents(folder: &Path) -> usize {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_here = |process: &std::fs::DirEntry| {
        std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    };
    processes.filter(is_here).count()
}

/// Whole segments of a rendition in a run's folder, by decode time.
fn closed(folder: &Path, rendition: &str) -> Result<BTreeSet<u64>> {
    let mut folders = Vec::new();
    for parent in [folder.to_owned(), folder.join("spool")] {
        folders.extend(std::fs::read_dir(parent)?.flatten().map(|entry| entry.path().join(rendition)));
    }
    let mut init = None;
    for folder in &folders {
        init = init.or_else(|| InitSegment::read(&std::fs::read(folder.join("init.mp4")).ok()?).ok());
    }
    let init = init.context("an init segment")?;
    let mut times = BTreeSet::new();
    for entry in folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "m4s")
            && let Ok(segment) = MediaSegment::read(&std::fs::read(entry.path())?, &init)
        {
            times.insert(segment.decode_time);
        }
    }
    Ok(times)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_transcoder_killed_costs_no_closed_segment() -> Result<()> {
    undisturbed(async || {
        const RATE: usize = 30;
        let bucket = Bucket::start().await;
        let mut run = Running::start_process(&bucket, job(11), 1, spec()).await?;
        let mut viewer = Viewer::new(&spec());
        let flv = contribution(20, 0).flv().await?;
        let began = Instant::now();
        let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
        run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
        viewer.until(&run, "three segments", |text| segments(text) >= 3).await?;

        let sent = usize::try_from(began.elapsed().as_millis())? * RATE / 1000;
        let seat = run.kill();
        let killed = Instant::now();
        eventually(Duration::from_secs(2), "ffmpeg and packager to die with it", || async {
            let left = residents(seat.folder());
            if left == 0 { Ok(()) } else { Err(format!("{left} are alive")) }
        })
        .await?;
        let closed: Vec<_> = ["low", "high", "sound"]
            .map(|name| closed(seat.folder(), name).map(|times| (name, times)))
            .into_iter()
            .collect::<Result<_>>()?;
        publisher.wait(Duration::from_secs(10)).await?;

        let mut run = Running::restart_process(seat).await?;
        viewer.until(&run, "the still", |text| text.contains("../1-2/low/")).await?;
        let away = killed.elapsed();
        // Bound of the failure matrix: 3 s and one segment; the machine of a test may be slow.
        assert!(away < Duration::from_secs(5 + 3), "the playlists stood still for {away:?}");
        let (state, _) =
            run.until("the gap", 5, |state, _| matches!(state, RunState::Interrupted { .. })).await?;
        assert!(format!("{state:?}").contains("the transcoder was restarted"), "{state:?}");

        let flv = contribution(8, 1000).flv().await?;
        let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
        run.until("it streams again", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
        publisher.wait(Duration::from_secs(20)).await?;
        run.stop().await?;
        viewer.look(&run).await?;
        for (name, times) in &closed {
            let playlist = run.fetch(&format!("{name}/playlist.m3u8")).await?.context("a playlist")?;
            let lost: Vec<_> = times
                .iter()
                .filter(|time| !playlist.contains(&format!("../1-1/{name}/{time}.m4s\n")))
                .collect();
            assert!(lost.is_empty(), "{name}: {lost:?} are lost\n{playlist}");
            assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
        }
        for name in ["low", "high"] {
            let periods = decode_periods(&run, name).await?;
            let [before, after] = periods.as_slice() else { anyhow::bail!("{name}: {periods:?}") };
            for read in [before, after] {
                assert_eq!((read.out_of_order, read.unreadable), (0, 0), "{name}: {read:?}");
            }
            let last = before.last.context("frames")?;
            assert_eq!((before.first, before.dropped), (Some(0), 0), "{name}: {before:?}");
            assert_eq!((usize::from(last) + 1) % (2 * RATE), 0, "{name}: whole segments end at {last}");
            // In flight were the segment that packager was writing, and what ffmpeg and we held.
            let lost = sent.saturating_sub(usize::from(last) + 1);
            assert!(lost < 4 * RATE, "{name}: {lost} of {sent} frames are lost");
            // The still shows the end of what was published; then comes all of the new contribution.
            let still = after.first.context("frames")?;
            assert!((last - 2..=last).contains(&still), "{name}: frame {still} stands still after {last}");
            assert_eq!(after.last, Some(1239), "{name}: {after:?}");
            assert_eq!(after.dropped, 1000 - usize::from(still) - 1, "{name}: {after:?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_run_and_tears_no_segment() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut run = Running::start_on_small_disk(&bucket, job(12), spec(), 24).await?;
        let mut viewer = Viewer::new(&spec());
        let flv = contribution(30, 0).flv().await?;
        let _publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
        viewer.until(&run, "two segments", |text| segments(text) >= 2).await?;
        run.fill_disk()?;
        let (state, _) =
            run.until("its end", 20, |state, _| matches!(state, RunState::Exited { .. })).await?;
        let RunState::Exited { outcome: RunOutcome::Failed { failure }, .. } = state else {
            anyhow::bail!("{state:?}");
        };
        assert_eq!((failure.fault, failure.retryable), (Fault::Worker, true), "{failure:?}");
        assert!(failure.reason.contains("disk is full"), "{}", failure.reason);
        viewer.look(&run).await?;
        for name in ["low", "high"] {
            for read in decode_periods(&run, name).await? {
                assert_eq!((read.dropped, read.out_of_order, read.unreadable), (0, 0, 0), "{name}: {read:?}");
            }
        }
        Ok(())
    })
    .await
}

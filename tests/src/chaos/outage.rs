//! A bucket that is away for minutes.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_testkit::machine::{Disturbance, Watch};
use tokio::time::{Instant, sleep};

use super::round::{holes, numbers};
use super::session::{Feed, Session};
use crate::processes::{find, parent, pss_mib};

/// How long the publisher goes on after the bucket is back.
const AFTER: u32 = 70;
/// Between two readings of the memory.
const READING: Duration = Duration::from_secs(5);
/// Media that may be missing at the live edge of a channel that has caught up: two segments and the
/// one under way.
const EDGE_SECONDS: u64 = 6;
/// How long catching up may take.
const CATCH_UP: Duration = Duration::from_secs(60);

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outage {
    /// How long the bucket was away.
    pub away: Duration,
    /// From its return until the newest media was listed.
    pub caught_up: Duration,
    /// The numbers of the publisher's frames that nobody got, as ranges.
    pub missing: Vec<(u16, u16)>,
    /// What the machine did meanwhile.
    pub machine: Disturbance,
    /// Memory of `worker_transcoder` (PSS) before, in MiB.
    pub memory_before: f64,
    /// The most of it from the fault until the end.
    pub memory_most: f64,
    /// Rules that were broken.
    pub violations: Vec<String>,
}

impl Outage {
    /// Frames of the publisher that nobody got.
    pub fn frames_lost(&self) -> usize {
        self.missing.iter().map(|(first, last)| usize::from(last - first) + 1).sum()
    }

    /// Whether it says anything about the product.
    pub fn counts(&self) -> bool {
        self.machine.is_bearable()
    }

    /// What is not as it must be.
    pub fn complaints(&self) -> Vec<String> {
        let mut found = self.violations.clone();
        if !self.missing.is_empty() {
            found.push(format!("{} frames lost: {:?}", self.frames_lost(), self.missing));
        }
        if self.caught_up > CATCH_UP {
            found.push(format!("caught up after {:?}, {CATCH_UP:?} is the limit", self.caught_up));
        }
        if self.memory_most > 40.0 {
            found.push(format!("{:.1} MiB of memory, 40 is the limit", self.memory_most));
        }
        found
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "bucket away for {:.0} s: caught up after {:.1} s, {} frames lost, worker_transcoder {:.1} MiB \
             before and {:.1} at most, {} violations",
            self.away.as_secs_f64(),
            self.caught_up.as_secs_f64(),
            self.frames_lost(),
            self.memory_before,
            self.memory_most,
            self.violations.len()
        )?;
        if !self.counts() {
            write!(out, "; does not count: {}", self.machine)?;
        }
        Ok(())
    }
}

/// Publishes, takes the bucket away for `seconds`, and reads everything back.
///
/// # Errors
/// When the channel does not go on at all.
pub async fn run(session: &mut Session, seconds: u32) -> Result<Outage> {
    let feed = Feed::Long(seconds + AFTER);
    let frames = u16::try_from((seconds + AFTER) * 30).context("that outage is too long to be numbered")?;
    feed.flv().await?;
    let (before, _) = session.viewer.newest().context("nothing was ever published")?;
    session.publish(feed).await?;
    let machine = Watch::begin();
    session.viewer.until_after(before, 3, Duration::from_secs(30)).await.context("before the outage")?;
    let data = session.installation.stack.layout().root().to_owned();
    let transcoder = parent(find(&data, "ffmpeg")?)?;
    let memory_before = pss_mib(transcoder)?;
    let mut memory_most = memory_before;

    let (newest, seen) = session.viewer.newest().context("nothing is published")?;
    session.viewer.store_is_away(true);
    session.installation.stack.take_away("s3").await?;
    let gone = Instant::now();
    let away = Duration::from_secs(u64::from(seconds));
    while gone.elapsed() < away {
        sleep(READING.min(away.saturating_sub(gone.elapsed()))).await;
        memory_most = memory_most.max(pss_mib(transcoder)?);
    }
    session.installation.stack.bring_back("s3").await?;
    session.viewer.store_is_away(false);
    let back = Instant::now();
    loop {
        let (number, _) = session.viewer.newest().context("nothing is published")?;
        memory_most = memory_most.max(pss_mib(transcoder)?);
        if 2 * (number - newest) + EDGE_SECONDS >= seen.elapsed().as_secs() {
            break;
        }
        ensure!(back.elapsed() < 2 * CATCH_UP, "not caught up: {:?}", session.viewer.violations());
        sleep(Duration::from_millis(100)).await;
    }
    let caught_up = back.elapsed();
    session.publisher.wait(Duration::from_secs(u64::from(seconds + AFTER) + 60)).await?;
    let (last, _) = session.viewer.newest().context("nothing is published")?;
    session.viewer.until_after(last, 3, Duration::from_secs(40)).await.context("after the outage")?;
    let mut seen = numbers(session, before, frames).await?;
    seen.insert(frames);
    let missing = holes(&seen);
    let violations = session.viewer.violations();
    let machine = machine.seen();
    Ok(Outage { away, caught_up, missing, memory_before, memory_most, violations, machine })
}

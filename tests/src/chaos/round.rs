//! One round: publish, break something, count.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_testkit::machine::{Disturbance, Watch};
use ez_testkit::media::Media;
use ez_testkit::media::counter::read_frames;
use tokio::time::Instant;

use super::fault::{FREEZE, Fault};
use super::session::{FRAMES, Feed, RETURNED, SECONDS, Session};
use super::viewer::wall_ms;

/// Segments before the fault.
const BESIDE: u64 = 2;
/// Segments that may come before a publisher of another codec has its period.
const OF_THE_OLD_PERIOD: u64 = 2;
/// How long a round goes on after its publisher's end; its picture stands as long as the reconnect window is open.
const AFTER: Duration = Duration::from_secs(4);
/// Frames that may be on their way when a process dies: a segment, what ffmpeg holds, and what packager writes.
const MOST_IN_FLIGHT: usize = 4 * 30;
/// Frames by which the clock of the test and that of the publisher may differ.
const CLOCKS_APART: usize = 15;
/// What polling adds to the lag of a segment.
const POLLING: Duration = Duration::from_millis(150);

/// What came of a round.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What went wrong.
    pub fault: Fault,
    /// When, by the wall clock, in ms.
    pub hit_ms: i64,
    /// The longest wait between two segments from the fault on.
    pub longest_wait: Duration,
    /// What became of the frames, in the rendition that lost most.
    pub frames: Frames,
    /// How much later segments come in the end than before the fault or at first, whichever is later.
    pub lag_grown_ms: i64,
    /// How much later the latest one came than before the fault or at first, whichever is later; polling adds to it.
    pub lag_beyond_ms: i64,
    /// Periods that began after the fault.
    pub new_periods: usize,
    /// Rules that were broken.
    pub violations: Vec<String>,
    /// What the machine did meanwhile.
    pub machine: Disturbance,
}

/// What became of the frames of the publisher that stayed, or of both publishers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frames {
    /// Frames that nobody got.
    pub lost: usize,
    /// Of those, frames that were on their way when their process died.
    pub in_flight: usize,
    /// Frames that came again after later ones.
    pub doubled: usize,
    /// The numbers of the lost frames, as ranges.
    pub missing: Vec<(u16, u16)>,
}

impl Outcome {
    /// Whether it says anything about the product: nobody can be in time on a machine that stands still.
    pub fn counts(&self) -> bool {
        self.machine.is_bearable()
    }

    /// What is not as it must be.
    pub fn complaints(&self) -> Vec<String> {
        let mut found = self.violations.clone();
        let Frames { lost, in_flight, doubled, missing } = &self.frames;
        if lost > in_flight {
            found.push(format!("{lost} frames lost beside {in_flight} in flight: {missing:?}"));
        }
        // A still that bridges a crash may be of the picture before the last, one picture may stand on both sides
        // of a seam, and where a still is late the last key frame stands.
        if *doubled > 1 {
            found.push(format!("{doubled} frames came again after later ones"));
        }
        if let Some(latest) = self.fault.latest() {
            let limit = i64::try_from((latest + POLLING).as_millis()).unwrap_or(i64::MAX);
            if self.lag_grown_ms > limit {
                found.push(format!(
                    "segments come {} ms later than before, {limit} ms is the limit",
                    self.lag_grown_ms
                ));
            }
        }
        if self.fault.keeps_the_period() && self.new_periods > 0 {
            found.push(format!(
                "{} new periods, though ffmpeg and packager had no reason to end",
                self.new_periods
            ));
        }
        let limit = self.fault.longest_wait() + Duration::from_secs(2);
        if self.longest_wait > limit {
            found.push(format!("no segment for {:?}, {limit:?} is the limit", self.longest_wait));
        }
        found
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wait = self.longest_wait.as_secs_f64();
        write!(
            out,
            "longest wait {wait:.2} s, at most {} ms later than steady, {} ms in the end, {} frames lost ({} in \
             flight), {} doubled",
            self.lag_beyond_ms,
            self.lag_grown_ms,
            self.frames.lost,
            self.frames.in_flight,
            self.frames.doubled
        )?;
        if !self.counts() {
            write!(out, ", not counted: {}", self.machine)?;
        }
        Ok(())
    }
}

/// Publishes one feed, injects the fault in its midst, and reads everything back.
///
/// # Errors
/// When the channel does not go on at all.
pub async fn run(session: &mut Session, fault: Fault) -> Result<Outcome> {
    let (before, _) = session.viewer.newest().context("nothing was ever published")?;
    let broken_before = session.viewer.violations().len();
    let gaps_before = session.viewer.gaps().len();
    let begins_a_period = session.feed == Feed::OtherCodec;
    session.publish(Feed::First).await?;
    let began = Instant::now();
    let machine = Watch::begin();
    let segments = BESIDE + if begins_a_period { OF_THE_OLD_PERIOD } else { 0 };
    session
        .viewer
        .until_after(before, segments, Duration::from_secs(30))
        .await
        .context("before the fault")?;

    let (hit, hit_ms) = (Instant::now(), wall_ms());
    let (hit_at, _) = session.viewer.newest().context("nothing is published")?;
    fault.inject(session).await.with_context(|| format!("inject {}", fault.name()))?;
    // A killed transcoder ends the publisher's connection.
    session.publisher.wait(Duration::from_secs(u64::from(SECONDS) + 30)).await?;
    if let Some(feed) = fault.returner() {
        session.publish(feed).await?;
        session.publisher.wait(Duration::from_secs(30)).await?;
    }
    let after = AFTER.min(Duration::from_secs(fault.setting().reconnect_window.into()) / 3);
    let end = wall_ms() + i64::try_from(after.as_millis()).unwrap_or(0);
    let last = session.viewer.until_shown(end, Duration::from_secs(60)).await.context("after the fault")?;

    let viewer = &session.viewer;
    let least = |after, up_to| viewer.least_lag_ms(after, up_to).context("segments without a date");
    let greatest = |after, up_to| viewer.greatest_lag_ms(after, up_to).context("segments without a date");
    // A publisher whose first picture came while a period began runs ahead of the clock until it leaves: its
    // segments come early, and no measure for those of others.
    let steady = least(before, hit_at)?.max(session.steady_lag_ms);
    let lag_beyond_ms = greatest(hit_at, last)? - steady;
    let lag_grown_ms = least(last.saturating_sub(BESIDE), last)? - steady;
    let sent = usize::try_from((hit - began).as_millis() * 30 / 1000).unwrap_or(usize::MAX);
    let frames = frames(session, fault, before, sent).await?;
    let mut violations = session.viewer.violations().split_off(broken_before);
    if !fault.leaves_a_hole() {
        violations.extend(session.viewer.gaps().split_off(gaps_before));
    }
    let longest_wait = session.viewer.longest_wait(hit);
    let new_periods = session.viewer.periods_begun_after(hit_at);
    Ok(Outcome {
        fault,
        hit_ms,
        longest_wait,
        frames,
        lag_grown_ms,
        lag_beyond_ms,
        new_periods,
        violations,
        machine: machine.seen(),
    })
}

/// Every frame number that a viewer of the first rendition got after segment `before`, from the start
/// of a publisher that sends `frames` on.
pub(super) async fn numbers(session: &Session, before: u64, frames: u16) -> Result<BTreeSet<u16>> {
    let first = session.viewer.video().next().context("no rendition with pictures")?;
    Ok(shown(session, first, before, frames).await?.into_iter().collect())
}

/// What became of a round's frames: every rendition is read, the worst one counts.
async fn frames(session: &Session, fault: Fault, before: u64, sent: usize) -> Result<Frames> {
    let mut worst = Frames::default();
    let mut most_doubled = 0;
    for rendition in session.viewer.video() {
        let shown = shown(session, rendition, before, FRAMES).await?;
        let doubled = doubled(&shown);
        most_doubled = most_doubled.max(doubled);
        let numbers: BTreeSet<u16> = shown.into_iter().collect();
        let (lost, in_flight) = lost(fault, &numbers, sent);
        if lost - in_flight.min(lost) >= worst.lost - worst.in_flight.min(worst.lost) {
            worst = Frames { lost, in_flight, doubled, missing: holes(&numbers) };
        }
    }
    worst.doubled = most_doubled;
    Ok(worst)
}

/// As [`numbers`], in the order in which they are shown.
async fn shown(session: &Session, rendition: &str, before: u64, frames: u16) -> Result<Vec<u16>> {
    let mut found = Vec::new();
    for period in session.viewer.media_after(rendition, before) {
        let decoded = read_frames(&Media::bytes(&period)?).await?;
        anyhow::ensure!(decoded.errors.is_empty(), "a period cannot be decoded: {:?}", decoded.errors);
        found.extend(decoded.frames.iter().filter_map(|frame| frame.counter));
    }
    // Until this round's publisher came, the last picture of the round before stood.
    Ok(found.into_iter().skip_while(|number| *number > frames / 2).collect())
}

/// How many frames come after a later one of the same publisher, whose numbers only grow. One that stands
/// counts once.
fn doubled(shown: &[u16]) -> usize {
    let mut highest = [None; 2];
    let mut doubled = 0;
    let mut last = None;
    for number in shown {
        if last.replace(number) == Some(number) {
            continue;
        }
        let highest = &mut highest[usize::from(*number >= RETURNED)];
        doubled += usize::from(highest.is_some_and(|before| number < before));
        *highest = (*highest).max(Some(number));
    }
    doubled
}

/// Ranges of numbers between 0 and the highest that nobody got.
pub(super) fn holes(numbers: &BTreeSet<u16>) -> Vec<(u16, u16)> {
    let mut next = 0;
    let mut found = Vec::new();
    for number in numbers.iter().copied() {
        if number > next {
            found.push((next, number - 1));
        }
        next = number.saturating_add(1);
    }
    found
}

/// Frames that are missing, and how many of them may be: `sent` frames had left the first publisher
/// when the fault came.
fn lost(fault: Fault, numbers: &BTreeSet<u16>, sent: usize) -> (usize, usize) {
    let count = |range: std::ops::Range<u16>| range.filter(|number| !numbers.contains(number)).count();
    if fault == Fault::PublisherFreezes {
        // What it sends in a burst after its pause is stale and left out up to a key frame, of which
        // there is one a second.
        let stale = usize::try_from((FREEZE.as_secs() + 1) * 30).unwrap_or(usize::MAX);
        return (count(0..FRAMES), count(0..FRAMES).min(stale));
    }
    let Some(returner) = fault.returner() else { return (count(0..FRAMES), 0) };
    let last = numbers.range(..FRAMES).next_back().copied().unwrap_or(0);
    let holes = count(0..last);
    let returned = numbers.range(RETURNED..).next().copied().unwrap_or(RETURNED);
    let end = RETURNED.saturating_add(u16::try_from(returner.frames()).unwrap_or(u16::MAX));
    // From the first key frame of the returner on, which is its first frame.
    let of_returner = usize::from(returned - RETURNED) + count(returned..end);
    let tail = sent.saturating_sub(usize::from(last) + 1);
    if fault.loses_what_is_in_flight() {
        return (holes + of_returner + tail, tail.min(MOST_IN_FLIGHT));
    }
    // The clock of the test and that of the publisher differ by a few frames.
    (holes + of_returner + tail.saturating_sub(CLOCKS_APART), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_counted() {
        let all: BTreeSet<u16> = (0..FRAMES).collect();
        assert_eq!(lost(Fault::FfmpegKilled, &all, 0), (0, 0));
        let holed: BTreeSet<u16> =
            all.iter().copied().filter(|number| !(100..103).contains(number)).collect();
        assert_eq!(lost(Fault::FfmpegKilled, &holed, 0), (3, 0));
        assert_eq!(holes(&holed), [(100, 102)]);
        let again: Vec<u16> = (0..50).chain(40..90).chain(RETURNED..RETURNED + 9).collect();
        assert_eq!(
            (doubled(&again), doubled(&[0, 1, 1, 2, RETURNED])),
            (9, 0),
            "what only stands is not doubled"
        );
        let returned: BTreeSet<u16> = (0..200).chain(RETURNED..RETURNED + 240).collect();
        assert_eq!(lost(Fault::PublisherLeaves, &returned, 200), (0, 0));
        assert_eq!(lost(Fault::TranscoderKilled, &returned, 230), (30, 30));
        let late: BTreeSet<u16> = (0..200).chain(RETURNED + 5..RETURNED + 240).collect();
        assert_eq!(lost(Fault::PublisherLeaves, &late, 200), (5, 0));
    }
}

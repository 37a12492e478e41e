//! What viewers of a measured channel get: how old, and how whole.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use ez_manifest::watch::MediaPlaylist;
use ez_testkit::media::Media;
use ez_testkit::media::counter::analysis::{Cadence, analyse};
use ez_testkit::media::counter::read_frames;
use ez_testkit::media::hls::HlsClient;
use tokio::time::{Instant, sleep};

/// Between two polls of a playlist: the resolution of the latency.
pub(super) const POLL: Duration = Duration::from_millis(20);

#[expect(clippy::disallowed_methods, reason = "PROGRAM-DATE-TIME is compared with the clock of the wall")]
fn wall_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Age of each new segment's last picture when the playlist first names it, in seconds.
pub(super) async fn latencies(playlist: &str, until: Instant) -> Result<Vec<f64>> {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let mut latencies = Vec::new();
    let mut newest = None;
    while Instant::now() < until {
        let text = http.get(playlist).send().await?.error_for_status()?.text().await?;
        let now = wall_seconds();
        let parsed = MediaPlaylist::parse(&text).context("read the playlist")?;
        if let Some(segment) = parsed.segments.last().filter(|segment| Some(segment.sequence) != newest) {
            if newest.is_some()
                && let Some(begin_ms) = segment.date_ms
            {
                let begin = Duration::from_millis(u64::try_from(begin_ms).unwrap_or(0)).as_secs_f64();
                let length = Duration::from_micros(segment.duration_us).as_secs_f64();
                latencies.push(now - begin - length);
            }
            newest = Some(segment.sequence);
        }
        sleep(POLL).await;
    }
    Ok(latencies)
}

/// Frames dropped and doubled in all video renditions together.
pub(super) async fn frames(hls: &str, sent: u16) -> Result<(f64, f64)> {
    let client = HlsClient::new()?;
    let presentation = client.presentation(hls).await?;
    let (mut dropped, mut doubled) = (0, 0);
    for (rendition, playlist) in &presentation.renditions {
        if rendition.attribute("TYPE").is_some_and(|kind| kind == "AUDIO") {
            continue;
        }
        for period in playlist.periods() {
            let media = Media::bytes(&client.download(&period).await?)?;
            let decoded = read_frames(&media).await?;
            let frames: Vec<_> = decoded
                .frames
                .into_iter()
                .scan(false, |is_over, frame| {
                    // Behind the last frame the picture stands until the stop.
                    (!std::mem::replace(is_over, frame.counter == Some(sent - 1))).then_some(frame)
                })
                .collect();
            let analysis = analyse(&frames, Cadence::SAME_RATE);
            dropped += analysis.dropped;
            doubled += analysis.doubled;
        }
    }
    let count = |frames: usize| f64::from(u32::try_from(frames).unwrap_or(u32::MAX));
    Ok((count(dropped), count(doubled)))
}

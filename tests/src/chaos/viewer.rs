//! A strict viewer: polls like a player, keeps every playlist, fetches every segment once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use ez_manifest::fmp4::{InitSegment, MediaSegment};
use ez_manifest::watch::{Listed, ListedSegment, Watch, compare};
use reqwest::{Client, StatusCode, Url};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Between two polls of a playlist: more often than any player.
const POLL: Duration = Duration::from_millis(150);
/// EXTINF has five decimals; a segment's own duration is exact.
const DURATION_TOLERANCE_US: u64 = 10;
/// All video renditions are cut at the same pictures; dates are rounded to milliseconds.
const VIDEO_ALIGNMENT_MS: i64 = 1;
/// Where another encoder's audio begins, its frames are off the grid of those before by up to 4 ms.
const AUDIO_DATE_US: i64 = 5_000;
/// Audio is cut at frames of its own, of 21 ms: at most two of them from the pictures.
const AUDIO_ALIGNMENT_MS: i64 = 50;
/// How long renditions may begin or end apart: as long as the writes of all their playlists may take on a
/// store that is slow or fails, and a period may have a piece of audio more until the next one begins.
const UNEVEN: Duration = Duration::from_secs(60);

/// A segment that the viewer fetched.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// When the playlist first named it.
    pub seen: Instant,
    /// When that was, by the wall clock, in ms.
    seen_wall_ms: i64,
    /// The end of its last picture, by EXT-X-PROGRAM-DATE-TIME; `None` without one.
    end_ms: Option<i64>,
    /// Its init segment's URL; changes from period to period.
    pub map: Url,
    /// Its bytes.
    pub bytes: Arc<Vec<u8>>,
}

/// Everything seen so far.
#[derive(Debug, Default)]
struct Seen {
    /// Per rendition, by media sequence number. A GAP has no entry.
    segments: BTreeMap<String, BTreeMap<u64, Fetched>>,
    inits: BTreeMap<Url, Arc<Vec<u8>>>,
    /// Segments that playlists call missing (EXT-X-GAP), with their rendition.
    gaps: Vec<String>,
    violations: Vec<String>,
    /// Whether unanswered polls are expected.
    is_store_away: bool,
    /// How often that began: a poll may be under way while a store makes room for another.
    times_away: u64,
}

/// The viewer; it stops looking when dropped.
#[derive(Debug)]
pub struct Viewer {
    seen: Arc<Mutex<Seen>>,
    /// Dropped with the viewer, which ends it.
    _task: JoinSet<()>,
    first: String,
    video: Vec<String>,
}

impl Viewer {
    /// Begins to watch every rendition of `multivariant`, whose pictures are cut every `segment`.
    ///
    /// # Errors
    /// When the multivariant playlist cannot be read or names nothing.
    pub async fn start(multivariant: &str, segment: Duration) -> Result<Self> {
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        let url: Url = multivariant.parse().context("the URL of the multivariant playlist")?;
        let text = http.get(url.clone()).send().await?.error_for_status()?.text().await?;
        let renditions = renditions(&url, &text)?;
        let video = renditions.iter().filter(|rendition| !rendition.is_audio);
        let video: Vec<_> = video.map(|rendition| rendition.name.clone()).collect();
        let first = video.first().context("no rendition with pictures")?.clone();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let poller = Poller { http, renditions, segment, seen: Arc::clone(&seen) };
        let mut task = JoinSet::new();
        task.spawn(poller.poll());
        Ok(Self { seen, _task: task, first, video })
    }

    /// What is broken so far.
    pub fn violations(&self) -> Vec<String> {
        lock(&self.seen).violations.clone()
    }

    /// While the store is away, unanswered polls are no violation.
    pub fn store_is_away(&self, is_away: bool) {
        let mut seen = lock(&self.seen);
        seen.is_store_away = is_away;
        seen.times_away += u64::from(is_away);
    }

    /// Number of the newest segment of the first rendition, and when it was seen.
    pub fn newest(&self) -> Option<(u64, Instant)> {
        let seen = lock(&self.seen);
        let (number, fetched) = seen.segments.get(&self.first)?.last_key_value()?;
        Some((*number, fetched.seen))
    }

    /// Waits until `count` more segments than `after` are listed.
    ///
    /// # Errors
    /// When they do not come in time.
    pub async fn until_after(&self, after: u64, count: u64, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let newest = self.newest();
            if newest.is_some_and(|(number, _)| number >= after.saturating_add(count)) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "no {count} segments after number {after} within {limit:?}; the newest is {newest:?}; {:?}",
                self.violations()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until everything that came before `moment` (wall clock, in ms) is listed; answers the newest number.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub async fn until_shown(&self, moment: i64, limit: Duration) -> Result<u64> {
        let deadline = Instant::now() + limit;
        loop {
            let newest = {
                let seen = lock(&self.seen);
                let newest = seen.segments.get(&self.first).and_then(BTreeMap::last_key_value);
                newest.map(|(number, fetched)| (*number, fetched.end_ms))
            };
            if let Some((number, Some(end))) = newest
                && end >= moment
            {
                return Ok(number);
            }
            ensure!(
                Instant::now() < deadline,
                "nothing of {moment} or later within {limit:?}; the newest is {newest:?}; {:?}",
                self.violations()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// The longest time between two segments of the first rendition that came after `from`, which
    /// itself counts as the first moment.
    pub fn longest_wait(&self, from: Instant) -> Duration {
        let seen = lock(&self.seen);
        let Some(segments) = seen.segments.get(&self.first) else { return Duration::MAX };
        let mut longest = Duration::ZERO;
        let mut before = from;
        for fetched in segments.values().filter(|fetched| fetched.seen > from) {
            longest = longest.max(fetched.seen - before);
            before = fetched.seen;
        }
        longest
    }

    /// The least lag of the first rendition's segments `after` one and up to another: what polling
    /// adds is in the greater ones.
    pub fn least_lag_ms(&self, after: u64, up_to: u64) -> Option<i64> {
        self.lags_ms(after, up_to).into_iter().min()
    }

    /// The greatest lag of the first rendition's segments `after` one and up to another, with what polling adds.
    pub fn greatest_lag_ms(&self, after: u64, up_to: u64) -> Option<i64> {
        self.lags_ms(after, up_to).into_iter().max()
    }

    fn lags_ms(&self, after: u64, up_to: u64) -> Vec<i64> {
        let seen = lock(&self.seen);
        let Some(segments) = seen.segments.get(&self.first) else { return Vec::new() };
        let of = segments.range(after + 1..after.max(up_to) + 1);
        of.filter_map(|(_, fetched)| Some(fetched.seen_wall_ms - fetched.end_ms?)).collect()
    }

    /// Segments that were called missing so far (RFC 8216bis, EXT-X-GAP), oldest first.
    pub fn gaps(&self) -> Vec<String> {
        lock(&self.seen).gaps.clone()
    }

    /// How many periods of the first rendition began after segment `number`.
    pub fn periods_begun_after(&self, number: u64) -> usize {
        let seen = lock(&self.seen);
        let Some(segments) = seen.segments.get(&self.first) else { return 0 };
        let maps: Vec<&Url> = segments.range(number..).map(|(_, fetched)| &fetched.map).collect();
        maps.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// The names of all renditions with pictures.
    pub fn video(&self) -> impl Iterator<Item = &str> {
        self.video.iter().map(String::as_str)
    }

    /// The media of a rendition after number `after`, one file a period, oldest first.
    pub fn media_after(&self, rendition: &str, after: u64) -> Vec<Vec<u8>> {
        let seen = lock(&self.seen);
        let mut periods: Vec<(Url, Vec<u8>)> = Vec::new();
        for fetched in seen.segments.get(rendition).into_iter().flat_map(|all| all.range(after + 1..)) {
            let (_, fetched) = fetched;
            let is_new = periods.last().is_none_or(|(map, _)| *map != fetched.map);
            if is_new {
                let init = seen.inits.get(&fetched.map).map(|init| init.to_vec()).unwrap_or_default();
                periods.push((fetched.map.clone(), init));
            }
            if let Some((_, bytes)) = periods.last_mut() {
                bytes.extend_from_slice(&fetched.bytes);
            }
        }
        periods.into_iter().map(|(_, bytes)| bytes).collect()
    }
}

struct RenditionUrl {
    name: String,
    url: Url,
    is_audio: bool,
}

impl RenditionUrl {
    fn watch(&self, segment: Duration) -> Watch {
        if self.is_audio {
            return Watch::with_date_tolerance_us(AUDIO_DATE_US);
        }
        Watch::new().expect_duration_us(u64::try_from(segment.as_micros()).unwrap_or(u64::MAX))
    }
}

struct Poller {
    http: Client,
    renditions: Vec<RenditionUrl>,
    segment: Duration,
    seen: Arc<Mutex<Seen>>,
}

impl Poller {
    async fn poll(self) {
        let mut watches: Vec<Watch> =
            self.renditions.iter().map(|rendition| rendition.watch(self.segment)).collect();
        let mut interval = tokio::time::interval(POLL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut even_at = Instant::now();
        loop {
            interval.tick().await;
            for (rendition, watch) in self.renditions.iter().zip(&mut watches) {
                let before = self.store_was_away();
                match self.look(rendition, watch).await {
                    Ok(()) => {}
                    Err(_) if before.0 || before != self.store_was_away() => {}
                    Err(error) => self.complain(format!("{}: {error:#}", rendition.name)),
                }
            }
            let newest = self.renditions.iter().zip(&watches).filter_map(|(rendition, watch)| {
                let playlist = watch.playlists().last()?;
                Some(Listed { rendition: &rendition.name, is_audio: rendition.is_audio, playlist })
            });
            let newest: Vec<_> = newest.collect();
            let now = Instant::now();
            if lock(&self.seen).is_store_away {
                even_at = now;
            } else if are_of_one_write(&newest) {
                even_at = now;
                self.compare(&newest);
            } else if now - even_at > UNEVEN {
                self.complain(format!("the renditions begin or end apart for {UNEVEN:?}"));
            }
        }
    }

    /// Whether the store is away, and how often it has been.
    fn store_was_away(&self) -> (bool, u64) {
        let seen = lock(&self.seen);
        (seen.is_store_away, seen.times_away)
    }

    /// Holds playlists that were written together against each other.
    fn compare(&self, listed: &[Listed<'_>]) {
        let (mut beside, video): (Vec<_>, Vec<_>) =
            listed.iter().copied().partition(|listed| listed.is_audio);
        beside.extend(video.first());
        beside.reverse();
        let apart = compare(&video, VIDEO_ALIGNMENT_MS);
        for violation in apart.into_iter().chain(compare(&beside, AUDIO_ALIGNMENT_MS)) {
            self.complain(violation.to_string());
        }
    }

    async fn look(&self, rendition: &RenditionUrl, watch: &mut Watch) -> Result<()> {
        let response = self.http.get(rendition.url.clone()).send().await.context("poll the playlist")?;
        ensure!(response.status() == StatusCode::OK, "the playlist answers {}", response.status());
        let text = response.text().await.context("read the playlist")?;
        for violation in watch.observe(&text) {
            self.complain(format!("{}: {violation}", rendition.name));
        }
        let Some(playlist) = watch.playlists().last() else { return Ok(()) };
        for segment in &playlist.segments {
            if segment.is_gap {
                let gap = format!("{}: {} is a GAP", rendition.name, segment.uri);
                let mut seen = lock(&self.seen);
                if !seen.gaps.contains(&gap) {
                    seen.gaps.push(gap);
                }
                continue;
            }
            let is_known = lock(&self.seen)
                .segments
                .get(&rendition.name)
                .is_some_and(|segments| segments.contains_key(&segment.sequence));
            if !is_known {
                self.fetch(rendition, segment).await.with_context(|| segment.uri.clone())?;
            }
        }
        Ok(())
    }

    /// Fetches a segment that is new, and checks that it is what the playlist says.
    async fn fetch(&self, rendition: &RenditionUrl, segment: &ListedSegment) -> Result<()> {
        let (seen, seen_wall_ms) = (Instant::now(), wall_ms());
        let map = rendition.url.join(segment.map.as_deref().context("no EXT-X-MAP")?)?;
        let init = self.init(&map).await?;
        let bytes = self.bytes(rendition.url.join(&segment.uri)?).await?;
        let header = InitSegment::read(&init).context("read the init segment")?;
        let media = MediaSegment::read(&bytes, &header).context("read the segment")?;
        let micros = media.duration * 1_000_000 / u64::from(header.timescale.max(1));
        if micros.abs_diff(segment.duration_us) > DURATION_TOLERANCE_US {
            self.complain(format!(
                "{}: {} lasts {micros} us, the playlist says {}",
                rendition.name, segment.uri, segment.duration_us
            ));
        }
        if !media.is_gapless {
            self.complain(format!("{}: pictures are missing inside {}", rendition.name, segment.uri));
        }
        let end_ms = segment.date_ms.map(|begin| begin + (segment.duration_us / 1000).cast_signed());
        let fetched = Fetched { seen, seen_wall_ms, end_ms, map, bytes: Arc::new(bytes) };
        let mut all = lock(&self.seen);
        all.segments.entry(rendition.name.clone()).or_default().insert(segment.sequence, fetched);
        Ok(())
    }

    async fn init(&self, map: &Url) -> Result<Arc<Vec<u8>>> {
        let known = lock(&self.seen).inits.get(map).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let bytes = Arc::new(self.bytes(map.clone()).await?);
        lock(&self.seen).inits.insert(map.clone(), Arc::clone(&bytes));
        Ok(bytes)
    }

    async fn bytes(&self, url: Url) -> Result<Vec<u8>> {
        let response = self.http.get(url).send().await.context("fetch")?;
        ensure!(response.status() == StatusCode::OK, "a named object answers {}", response.status());
        Ok(response.bytes().await.context("read")?.to_vec())
    }

    fn complain(&self, what: String) {
        let mut seen = lock(&self.seen);
        if !seen.violations.contains(&what) {
            seen.violations.push(what);
        }
    }
}

/// Whether all playlists begin and end at the same time: polled one after the other, some may be one write
/// ahead of the others, at either end.
fn are_of_one_write(listed: &[Listed<'_>]) -> bool {
    let edges: Vec<_> = listed
        .iter()
        .map(|listed| {
            let begins = listed.playlist.begins_ms();
            (begins.first().copied().flatten(), begins.last().copied().flatten())
        })
        .collect();
    let is_near = |one: Option<i64>, other: Option<i64>| match (one, other) {
        (Some(one), Some(other)) => one.abs_diff(other) <= AUDIO_ALIGNMENT_MS.unsigned_abs(),
        _ => one == other,
    };
    edges.windows(2).all(|pair| matches!(pair, [one, two] if is_near(one.0, two.0) && is_near(one.1, two.1)))
}

#[expect(clippy::disallowed_methods, reason = "EXT-X-PROGRAM-DATE-TIME is compared with the wall clock")]
pub(super) fn wall_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

fn renditions(multivariant: &Url, text: &str) -> Result<Vec<RenditionUrl>> {
    let mut found = Vec::new();
    let parsed = ez_testkit::media::hls::parse_multivariant(multivariant, text)?;
    for rendition in parsed {
        let name = rendition.url.path_segments().and_then(|mut parts| parts.nth_back(1));
        let name = name.context("a rendition has no folder")?.to_owned();
        let is_audio = rendition.attribute("TYPE").is_some_and(|kind| kind == "AUDIO");
        found.push(RenditionUrl { name, url: rendition.url, is_audio });
    }
    found.sort_by_key(|rendition| rendition.is_audio);
    Ok(found)
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playlist(first: i64, count: i64) -> Watch {
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:{:02}.000Z\n",
            first * 2
        );
        for number in first..first + count {
            text.push_str(&format!("#EXTINF:2.00000,\n{number}.m4s\n"));
        }
        let mut watch = Watch::new();
        watch.observe(&text);
        watch
    }

    #[test]
    fn playlists_that_were_polled_apart_are_told_from_bad_ones() {
        fn listed<'a>(rendition: &'a str, watch: &'a Watch) -> Listed<'a> {
            Listed { rendition, is_audio: false, playlist: watch.playlists().last().unwrap() }
        }
        let of_one_write =
            |one: &Watch, two: &Watch| are_of_one_write(&[listed("low", one), listed("high", two)]);
        assert!(of_one_write(&playlist(3, 4), &playlist(3, 4)));
        assert!(!of_one_write(&playlist(3, 4), &playlist(3, 5)), "a segment came");
        assert!(!of_one_write(&playlist(3, 4), &playlist(4, 3)), "a segment left the window");
        assert!(!of_one_write(&playlist(3, 4), &playlist(4, 4)), "both");
    }
}

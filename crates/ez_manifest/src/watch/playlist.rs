//! The parser of the strict client: media playlists as RFC 8216 4 has them.

use crate::utc;

/// A segment as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSegment {
    /// Media sequence number.
    pub sequence: u64,
    /// Discontinuity sequence number.
    pub discontinuity: u64,
    /// URI as written.
    pub uri: String,
    /// EXTINF in microseconds.
    pub duration_us: u64,
    /// EXT-X-PROGRAM-DATE-TIME right before it, in milliseconds.
    pub date_ms: Option<i64>,
    /// EXT-X-GAP.
    pub is_gap: bool,
    /// EXT-X-DISCONTINUITY right before it.
    pub is_discontinuity: bool,
    /// URI of EXT-X-MAP since the last EXT-X-DISCONTINUITY or the top.
    pub map: Option<String>,
    /// EXT-X-KEY lines in force.
    pub keys: Vec<String>,
}

/// A media playlist as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPlaylist {
    /// EXT-X-VERSION, 1 when absent.
    pub version: u32,
    /// EXT-X-TARGETDURATION in seconds.
    pub target_duration_s: u64,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: u64,
    /// EXT-X-ENDLIST.
    pub has_ended: bool,
    /// Segments and GAPs in order.
    pub segments: Vec<ListedSegment>,
}

/// Why a text is no media playlist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}: `{text}`")]
pub struct ParseError {
    /// Line number from 1; 0 for the whole.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
    /// The line.
    pub text: String,
}

#[derive(Default)]
struct Pending {
    duration_us: Option<u64>,
    date_ms: Option<i64>,
    is_gap: bool,
    is_discontinuity: bool,
}

/// What stays in force over segments.
#[derive(Default)]
struct InForce {
    map: Option<String>,
    keys: Vec<String>,
    keys_are_used: bool,
}

impl MediaPlaylist {
    /// Parses a media playlist.
    ///
    /// # Errors
    /// The first line that a client could not take.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut lines = text.lines().map(str::trim_end).zip(1..);
        if lines.next().map(|(line, _)| line) != Some("#EXTM3U") {
            return Err(ParseError { line: 1, what: "not #EXTM3U", text: text.chars().take(40).collect() });
        }
        let mut playlist = Self {
            version: 1,
            target_duration_s: 0,
            media_sequence: 0,
            discontinuity_sequence: 0,
            has_ended: false,
            segments: Vec::new(),
        };
        let (mut target, mut pending, mut in_force) = (None, Pending::default(), InForce::default());
        for (line, number) in lines.filter(|(line, _)| !line.is_empty()) {
            let wrong = |what| ParseError { line: number, what, text: line.to_owned() };
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            let integer = || value.parse::<u64>().map_err(|_| wrong("not a decimal integer"));
            match tag {
                "#EXT-X-VERSION" => playlist.version = value.parse().map_err(|_| wrong("not a version"))?,
                "#EXT-X-TARGETDURATION" => target = Some(integer()?),
                "#EXT-X-MEDIA-SEQUENCE" => playlist.media_sequence = integer()?,
                "#EXT-X-DISCONTINUITY-SEQUENCE" => playlist.discontinuity_sequence = integer()?,
                "#EXT-X-ENDLIST" => playlist.has_ended = true,
                "#EXT-X-GAP" => pending.is_gap = true,
                "#EXT-X-DISCONTINUITY" => {
                    if std::mem::replace(&mut pending.is_discontinuity, true) {
                        return Err(wrong("two discontinuities before one segment"));
                    }
                    in_force.map = None;
                }
                "#EXT-X-MAP" => in_force.map = Some(quoted(value, "URI").ok_or_else(|| wrong("no URI"))?),
                "#EXT-X-KEY" => in_force.take_key(value),
                "#EXT-X-PROGRAM-DATE-TIME" => {
                    pending.date_ms =
                        Some(utc::parse_date_time(value).ok_or_else(|| wrong("not a UTC date-time"))?);
                }
                "#EXTINF" => {
                    pending.duration_us = Some(micros(value).ok_or_else(|| wrong("not a duration"))?);
                }
                _ if tag.starts_with('#') => {}
                _ => {
                    let segment = playlist.segment(line, &std::mem::take(&mut pending), &mut in_force);
                    playlist
                        .segments
                        .push(segment.ok_or_else(|| wrong("a URI without EXTINF, or numbers overflow"))?);
                }
            }
        }
        if pending.duration_us.is_some() || pending.is_discontinuity {
            return Err(ParseError { line: 0, what: "tags after the last segment", text: String::new() });
        }
        let missing = ParseError { line: 0, what: "no EXT-X-TARGETDURATION", text: String::new() };
        playlist.target_duration_s = target.ok_or(missing)?;
        Ok(playlist)
    }

    fn segment(&self, uri: &str, pending: &Pending, in_force: &mut InForce) -> Option<ListedSegment> {
        in_force.keys_are_used = true;
        let before = self.segments.last();
        Some(ListedSegment {
            sequence: before.map_or(Some(self.media_sequence), |before| before.sequence.checked_add(1))?,
            discontinuity: before
                .map_or(self.discontinuity_sequence, |before| before.discontinuity)
                .checked_add(u64::from(pending.is_discontinuity))?,
            uri: uri.to_owned(),
            duration_us: pending.duration_us?,
            date_ms: pending.date_ms,
            is_gap: pending.is_gap,
            is_discontinuity: pending.is_discontinuity,
            map: in_force.map.clone(),
            keys: in_force.keys.clone(),
        })
    }

    /// Begin of every segment in milliseconds: its own date, or counted on from the one
    /// before. `None` for all before the first date.
    pub fn begins_ms(&self) -> Vec<Option<i64>> {
        let mut clock_us: Option<i64> = None;
        let begins = self.segments.iter().map(|segment| {
            clock_us = segment.date_ms.map(|date| date.saturating_mul(1000)).or(clock_us);
            let begin = clock_us.map(|us| us.div_euclid(1000));
            let duration = i64::try_from(segment.duration_us).unwrap_or(i64::MAX);
            clock_us = clock_us.map(|us| us.saturating_add(duration));
            begin
        });
        begins.collect()
    }
}

impl InForce {
    /// Keys add up before a segment and replace those of earlier segments.
    fn take_key(&mut self, value: &str) {
        if std::mem::replace(&mut self.keys_are_used, false) {
            self.keys.clear();
        }
        if value.starts_with("METHOD=NONE") {
            self.keys.clear();
        } else {
            self.keys.push(value.to_owned());
        }
    }
}

fn quoted(list: &str, name: &str) -> Option<String> {
    let (_, rest) = list.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn micros(value: &str) -> Option<u64> {
    let number = value.split(',').next()?;
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = format!("{fraction:0<6}");
    let micros: u64 = digits.get(..6)?.parse().ok()?;
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n\
        #EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"i\"\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\"\n\
        #EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:06.149Z\n#EXTINF:2.00533,\na\n#EXT-X-GAP\n#EXTINF:1,\nb\n#EXT-X-ENDLIST\n";

    #[test]
    fn reads_what_a_client_needs() {
        let playlist = MediaPlaylist::parse(GOOD).unwrap();
        assert!(playlist.has_ended);
        let [one, two] = playlist.segments.as_slice() else { panic!("two segments") };
        assert_eq!((one.sequence, one.discontinuity, one.duration_us), (7, 2, 2_005_330));
        assert_eq!((two.sequence, two.discontinuity, two.is_gap), (8, 2, true));
        assert_eq!(two.map.as_deref(), Some("i"));
        assert_eq!(playlist.begins_ms()[1].unwrap() - playlist.begins_ms()[0].unwrap(), 2005);
    }

    #[test]
    fn refuses_what_is_broken() {
        for (from, to) in [
            ("#EXTM3U", "EXTM3U"),
            ("#EXTINF:1,\n", ""),
            ("2.00533", "x"),
            ("2026-", "26-13-"),
            ("MEDIA-SEQUENCE:7", "MEDIA-SEQUENCE:-1"),
        ] {
            assert!(MediaPlaylist::parse(&GOOD.replace(from, to)).is_err(), "{from} -> {to}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(cut in 0usize..GOOD.len(), noise in ".{0,20}") {
            let text = GOOD.get(..cut).unwrap_or_default().to_owned() + &noise + GOOD.get(cut..).unwrap_or_default();
            let _ = MediaPlaylist::parse(&text).map(|playlist| playlist.begins_ms());
        }
    }
}

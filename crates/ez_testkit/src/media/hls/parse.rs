//! Reads the tags of playlists that a test looks at; all others are left in the text.

use anyhow::{Context, Result, anyhow, ensure};
use reqwest::Url;

/// One entry of a multivariant playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendition {
    /// Address of its media playlist.
    pub url: Url,
    /// The attributes of EXT-X-STREAM-INF or EXT-X-MEDIA, in order, without quotes.
    pub attributes: Vec<(String, String)>,
    /// Whether it is named by EXT-X-STREAM-INF.
    pub is_variant_stream: bool,
}

impl Rendition {
    /// The value of one attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A media playlist.
#[derive(Debug, Clone)]
pub struct MediaPlaylist {
    /// Its text.
    pub text: String,
    /// EXT-X-TARGETDURATION.
    pub target_duration: f64,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: u64,
    /// Segments, those marked as EXT-X-GAP included.
    pub segments: Vec<Segment>,
    /// EXT-X-ENDLIST.
    pub is_ended: bool,
}

impl MediaPlaylist {
    /// The segments that can be fetched, cut at each EXT-X-DISCONTINUITY.
    pub fn periods(&self) -> Vec<Vec<Segment>> {
        let mut periods: Vec<Vec<Segment>> = vec![Vec::new()];
        for segment in &self.segments {
            if segment.is_discontinuous {
                periods.push(Vec::new());
            }
            if let (false, Some(period)) = (segment.is_gap, periods.last_mut()) {
                period.push(segment.clone());
            }
        }
        periods.retain(|period| !period.is_empty());
        periods
    }
}

/// One segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its media sequence number.
    pub sequence: u64,
    /// Its address.
    pub url: Url,
    /// EXTINF.
    pub duration: f64,
    /// EXT-X-BYTERANGE as (length, offset).
    pub byte_range: Option<(u64, u64)>,
    /// EXT-X-MAP: the init segment that goes with it.
    pub init: Option<Url>,
    /// EXT-X-MAP: BYTERANGE as (length, offset).
    pub init_range: Option<(u64, u64)>,
    /// EXT-X-DISCONTINUITY stands before it.
    pub is_discontinuous: bool,
    /// EXT-X-GAP: it cannot be fetched.
    pub is_gap: bool,
    /// EXT-X-KEY that holds for it, as its attribute list.
    pub key: Option<String>,
    /// EXT-X-PROGRAM-DATE-TIME, if it is written before this very segment.
    pub program_date_time: Option<String>,
}

/// Reads the renditions of a multivariant playlist.
pub fn parse_multivariant(url: &Url, text: &str) -> Result<Vec<Rendition>> {
    check_header(url, text)?;
    let mut renditions = Vec::new();
    let mut stream: Option<Vec<(String, String)>> = None;
    for line in text.lines().map(str::trim) {
        if let Some(list) = line.strip_prefix("#EXT-X-MEDIA:") {
            let attributes = parse_attributes(list);
            // Without URI the rendition is inside the variant streams (RFC 8216 4.3.4.1).
            if let Some((_, uri)) = attributes.iter().find(|(key, _)| key == "URI") {
                renditions.push(Rendition { url: join(url, uri)?, attributes, is_variant_stream: false });
            }
        } else if let Some(list) = line.strip_prefix("#EXT-X-STREAM-INF:") {
            stream = Some(parse_attributes(list));
        } else if let (false, false, Some(_)) = (line.is_empty(), line.starts_with('#'), &stream) {
            let attributes = stream.take().unwrap_or_default();
            renditions.push(Rendition { url: join(url, line)?, attributes, is_variant_stream: true });
        }
    }
    Ok(renditions)
}

/// What has been read and belongs to the next segment, or to all that follow.
#[derive(Default)]
struct Pending {
    duration: f64,
    byte_range: Option<(u64, u64)>,
    /// Where a byte range without an offset goes on (RFC 8216 4.3.2.2).
    range_end: u64,
    init: Option<Url>,
    init_range: Option<(u64, u64)>,
    is_discontinuous: bool,
    is_gap: bool,
    key: Option<String>,
    program_date_time: Option<String>,
}

/// Reads a media playlist.
pub fn parse_media(url: &Url, text: &str) -> Result<MediaPlaylist> {
    check_header(url, text)?;
    let mut playlist = MediaPlaylist {
        text: text.to_owned(),
        target_duration: 0.0,
        media_sequence: 0,
        discontinuity_sequence: 0,
        segments: Vec::new(),
        is_ended: false,
    };
    let mut pending = Pending::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        read_line(url, line, &mut playlist, &mut pending).with_context(|| format!("{url}: line {line:?}"))?;
    }
    Ok(playlist)
}

fn read_line(url: &Url, line: &str, playlist: &mut MediaPlaylist, pending: &mut Pending) -> Result<()> {
    let (tag, value) = line.split_once(':').unwrap_or((line, ""));
    match tag {
        "#EXT-X-TARGETDURATION" => playlist.target_duration = value.parse()?,
        "#EXT-X-MEDIA-SEQUENCE" => playlist.media_sequence = value.parse()?,
        "#EXT-X-DISCONTINUITY-SEQUENCE" => playlist.discontinuity_sequence = value.parse()?,
        "#EXT-X-ENDLIST" => playlist.is_ended = true,
        "#EXTINF" => pending.duration = value.split(',').next().unwrap_or_default().parse()?,
        "#EXT-X-DISCONTINUITY" => pending.is_discontinuous = true,
        "#EXT-X-GAP" => pending.is_gap = true,
        "#EXT-X-PROGRAM-DATE-TIME" => pending.program_date_time = Some(value.to_owned()),
        "#EXT-X-KEY" => pending.key = (!value.contains("METHOD=NONE")).then(|| value.to_owned()),
        "#EXT-X-BYTERANGE" => pending.byte_range = Some(byte_range(value, pending.range_end)?),
        "#EXT-X-MAP" => {
            let attributes = parse_attributes(value);
            let find = |name: &str| attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value);
            let uri = find("URI").ok_or_else(|| anyhow!("EXT-X-MAP without URI"))?;
            pending.init = Some(join(url, uri)?);
            pending.init_range = find("BYTERANGE").map(|range| byte_range(range, 0)).transpose()?;
        }
        _ if line.starts_with('#') => {}
        _ => {
            pending.range_end = pending.byte_range.map_or(0, |(length, offset)| length + offset);
            let sequence = playlist.media_sequence + u64::try_from(playlist.segments.len())?;
            playlist.segments.push(Segment {
                sequence,
                url: join(url, line)?,
                duration: pending.duration,
                byte_range: pending.byte_range.take(),
                init: pending.init.clone(),
                init_range: pending.init_range,
                is_discontinuous: std::mem::take(&mut pending.is_discontinuous),
                is_gap: std::mem::take(&mut pending.is_gap),
                key: pending.key.clone(),
                program_date_time: pending.program_date_time.take(),
            });
        }
    }
    Ok(())
}

fn check_header(url: &Url, text: &str) -> Result<()> {
    ensure!(
        text.starts_with("#EXTM3U"),
        "{url} is no playlist; it begins {:?}",
        text.get(..40).unwrap_or(text)
    );
    Ok(())
}

fn join(base: &Url, uri: &str) -> Result<Url> {
    base.join(uri).with_context(|| format!("join {base} and {uri}"))
}

/// Reads `length[@offset]`.
fn byte_range(text: &str, default_offset: u64) -> Result<(u64, u64)> {
    match text.split_once('@') {
        Some((length, offset)) => Ok((length.parse()?, offset.parse()?)),
        None => Ok((text.parse()?, default_offset)),
    }
}

/// Reads an attribute list (RFC 8216 4.2); commas inside quotes do not separate.
fn parse_attributes(list: &str) -> Vec<(String, String)> {
    let mut is_quoted = false;
    list.split(|letter| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    })
    .filter_map(|item| item.split_once('='))
    .map(|(key, value)| (key.trim().to_owned(), value.trim_matches('"').to_owned()))
    .collect()
}

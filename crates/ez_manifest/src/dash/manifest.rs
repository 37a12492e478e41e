//! The MPD element and what is said once for the whole channel.

use super::{period, xml::Document};
use crate::{timeline::Timeline, utc};

/// How players learn our clock (ISO/IEC 23009-1 5.8.4.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UtcTiming {
    /// A URL that answers with an ISO date-time.
    HttpIso(String),
    /// A URL whose `Date` header counts, for instance the MPD itself.
    HttpHead(String),
    /// The time (ms) stands in the MPD; right only when it is fetched at once.
    Direct(i64),
}

impl UtcTiming {
    fn attributes(&self) -> [(&'static str, String); 2] {
        let (scheme, value) = match self {
            Self::HttpIso(url) => ("urn:mpeg:dash:utc:http-iso:2014", url.clone()),
            Self::HttpHead(url) => ("urn:mpeg:dash:utc:http-head:2014", url.clone()),
            Self::Direct(ms) => ("urn:mpeg:dash:utc:direct:2014", utc::date_time(*ms)),
        };
        [("schemeIdUri", scheme.to_owned()), ("value", value)]
    }
}

/// Writes the MPD; `None` before the first media.
///
/// `publish_ms` should be the time of the last change, so that an unchanged timeline gives an
/// unchanged MPD. `clocks` are listed in order of preference.
pub fn mpd(timeline: &Timeline, publish_ms: i64, clocks: &[UtcTiming]) -> Option<String> {
    let availability_start_ms = timeline.availability_start_ms()?;
    let settings = timeline.settings();
    let is_static = timeline.has_ended();
    let mut attributes = vec![
        ("xmlns", "urn:mpeg:dash:schema:mpd:2011".to_owned()),
        // Prefixes that packager's ContentProtection elements use.
        ("xmlns:cenc", "urn:mpeg:cenc:2013".to_owned()),
        ("xmlns:mspr", "urn:microsoft:playready".to_owned()),
        ("profiles", "urn:mpeg:dash:profile:isoff-live:2011".to_owned()),
        ("type", if is_static { "static" } else { "dynamic" }.to_owned()),
        ("availabilityStartTime", utc::date_time(availability_start_ms)),
        ("publishTime", utc::date_time(publish_ms)),
        ("minBufferTime", utc::duration(settings.segment_ms.into())),
        ("maxSegmentDuration", utc::duration(i64::from(settings.target_duration_s) * 1000)),
    ];
    if is_static {
        let end_ms = timeline.media_end_ms().unwrap_or(availability_start_ms);
        let duration = utc::duration(end_ms.saturating_sub(availability_start_ms));
        attributes.push(("mediaPresentationDuration", duration));
    } else {
        attributes.push(("minimumUpdatePeriod", utc::duration(settings.segment_ms.into())));
        attributes.push(("timeShiftBufferDepth", utc::duration(settings.window_ms())));
        attributes.push(("suggestedPresentationDelay", utc::duration(settings.presentation_delay_ms.into())));
    }
    let mut document = Document::new();
    document.open("MPD", &attributes);
    let listed: Vec<_> = timeline
        .periods()
        .iter()
        .filter(|period| period.tracks.iter().any(|track| track.has_media()))
        .collect();
    for (position, one) in listed.iter().enumerate() {
        let is_last = position + 1 == listed.len();
        // The last period of a live channel gets no duration: more may come behind it.
        let duration_ms = (one.closed && (is_static || !is_last))
            .then(|| one.end_ms().map(|end| end.saturating_sub(one.start_ms)))
            .flatten();
        let start_ms = one.start_ms.saturating_sub(availability_start_ms);
        period::write(&mut document, timeline.ladder(), one, start_ms, duration_ms);
    }
    if !is_static {
        for clock in clocks {
            document.empty("UTCTiming", &clock.attributes());
        }
    }
    (!listed.is_empty()).then(|| document.finish())
}

//! One Period with its adaptation sets and Representations.

use super::{segment_timeline, xml::Document};
use crate::{
    timeline::{Kind, Period, Rendition, Track},
    utc,
};

/// A rendition with its track in this period.
type Member<'a> = (&'a Rendition, &'a Track);

/// Writes a period; renditions without segments in it are left out.
pub(super) fn write(
    document: &mut Document,
    ladder: &[Rendition],
    period: &Period,
    start_ms: i64,
    duration_ms: Option<i64>,
) {
    let mut attributes = vec![("id", format!("p{}", period.id)), ("start", utc::duration(start_ms))];
    attributes.extend(duration_ms.map(|duration| ("duration", utc::duration(duration))));
    document.open("Period", &attributes);
    document.text("BaseURL", &format!("{}/", period.id));
    for (id, set) in adaptation_sets(ladder).iter().enumerate() {
        let members: Vec<Member<'_>> = set
            .iter()
            .filter_map(|position| Some((ladder.get(*position)?, period.tracks.get(*position)?)))
            .filter(|(_, track)| track.has_media())
            .collect();
        if !members.is_empty() {
            write_set(document, id, &members, period);
        }
    }
    document.close();
}

/// Positions of the ladder by adaptation set: players switch only inside a set, so it holds
/// one kind, one codec family and one language.
fn adaptation_sets(ladder: &[Rendition]) -> Vec<Vec<usize>> {
    let mut sets: Vec<(_, Vec<usize>)> = Vec::new();
    for (position, rendition) in ladder.iter().enumerate() {
        let Some(codec) = rendition.codec.as_deref() else { continue };
        let family = codec.split('.').next().unwrap_or(codec);
        let language = match &rendition.kind {
            Kind::Audio { language, .. } => language.as_deref(),
            Kind::Video { .. } => None,
        };
        let key = (rendition.kind.is_audio(), family, language);
        match sets.iter_mut().find(|(other, _)| *other == key) {
            Some((_, members)) => members.push(position),
            None => sets.push((key, vec![position])),
        }
    }
    sets.into_iter().map(|(_, members)| members).collect()
}

fn write_set(document: &mut Document, id: usize, members: &[Member<'_>], period: &Period) {
    let Some((first, _)) = members.first() else { return };
    let mut attributes = vec![("id", id.to_string())];
    match &first.kind {
        Kind::Video { .. } => {
            attributes.push(("contentType", "video".to_owned()));
            attributes.push(("mimeType", "video/mp4".to_owned()));
        }
        Kind::Audio { language, .. } => {
            attributes.push(("contentType", "audio".to_owned()));
            attributes.push(("mimeType", "audio/mp4".to_owned()));
            attributes.extend(language.clone().map(|language| ("lang", language)));
        }
    }
    attributes.push(("segmentAlignment", "true".to_owned()));
    attributes.push(("startWithSAP", "1".to_owned()));
    document.open("AdaptationSet", &attributes);
    // Where all have the same keys they stand once, at the set, as players expect them.
    let shared =
        members.windows(2).all(|pair| matches!(pair, [one, two] if one.1.protection == two.1.protection));
    if let Some(protection) =
        members.first().and_then(|(_, track)| track.protection.as_deref()).filter(|_| shared)
    {
        document.raw(protection);
    }
    for member in members {
        write_representation(document, member, period, !shared);
    }
    document.close();
}

fn write_representation(
    document: &mut Document,
    (rendition, track): &Member<'_>,
    period: &Period,
    with_keys: bool,
) {
    let mut attributes =
        vec![("id", rendition.name.clone()), ("bandwidth", rendition.bandwidth_bps().max(1).to_string())];
    attributes.extend(rendition.codec.clone().map(|codec| ("codecs", codec)));
    match &rendition.kind {
        Kind::Video { width, height, frame_rate } => {
            attributes.push(("width", width.to_string()));
            attributes.push(("height", height.to_string()));
            attributes.extend(
                frame_rate
                    .map(|(numerator, denominator)| ("frameRate", format!("{numerator}/{denominator}"))),
            );
        }
        Kind::Audio { sample_rate, .. } => {
            attributes.extend(sample_rate.map(|rate| ("audioSamplingRate", rate.to_string())));
        }
    }
    document.open("Representation", &attributes);
    if let Kind::Audio { channels: Some(channels), .. } = &rendition.kind {
        let scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011".to_owned();
        document
            .empty("AudioChannelConfiguration", &[("schemeIdUri", scheme), ("value", channels.to_string())]);
    }
    if let Some(protection) = track.protection.as_deref().filter(|_| with_keys) {
        document.raw(protection);
    }
    let template = [
        ("timescale", track.timescale.to_string()),
        ("presentationTimeOffset", period.zero(track).to_string()),
        ("initialization", format!("{}/init.mp4", rendition.name)),
        ("media", format!("{}/$Time$.m4s", rendition.name)),
    ];
    document.open("SegmentTemplate", &template);
    segment_timeline::write(document, &track.entries);
    document.close();
    document.close();
}

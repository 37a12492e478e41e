//! The multivariant playlist.
//!
//! It names a rendition once its first segment was published, as it has no media playlist
//! before; from then on only measured bitrates change it.

use super::attribute::Tag;
use crate::{
    timeline::{Kind, Rendition, Timeline},
    uri,
};

/// Audio renditions of one codec: the variant streams that use them share a CODECS value.
struct Group<'a> {
    id: String,
    codec: &'a str,
    renditions: Vec<&'a Rendition>,
}

/// Writes the multivariant playlist; `None` while no rendition can be named.
pub fn multivariant_playlist(timeline: &Timeline) -> Option<String> {
    let known: Vec<(&Rendition, &str)> = timeline
        .ladder()
        .iter()
        .filter(|rendition| rendition.average_bps().is_some())
        .filter_map(|rendition| Some((rendition, rendition.codec.as_deref()?)))
        .collect();
    let (audio, video): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|(rendition, _)| rendition.kind.is_audio());
    if audio.is_empty() && video.is_empty() {
        return None;
    }
    let mut text = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n".to_owned();
    if video.is_empty() {
        for (rendition, codec) in &audio {
            text.push_str(&variant(rendition, codec, None));
        }
        return Some(text);
    }
    let groups = groups(&audio);
    for group in &groups {
        for (index, rendition) in group.renditions.iter().enumerate() {
            text.push_str(&alternative(&group.id, rendition, index == 0));
        }
    }
    for (rendition, codec) in &video {
        if groups.is_empty() {
            text.push_str(&variant(rendition, codec, None));
        }
        for group in &groups {
            text.push_str(&variant(rendition, codec, Some(group)));
        }
    }
    Some(text)
}

fn groups<'a>(audio: &[(&'a Rendition, &'a str)]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for &(rendition, codec) in audio {
        if let Some(group) = groups.iter_mut().find(|group| group.codec == codec) {
            group.renditions.push(rendition);
        } else {
            let id =
                if groups.is_empty() { "audio".to_owned() } else { format!("audio{}", groups.len() + 1) };
            groups.push(Group { id, codec, renditions: vec![rendition] });
        }
    }
    groups
}

/// EXT-X-MEDIA (RFC 8216 4.3.4.1).
fn alternative(group: &str, rendition: &Rendition, is_default: bool) -> String {
    let mut tag = Tag::new("EXT-X-MEDIA").plain("TYPE", "AUDIO").quoted("GROUP-ID", group);
    if let Kind::Audio { language: Some(language), .. } = &rendition.kind {
        tag = tag.quoted("LANGUAGE", language);
    }
    tag = tag.quoted("NAME", &rendition.name);
    tag = tag.plain("DEFAULT", if is_default { "YES" } else { "NO" }).plain("AUTOSELECT", "YES");
    if let Kind::Audio { channels: Some(channels), .. } = &rendition.kind {
        tag = tag.quoted("CHANNELS", &channels.to_string());
    }
    tag.quoted("URI", &uri::media_playlist(&rendition.name)).line()
}

/// EXT-X-STREAM-INF (RFC 8216 4.3.4.2) with its URI. Bandwidths are those of the video and of
/// the dearest audio that can play with it.
fn variant(rendition: &Rendition, codec: &str, group: Option<&Group<'_>>) -> String {
    let with_audio = || group.iter().flat_map(|group| group.renditions.iter());
    let bandwidth = rendition
        .bandwidth_bps()
        .saturating_add(with_audio().map(|audio| audio.bandwidth_bps()).max().unwrap_or(0));
    let audio_average = with_audio().filter_map(|audio| audio.average_bps()).max().unwrap_or(0);
    let mut tag = Tag::new("EXT-X-STREAM-INF").plain("BANDWIDTH", bandwidth.max(1));
    if let Some(average) = rendition.average_bps() {
        tag = tag.plain("AVERAGE-BANDWIDTH", average.saturating_add(audio_average).max(1));
    }
    let codecs = group.map_or_else(|| codec.to_owned(), |group| format!("{codec},{}", group.codec));
    tag = tag.quoted("CODECS", &codecs);
    if let Kind::Video { width, height, frame_rate } = &rendition.kind {
        tag = tag.plain("RESOLUTION", format_args!("{width}x{height}"));
        if let Some((numerator, denominator)) = frame_rate.filter(|(_, denominator)| *denominator > 0) {
            let thousandths =
                (u64::from(numerator) * 1000 + u64::from(denominator) / 2) / u64::from(denominator);
            tag = tag.plain("FRAME-RATE", format_args!("{}.{:03}", thousandths / 1000, thousandths % 1000));
        }
    }
    if let Some(group) = group {
        tag = tag.quoted("AUDIO", &group.id);
    }
    tag.line() + &uri::media_playlist(&rendition.name) + "\n"
}

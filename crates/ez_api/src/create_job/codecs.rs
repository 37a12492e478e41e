//! Which codecs this release encodes with: one line each.
//!
//! A codec that is known but not yet available is read like any other, so that its
//! remaining settings are checked too, and then refused.

use ez_domain::spec::{AudioCodec, VideoCodec};

use super::field::{Field, alternatives};
use super::findings::Findings;
use super::node::Node;

const AVAILABLE: bool = true;
const NOT_YET: bool = false;

const VIDEO: [(&str, VideoCodec, bool); 3] = [
    ("h264", VideoCodec::H264, AVAILABLE),
    ("h265", VideoCodec::H265, NOT_YET),
    ("av1", VideoCodec::Av1, NOT_YET),
];

const AUDIO: [(&str, AudioCodec, bool); 2] =
    [("aac", AudioCodec::Aac, AVAILABLE), ("mp3", AudioCodec::Mp3, NOT_YET)];

/// The video codecs that a request may name.
pub(crate) fn video_codecs() -> impl Iterator<Item = &'static str> {
    usable(&VIDEO)
}

/// The audio codecs that a request may name.
pub(crate) fn audio_codecs() -> impl Iterator<Item = &'static str> {
    usable(&AUDIO)
}

fn usable<C>(table: &[(&'static str, C, bool)]) -> impl Iterator<Item = &'static str> {
    table.iter().filter(|(_, _, available)| *available).map(|(word, ..)| *word)
}

pub(super) fn video(field: &Field<'_>, findings: &mut Findings) -> Option<VideoCodec> {
    codec(field, &VIDEO, findings)
}

pub(super) fn audio(field: &Field<'_>, findings: &mut Findings) -> Option<AudioCodec> {
    codec(field, &AUDIO, findings)
}

/// The codec named by `field`; one that is not yet available leaves its fault and is returned all the same.
fn codec<C: Copy>(
    field: &Field<'_>,
    table: &[(&'static str, C, bool)],
    findings: &mut Findings,
) -> Option<C> {
    let usable = alternatives(usable(table));
    let reading = field.custom(findings, |node| match node {
        Node::Text(text) => match table.iter().find(|(word, ..)| word == text) {
            Some((_, codec, true)) => Ok((*codec, None)),
            Some((word, codec, false)) => Ok((*codec, Some(*word))),
            None => Err(format!("{node} is no codec known here; use {usable}")),
        },
        Node::Null | Node::Boolean(_) | Node::Number(_) | Node::List(_) | Node::Object(_) => {
            Err(format!("{node} is no codec; use {usable}"))
        }
    });
    let (codec, unavailable) = reading.required(field, &format!("use {usable}"), findings)?;
    if let Some(word) = unavailable {
        findings.fault(field.pointer(), format!("\"{word}\" is not available in this release; use {usable}"));
    }
    Some(codec)
}

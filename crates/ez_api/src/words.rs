//! Texts that are one of a few words, as the API document describes them. The words are those of the domain.

use ez_domain::fault::Fault;
use ez_domain::job::PhaseName;
use ez_domain::placement::WorkerState;
use ez_domain::spec::Preset;
use serde_json::Value;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::create_job::{audio_codecs, protection, video_codecs};

fn one_of(description: &str, words: impl IntoIterator<Item = String>) -> Object {
    let builder = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    builder.enum_values(Some(words)).build()
}

/// As [`one_of`], where nothing may stand as well.
fn one_of_or_null(description: &str, words: impl IntoIterator<Item = String>) -> Object {
    let words = words.into_iter().map(Value::from).chain([Value::Null]);
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    let builder = ObjectBuilder::new().schema_type(types).description(Some(description));
    builder.enum_values(Some(words)).build()
}

fn owned<'word>(words: impl IntoIterator<Item = &'word str>) -> impl Iterator<Item = String> {
    words.into_iter().map(str::to_owned)
}

/// A phase of a job's life.
pub fn phase() -> Object {
    one_of("The exact phase of its life.", owned(PhaseName::ALL.map(PhaseName::as_str)))
}

/// On whose side the cause of something lies.
pub fn fault() -> Object {
    one_of("Who has to act.", Fault::ALL.map(|fault| fault.to_string()))
}

/// On whose side the cause of a transition lies, if somebody has to act.
pub fn fault_or_null() -> Object {
    one_of_or_null("Who has to act; `null` when nobody has to.", Fault::ALL.map(|fault| fault.to_string()))
}

/// The state of a worker.
pub fn worker_state() -> Object {
    let description = "`suspect`: silent; `quarantined`: its disk is full.";
    one_of(description, owned(WorkerState::ALL.map(WorkerState::as_str)))
}

pub(crate) fn video_codec() -> Object {
    one_of("Video codec.", owned(video_codecs()))
}

pub(crate) fn audio_codec() -> Object {
    one_of("Audio codec.", owned(audio_codecs()))
}

pub(crate) fn preset() -> Object {
    let description = "Encoder speed against quality per bit; `veryfast` when a request names none.";
    one_of(description, owned(Preset::NAMED.map(|(name, _)| name)))
}

pub(crate) fn stream_type() -> Object {
    one_of("Manifests that are published.", owned(["hls", "dash", "hls+dash"]))
}

pub(crate) fn segment_format() -> Object {
    one_of("Container of the segments.", owned(["fmp4"]))
}

pub(crate) fn protection_system() -> Object {
    one_of("`FairPlay`, or empty for a channel in clear.", owned([protection::SYSTEM, ""]))
}

pub(crate) fn protection_scheme() -> Object {
    one_of("`cbcs`, or empty for a channel in clear.", owned([protection::SCHEME, ""]))
}

/// The preset in a request, which may leave it out.
pub(crate) fn preset_or_null() -> Object {
    let description = "Encoder speed against quality per bit; `veryfast` when absent.";
    one_of_or_null(description, owned(Preset::NAMED.map(|(name, _)| name)))
}

/// What delivers the key, in a request.
pub(crate) fn protection_system_or_null() -> Object {
    one_of_or_null("`FairPlay`, together with `cbcs`.", owned([protection::SYSTEM, ""]))
}

/// How the media is encrypted, in a request.
pub(crate) fn protection_scheme_or_null() -> Object {
    one_of_or_null("`cbcs`, together with `FairPlay`.", owned([protection::SCHEME, ""]))
}

pub(crate) fn average_bitrate() -> Object {
    bits("Average bit rate, such as `500k` or `1.5m`.")
}

pub(crate) fn peak_bitrate() -> Object {
    bits("Peak bit rate, such as `500k` or `1.5m`.")
}

pub(crate) fn buffer() -> Object {
    bits("Decoder buffer in bits, such as `500k` or `1.5m`.")
}

/// Bits or bits per second as [`ez_domain::units::Bitrate`] writes them, and as a request may write them.
pub(crate) fn bits(description: &str) -> Object {
    let builder = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    builder.pattern(Some(r"^[0-9]+(\.[0-9]+)?[kKmM]?$")).build()
}

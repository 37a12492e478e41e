//! Reads one element of `Audio_outputs`.

use ez_domain::spec::{AudioRendition, rules};
use ez_domain::units::Bitrate;

use super::codecs;
use super::findings::Findings;
use super::names::Names;
use super::object::Object;

pub(super) fn read(audio: &Object<'_>, names: &mut Names, findings: &mut Findings) -> Option<AudioRendition> {
    let codec = codecs::audio(&audio.field("Codec"), findings);
    let field = audio.field("Bitrate");
    let bitrate = field.bitrate(&rules::AUDIO_BITRATE_BPS, findings).required(
        &field,
        "give the bit rate, for example \"128k\"",
        findings,
    );
    let name = names.claim(&audio.field("Label"), "audio", bitrate, findings);
    let wise = Bitrate::from_bps(rules::UNWISE_AUDIO_BITRATE_BPS);
    if let Some(bitrate) = bitrate.filter(|bitrate| *bitrate > wise) {
        let detail = format!(
            "{bitrate} is more than {wise}: nobody hears the difference, and every viewer pays for it"
        );
        findings.warn(field.pointer(), detail);
    }
    Some(AudioRendition { name: name?, codec: codec?, bitrate: bitrate? })
}

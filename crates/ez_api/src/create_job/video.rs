//! Reads one element of `Video_outputs`.

use std::ops::RangeInclusive;

use ez_domain::spec::{Preset, VideoCodec, VideoRendition, rules};
use ez_domain::units::Bitrate;

use super::codecs;
use super::field::{Field, Reading, whole};
use super::findings::Findings;
use super::names::Names;
use super::node::Node;
use super::object::Object;

pub(super) fn read(video: &Object<'_>, names: &mut Names, findings: &mut Findings) -> Option<VideoRendition> {
    let codec = codecs::video(&video.field("Codec"), findings);
    let width = read_side(&video.field("Width"), &rules::WIDTH, findings);
    let height = read_side(&video.field("Height"), &rules::HEIGHT, findings);
    let frame_rate = video
        .field("Framerate")
        .zero_is_absent()
        .frame_rate(&(rules::MIN_FRAME_RATE..=rules::MAX_FRAME_RATE), findings)
        .optional();
    let rates = read_rates(video, findings);
    let preset = read_preset(&video.field("Preset"), codec, findings);
    let crf = read_crf(&video.field("Crf").zero_is_absent(), codec, findings);
    let threads = read_threads(&video.field("Threads"), findings);
    let name = names.claim(&video.field("Label"), "video", rates.bitrate, findings);
    Some(VideoRendition {
        name: name?,
        codec: codec?,
        width: width?,
        height: height?,
        frame_rate: frame_rate?,
        bitrate: rates.bitrate?,
        max_bitrate: rates.max_bitrate?,
        buffer_bits: rates.buffer_bits?,
        preset: preset?,
        crf: crf?,
        threads: threads?,
    })
}

fn read_side(field: &Field<'_>, limits: &RangeInclusive<u64>, findings: &mut Findings) -> Option<u32> {
    let mend = format!("give an even number of pixels from {} to {}", limits.start(), limits.end());
    let pixels = field.whole_number(limits, " pixels", findings).required(field, &mend, findings)?;
    if pixels.is_multiple_of(2) {
        return Some(pixels);
    }
    // Chroma has half the lines and columns in 4:2:0, the only format that every player takes.
    let detail = format!("{pixels} is odd; give an even number, {} or {}", pixels - 1, pixels + 1);
    findings.fault(field.pointer(), detail);
    None
}

struct Rates {
    bitrate: Option<Bitrate>,
    max_bitrate: Option<Bitrate>,
    buffer_bits: Option<Bitrate>,
}

fn read_rates(video: &Object<'_>, findings: &mut Findings) -> Rates {
    let field = video.field("Bitrate");
    let mend = "give the average bit rate, for example \"500k\"";
    let bitrate = field.bitrate(&rules::VIDEO_BITRATE_BPS, findings).required(&field, mend, findings);

    let field = video.field("Max_bitrate");
    let default = |percent: u64, limits: &RangeInclusive<u64>| {
        bitrate.map(|bitrate| Bitrate::from_bps(percent_of(bitrate, percent).min(*limits.end())))
    };
    let max_bitrate = match field.bitrate(&rules::VIDEO_BITRATE_BPS, findings) {
        Reading::Absent => default(rules::DEFAULT_MAX_BITRATE_PERCENT, &rules::VIDEO_BITRATE_BPS),
        Reading::Given(peak) => match bitrate.filter(|bitrate| peak < *bitrate) {
            Some(bitrate) => {
                let detail = format!("{peak} is less than Bitrate; give {bitrate} or more, or leave it out");
                findings.fault(field.pointer(), detail);
                None
            }
            None => Some(peak),
        },
        Reading::Refused => None,
    };
    warn_if_large(
        &field,
        bitrate,
        max_bitrate,
        "peaks stall viewers whose line just carries the average",
        findings,
    );

    let field = video.field("Buf_size");
    let buffer_bits = match field.bitrate(&rules::VIDEO_BUFFER_BITS, findings) {
        Reading::Absent => default(rules::DEFAULT_BUFFER_PERCENT, &rules::VIDEO_BUFFER_BITS),
        Reading::Given(buffer) => Some(buffer),
        Reading::Refused => None,
    };
    let reason = "the rate swings over many seconds, and players misjudge what the line carries";
    warn_if_large(&field, bitrate, buffer_bits, reason, findings);
    Rates { bitrate, max_bitrate, buffer_bits }
}

const fn percent_of(bitrate: Bitrate, percent: u64) -> u64 {
    bitrate.bps().saturating_mul(percent) / 100
}

fn warn_if_large(
    field: &Field<'_>,
    bitrate: Option<Bitrate>,
    value: Option<Bitrate>,
    reason: &str,
    findings: &mut Findings,
) {
    if let (Some(bitrate), Some(value)) = (bitrate, value)
        && value.bps() > percent_of(bitrate, rules::UNWISE_PEAK_PERCENT)
    {
        findings
            .warn(field.pointer(), format!("{value} is more than twice the Bitrate of {bitrate}: {reason}"));
    }
}

fn read_preset(field: &Field<'_>, codec: Option<VideoCodec>, findings: &mut Findings) -> Option<Preset> {
    let preset = match codec {
        Some(VideoCodec::H264 | VideoCodec::H265) => {
            field.word(&Preset::NAMED, findings).or(rules::DEFAULT_PRESET)?
        }
        Some(VideoCodec::Av1) => read_av1_preset(field, findings).or(rules::DEFAULT_PRESET_AV1)?,
        // Which presets there are depends on the codec, which has its own fault already.
        None => return None,
    };
    if preset.is_slow_for_live() {
        let detail = format!(
            "preset {preset} may be too slow to keep up with a live feed; \"veryfast\" costs a fraction"
        );
        findings.warn(field.pointer(), detail);
    }
    Some(preset)
}

/// The original writes SVT-AV1's preset numbers as texts.
fn read_av1_preset(field: &Field<'_>, findings: &mut Findings) -> Reading<Preset> {
    let limits = rules::PRESET_AV1;
    field.custom(findings, |node| {
        let number = match node {
            Node::Number(number) => whole(number),
            Node::Text(text) => text.parse().ok(),
            Node::Null | Node::Boolean(_) | Node::List(_) | Node::Object(_) => None,
        };
        number
            .filter(|number| limits.contains(number))
            .and_then(|number| u8::try_from(number).ok())
            .map(Preset::SvtAv1)
            .ok_or_else(|| format!("{node} is no preset of av1; give {} to {}", limits.start(), limits.end()))
    })
}

/// 0 and absence leave the rate control to the bit rate alone.
fn read_crf(field: &Field<'_>, codec: Option<VideoCodec>, findings: &mut Findings) -> Option<Option<u8>> {
    let limits = match codec {
        Some(VideoCodec::H264 | VideoCodec::H265) => rules::CRF,
        Some(VideoCodec::Av1) | None => rules::CRF_AV1,
    };
    let crf = field.whole_number(&limits, ", or 0 to encode by bit rate alone", findings).optional()?;
    if let Some(crf) = crf.filter(|crf| *crf < rules::UNWISE_CRF) {
        let detail = format!(
            "Crf {crf} is below {}: most pictures will run into Max_bitrate for no visible gain",
            rules::UNWISE_CRF
        );
        findings.warn(field.pointer(), detail);
    }
    match crf.map(u8::try_from) {
        None => Some(None),
        Some(Ok(crf)) => Some(Some(crf)),
        Some(Err(_)) => None,
    }
}

fn read_threads(field: &Field<'_>, findings: &mut Findings) -> Option<u32> {
    let threads = field
        .whole_number(&rules::THREADS, " threads, or leave it out", findings)
        .or(rules::DEFAULT_THREADS)?;
    if threads < rules::UNWISE_THREADS {
        let detail = format!(
            "{threads} thread encodes on one core only and may fall behind; give {} or more",
            rules::UNWISE_THREADS
        );
        findings.warn(field.pointer(), detail);
    }
    Some(threads)
}

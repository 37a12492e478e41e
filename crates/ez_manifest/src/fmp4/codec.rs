//! RFC 6381 codec strings out of sample entries.
//!
//! Each codec's own registration says what follows the first dot: ISO/IEC 14496-15 annex E
//! for AVC and HEVC, the AV1 binding to ISOBMFF, RFC 6381 3.3 for MPEG-4 audio.

use std::fmt::Write as _;

use mp4_atom::{Av1c, Avcc, Esds, Hvcc};

use super::{
    Error,
    boxes::{RawBox, find, require},
};

/// What the sample entry says beyond its fixed fields.
pub(super) struct Codec {
    pub(super) name: String,
    /// Channels as the codec's own configuration has them.
    pub(super) channels: Option<u32>,
}

/// Names the codec of a sample entry of the (unprotected) format `format`.
pub(super) fn describe(format: [u8; 4], children: &[RawBox<'_>]) -> Result<Codec, Error> {
    let plain = |name: String| Codec { name, channels: None };
    match &format {
        b"avc1" | b"avc3" => {
            let config: Avcc = require(children, "avcC")?.decode("avcC")?;
            Ok(plain(format!(
                "{}.{:02x}{:02x}{:02x}",
                text(format),
                config.avc_profile_indication,
                config.profile_compatibility,
                config.avc_level_indication
            )))
        }
        b"hvc1" | b"hev1" => {
            let config: Hvcc = require(children, "hvcC")?.decode("hvcC")?;
            Ok(plain(format!("{}.{}", text(format), hevc(&config))))
        }
        b"av01" => {
            let config: Av1c = require(children, "av1C")?.decode("av1C")?;
            Ok(plain(av1(&config)))
        }
        b"mp4a" => mpeg4_audio(&require(children, "esds")?.decode("esds")?),
        b"Opus" => {
            // `dOps` begins with version and output channel count.
            let channels =
                find(children, "dOps").and_then(|config| config.body.get(1).copied()).map(u32::from);
            Ok(Codec { name: "opus".to_owned(), channels })
        }
        b"fLaC" => Ok(plain("flac".to_owned())),
        b"ac-3" | b"ec-3" => Ok(plain(text(format))),
        _ => Err(Error::UnknownCodec(text(format))),
    }
}

fn text(format: [u8; 4]) -> String {
    String::from_utf8_lossy(&format).into_owned()
}

fn hevc(config: &Hvcc) -> String {
    let space = ["", "A", "B", "C"].get(usize::from(config.general_profile_space)).copied().unwrap_or("");
    let compatibility = u32::from_be_bytes(config.general_profile_compatibility_flags).reverse_bits();
    let tier = if config.general_tier_flag { 'H' } else { 'L' };
    let mut name =
        format!("{space}{}.{compatibility:X}.{tier}{}", config.general_profile_idc, config.general_level_idc);
    let constraints = &config.general_constraint_indicator_flags;
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in constraints.iter().take(used) {
        // Writing to a String cannot fail.
        let _ = write!(name, ".{byte:X}");
    }
    name
}

fn av1(config: &Av1c) -> String {
    let depth = match (config.high_bitdepth, config.twelve_bit) {
        (true, true) => 12,
        (true, false) => 10,
        (false, _) => 8,
    };
    let tier = if config.seq_tier_0 { 'H' } else { 'M' };
    format!("av01.{}.{:02}{tier}.{depth:02}", config.seq_profile, config.seq_level_idx_0)
}

fn mpeg4_audio(esds: &Esds) -> Result<Codec, Error> {
    let config = &esds.es_desc.dec_config;
    let object_type = config.object_type_indication;
    if object_type != 0x40 {
        return Ok(Codec { name: format!("mp4a.{object_type:02X}"), channels: None });
    }
    let specific = config.dec_specific.as_ref().ok_or(Error::Missing("AudioSpecificConfig"))?;
    // ISO/IEC 14496-3 1.6.2.1: 5 bits, or 31 and 6 bits more.
    let audio_object_type = match (specific.raw.first(), specific.raw.get(1)) {
        (Some(first), second) if first >> 3 == 31 => {
            32 + (u32::from(first & 7) << 3) + u32::from(second.copied().unwrap_or(0) >> 5)
        }
        (Some(first), _) => u32::from(first >> 3),
        (None, _) => return Err(Error::Missing("AudioSpecificConfig")),
    };
    let channels = match specific.chan_conf {
        configuration @ 1..=6 => Some(u32::from(configuration)),
        7 => Some(8),
        _ => None,
    };
    Ok(Codec { name: format!("mp4a.40.{audio_object_type}"), channels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hevc_strings_follow_annex_e() {
        let mut config = Hvcc::new();
        config.general_profile_idc = 1;
        config.general_profile_compatibility_flags = [0x60, 0, 0, 0];
        config.general_level_idc = 93;
        config.general_constraint_indicator_flags = [0x90, 0, 0, 0, 0, 0];
        assert_eq!(hevc(&config), "1.6.L93.90");
        config.general_profile_space = 1;
        config.general_tier_flag = true;
        config.general_constraint_indicator_flags = [0xB0, 0, 0x01, 0, 0, 0];
        assert_eq!(hevc(&config), "A1.6.H93.B0.0.1");
    }

    #[test]
    fn av1_strings_follow_the_binding() {
        let config = Av1c { seq_profile: 0, seq_level_idx_0: 4, high_bitdepth: true, ..Av1c::default() };
        assert_eq!(av1(&config), "av01.0.04M.10");
    }
}

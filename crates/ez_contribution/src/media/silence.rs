//! Silent AAC frames that need no encoder.
//!
//! With `max_sfb` = 0 a `raw_data_block` does not depend on the sample rate (ISO/IEC 14496-3 4.4.2.1),
//! so one constant per channel configuration serves all rates, and HE-AAC as well: there it decodes to
//! 2048 samples at the output rate. A frame of another channel count than the configuration's would
//! change the decoder's layout, so there is none for configurations that are not listed.

use super::audio::Config;

/// `AudioSpecificConfig` of AAC-LC, 48 kHz, stereo: announced where no audio was ever seen.
pub const STEREO_48K: [u8; 2] = [0x11, 0x90];

/// First byte of an FLV body with AAC: 44 kHz, 16 bit, stereo, as the specification fixes it.
pub const AAC_FIRST: u8 = 0xAF;

/// The silent frame that fits a configuration, if there is one.
pub const fn frame(config: &Config) -> Option<&'static [u8]> {
    if config.object_type != 2 {
        return None;
    }
    Some(match config.channel_configuration {
        1 => &[0x00, 0x00, 0x00, 0x07],
        2 => &[0x21, 0x00, 0x00, 0x00, 0x00, 0x1C],
        3 => &[0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0xE0],
        4 => &[0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x07],
        5 => &[0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x23, 0x00, 0x00, 0x00, 0x00, 0x1C],
        6 => &[
            0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x23, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x00,
            0x00, 0x00, 0xE0,
        ],
        7 => &[
            0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x23, 0x00, 0x00, 0x00, 0x00, 0x04, 0xA0,
            0x00, 0x00, 0x00, 0x01, 0x80, 0x00, 0x00, 0x1C,
        ],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_for_what_can_be_matched() {
        let stereo = Config::parse(&STEREO_48K).unwrap();
        assert_eq!(frame(&stereo), Some([0x21, 0, 0, 0, 0, 0x1C].as_slice()));
        assert_eq!(frame(&Config { channel_configuration: 0, ..stereo }), None);
        assert_eq!(frame(&Config { object_type: 23, ..stereo }), None);
    }
}

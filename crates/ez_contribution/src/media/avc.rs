//! The picture size and profile out of an H.264 sequence header.
//!
//! Reference: ISO/IEC 14496-15 5.3.3.1 (`AVCDecoderConfigurationRecord`), ITU-T H.264 7.3.2.1.1.

use super::bits::Bits;

/// What the sequence parameter set says of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels after cropping.
    pub width: u32,
    /// Height in pixels after cropping.
    pub height: u32,
    /// `profile_idc`: 66 Baseline, 77 Main, 100 High.
    pub profile: u8,
}

/// No H.264 level allows more macroblocks in a row or column (H.264 A.3.1 f, level 6.2).
const MAX_MACROBLOCKS: u32 = 1056;

impl Picture {
    /// Reads the first parameter set of an `avcC`; `None` if there is none or it is damaged.
    pub fn parse(record: &[u8]) -> Option<Self> {
        let &[1, _, _, _, _, count, s0, s1, ..] = record else { return None };
        if count & 0x1F == 0 {
            return None;
        }
        let size = usize::from(u16::from_be_bytes([s0, s1]));
        let unit = record.get(8..8 + size)?;
        let (first, escaped) = unit.split_first()?;
        if first & 0x1F != 7 {
            return None;
        }
        Self::sequence_parameters(&unescape(escaped))
    }

    fn sequence_parameters(payload: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(payload);
        let profile = u8::try_from(bits.take(8)?).ok()?;
        bits.take(16)?; // constraint flags, level_idc
        bits.ue()?; // seq_parameter_set_id
        let chroma = if has_chroma_format(profile) { high_profile_part(&mut bits)? } else { 1 };
        bits.ue()?; // log2_max_frame_num_minus4
        picture_order(&mut bits)?;
        bits.ue()?; // max_num_ref_frames
        bits.bit()?; // gaps_in_frame_num_value_allowed_flag
        let columns = bits.ue()?.checked_add(1).filter(|count| *count <= MAX_MACROBLOCKS)?;
        let rows = bits.ue()?.checked_add(1).filter(|count| *count <= MAX_MACROBLOCKS)?;
        let fields = if bits.bit()? { 1 } else { 2 };
        if fields == 2 {
            bits.bit()?; // mb_adaptive_frame_field_flag
        }
        bits.bit()?; // direct_8x8_inference_flag
        let (mut width, mut height) = (columns * 16, rows * 16 * fields);
        if bits.bit()? {
            // CropUnitX and CropUnitY, H.264 equations 7-19 to 7-22; chroma 0 and 3 are not subsampled.
            let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
            let unit_y = fields * if chroma == 1 { 2 } else { 1 };
            let (left, right, top, bottom) = (bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?);
            width = width.checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?;
            height = height.checked_sub(top.checked_add(bottom)?.checked_mul(unit_y)?)?;
        }
        (width > 0 && height > 0).then_some(Self { width, height, profile })
    }
}

const fn has_chroma_format(profile: u8) -> bool {
    matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

/// Returns `ChromaArrayType`.
fn high_profile_part(bits: &mut Bits<'_>) -> Option<u32> {
    let format = bits.ue()?;
    let is_separate = format == 3 && bits.bit()?;
    bits.ue()?; // bit_depth_luma_minus8
    bits.ue()?; // bit_depth_chroma_minus8
    bits.bit()?; // qpprime_y_zero_transform_bypass_flag
    if bits.bit()? {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if bits.bit()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(if is_separate { 0 } else { format })
}

/// H.264 7.3.2.1.1.1.
fn scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.ue()? {
        0 => drop(bits.ue()?),
        1 => {
            bits.bit()?;
            bits.se()?;
            bits.se()?;
            let count = bits.ue()?;
            for _ in 0..count.min(255) {
                bits.se()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// Takes out the emulation prevention bytes, H.264 7.4.1.
fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes sequence parameters bit by bit.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn put(&mut self, value: u32, count: u32) {
            for bit in (0..count).rev() {
                self.0.push(value >> bit & 1 == 1);
            }
        }

        fn ue(&mut self, value: u32) {
            let width = 32 - (value + 1).leading_zeros();
            self.put(0, width - 1);
            self.put(value + 1, width);
        }

        fn record(&self) -> Vec<u8> {
            let mut payload: Vec<u8> = vec![0x67];
            let mut padded = self.0.clone();
            padded.push(true);
            let mut zeros = 0;
            for byte in padded.chunks(8) {
                let value = (0..8).fold(0, |value, at| value << 1 | u8::from(byte.get(at) == Some(&true)));
                if zeros >= 2 && value <= 3 {
                    payload.push(3);
                    zeros = 0;
                }
                zeros = if value == 0 { zeros + 1 } else { 0 };
                payload.push(value);
            }
            let size = u16::try_from(payload.len()).unwrap().to_be_bytes();
            [&[1, 66, 0, 30, 0xFF, 0xE1, size[0], size[1]], payload.as_slice()].concat()
        }
    }

    fn sample(profile: u32, columns: u32, rows: u32, progressive: bool, crop: Option<[u32; 4]>) -> Vec<u8> {
        let mut bits = Writer::default();
        bits.put(profile, 8);
        bits.put(30, 16);
        bits.ue(0);
        if profile == 100 {
            bits.ue(1);
            bits.ue(0);
            bits.ue(0);
            bits.put(0, 2);
        }
        bits.ue(0);
        bits.ue(2);
        bits.ue(4);
        bits.put(0, 1);
        bits.ue(columns - 1);
        bits.ue(rows - 1);
        bits.put(u32::from(progressive), 1);
        if !progressive {
            bits.put(0, 1);
        }
        bits.put(1, 1);
        bits.put(u32::from(crop.is_some()), 1);
        for edge in crop.into_iter().flatten() {
            bits.ue(edge);
        }
        bits.put(0, 1);
        bits.record()
    }

    #[test]
    fn sizes() {
        let cases = [
            ("640x480 baseline", sample(66, 40, 30, true, None), (640, 480, 66)),
            ("1920x1080 high", sample(100, 120, 68, true, Some([0, 0, 0, 4])), (1920, 1080, 100)),
            ("1080i main", sample(77, 120, 34, false, Some([0, 0, 0, 2])), (1920, 1080, 77)),
            ("854x480", sample(100, 54, 30, true, Some([0, 5, 0, 0])), (854, 480, 100)),
        ];
        for (name, record, (width, height, profile)) in cases {
            assert_eq!(Picture::parse(&record), Some(Picture { width, height, profile }), "{name}");
        }
    }

    #[test]
    fn nothing_is_left_after_cropping() {
        assert_eq!(Picture::parse(&sample(66, 1, 1, true, Some([4, 4, 0, 0]))), None);
        assert_eq!(Picture::parse(&[]), None);
        assert_eq!(Picture::parse(&[1, 66, 0, 30, 0xFF, 0xE0, 0, 0]), None, "no parameter set");
    }

    proptest! {
        #[test]
        fn mutated(hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let mut record = sample(100, 120, 68, true, Some([0, 0, 0, 4]));
            for (at, value) in hits {
                let at = at.index(record.len());
                record[at] = value;
            }
            if let Some(picture) = Picture::parse(&record) {
                prop_assert!(picture.width <= MAX_MACROBLOCKS * 16);
            }
        }
    }
}

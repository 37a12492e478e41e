//! `onMetaData`: what the encoder says of itself.
//!
//! A tolerant reader of AMF0 (Action Message Format 0): depth and number of values are limited, and
//! whatever was read before a fault counts. Hints only: nothing of the timeline depends on it.

/// The values of `onMetaData` that are used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Metadata {
    /// Announced pictures per second.
    pub frame_rate: Option<f64>,
    /// Announced width in pixels.
    pub width: Option<f64>,
    /// Announced height in pixels.
    pub height: Option<f64>,
    /// Announced video rate in kbit/s.
    pub video_rate_kbps: Option<f64>,
}

const MAX_DEPTH: u32 = 8;
const MAX_VALUES: u32 = 1000;

impl Metadata {
    /// Reads a script body; `None` if it is not `onMetaData` (bare or wrapped in `@setDataFrame`).
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: body, left: MAX_VALUES };
        let mut name = reader.named_string()?;
        if name == b"@setDataFrame" {
            name = reader.named_string()?;
        }
        if name != b"onMetaData" {
            return None;
        }
        let mut found = Self::default();
        // A fault in the middle ends the reading, it does not take back what was understood.
        let _read_to_the_end = reader.value(0, &mut |key, value| found.take(key, value));
        Some(found)
    }

    fn take(&mut self, key: &[u8], value: f64) {
        if !value.is_finite() || value <= 0.0 {
            return;
        }
        let slot = match key {
            b"framerate" | b"videoframerate" => &mut self.frame_rate,
            b"width" => &mut self.width,
            b"height" => &mut self.height,
            b"videodatarate" => &mut self.video_rate_kbps,
            _ => return,
        };
        *slot = Some(value);
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<f64> {
        Some(f64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn size_32(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    fn short_string(&mut self) -> Option<&'a [u8]> {
        let size = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        self.take(usize::from(size))
    }

    fn named_string(&mut self) -> Option<&'a [u8]> {
        if self.byte()? == 2 { self.short_string() } else { None }
    }

    /// Walks one value; numbers of the outermost object are handed on. `None` ends the reading.
    fn value(&mut self, depth: u32, found: &mut dyn FnMut(&[u8], f64)) -> Option<Option<f64>> {
        self.left = self.left.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        match self.byte()? {
            0 => return Some(Some(self.number()?)),
            1 => drop(self.byte()?),
            2 => drop(self.short_string()?),
            3 => self.members(depth, found)?,
            5 | 6 | 13 => {}
            7 => drop(self.take(2)?),
            8 => {
                self.size_32()?;
                self.members(depth, found)?;
            }
            10 => {
                for _ in 0..self.size_32()? {
                    self.value(depth + 1, found)?;
                }
            }
            11 => drop(self.take(10)?),
            12 => {
                let size = self.size_32()?;
                self.take(size)?;
            }
            _ => return None,
        }
        Some(None)
    }

    fn members(&mut self, depth: u32, found: &mut dyn FnMut(&[u8], f64)) -> Option<()> {
        loop {
            let key = self.short_string()?;
            if key.is_empty() && self.rest.first() == Some(&9) {
                self.byte()?;
                return Some(());
            }
            if let Some(number) = self.value(depth + 1, found)?
                && depth == 0
            {
                found(key, number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> Vec<u8> {
        let size = u16::try_from(value.len()).unwrap().to_be_bytes();
        [size.as_slice(), value.as_bytes()].concat()
    }

    fn property(key: &str, value: f64) -> Vec<u8> {
        [text(key), vec![0], value.to_be_bytes().to_vec()].concat()
    }

    fn sample() -> Vec<u8> {
        [
            vec![2],
            text("@setDataFrame"),
            vec![2],
            text("onMetaData"),
            vec![8, 0, 0, 0, 5],
            property("width", 1280.0),
            property("height", 720.0),
            [text("nested"), vec![3], property("width", 1.0), vec![0, 0, 9]].concat(),
            property("framerate", 29.97),
            property("videodatarate", 2500.0),
            property("duration", f64::NAN),
            vec![0, 0, 9],
        ]
        .concat()
    }

    #[test]
    fn reads_what_encoders_send() {
        let expected = Metadata {
            frame_rate: Some(29.97),
            width: Some(1280.0),
            height: Some(720.0),
            video_rate_kbps: Some(2500.0),
        };
        assert_eq!(Metadata::parse(&sample()), Some(expected));
    }

    #[test]
    fn keeps_what_came_before_a_fault() {
        let bytes = sample();
        let cut = Metadata::parse(&bytes[..70]).unwrap();
        assert_eq!((cut.width, cut.frame_rate), (Some(1280.0), None));
        assert_eq!(Metadata::parse(b"\x02\x00\x02hi"), None, "another message");
    }

    #[test]
    fn deep_nesting_ends() {
        let mut bytes = [vec![2], text("onMetaData")].concat();
        for _ in 0..100_000 {
            bytes.extend_from_slice(&[3, 0, 1, b'a']);
        }
        assert_eq!(Metadata::parse(&bytes), Some(Metadata::default()));
    }

    proptest! {
        #[test]
        fn mutated(at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = sample();
            let at = at.index(bytes.len());
            bytes[at] = value;
            bytes.truncate(cut.index(bytes.len() + 1));
            if let Some(found) = Metadata::parse(&bytes) {
                prop_assert!(found.width.is_none_or(f64::is_finite));
            }
        }
    }
}

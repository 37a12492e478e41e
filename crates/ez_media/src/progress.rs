//! ffmpeg's `-progress` output: blocks of `key=value` lines, each ended by `progress=`.
//!
//! Fed line by line. Whatever cannot be read (`N/A` before the first frame, a key of a later
//! version, a torn line) leaves its field empty and harms nothing else.

/// One block. Fields that ffmpeg did not know are `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// Video frames encoded, of the first video stream.
    pub frame: Option<u64>,
    /// Frames encoded per second of wall time, averaged since the start.
    pub fps: Option<f64>,
    /// Output time in microseconds.
    pub out_time_us: Option<i64>,
    /// Bytes written to the first output.
    pub total_size: Option<u64>,
    /// Bits per second written to the first output, averaged since the start.
    pub bitrate_bps: Option<f64>,
    /// Frames repeated to keep the constant rate.
    pub dup_frames: Option<u64>,
    /// Frames dropped to keep the constant rate.
    pub drop_frames: Option<u64>,
    /// Media seconds per wall second, averaged since the start; below 1 the worker is too slow.
    pub speed: Option<f64>,
    /// Whether this is the last block: ffmpeg has finished.
    pub is_last: bool,
}

/// Collects lines into blocks.
#[derive(Debug, Clone, Default)]
pub struct Parser {
    block: Progress,
}

impl Parser {
    /// Takes the next line, with or without its line end; a block when the line ends one.
    pub fn push_line(&mut self, line: &str) -> Option<Progress> {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        match key.trim() {
            "frame" => self.block.frame = value.parse().ok(),
            "fps" => self.block.fps = number(value),
            // `out_time_ms` is a misnomer for the same microseconds and is left out.
            "out_time_us" => self.block.out_time_us = value.parse().ok(),
            "total_size" => self.block.total_size = value.parse().ok(),
            "bitrate" => {
                let kilobits = value.strip_suffix("kbits/s").and_then(number);
                self.block.bitrate_bps = kilobits.map(|kilobits| kilobits * 1000.0);
            }
            "dup_frames" => self.block.dup_frames = value.parse().ok(),
            "drop_frames" => self.block.drop_frames = value.parse().ok(),
            "speed" => self.block.speed = value.strip_suffix('x').and_then(number),
            "progress" => {
                let mut block = std::mem::take(&mut self.block);
                block.is_last = value == "end";
                return Some(block);
            }
            _ => {}
        }
        None
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<Progress> {
        let mut parser = Parser::default();
        text.lines().filter_map(|line| parser.push_line(line)).collect()
    }

    #[test]
    fn blocks_of_a_real_run() {
        let text = "frame=0\nfps=0.00\nstream_0_0_q=0.0\nbitrate=N/A\ntotal_size=0\nout_time_us=N/A\n\
                    out_time_ms=N/A\nout_time=N/A\ndup_frames=0\ndrop_frames=0\nspeed=N/A\nprogress=continue\n\
                    frame=241\r\nfps=30.04\nstream_0_0_q=-1.0\nbitrate= 682.0kbits/s\ntotal_size=679808\n\
                    out_time_us=7974633\nout_time_ms=7974633\nout_time=00:00:07.974633\ndup_frames=1\n\
                    drop_frames=2\nspeed=1.01x\nprogress=end\n";
        let blocks = read(text);
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            blocks[0],
            Progress {
                frame: Some(0),
                fps: Some(0.0),
                total_size: Some(0),
                dup_frames: Some(0),
                drop_frames: Some(0),
                ..Progress::default()
            }
        );
        assert_eq!(
            blocks[1],
            Progress {
                frame: Some(241),
                fps: Some(30.04),
                out_time_us: Some(7_974_633),
                total_size: Some(679_808),
                bitrate_bps: Some(682_000.0),
                dup_frames: Some(1),
                drop_frames: Some(2),
                speed: Some(1.01),
                is_last: true,
            }
        );
    }

    #[test]
    fn a_field_does_not_leak_into_the_next_block() {
        let blocks = read("speed=2x\nprogress=continue\nframe=1\nprogress=continue");
        assert_eq!(blocks[1].speed, None);
        assert_eq!(blocks[1].frame, Some(1));
    }

    #[test]
    fn garbage_is_passed_over() {
        let blocks = read("\n=\nframe\nframe=\nfps=inf\nspeed=NaNx\nout_time_us=-5\nx=1=2\nprogress=?");
        assert_eq!(blocks, [Progress { out_time_us: Some(-5), ..Progress::default() }]);
    }

    proptest! {
        #[test]
        fn no_line_panics_and_a_good_block_is_read_after_it(garbage in ".{0,80}") {
            let mut parser = Parser::default();
            let _ = parser.push_line(&garbage);
            let _ = parser.push_line("progress=continue");
            prop_assert_eq!(parser.push_line("frame=7"), None);
            prop_assert_eq!(parser.push_line("progress=continue").unwrap().frame, Some(7));
        }
    }
}

//! Where a returning publisher's first picture goes: the arithmetic alone.

use super::settings::FrameDuration;
use super::time::{MS, Nanos};

/// Everything that the first picture after a gap has to respect. All on the run's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seam {
    /// When the key frame would be shown if it were decoded on arrival.
    pub(crate) live_pts: Nanos,
    /// Presentation minus decoding time of the key frame.
    pub(crate) composition: Nanos,
    /// Latest presentation time written.
    pub(crate) last_pts: Nanos,
    /// Latest decoding time written.
    pub(crate) last_dts: Nanos,
    /// End of the audio written.
    pub(crate) audio_end: Option<Nanos>,
    /// Duration of an audio frame.
    pub(crate) audio_frame: Nanos,
    /// Presentation time of the period's first picture; `None` if this one will be it.
    pub(crate) grid: Option<Nanos>,
}

impl Seam {
    /// The key frame's presentation time: never before anything written, on the output's frame grid,
    /// because constant-frame-rate encoding would move it there and audio would not follow.
    ///
    /// Where it is shown later than it is decoded, fillers that are shown meanwhile are decoded before it.
    pub(crate) fn pts(&self, frame: FrameDuration) -> Nanos {
        let earliest = self
            .live_pts
            .max(self.last_pts.saturating_add(frame.times(1)))
            .max(
                self.last_dts
                    .saturating_add(MS + crowd_room(self.composition, frame.times(1)))
                    .saturating_add(self.composition),
            )
            .max(self.audio_end.map_or(Nanos::MIN, |end| end - self.audio_frame / 2));
        match self.grid {
            Some(origin) => frame.grid_at_or_after(origin, earliest),
            None => earliest,
        }
    }
}

/// The time in front of a picture in which those fillers are decoded that are shown while it waits for `composition`:
/// one each millisecond, the least that FLV can tell apart.
pub(crate) fn crowd_room(composition: Nanos, frame: Nanos) -> Nanos {
    if composition <= 0 { 0 } else { MS * (composition / frame.max(1) + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_wins_once() {
        let frame = FrameDuration::from_rate(25, 1).unwrap();
        let base = Seam {
            live_pts: 10_000 * MS,
            composition: 80 * MS,
            last_pts: 9000 * MS,
            last_dts: 9000 * MS,
            audio_end: Some(9000 * MS),
            audio_frame: 20 * MS,
            grid: None,
        };
        let cases = [
            ("arrival", base, 10_000),
            ("last picture", Seam { last_pts: 9990 * MS, ..base }, 10_030),
            ("last decoding time", Seam { last_dts: 9999 * MS, ..base }, 10_083),
            ("audio", Seam { audio_end: Some(10_050 * MS), ..base }, 10_040),
            ("grid, already on it", Seam { grid: Some(0), ..base }, 10_000),
            ("grid, rounded up", Seam { grid: Some(39 * MS), ..base }, 10_039),
            ("grid, by one", Seam { grid: Some(MS), ..base }, 10_001),
        ];
        for (name, seam, expected) in cases {
            assert_eq!(seam.pts(frame), expected * MS, "{name}");
        }
    }
}

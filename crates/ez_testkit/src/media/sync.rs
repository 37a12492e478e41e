//! Measures how far sound and picture are apart, from the beep and the flash at each full second.

use anyhow::{Context, Result, ensure};

use crate::media::Media;
use crate::media::counter::FrameReading;
use crate::tools::{Tool, run};

/// Samples per second at which the sound is looked at: fine enough for a millisecond.
const SAMPLE_RATE: u32 = 8000;
/// Loudness (of 32767) from which on a sample belongs to a beep; the beep's peak is 16384.
const LOUD: u16 = 3000;
/// Silence that must lie before a beep, in samples (0.3 s): the sine crosses zero all the time.
const SILENCE: usize = 2400;

/// The times at which a beep begins, from decoding the first audio track.
///
/// Times are those of the container; gaps in the audio's timestamps show as silence.
pub async fn beeps(media: &Media) -> Result<Vec<f64>> {
    let start = crate::media::probe::probe(media)
        .await?
        .audio()
        .and_then(crate::media::probe::Track::first_pts)
        .context("no audio packet with a time")?;
    let mut command = Tool::Ffmpeg.command()?;
    command
        .args(["-nostdin", "-v", "error", "-copyts"])
        .args(media.input_arguments())
        .args(["-map", "0:a:0", "-af", "aresample=async=1:min_hard_comp=0.01", "-ac", "1"])
        .args(["-ar", &SAMPLE_RATE.to_string(), "-f", "s16le", "pipe:1"]);
    let samples = run(command).await?.stdout;
    ensure!(!samples.is_empty(), "no sound came out of {media:?}");
    Ok(onsets(&samples).into_iter().map(|onset| start + onset).collect())
}

/// The times, from the first sample on, at which it becomes loud after silence.
fn onsets(samples: &[u8]) -> Vec<f64> {
    let mut quiet = SILENCE;
    let mut onsets = Vec::new();
    let mut time = 0.0;
    for sample in samples.chunks_exact(2) {
        if i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs() < LOUD {
            quiet += 1;
        } else {
            if quiet >= SILENCE {
                onsets.push(time);
            }
            quiet = 0;
        }
        time += 1.0 / f64::from(SAMPLE_RATE);
    }
    onsets
}

/// The times of the frames in which a flash begins.
pub fn flashes(frames: &[FrameReading]) -> Vec<f64> {
    let dark_before = std::iter::once(true).chain(frames.iter().map(|frame| !frame.flash));
    frames
        .iter()
        .zip(dark_before)
        .filter(|(frame, dark)| frame.flash && *dark)
        .map(|(f, _)| f.pts_seconds)
        .collect()
}

/// Sound minus picture, one value per flash that has a beep within half a second.
///
/// Positive: the sound is late. A picture can only begin on a frame, so values up to one frame
/// duration below zero are exact for fractional rates.
pub fn offsets(beeps: &[f64], flashes: &[f64]) -> Vec<f64> {
    flashes
        .iter()
        .filter_map(|flash| beeps.iter().map(|beep| beep - flash).min_by(|a, b| a.abs().total_cmp(&b.abs())))
        .filter(|offset| offset.abs() < 0.5)
        .collect()
}

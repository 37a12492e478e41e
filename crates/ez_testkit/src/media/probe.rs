//! What is in a file: tracks, packets, key frames, start times, decode errors.
//!
//! Times are those of the container, exactly as ffprobe prints them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::media::Media;
use crate::tools::{Tool, run};

/// The tracks of a file with all their packets.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Length as the container states it.
    pub container_duration: Option<f64>,
    /// Tracks in the order of the file.
    pub tracks: Vec<Track>,
}

/// One track.
#[derive(Debug, Clone)]
pub struct Track {
    /// `video`, `audio` or another of ffprobe's words.
    pub kind: String,
    /// Codec in ffprobe's spelling: `h264`, `aac`, …
    pub codec: String,
    /// Profile in ffprobe's spelling.
    pub profile: Option<String>,
    /// Width of the coded picture.
    pub width: Option<u32>,
    /// Height of the coded picture.
    pub height: Option<u32>,
    /// Pixel format.
    pub pixel_format: Option<String>,
    /// Mean frame rate as a fraction, for example `30000/1001`.
    pub frame_rate: Option<String>,
    /// Samples per second.
    pub sample_rate: Option<u32>,
    /// Audio channels.
    pub channels: Option<u32>,
    /// Packets in the order of the file (decoding order).
    pub packets: Vec<Packet>,
}

/// One packet of a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Packet {
    /// Presentation time.
    pub pts: Option<f64>,
    /// Decoding time.
    pub dts: Option<f64>,
    /// Duration.
    pub duration: Option<f64>,
    /// Size in bytes.
    pub size: u64,
    /// Whether decoding can begin here.
    pub is_key: bool,
}

impl Probe {
    /// The first video track.
    pub fn video(&self) -> Option<&Track> {
        self.tracks.iter().find(|track| track.kind == "video")
    }

    /// The first audio track.
    pub fn audio(&self) -> Option<&Track> {
        self.tracks.iter().find(|track| track.kind == "audio")
    }

    /// First audio time minus first video time.
    pub fn audio_start_offset(&self) -> Option<f64> {
        Some(self.audio()?.first_pts()? - self.video()?.first_pts()?)
    }
}

impl Track {
    /// The earliest presentation time.
    pub fn first_pts(&self) -> Option<f64> {
        self.packets.iter().filter_map(|packet| packet.pts).min_by(f64::total_cmp)
    }

    /// The end of the packet that is presented last.
    pub fn end(&self) -> Option<f64> {
        self.packets
            .iter()
            .filter_map(|packet| Some(packet.pts? + packet.duration.unwrap_or(0.0)))
            .max_by(f64::total_cmp)
    }

    /// From the earliest presentation time to the end.
    pub fn duration(&self) -> Option<f64> {
        Some(self.end()? - self.first_pts()?)
    }

    /// Presentation times of the key frames.
    pub fn key_frame_times(&self) -> Vec<f64> {
        self.packets.iter().filter(|packet| packet.is_key).filter_map(|packet| packet.pts).collect()
    }

    /// Distances between neighbouring key frames.
    pub fn key_frame_intervals(&self) -> Vec<f64> {
        self.key_frame_times().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// Mean bitrate of the packets over the track's duration, in bits per second.
    pub fn bits_per_second(&self) -> Option<f64> {
        let bytes: u64 = self.packets.iter().map(|packet| packet.size).sum();
        let bits = f64::from(u32::try_from(bytes).ok()?) * 8.0;
        self.duration().filter(|duration| *duration > 0.0).map(|duration| bits / duration)
    }
}

/// Reads tracks and packets with ffprobe.
pub async fn probe(media: &Media) -> Result<Probe> {
    let mut command = Tool::Ffprobe.command()?;
    command
        .args(["-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_packets"])
        .args(media.input_arguments());
    let output = run(command).await?;
    let document: Value = serde_json::from_slice(&output.stdout).context("read the JSON of ffprobe")?;
    parse(&document).with_context(|| format!("probe of {media:?}: {}", output.stderr))
}

/// The lines that a full decode of all tracks brings at level error or worse; empty when it is clean.
pub async fn decode_errors(media: &Media) -> Result<Vec<String>> {
    let mut command = Tool::Ffmpeg.command()?;
    command
        .args(["-nostdin", "-v", "error"])
        .args(media.input_arguments())
        .args(["-map", "0:v?", "-map", "0:a?", "-f", "null", "-"]);
    let output = command.output().await.context("start ffmpeg")?;
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
    if !output.status.success() {
        lines.push(format!("ffmpeg ended with {}", output.status));
    }
    Ok(lines)
}

fn parse(document: &Value) -> Result<Probe> {
    let mut tracks = BTreeMap::new();
    for stream in list(document, "streams") {
        let index = stream["index"].as_u64().ok_or_else(|| anyhow!("a track without an index: {stream}"))?;
        tracks.insert(index, track(stream));
    }
    for packet in list(document, "packets") {
        let index = packet["stream_index"].as_u64().unwrap_or(u64::MAX);
        // Files with several programs list packets of tracks that are not shown.
        if let Some(track) = tracks.get_mut(&index) {
            track.packets.push(Packet {
                pts: number(&packet["pts_time"]),
                dts: number(&packet["dts_time"]),
                duration: number(&packet["duration_time"]),
                size: packet["size"].as_str().and_then(|size| size.parse().ok()).unwrap_or(0),
                is_key: packet["flags"].as_str().is_some_and(|flags| flags.contains('K')),
            });
        }
    }
    Ok(Probe {
        container_duration: number(&document["format"]["duration"]),
        tracks: tracks.into_values().collect(),
    })
}

fn list<'a>(document: &'a Value, key: &str) -> &'a [Value] {
    document[key].as_array().map_or(&[], Vec::as_slice)
}

fn track(stream: &Value) -> Track {
    let text = |key: &str| stream[key].as_str().map(str::to_owned);
    let whole = |key: &str| stream[key].as_u64().and_then(|value| u32::try_from(value).ok());
    Track {
        kind: text("codec_type").unwrap_or_default(),
        codec: text("codec_name").unwrap_or_default(),
        profile: text("profile"),
        width: whole("width"),
        height: whole("height"),
        pixel_format: text("pix_fmt"),
        frame_rate: text("avg_frame_rate").filter(|rate| rate != "0/0"),
        sample_rate: text("sample_rate").and_then(|rate| rate.parse().ok()),
        channels: whole("channels"),
        packets: Vec::new(),
    }
}

/// ffprobe prints times as strings.
fn number(value: &Value) -> Option<f64> {
    value.as_str().and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests;

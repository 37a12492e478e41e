//! Whatever the API accepts, ffmpeg and packager take.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use ez_api::create_job;
use ez_domain::content_key::{ContentKey, KeyBytes, KeyId};
use ez_domain::secret::Secret;
use ez_domain::spec::{JobSpec, Preset, rules};
use ez_domain::units::FrameRate;
use ez_media::layout::{LocalFile, OutputLayout, local};
use ez_media::package::{self, Fragments};
use ez_media::{feed, transcode};
use ez_testkit::tools::{Tool, run};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// Specifications that are driven through the tools.
const CASES: usize = 10;
/// Pixels of a picture beyond which only fast presets and few pictures are tried: others take minutes.
const MANY_PIXELS: u64 = 1280 * 720;

/// Numbers at both ends of a range and between.
fn within(range: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = u64> {
    let (least, most) = (*range.start(), *range.end());
    prop_oneof![1 => Just(least), 1 => Just(most), 3 => range]
}

fn bits(range: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Value> {
    within(range).prop_map(|bits| json!(bits.to_string()))
}

prop_compose! {
    fn video()(
        width in within(rules::WIDTH), height in within(rules::HEIGHT),
        rate in select(vec![json!(null), json!(0), json!(1), json!(12.5), json!(23.976), json!(25), json!(29.97), json!(60), json!(120)]),
        bitrate in within(rules::VIDEO_BITRATE_BPS), headroom in 0_u64..50_000_000,
        buffer in proptest::option::of(bits(rules::VIDEO_BUFFER_BITS)),
        preset in proptest::option::of(select(Preset::NAMED.map(|(name, _)| name).to_vec())),
        crf in proptest::option::of(within(rules::CRF)), threads in proptest::option::of(within(rules::THREADS)),
    ) -> Value {
        let peak = (bitrate + headroom).min(*rules::VIDEO_BITRATE_BPS.end());
        let (width, height) = (width / 2 * 2, height / 2 * 2);
        let is_large = width * height > MANY_PIXELS;
        let is_slow = preset.and_then(Preset::named).is_some_and(Preset::is_slow_for_live);
        let (width, height) = if is_large && is_slow { (426, 240) } else { (width, height) };
        let rate = if is_large && rate.as_f64().is_some_and(|rate| rate > 30.0) { Value::Null } else { rate };
        json!({
            "Codec": "h264", "Width": width, "Height": height, "Framerate": rate, "Bitrate": bitrate.to_string(),
            "Max_bitrate": peak.to_string(), "Buf_size": buffer, "Preset": preset, "Crf": crf, "Threads": threads,
        })
    }
}

prop_compose! {
    fn document()(
        delivery in select(vec!["hls", "dash", "hls+dash"]),
        gop in within(rules::GOP_SECONDS), gops in 1_u64..=30, low_latency in any::<bool>(),
        window in within(rules::WINDOW_SECONDS), protected in any::<bool>(),
        video in vec(video(), 0..=4), audio in vec(bits(rules::AUDIO_BITRATE_BPS), 0..=3),
    ) -> Value {
        let label = |list: Vec<Value>, prefix: &str| -> Vec<Value> {
            list.into_iter().enumerate().map(|(index, mut one)| { one["Label"] = format!("{prefix}{index}").into(); one }).collect()
        };
        let audio = audio.into_iter().map(|bits| json!({"Codec": "aac", "Bitrate": bits})).collect();
        let drm = if protected { json!({"Protection_system": "FairPlay", "Protection_scheme": "cbcs"}) } else { Value::Null };
        json!({"Output": {
            "Stream_type": delivery, "Segment_duration": gop * gops.min(30 / gop), "Fragment_duration": gop,
            "Low_latency_mode": low_latency, "Time_shift_buffer_depth": window, "Drm": drm,
            "S3_output": {"Bucket": "a-bucket"}, "Video_outputs": label(video, "v"), "Audio_outputs": label(audio, "a"),
        }})
    }
}

/// Some pictures and a sound, as an encoder sends them: more than one of a picture a second.
async fn contribution(path: &Path) -> Result<()> {
    let mut ffmpeg = Tool::Ffmpeg.command()?;
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=10", "-f", "lavfi"]);
    ffmpeg.args(["-i", "sine=r=44100", "-t", "2.2", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt"]);
    ffmpeg.args(["yuv420p", "-c:a", "aac", "-f", "flv"]).arg(path);
    run(ffmpeg).await.map(drop)
}

/// Runs both tools to their end; answers the renditions that came out.
async fn drive(spec: &JobSpec, contribution: &Path) -> Result<BTreeSet<String>> {
    let folder = tempfile::tempdir()?;
    let layout = OutputLayout::new(spec);
    for name in layout.folders() {
        std::fs::create_dir_all(folder.path().join(name))?;
    }
    for fifo in layout.fifos() {
        mkfifo(&folder.path().join(fifo), Mode::S_IRWXU)?;
    }
    if spec.protection.is_some() {
        let key =
            ContentKey { id: KeyId::from_bytes([1; 16]), key: Secret::new(KeyBytes::from_bytes([2; 16])) };
        std::fs::write(folder.path().join(local::KEY_FLAGFILE), package::key_flags(&key).expose())?;
    }
    // Open for reading too, a FIFO keeps what is written before anybody else opens it.
    let path = folder.path().join(local::TRANSPORT_STREAM_FIFO);
    let mut fifo = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
    fifo.write_all(&feed::null_packets())?;
    let mut packager = Tool::Packager.command()?;
    packager.args(package::argv(&package::Plan { spec, fragments: Fragments::Whole }));
    packager.current_dir(folder.path());
    let mut ffmpeg = Tool::Ffmpeg.command()?;
    let frame_rate = FrameRate::new(10, 1).context("a frame rate")?;
    ffmpeg.args(transcode::argv(&transcode::Plan { spec, frame_rate, preroll_ms: 0 }));
    ffmpeg.current_dir(folder.path()).stdin(Stdio::from(std::fs::File::open(contribution)?));
    let encoded = async {
        let encoded = run(ffmpeg).await;
        drop(fifo);
        encoded
    };
    tokio::try_join!(run(packager), encoded)?;
    let mut found = BTreeSet::new();
    for name in spec.rendition_names() {
        for entry in std::fs::read_dir(folder.path().join(name.as_str()))? {
            let file = format!("{name}/{}", entry?.file_name().to_string_lossy());
            if matches!(layout.classify(&file), LocalFile::Segment { .. }) {
                found.insert(name.to_string());
            }
        }
    }
    Ok(found)
}

#[tokio::test]
async fn what_the_api_accepts_the_tools_take() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let media = folder.path().join("contribution.flv");
    contribution(&media).await?;
    // The same ones each time: a failure can be looked at again.
    let mut runner = TestRunner::deterministic();
    let mut driven = 0;
    let mut made = 0;
    while driven < CASES {
        let tree = document().new_tree(&mut runner).map_err(|why| anyhow::anyhow!("{why}"))?;
        let document = tree.current();
        made += 1;
        ensure!(made < CASES * 4, "next to nothing is accepted: the documents are not what they should be");
        let Ok(job) = create_job::parse(document.to_string().as_bytes()) else { continue };
        driven += 1;
        let expected: BTreeSet<String> = job.spec.rendition_names().map(ToString::to_string).collect();
        let found = drive(&job.spec, &media).await.with_context(|| format!("{document:#}"))?;
        assert_eq!(found, expected, "{document:#}");
    }
    Ok(())
}

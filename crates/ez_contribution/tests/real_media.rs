//! Real media through parser, timeline and a real ffmpeg, on a simulated clock.
//!
//! ffmpeg comes from `EZ_FFMPEG`, else from `.tools/bin/ffmpeg` of the workspace.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use ez_contribution::flv::{self, Kind, Parser, Tag};
use ez_contribution::media::audio::Config;
use ez_contribution::media::silence;
use ez_contribution::media::video::{Codec, Packet, Role};
use ez_contribution::timeline::{Contribution, Event, FrameDuration, Output, Settings, State, Still};

fn ffmpeg() -> PathBuf {
    let path = std::env::var_os("EZ_FFMPEG").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin/ffmpeg"),
        PathBuf::from,
    );
    assert!(path.exists(), "no ffmpeg at {}: run script/up once or set EZ_FFMPEG", path.display());
    path
}

/// Runs ffmpeg with `input` on its stdin; gives stdout and stderr.
fn run(arguments: &[&str], input: &[u8]) -> (Vec<u8>, String) {
    let mut child = Command::new(ffmpeg())
        .args(["-hide_banner", "-v", "error"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A decoder that gives up early closes the pipe; its stderr tells why.
            stdin.write_all(input).ok();
        });
        child.wait_with_output().unwrap()
    });
    (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn parse(bytes: &[u8]) -> Vec<Tag> {
    let mut parser = Parser::new();
    let mut tags = Vec::new();
    for part in bytes.chunks(1000) {
        parser.push(part);
        while let Some(tag) = parser.next_tag().unwrap() {
            tags.push(tag);
        }
    }
    assert!(!parser.is_mid_tag());
    tags
}

/// A publisher's FLV: picture and tone.
fn publisher(picture: &str, tone: &str, encoding: &[&str]) -> Vec<Tag> {
    let mut arguments = vec!["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone];
    arguments
        .extend_from_slice(&["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac"]);
    arguments.extend_from_slice(encoding);
    arguments.extend_from_slice(&["-f", "flv", "-flvflags", "no_duration_filesize", "pipe:1"]);
    let (bytes, errors) = run(&arguments, &[]);
    assert_eq!(errors, "");
    parse(&bytes)
}

fn large() -> Vec<Tag> {
    publisher(
        "testsrc2=size=640x360:rate=30:duration=6",
        "sine=frequency=440:sample_rate=44100:duration=6",
        &["-g", "60", "-bf", "2", "-ac", "2"],
    )
}

fn small() -> Vec<Tag> {
    publisher(
        "testsrc2=size=320x240:rate=25:duration=4",
        "sine=frequency=660:sample_rate=48000:duration=4",
        &["-g", "50", "-profile:v", "baseline", "-ac", "1"],
    )
}

struct Decoded {
    /// Output picture number to its checksum.
    pictures: BTreeMap<i64, String>,
    audio_samples: i64,
    audio_end: i64,
    errors: String,
}

/// Decodes as the transcoder does: constant frame rate, one size, one audio layout.
fn decode(flv: &[u8]) -> Decoded {
    let arguments = [
        "-threads",
        "1",
        "-probesize",
        "1000000",
        "-analyzeduration",
        "200000",
        "-f",
        "flv",
        "-i",
        "pipe:0",
        "-filter_complex",
        "[0:v]scale=640:360,setsar=1[v]",
        "-map",
        "[v]",
        "-map",
        "0:a",
        "-fps_mode",
        "cfr",
        "-r",
        "30",
        "-af",
        "aresample=48000:async=1000:flags=res",
        "-ar",
        "48000",
        "-ac",
        "2",
        "-f",
        "framecrc",
        "pipe:1",
    ];
    let (report, errors) = run(&arguments, flv);
    let mut decoded = Decoded { pictures: BTreeMap::new(), audio_samples: 0, audio_end: 0, errors };
    for line in String::from_utf8(report).unwrap().lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        let (pts, duration) = (fields[2].parse::<i64>().unwrap(), fields[3].parse::<i64>().unwrap());
        if fields[0] == "0" {
            assert!(decoded.pictures.insert(pts, fields[5].to_owned()).is_none(), "picture {pts} twice");
        } else {
            decoded.audio_samples += duration;
            decoded.audio_end = pts + duration;
        }
    }
    decoded
}

/// A contribution on a simulated clock, its output collected.
struct Session {
    contribution: Contribution,
    now: Duration,
    tags: Vec<Tag>,
    events: Vec<Event>,
}

impl Session {
    fn new() -> Self {
        let settings = Settings::new(FrameDuration::from_rate(30, 1).unwrap());
        let contribution = Contribution::new(settings);
        Self { contribution, now: Duration::ZERO, tags: Vec::new(), events: Vec::new() }
    }

    fn take(&mut self, output: Output) {
        self.tags.extend(output.tags);
        self.events.extend(output.events);
    }

    fn until(&mut self, now: Duration) {
        while let Some(due) = self.contribution.next_wakeup().filter(|due| *due <= now) {
            self.now = due;
            let output = self.contribution.tick(due);
            self.take(output);
        }
        self.now = now;
    }

    /// Publishes from `start` on, each tag arriving at its decoding time, then ends.
    fn publish(&mut self, tags: &[Tag], start: Duration) {
        self.until(start);
        let output = self.contribution.publisher_started(self.now);
        self.take(output);
        for tag in tags {
            self.until(start + Duration::from_millis(u64::from(tag.timestamp_ms)));
            let output = self.contribution.push(tag.clone(), self.now);
            self.take(output);
        }
        assert_eq!(self.contribution.figures(self.now).state, State::Live);
    }

    fn end(&mut self, at: Duration) {
        self.until(at);
        let output = self.contribution.publisher_ended(at);
        self.take(output);
    }

    fn flv(&self) -> Vec<u8> {
        [flv::header().as_slice(), &flv::encode(&self.tags)].concat()
    }
}

const GAP: Duration = Duration::from_secs(3);
const FIRST: Duration = Duration::from_secs(6);

fn with_gap(make_still: bool) -> Session {
    let mut session = Session::new();
    session.publish(&large(), Duration::ZERO);
    let figures = session.contribution.figures(session.now);
    assert_eq!((figures.width, figures.height, figures.video), (Some(640), Some(360), Some(Codec::Avc)));
    assert_eq!((figures.sample_rate, figures.channels), (Some(44_100), Some(2)));
    assert!((figures.frames_per_second.unwrap() - 30.0).abs() < 0.5, "{figures:?}");
    session.end(FIRST);
    if make_still {
        assert!(session.events.contains(&Event::StillWanted));
        session.until(FIRST + Duration::from_millis(80));
        let gop = session.contribution.last_gop().unwrap();
        let filter = format!("select=gte(t\\,{})", f64::from(gop.last_ms - 2) / 1000.0);
        let arguments = [
            "-copyts",
            "-f",
            "flv",
            "-i",
            "pipe:0",
            "-vf",
            &filter,
            "-frames:v",
            "1",
            "-fps_mode",
            "passthrough",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-crf",
            "20",
            "-bf",
            "0",
            "-pix_fmt",
            "yuv420p",
            "-f",
            "flv",
            "-flvflags",
            "no_duration_filesize",
            "pipe:1",
        ];
        let (still, errors) = run(&arguments, &gop.flv);
        assert_eq!(errors, "");
        let output = session.contribution.set_still(Still::from_flv(&still).unwrap(), session.now).unwrap();
        session.take(output);
    }
    session.publish(&small(), FIRST + GAP);
    session
}

#[test]
fn gap_and_return_of_another_size_decode_without_a_fault() {
    for make_still in [false, true] {
        let session = with_gap(make_still);
        let decoded = decode(&session.flv());
        assert_eq!(decoded.errors, "", "still: {make_still}");
        let count = i64::try_from(decoded.pictures.len()).unwrap();
        assert!((388..=395).contains(&count), "13 s at 30 per second: {count}");
        let (first, last) =
            (decoded.pictures.keys().next().unwrap(), decoded.pictures.keys().last().unwrap());
        assert_eq!(last - first + 1, count, "no picture number is left out");
        let unique = |range: std::ops::Range<i64>| {
            decoded.pictures.range(range).map(|(_, crc)| crc.clone()).collect::<BTreeSet<_>>().len()
        };
        assert!(unique(0..180) >= 178, "first publisher: {}", unique(0..180));
        assert!(unique(190..268) == 1, "gap: {}", unique(190..268));
        // All 100 pictures of the second publisher, and perhaps the last one of the filler.
        assert!((100..=101).contains(&unique(272..400)), "second publisher: {}", unique(272..400));
        let seconds = [decoded.audio_samples, decoded.audio_end].map(|samples| samples / 480);
        assert!(seconds.iter().all(|hundredths| (1290..=1315).contains(hundredths)), "{seconds:?}");
    }
}

/// The negative control: the same stream without the second sequence header must be found faulty.
#[test]
fn missing_header_is_noticed_by_this_test() {
    let mut session = with_gap(false);
    let is_header = |tag: &Tag| {
        tag.kind == Kind::Video
            && Packet::parse(&tag.body).is_some_and(|head| head.role == Role::SequenceHeader)
    };
    let mut headers = 0;
    session.tags.retain(|tag| {
        headers += usize::from(is_header(tag));
        !is_header(tag) || headers == 1
    });
    assert_eq!(headers, 2);
    assert_ne!(decode(&session.flv()).errors, "");
}

#[test]
fn crash_of_ffmpeg_is_replayed_into_a_whole_stream() {
    let mut session = Session::new();
    session.publish(&large(), Duration::from_secs(1));
    let Some(Event::Anchored(first)) = session.events.first().cloned() else {
        panic!("{:?}", session.events)
    };
    session.tags.clear();
    let committed = first.origin + Duration::from_millis(3500);
    let output = session.contribution.begin_period(Some(committed), session.now);
    session.take(output);
    let Some(Event::Anchored(second)) = session.events.last().cloned() else {
        panic!("{:?}", session.events)
    };
    let from = second.origin - first.origin;
    assert!(from >= Duration::from_millis(1900) && from <= Duration::from_millis(2100), "{from:?}");
    let decoded = decode(&session.flv());
    assert_eq!(decoded.errors, "");
    assert!((118..=122).contains(&decoded.pictures.len()), "4 s: {}", decoded.pictures.len());
}

#[test]
fn silent_frames_decode_to_silence_for_each_layout_and_rate() {
    let rates = [(0_u8, 96_000), (3, 48_000), (4, 44_100), (5, 32_000), (7, 22_050), (11, 8000)];
    for (index, _) in rates {
        for (configuration, channels) in [(1_u8, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 8)] {
            let asc = [0x10 | index >> 1, (index & 1) << 7 | configuration << 3];
            let frame = silence::frame(&Config::parse(&asc).unwrap()).unwrap();
            let body =
                |kind: u8, payload: &[u8]| Bytes::from([&[silence::AAC_FIRST, kind], payload].concat());
            let mut tags = vec![Tag { kind: Kind::Audio, timestamp_ms: 0, body: body(0, &asc) }];
            for number in 0..20 {
                tags.push(Tag { kind: Kind::Audio, timestamp_ms: number * 21, body: body(1, frame) });
            }
            let bytes = [flv::header().as_slice(), &flv::encode(&tags)].concat();
            let (pcm, errors) = run(&["-f", "flv", "-i", "pipe:0", "-f", "s16le", "pipe:1"], &bytes);
            assert_eq!(errors, "", "{asc:x?}");
            assert_eq!(pcm.len(), 20 * 1024 * channels * 2, "{asc:x?}");
            assert!(pcm.iter().all(|sample| *sample == 0), "{asc:x?}");
        }
    }
}

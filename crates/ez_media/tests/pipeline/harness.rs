//! Runs ffmpeg and packager with the built command lines, and reads what they made.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ez_domain::content_key::ContentKey;
use ez_domain::spec::{JobSpec, RenditionName};
use ez_domain::units::FrameRate;
use ez_media::exit::{Ending, ExitStatus, classify};
use ez_media::layout::{LocalFile, OutputLayout, local};
use ez_media::log::{Level, Source, parse};
use ez_media::package::{self, Fragments, key_flags};
use ez_media::progress::{Parser, Progress};
use ez_media::{feed, transcode};
use tempfile::TempDir;

use crate::samples;

/// The tool that `variable` names, else the pinned one of this workspace.
pub(crate) fn tool(variable: &str, program: &str) -> PathBuf {
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin").join(program);
    let path = std::env::var_os(variable).map_or(pinned, PathBuf::from);
    assert!(
        path.is_file(),
        "{program} is not at {}: run script/test once, or set {variable}",
        path.display()
    );
    path
}

/// A command that is ended after a minute: a pipeline that hangs is a failed test.
fn bounded(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=1").arg("60").arg(program);
    command
}

pub(crate) fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// A test pattern under noise, with a tone, as an encoder would publish it.
pub(crate) struct Contribution {
    pub(crate) size: &'static str,
    pub(crate) rate: &'static str,
    pub(crate) seconds: u32,
}

impl Default for Contribution {
    fn default() -> Self {
        Self { size: "320x180", rate: "30", seconds: 8 }
    }
}

impl Contribution {
    /// Writes it as FLV: H.264 with B-frames, AAC at 44.1 kHz.
    pub(crate) fn make(&self, folder: &Path) -> PathBuf {
        let path = folder.join("contribution.flv");
        let picture = format!("testsrc2=s={}:r={},noise=alls=25:allf=t", self.size, self.rate);
        let output = bounded(&tool("EZ_FFMPEG", "ffmpeg"))
            .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", &picture])
            .args(["-f", "lavfi", "-i", "anoisesrc=r=44100:a=0.3", "-t", &self.seconds.to_string()])
            .args(["-c:v", "libx264", "-preset", "superfast", "-b:v", "2M", "-bf", "2", "-g", "60"])
            .args(["-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-f", "flv"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        path
    }
}

/// A run to be started.
pub(crate) struct Setup<'spec> {
    spec: &'spec JobSpec,
    contribution: &'spec Contribution,
    frame_rate: FrameRate,
    fragments: Fragments,
    preroll_ms: u32,
    key: Option<&'spec ContentKey>,
}

impl<'spec> Setup<'spec> {
    pub(crate) fn at(self, frame_rate: FrameRate) -> Self {
        Self { frame_rate, ..self }
    }

    pub(crate) fn fragments(self, fragments: Fragments) -> Self {
        Self { fragments, ..self }
    }

    /// Leaves out the beginning of the contribution.
    pub(crate) fn after(self, preroll_ms: u32) -> Self {
        Self { preroll_ms, ..self }
    }

    pub(crate) fn encrypted(self, key: &'spec ContentKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Runs both tools to their end.
    pub(crate) fn start(self) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let contribution = self.contribution.make(folder.path());
        let period = folder.path().join("1-0");
        let layout = OutputLayout::new(self.spec);
        for name in layout.folders() {
            fs::create_dir_all(period.join(name)).unwrap();
        }
        for fifo in layout.fifos() {
            make_fifo(&period.join(fifo));
        }
        if let Some(key) = self.key {
            fs::write(period.join(local::KEY_FLAGFILE), key_flags(key).expose()).unwrap();
        }

        let plan =
            transcode::Plan { spec: self.spec, frame_rate: self.frame_rate, preroll_ms: self.preroll_ms };
        let packaging = package::Plan { spec: self.spec, fragments: self.fragments };
        // Open for reading too, a FIFO keeps what is written before anybody else opens it.
        let mut fifo = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(period.join(local::TRANSPORT_STREAM_FIFO))
            .unwrap();
        fifo.write_all(&feed::null_packets()).unwrap();
        let packager = bounded(&tool("EZ_PACKAGER", "packager"))
            .args(package::argv(&packaging))
            .current_dir(&period)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = fs::File::create(folder.path().join("ffmpeg.log")).unwrap();
        let mut ffmpeg = bounded(&tool("EZ_FFMPEG", "ffmpeg"))
            .args(transcode::argv(&plan))
            .current_dir(&period)
            .stdin(fs::File::open(contribution).unwrap())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut progress = Vec::new();
        let mut parser = Parser::default();
        for line in BufReader::new(ffmpeg.stdout.take().unwrap()).lines() {
            progress.extend(parser.push_line(&line.unwrap()));
        }
        let ffmpeg = ffmpeg.wait().unwrap();
        // ffmpeg has had the FIFO open, so packager sees its end once ours is closed.
        drop(fifo);
        let packager = packager.wait_with_output().unwrap();
        let ffmpeg_log = fs::read_to_string(folder.path().join("ffmpeg.log")).unwrap();
        Run {
            spec: self.spec.clone(),
            start_ticks: u64::from(plan.start_offset_ms()) * 90,
            folder,
            layout,
            progress,
            ffmpeg_code: ffmpeg.code(),
            ffmpeg_log,
            packager,
        }
    }
}

/// What a run left behind.
pub(crate) struct Run {
    spec: JobSpec,
    start_ticks: u64,
    folder: TempDir,
    layout: OutputLayout,
    progress: Vec<Progress>,
    ffmpeg_code: Option<i32>,
    ffmpeg_log: String,
    packager: Output,
}

/// One sample of a rendition, on the 90 kHz clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) pts: u64,
    pub(crate) dts: u64,
    pub(crate) size: u64,
    pub(crate) is_key: bool,
}

/// All media of a rendition.
pub(crate) struct Media {
    pub(crate) segment_starts: Vec<u64>,
    pub(crate) packets: Vec<Packet>,
}

impl Media {
    pub(crate) fn key_frames(&self) -> Vec<u64> {
        self.packets.iter().filter(|packet| packet.is_key).map(|packet| packet.pts).collect()
    }
}

impl Run {
    pub(crate) fn of<'spec>(spec: &'spec JobSpec, contribution: &'spec Contribution) -> Setup<'spec> {
        Setup {
            spec,
            contribution,
            frame_rate: samples::rate(30, 1),
            fragments: Fragments::Whole,
            preroll_ms: 0,
            key: None,
        }
    }

    pub(crate) fn spec(&self) -> &JobSpec {
        &self.spec
    }

    pub(crate) fn start_ticks(&self) -> u64 {
        self.start_ticks
    }

    pub(crate) fn last_progress(&self) -> &Progress {
        self.progress.last().expect("ffmpeg ends with a block")
    }

    fn period(&self) -> PathBuf {
        self.folder.path().join("1-0")
    }

    /// Both tools ended cleanly, neither complained, and every file has a name that we know.
    pub(crate) fn assert_went_well(&self) {
        let packager_log = String::from_utf8_lossy(&self.packager.stderr);
        let logs = format!("{}\n{packager_log}", self.ffmpeg_log);
        let ending = |source, code: Option<i32>| classify(source, ExitStatus::Code(code.unwrap()), false);
        assert_eq!(ending(Source::Ffmpeg, self.ffmpeg_code), Ending::Clean, "{logs}");
        assert_eq!(ending(Source::Packager, self.packager.status.code()), Ending::Clean, "{logs}");
        for (source, log) in [(Source::Ffmpeg, self.ffmpeg_log.as_str()), (Source::Packager, &*packager_log)]
        {
            assert!(!log.is_empty());
            for line in log.lines() {
                assert!(parse(source, line).severity() < Level::Warning, "{line}");
            }
        }
        for entry in fs::read_dir(self.period()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if !path.is_dir() {
                assert_ne!(self.layout.classify(&name), LocalFile::Unknown, "{name}");
                continue;
            }
            for entry in fs::read_dir(&path).unwrap() {
                let name = format!("{name}/{}", entry.unwrap().file_name().to_str().unwrap());
                assert_ne!(self.layout.classify(&name), LocalFile::Unknown, "{name}");
            }
        }
    }

    /// Times of a rendition's segments by their names, in order.
    fn segment_times(&self, name: &RenditionName) -> Vec<u64> {
        let mut times: Vec<u64> = fs::read_dir(self.period().join(name.as_str()))
            .unwrap()
            .filter_map(|entry| {
                let file = format!("{name}/{}", entry.unwrap().file_name().to_str().unwrap());
                match self.layout.classify(&file) {
                    LocalFile::Segment { time, .. } => Some(time),
                    _ => None,
                }
            })
            .collect();
        times.sort_unstable();
        times
    }

    /// The init segment followed by all segments, as one file.
    fn joined(&self, name: &RenditionName) -> PathBuf {
        let period = self.period();
        let mut bytes = fs::read(period.join(local::init_segment(name))).unwrap();
        for time in self.segment_times(name) {
            bytes.extend(fs::read(period.join(local::segment(name, time))).unwrap());
        }
        let path = self.folder.path().join(format!("{name}.mp4"));
        fs::write(&path, bytes).unwrap();
        path
    }

    fn probe(&self, name: &RenditionName, entries: &str) -> String {
        let output = bounded(&tool("EZ_FFPROBE", "ffprobe"))
            .args(["-v", "error", "-of", "csv=p=0", "-show_entries", entries])
            .arg(self.joined(name))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn codec(&self, name: &RenditionName) -> String {
        self.probe(name, "stream=codec_name").trim().to_owned()
    }

    pub(crate) fn size(&self, name: &RenditionName) -> (u32, u32) {
        let text = self.probe(name, "stream=width,height");
        let (width, height) = text.trim().split_once(',').unwrap();
        (width.parse().unwrap(), height.parse().unwrap())
    }

    /// Segments and samples of a rendition; checks that every name tells the segment's time.
    pub(crate) fn media(&self, name: &RenditionName) -> Media {
        let mut packets: Vec<Packet> = self
            .probe(name, "packet=pts,dts,size,flags")
            .lines()
            .map(|line| {
                let fields: Vec<&str> = line.split(',').collect();
                let number = |index: usize| fields[index].parse().unwrap_or_else(|_| panic!("{line}"));
                Packet { pts: number(0), dts: number(1), size: number(2), is_key: fields[3].contains('K') }
            })
            .collect();
        packets.sort_by_key(|packet| packet.pts);
        let segment_starts = self.segment_times(name);
        for start in &segment_starts {
            assert!(packets.iter().any(|packet| packet.pts == *start), "{name}: nothing at {start}");
        }
        Media { segment_starts, packets }
    }

    pub(crate) fn fragments_in_first_segment(&self, name: &RenditionName) -> usize {
        let first = self.segment_times(name)[0];
        let bytes = fs::read(self.period().join(local::segment(name, first))).unwrap();
        let mut rest = bytes.as_slice();
        let mut fragments = 0;
        while let [a, b, c, d, kind @ ..] = rest {
            fragments += usize::from(kind.starts_with(b"moof"));
            let size = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap();
            assert!((8..=rest.len()).contains(&size), "boxes of {name} do not add up");
            rest = &rest[size..];
        }
        fragments
    }

    /// Segments by their times.
    pub(crate) fn segments(&self, name: &RenditionName) -> Vec<(u64, Vec<u8>)> {
        let read = |time| fs::read(self.period().join(local::segment(name, time))).unwrap();
        self.segment_times(name).into_iter().map(|time| (time, read(time))).collect()
    }

    pub(crate) fn init_segment(&self, name: &RenditionName) -> Vec<u8> {
        fs::read(self.period().join(local::init_segment(name))).unwrap()
    }
}

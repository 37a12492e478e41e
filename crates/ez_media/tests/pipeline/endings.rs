//! Ends that are not clean, made to happen.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use ez_domain::spec::{JobSpec, Protection};
use ez_media::exit::{Ending, ExitStatus, classify};
use ez_media::log::{Meaning, Source, parse};
use ez_media::package::{self, Fragments};
use ez_media::tools::Tool;
use ez_media::transcode;

use crate::harness::{Contribution, make_fifo, tool};
use crate::{samples, small_ladder};

fn status(status: std::process::ExitStatus) -> ExitStatus {
    status.code().map_or_else(|| ExitStatus::Signal(status.signal().unwrap()), ExitStatus::Code)
}

#[test]
fn the_pinned_tools_pass_the_version_check() {
    for (kind, path) in [
        (Tool::Ffmpeg, tool("EZ_FFMPEG", "ffmpeg")),
        (Tool::Ffprobe, tool("EZ_FFPROBE", "ffprobe")),
        (Tool::Packager, tool("EZ_PACKAGER", "packager")),
    ] {
        let output = Command::new(path).arg(kind.version_argument()).output().unwrap();
        kind.check(&String::from_utf8(output.stdout).unwrap()).unwrap();
    }
}

#[test]
fn packager_does_not_start_without_the_key_that_it_was_promised() {
    let folder = tempfile::tempdir().unwrap();
    make_fifo(&folder.path().join("feed.ts"));
    let spec = JobSpec { protection: Some(Protection::CbcsClearKey), ..small_ladder() };
    let argv = package::argv(&package::Plan { spec: &spec, fragments: Fragments::Whole });
    let output = Command::new("timeout")
        .arg("20")
        .arg(tool("EZ_PACKAGER", "packager"))
        .args(argv)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let ending = status(output.status);
    assert!(!matches!(ending, ExitStatus::Code(0 | 124)), "{ending:?}");
    let made = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(made, 1, "only the FIFO is there");
}

#[test]
fn ffmpeg_reports_garbage_as_a_bad_contribution() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage");
    std::fs::write(&garbage, vec![0x5a; 200_000]).unwrap();
    let spec = small_ladder();
    let argv =
        transcode::argv(&transcode::Plan { spec: &spec, frame_rate: samples::rate(30, 1), preroll_ms: 0 });
    let output = Command::new(tool("EZ_FFMPEG", "ffmpeg"))
        .args(argv)
        .current_dir(folder.path())
        .stdin(std::fs::File::open(garbage).unwrap())
        .output()
        .unwrap();
    let ending = classify(Source::Ffmpeg, status(output.status), false);
    assert_eq!(ending, Ending::BadContribution, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn ffmpeg_reports_a_closed_fifo_as_a_lost_peer() {
    let folder = tempfile::tempdir().unwrap();
    make_fifo(&folder.path().join("feed.ts"));
    let contribution = Contribution::default().make(folder.path());
    // A reader that goes away after its first kilobytes stands for a packager that dies.
    let mut reader = Command::new("head")
        .args(["-c", "5000", "feed.ts"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let spec = small_ladder();
    let argv =
        transcode::argv(&transcode::Plan { spec: &spec, frame_rate: samples::rate(30, 1), preroll_ms: 0 });
    let output = Command::new(tool("EZ_FFMPEG", "ffmpeg"))
        .args(argv)
        .current_dir(folder.path())
        .stdin(std::fs::File::open(contribution).unwrap())
        .output()
        .unwrap();
    reader.wait().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(classify(Source::Ffmpeg, status(output.status), false), Ending::PeerGone, "{log}");
    assert!(log.lines().any(|line| parse(Source::Ffmpeg, line).meaning == Meaning::PeerGone), "{log}");
}

//! Real segments: two pictures and sound of 40 s, cut by packager once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ez_testkit::tools::Tool;

/// Renditions in the order of the ladder.
pub(crate) const RENDITIONS: [&str; 3] = ["low", "high", "sound"];
/// Segments that each rendition has at least.
pub(crate) const SLOTS: usize = 20;

/// The files of one period, whole.
#[derive(Debug)]
pub(crate) struct Media {
    folder: PathBuf,
    /// Decode times of the segments, in order.
    times: BTreeMap<String, Vec<u64>>,
}

impl Media {
    pub(crate) fn get() -> &'static Self {
        static MEDIA: OnceLock<Media> = OnceLock::new();
        MEDIA.get_or_init(|| {
            let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("origin-media");
            drop(std::fs::remove_dir_all(&folder));
            std::fs::create_dir_all(&folder).unwrap();
            make(&folder);
            let times = RENDITIONS.map(|name| (name.to_owned(), times(&folder.join(name))));
            let media = Self { folder, times: times.into() };
            for name in RENDITIONS {
                assert!(media.times(name).len() >= SLOTS, "{name}: {:?}", media.times(name));
            }
            media
        })
    }

    pub(crate) fn times(&self, rendition: &str) -> &[u64] {
        &self.times[rendition]
    }

    pub(crate) fn init(&self, rendition: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(rendition).join("init.mp4")).unwrap()
    }

    pub(crate) fn segment(&self, rendition: &str, time: u64) -> Vec<u8> {
        std::fs::read(self.folder.join(rendition).join(format!("{time}.m4s"))).unwrap()
    }
}

fn times(folder: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut times: Vec<u64> =
        entries.filter_map(|entry| entry.path().file_stem()?.to_str()?.parse().ok()).collect();
    times.sort_unstable();
    times
}

fn make(folder: &Path) {
    let source = "-hide_banner -loglevel error -y -f lavfi -i testsrc2=size=320x180:rate=30 \
        -f lavfi -i sine=frequency=440:sample_rate=48000 -t 40 \
        -filter_complex [0:v]split[a][b];[a]scale=160:90[low] -map [low] -map [b] -map 1:a \
        -c:v libx264 -preset ultrafast -tune zerolatency -g 60 -keyint_min 60 -sc_threshold 0 -pix_fmt yuv420p \
        -c:a aac -b:a 96k -ac 1 -f mpegts -muxdelay 0 -muxpreload 0 in.ts";
    run(Tool::Ffmpeg, folder, source);
    let stream = |selector: &str, name: &str| {
        format!("in=in.ts,stream={selector},init_segment={name}/init.mp4,segment_template={name}/$Time$.m4s")
    };
    let streams = [stream("0", "low"), stream("1", "high"), stream("2", "sound")].join(" ");
    run(Tool::Packager, folder, &format!("{streams} --segment_duration 2 --mpd_output packager.mpd"));
}

fn run(tool: Tool, folder: &Path, arguments: &str) {
    let output =
        Command::new(tool.path().unwrap()).args(arguments.split_whitespace()).current_dir(folder).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{arguments}\n{}", String::from_utf8_lossy(&output.stderr));
}

//! Files and FIFOs in the folder of a period on a worker's disk.
//!
//! ```text
//! <run's folder>/<epoch>-<n>/            both tools run here, with relative names
//!     feed.ts, feed.<rendition>.mp4      FIFOs from ffmpeg to packager
//!     keys.flags                         content key for packager (owner only, short-lived)
//!     packager.m3u8, packager.mpd, packager.<rendition>.m3u8      its own, where a mode demands them; never uploaded
//!     packager-tempfile-*                the same while they are being written
//!     encrypted.mp4, clear.mp4           in a folder of their own: a protected segment, decrypted for a still
//!     <rendition>/init.mp4, <rendition>/<decode time>.m4s
//! ```
//! Rendition names hold no dot, so no folder can collide with a file.

use ez_domain::spec::{JobSpec, RenditionName};

/// The FIFO of the shared transport stream.
pub const TRANSPORT_STREAM_FIFO: &str = "feed.ts";
/// Packager's multivariant playlist.
pub const PACKAGER_MULTIVARIANT: &str = "packager.m3u8";
/// Packager's DASH manifest.
pub const PACKAGER_MANIFEST: &str = "packager.mpd";
/// The flag file that hands the content key to packager.
pub const KEY_FLAGFILE: &str = "keys.flags";
/// A protected segment that packager is to decrypt, in a folder of its own.
pub const ENCRYPTED_COPY: &str = "encrypted.mp4";
/// What it decrypted.
pub const CLEAR_COPY: &str = "clear.mp4";

const TEMPORARY_PREFIX: &str = "packager-tempfile-";
const INIT_SEGMENT: &str = "init.mp4";
const SEGMENT_EXTENSION: &str = "m4s";

/// The FIFO of a rendition that has its own feed.
pub fn fragmented_mp4_fifo(name: &RenditionName) -> String {
    format!("feed.{name}.mp4")
}

/// The initialisation segment of a rendition.
pub fn init_segment(name: &RenditionName) -> String {
    format!("{name}/{INIT_SEGMENT}")
}

/// A media segment by the decode time of its first sample.
pub fn segment(name: &RenditionName, time: u64) -> String {
    format!("{name}/{time}.{SEGMENT_EXTENSION}")
}

/// Packager's template of segment names. Times, not numbers: when a segment is lost, the
/// names of all later ones stay right.
pub fn segment_template(name: &RenditionName) -> String {
    format!("{name}/$Time$.{SEGMENT_EXTENSION}")
}

/// Packager's media playlist of a rendition.
pub fn packager_playlist(name: &RenditionName) -> String {
    format!("packager.{name}.m3u8")
}

/// What a file in the period's folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalFile<'layout> {
    /// Initialisation segment. Packager writes it again at its end: the first one counts.
    Init(&'layout RenditionName),
    /// Media segment.
    Segment {
        /// The rendition it belongs to.
        rendition: &'layout RenditionName,
        /// Decode time of its first sample, in the rendition's timescale.
        time: u64,
    },
    /// Packager's media playlist of a rendition.
    PackagerPlaylist(&'layout RenditionName),
    /// Packager's multivariant playlist.
    PackagerMultivariant,
    /// Packager's DASH manifest.
    PackagerManifest,
    /// Something of ours or half written: FIFOs, the flag file, packager's temporary files.
    Ignored,
    /// Nothing that we or packager are known to write; worth a line in the log.
    Unknown,
}

/// The names of one job's outputs; the same in each of its periods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLayout {
    renditions: Vec<RenditionName>,
    fifos: Vec<String>,
}

impl OutputLayout {
    /// The layout of a job.
    pub fn new(spec: &JobSpec) -> Self {
        Self {
            renditions: spec.rendition_names().cloned().collect(),
            fifos: crate::feed::feeds(spec).into_iter().map(|feed| feed.fifo).collect(),
        }
    }

    /// FIFOs to make before either tool starts.
    pub fn fifos(&self) -> impl Iterator<Item = &str> {
        self.fifos.iter().map(String::as_str)
    }

    /// Folders to make and watch, beside the period's folder itself.
    ///
    /// Packager would make them, but a watch set afterwards could miss the first segment.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.renditions.iter().map(RenditionName::as_str)
    }

    /// All renditions, video first, in the order of the specification.
    pub fn renditions(&self) -> &[RenditionName] {
        &self.renditions
    }

    /// Tells what the file at `path`, relative to the period's folder, is.
    pub fn classify(&self, path: &str) -> LocalFile<'_> {
        if let Some((folder, file)) = path.split_once('/') {
            return self.find(folder).map_or(LocalFile::Unknown, |rendition| in_folder(rendition, file));
        }
        match path {
            PACKAGER_MULTIVARIANT => LocalFile::PackagerMultivariant,
            PACKAGER_MANIFEST => LocalFile::PackagerManifest,
            KEY_FLAGFILE => LocalFile::Ignored,
            _ if path.starts_with(TEMPORARY_PREFIX) || self.fifos.iter().any(|fifo| fifo == path) => {
                LocalFile::Ignored
            }
            _ => path
                .strip_prefix("packager.")
                .and_then(|rest| rest.strip_suffix(".m3u8"))
                .and_then(|name| self.find(name))
                .map_or(LocalFile::Unknown, LocalFile::PackagerPlaylist),
        }
    }

    fn find(&self, name: &str) -> Option<&RenditionName> {
        self.renditions.iter().find(|rendition| rendition.as_str() == name)
    }
}

fn in_folder<'layout>(rendition: &'layout RenditionName, file: &str) -> LocalFile<'layout> {
    if file == INIT_SEGMENT {
        return LocalFile::Init(rendition);
    }
    if file.starts_with(TEMPORARY_PREFIX) {
        return LocalFile::Ignored;
    }
    let time = file
        .strip_suffix(SEGMENT_EXTENSION)
        .and_then(|stem| stem.strip_suffix('.'))
        .and_then(|stem| stem.parse::<u64>().ok().filter(|time| time.to_string() == stem));
    time.map_or(LocalFile::Unknown, |time| LocalFile::Segment { rendition, time })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn every_file_of_a_period_is_known() {
        let spec = samples::sample_job();
        let layout = OutputLayout::new(&spec);
        let [video, _, audio] = layout.renditions() else { panic!("three renditions") };
        for (path, expected) in [
            ("video365k/init.mp4", LocalFile::Init(video)),
            ("video365k/10800.m4s", LocalFile::Segment { rendition: video, time: 10_800 }),
            ("audio128k/0.m4s", LocalFile::Segment { rendition: audio, time: 0 }),
            ("packager.audio128k.m3u8", LocalFile::PackagerPlaylist(audio)),
            ("packager.m3u8", LocalFile::PackagerMultivariant),
            ("packager.mpd", LocalFile::PackagerManifest),
            ("packager-tempfile-46d3-8623651ff86b1ef4-1c", LocalFile::Ignored),
            ("video365k/packager-tempfile-1-2-3", LocalFile::Ignored),
            ("feed.ts", LocalFile::Ignored),
            ("keys.flags", LocalFile::Ignored),
            ("video365k", LocalFile::Unknown),
            ("other/init.mp4", LocalFile::Unknown),
            ("packager.other.m3u8", LocalFile::Unknown),
            ("audio128k.m3u8", LocalFile::Unknown),
            ("video365k/x/1.m4s", LocalFile::Unknown),
            ("video365k/01.m4s", LocalFile::Unknown),
            ("video365k/-1.m4s", LocalFile::Unknown),
            ("video365k/.m4s", LocalFile::Unknown),
            ("video365k/1m4s", LocalFile::Unknown),
            ("video365k/18446744073709551616.m4s", LocalFile::Unknown),
            ("", LocalFile::Unknown),
        ] {
            assert_eq!(layout.classify(path), expected, "{path}");
        }
    }

    #[test]
    fn no_rendition_name_can_take_a_name_of_ours() {
        let mut spec = samples::sample_job();
        spec.video[0].name = samples::name("packager");
        spec.video[1].name = samples::name("feed");
        let layout = OutputLayout::new(&spec);
        assert_eq!(layout.classify("packager.m3u8"), LocalFile::PackagerMultivariant);
        assert_eq!(
            layout.classify(&packager_playlist(&spec.video[0].name)),
            LocalFile::PackagerPlaylist(&spec.video[0].name)
        );
        assert_eq!(layout.classify("feed.ts"), LocalFile::Ignored);
    }

    #[test]
    fn the_names_we_give_are_the_names_we_know() {
        let spec = samples::ladder();
        let layout = OutputLayout::new(&spec);
        for name in spec.rendition_names() {
            assert_eq!(layout.classify(&init_segment(name)), LocalFile::Init(name));
            assert_eq!(layout.classify(&segment(name, 77)), LocalFile::Segment { rendition: name, time: 77 });
            assert_eq!(layout.classify(&packager_playlist(name)), LocalFile::PackagerPlaylist(name));
            assert_eq!(segment_template(name).replace("$Time$", "77"), segment(name, 77));
        }
    }
}

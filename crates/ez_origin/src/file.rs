//! A file that packager has finished.

use std::path::PathBuf;

use ez_domain::spec::RenditionName;

/// A file that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The rendition it belongs to.
    pub rendition: RenditionName,
    /// What it is.
    pub kind: FileKind,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Initialisation segment.
    Init,
    /// Media segment.
    Segment {
        /// Decode time that its name tells, in the rendition's timescale.
        time: u64,
    },
}

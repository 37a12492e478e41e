//! Keys of a job's public objects, with their type and how long caches may keep them.
//!
//! Objects in a period's folder never change once written, so caches keep them for a year.
//! The stable objects beside them are replaced all the time.

use ez_domain::id::JobId;
use ez_domain::spec::RenditionName;

use super::PeriodName;

/// What an object is; decides its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// HLS multivariant playlist.
    MultivariantPlaylist,
    /// HLS media playlist.
    MediaPlaylist,
    /// DASH manifest.
    Manifest,
    /// The record of what was published, for the next owner of the channel.
    Timeline,
    /// What the publisher sends, for whoever asks.
    InputInfo,
    /// Initialisation segment.
    Init,
    /// Media segment.
    Segment,
    /// Content key of a period, for players that may have it.
    ContentKey,
}

impl ObjectKind {
    /// `Content-Type` of the object.
    ///
    /// `video/mp4` for audio too: ISO base media in general (RFC 4337 3), and what Apple's
    /// HLS authoring rules ask for.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::MultivariantPlaylist | Self::MediaPlaylist => "application/vnd.apple.mpegurl",
            Self::Manifest => "application/dash+xml",
            Self::Timeline | Self::InputInfo => "application/json",
            Self::Init | Self::Segment => "video/mp4",
            Self::ContentKey => "application/octet-stream",
        }
    }

    /// `Cache-Control` of the object (RFC 9111 5.2.2, RFC 8246).
    pub const fn cache_control(self) -> &'static str {
        match self {
            Self::MultivariantPlaylist | Self::InputInfo => "public, max-age=5",
            // One second: a viewer is never more than that behind, a CDN still asks once
            // per second for all viewers.
            Self::MediaPlaylist | Self::Manifest => "public, max-age=1",
            Self::Init | Self::Segment => "public, max-age=31536000, immutable",
            Self::Timeline | Self::ContentKey => "private, no-store",
        }
    }

    /// Whether the object is replaced while the channel lives, by compare-and-swap.
    pub const fn is_stable(self) -> bool {
        match self {
            Self::MultivariantPlaylist
            | Self::MediaPlaylist
            | Self::Manifest
            | Self::Timeline
            | Self::InputInfo => true,
            Self::Init | Self::Segment | Self::ContentKey => false,
        }
    }
}

/// The key of an object in the job's bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey {
    /// What the object is.
    pub kind: ObjectKind,
    /// Its key, without leading slash.
    pub key: String,
}

/// The keys of one job's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objects {
    job: JobId,
}

impl Objects {
    /// The objects of `job`.
    pub const fn of(job: JobId) -> Self {
        Self { job }
    }

    /// Prefix of all objects of the job, with a slash at its end.
    pub fn prefix(&self) -> String {
        format!("output_{}/", self.job)
    }

    /// The HLS multivariant playlist.
    pub fn multivariant_playlist(&self) -> ObjectKey {
        self.object(ObjectKind::MultivariantPlaylist, "master.m3u8")
    }

    /// The DASH manifest.
    pub fn manifest(&self) -> ObjectKey {
        self.object(ObjectKind::Manifest, "master.mpd")
    }

    /// The record of what was published.
    pub fn timeline(&self) -> ObjectKey {
        self.object(ObjectKind::Timeline, "timeline.json")
    }

    /// What the publisher sends.
    pub fn input_info(&self) -> ObjectKey {
        self.object(ObjectKind::InputInfo, "input_info.json")
    }

    /// The media playlist of a rendition.
    pub fn media_playlist(&self, rendition: &RenditionName) -> ObjectKey {
        self.object(ObjectKind::MediaPlaylist, format_args!("{rendition}/playlist.m3u8"))
    }

    /// The initialisation segment of a rendition in a period.
    pub fn init(&self, period: PeriodName, rendition: &RenditionName) -> ObjectKey {
        self.object(ObjectKind::Init, format_args!("{period}/{rendition}/init.mp4"))
    }

    /// A media segment by the decode time of its first sample.
    pub fn segment(&self, period: PeriodName, rendition: &RenditionName, time: u64) -> ObjectKey {
        self.object(ObjectKind::Segment, format_args!("{period}/{rendition}/{time}.m4s"))
    }

    /// The content key of a period: beside its media, so that older segments keep theirs.
    pub fn content_key(&self, period: PeriodName) -> ObjectKey {
        self.object(ObjectKind::ContentKey, format_args!("{period}/key.bin"))
    }

    fn object(&self, kind: ObjectKind, name: impl std::fmt::Display) -> ObjectKey {
        ObjectKey { kind, key: format!("{}{name}", self.prefix()) }
    }
}

#[cfg(test)]
mod tests {
    use ez_domain::id::Epoch;

    use super::*;
    use crate::samples;

    #[test]
    fn keys_and_headers_of_all_objects() {
        let objects = Objects::of("0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f".parse().unwrap());
        let period = PeriodName { epoch: Epoch::new(7), number: 0 };
        let name = samples::name("video365k");
        let all = [
            objects.multivariant_playlist(),
            objects.manifest(),
            objects.timeline(),
            objects.media_playlist(&name),
            objects.init(period, &name),
            objects.segment(period, &name, 10_800),
            objects.content_key(period),
        ];
        let table: Vec<String> = all
            .iter()
            .map(|object| {
                let kind = object.kind;
                assert!(object.key.starts_with(&objects.prefix()));
                format!(
                    "{} | {} | {} | {}",
                    object.key.replace("0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f", "<job>"),
                    kind.content_type(),
                    kind.cache_control(),
                    if kind.is_stable() { "stable" } else { "immutable" },
                )
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"), @"
        output_<job>/master.m3u8 | application/vnd.apple.mpegurl | public, max-age=5 | stable
        output_<job>/master.mpd | application/dash+xml | public, max-age=1 | stable
        output_<job>/timeline.json | application/json | private, no-store | stable
        output_<job>/video365k/playlist.m3u8 | application/vnd.apple.mpegurl | public, max-age=1 | stable
        output_<job>/7-0/video365k/init.mp4 | video/mp4 | public, max-age=31536000, immutable | immutable
        output_<job>/7-0/video365k/10800.m4s | video/mp4 | public, max-age=31536000, immutable | immutable
        output_<job>/7-0/key.bin | application/octet-stream | private, no-store | immutable
        ");
    }
}

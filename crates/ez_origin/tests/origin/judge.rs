//! The strict client: holds every version that was ever written against all others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

use ez_manifest::watch::{Listed, MediaPlaylist, Watch, compare};
use ez_objects::memory::Version;

use super::media::{Media, RENDITIONS};
use super::stage::Stage;

/// What the playlists named, over their whole history.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// URIs of segments relative to the job's prefix, with their numbers.
    segments: BTreeMap<String, u64>,
    /// Texts of the last playlists, by rendition.
    pub(crate) last: BTreeMap<String, String>,
}

/// Checks every version of every playlist; a channel may be resumed after its end.
pub(crate) fn judge(stage: &Stage) -> Named {
    let mut named = Named::default();
    for name in RENDITIONS {
        let mut watch = Watch::new();
        for version in history(stage, &format!("{name}/playlist.m3u8")) {
            let text = String::from_utf8(version.bytes.to_vec()).unwrap();
            let violations = watch.observe(&text);
            assert!(violations.is_empty(), "{name}: {violations:?}\n{text}");
            let playlist = MediaPlaylist::parse(&text).unwrap();
            if playlist.has_ended {
                watch.expect_resume();
            }
            for segment in playlist.segments.iter().filter(|segment| !segment.is_gap) {
                let uri = segment.uri.trim_start_matches("../").to_owned();
                was_stored(stage, &uri, &version);
                was_stored(stage, segment.map.as_deref().unwrap().trim_start_matches("../"), &version);
                let number = *named.segments.entry(uri.clone()).or_insert(segment.sequence);
                assert_eq!(number, segment.sequence, "{uri} has two numbers");
            }
            named.last.insert(name.to_owned(), text);
        }
    }
    multivariant_names_only_what_is_there(stage);
    let last: Vec<_> = stage
        .names()
        .filter_map(|name| Some((name, MediaPlaylist::parse(named.last.get(name)?).unwrap())))
        .collect();
    let listed: Vec<_> = last
        .iter()
        .map(|(rendition, playlist)| Listed { rendition, is_audio: *rendition == "sound", playlist })
        .collect();
    let violations = compare(&listed, 40);
    assert!(violations.is_empty(), "{violations:?}\n{:#?}", named.last);
    named
}

impl Named {
    /// Exactly these segments (period, rendition, n) were named, with the bytes that packager wrote.
    pub(crate) fn assert_exactly(
        &self,
        stage: &Stage,
        expected: impl IntoIterator<Item = (String, String, usize)>,
    ) {
        let media = Media::get();
        let mut uris = BTreeSet::new();
        for (period, rendition, n) in expected {
            let time = media.times(&rendition)[n];
            let uri = format!("{period}/{rendition}/{time}.m4s");
            let stored = history(stage, &uri);
            let whole = stored.last().is_some_and(|version| version.bytes == media.segment(&rendition, time));
            assert!(whole, "{uri} is not in the store as packager wrote it");
            uris.insert(uri);
        }
        let named: BTreeSet<_> = self.segments.keys().cloned().collect();
        let (lost, strange): (Vec<_>, Vec<_>) =
            (uris.difference(&named).collect(), named.difference(&uris).collect());
        assert!(lost.is_empty() && strange.is_empty(), "lost: {lost:?}\nnot expected: {strange:?}");
    }

    pub(crate) fn has(&self, uri: &str) -> bool {
        self.segments.contains_key(uri)
    }
}

/// These segments of every rendition, for [`Named::assert_exactly`].
pub(crate) fn every(period: &str, slots: std::ops::Range<usize>) -> Vec<(String, String, usize)> {
    let slots = slots.flat_map(|n| RENDITIONS.map(|name| (period.to_owned(), name.to_owned(), n)));
    slots.collect()
}

fn history(stage: &Stage, uri: &str) -> Vec<Version> {
    stage.store.inner().history(&stage.key(uri))
}

/// When a version was written, counted in writes.
fn moment(version: &Version) -> u64 {
    version.info.last_modified.unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn was_stored(stage: &Stage, uri: &str, by: &Version) {
    let is_stored = history(stage, uri).first().is_some_and(|first| moment(first) < moment(by));
    assert!(is_stored, "{uri} was named before it was stored");
}

fn multivariant_names_only_what_is_there(stage: &Stage) {
    for version in history(stage, "master.m3u8") {
        let text = String::from_utf8(version.bytes.to_vec()).unwrap();
        let variants = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let groups = text.split('"').filter(|part| part.ends_with(".m3u8"));
        for uri in variants.chain(groups) {
            was_stored(stage, uri, &version);
        }
    }
}

//! The reader against what packager really writes.

use ez_manifest::fmp4::{Error, InitSegment, Media, MediaSegment};
use proptest::prelude::*;

use crate::tools::{packaged, read};

/// `(t, d)` of every segment in packager's MPD, by the first letter of its media template.
fn segment_timeline(mpd: &str, media: &str) -> Vec<(u64, u64)> {
    let template = mpd
        .split("<SegmentTemplate")
        .find(|part| part.contains(&format!("media=\"{media}")))
        .expect("template");
    let mut found = Vec::new();
    let mut next = 0;
    for line in template.lines().filter(|line| line.trim_start().starts_with("<S ")) {
        let value = |name: &str| -> Option<u64> {
            line.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0.parse().ok()
        };
        next = value("t").unwrap_or(next);
        let d = value("d").expect("every S has a duration");
        for _ in 0..=value("r").unwrap_or(0) {
            found.push((next, d));
            next += d;
        }
    }
    found
}

#[test]
fn times_agree_with_packager() {
    for variant in ["clear", "cbcs", "fragments"] {
        let mpd = String::from_utf8(read(&format!("{variant}.mpd"))).unwrap();
        for (track, count) in [("v", 3), ("a", 4)] {
            let folder = format!("{variant}/{track}");
            let init = InitSegment::read(&read(&format!("{folder}/init.mp4"))).unwrap();
            assert_eq!(init.timescale, 90_000);
            assert_eq!(init.encryption.is_some(), variant == "cbcs");
            let timeline = segment_timeline(&mpd, &format!("{folder}/"));
            assert_eq!(timeline.len(), count, "{folder}");
            for (t, d) in timeline {
                let file = read(&format!("{folder}/{t}.m4s"));
                let segment = MediaSegment::read(&file, &init).unwrap();
                assert_eq!((segment.decode_time, segment.duration), (t, d), "{folder}/{t}");
                assert!(segment.starts_with_sync);
                assert_eq!(segment.bytes, file.len() as u64);
                // The trailing AAC frame is one fragment anyhow.
                assert!(
                    variant != "fragments" || segment.fragments > 1 || d == 1920,
                    "{folder}/{t}: {segment:?}"
                );
            }
        }
    }
    assert!(packaged().is_dir());
}

#[test]
fn init_segments_are_described() {
    for variant in ["clear", "cbcs"] {
        let video = InitSegment::read(&read(&format!("{variant}/v/init.mp4"))).unwrap();
        assert_eq!(
            (video.codec.as_str(), &video.media),
            ("avc1.42c00d", &Media::Video { width: 320, height: 180 })
        );
        let audio = InitSegment::read(&read(&format!("{variant}/a/init.mp4"))).unwrap();
        assert_eq!(
            (audio.codec.as_str(), &audio.media),
            ("mp4a.40.2", &Media::Audio { sample_rate: 48_000, channels: 1 })
        );
    }
}

#[test]
fn a_torn_file_is_seen_at_every_length() {
    let init = InitSegment::read(&read("clear/v/init.mp4")).unwrap();
    let file = read("clear/v/1920.m4s");
    let step = file.len() / 97;
    for length in (0..file.len()).step_by(step).chain([file.len() - 1]) {
        let result = MediaSegment::read(&file[..length], &init);
        assert!(matches!(result, Err(Error::Torn { .. } | Error::Missing(_))), "{length}: {result:?}");
    }
    let longer = [file.as_slice(), &[0, 0, 0]].concat();
    assert!(matches!(MediaSegment::read(&longer, &init), Err(Error::Torn { .. })));
    let init_file = read("clear/v/init.mp4");
    for length in 0..init_file.len() {
        assert!(InitSegment::read(&init_file[..length]).is_err(), "{length}");
    }
}

#[test]
fn segments_of_another_track_or_without_media_are_refused() {
    let video = InitSegment::read(&read("clear/v/init.mp4")).unwrap();
    let mut file = read("clear/v/1920.m4s");
    let moof = file.windows(4).position(|four| four == b"moof").unwrap();
    file.drain(..moof - 4);
    let track_id = file.windows(4).position(|four| four == b"tfhd").unwrap() + 8;
    file[track_id + 3] = 9;
    assert!(matches!(MediaSegment::read(&file, &video), Err(Error::OtherTrack { found: 9, .. })));
    assert!(matches!(MediaSegment::read(&read("clear/v/init.mp4"), &video), Err(Error::Missing("mdat"))));
    assert!(matches!(InitSegment::read(&read("clear/v/1920.m4s")), Err(Error::Missing("moov"))));
    let unbounded = [0, 0, 0, 0, b'm', b'd', b'a', b't'];
    assert!(matches!(MediaSegment::read(&unbounded, &video), Err(Error::Unbounded { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        for path in ["clear/v/init.mp4", "clear/a/init.mp4", "cbcs/a/init.mp4", "cbcs/v/init.mp4", "clear/a/541440.m4s", "cbcs/a/541440.m4s"] {
            let good = read(path);
            let init = InitSegment::read(&read("cbcs/a/init.mp4")).unwrap();
            let mut file = good.clone();
            for (at, byte) in &edits {
                let at = at.index(file.len());
                file[at] = *byte;
            }
            if edits.len() % 3 == 0 {
                file.truncate(cut.index(file.len()));
            }
            let changed = InitSegment::read(&file);
            let _ = MediaSegment::read(&file, changed.as_ref().unwrap_or(&init));
            if let Ok(changed) = changed {
                let _ = MediaSegment::read(&good, &changed);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let init = InitSegment::read(&read("clear/a/init.mp4")).unwrap();
        prop_assert!(InitSegment::read(&bytes).is_err());
        let _ = MediaSegment::read(&bytes, &init);
    }
}

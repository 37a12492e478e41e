//! Negative controls: every rule is broken once, and nothing else is reported.

use super::{Listed, MediaPlaylist, Violation, Watch, compare};

const FIRST: &str = "\
#EXTM3U
#EXT-X-VERSION:8
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:10
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-MAP:URI=\"1/i\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:00.000Z
#EXTINF:2.00000,
1/a
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:02.000Z
#EXT-X-GAP
#EXTINF:1.50000,
1/gap
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI=\"2/i\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:03.500Z
#EXTINF:2.00000,
2/a
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:05.500Z
#EXTINF:2.00000,
2/b
";

/// `FIRST` one segment later, after its first entry left.
const SECOND: &str = "\
#EXTM3U
#EXT-X-VERSION:8
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:11
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-MAP:URI=\"1/i\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:02.000Z
#EXT-X-GAP
#EXTINF:1.50000,
1/gap
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI=\"2/i\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:03.500Z
#EXTINF:2.00000,
2/a
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:05.500Z
#EXTINF:2.00000,
2/b
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:07.500Z
#EXTINF:2.00000,
2/c
";

fn second(text: &str) -> Vec<Violation> {
    let mut watch = Watch::new();
    assert_eq!(watch.observe(FIRST), []);
    watch.observe(text)
}

#[test]
fn good_playlists_pass() {
    assert_eq!(second(SECOND), []);
    assert_eq!(second(FIRST), [], "the same again");
}

/// A change of the second playlist and what it has to be called.
type Case = (&'static str, &'static str, &'static str, fn(&Violation) -> bool);

#[test]
fn every_rule_bites() {
    let cases: [Case; 15] = [
        ("sequence falls", "SEQUENCE:11", "SEQUENCE:9", |v| matches!(v, Violation::MediaSequenceFell { .. })),
        ("URI changed", "2/b", "2/x", |v| matches!(v, Violation::UriChanged { sequence: 13, .. })),
        ("shifted", "MEDIA-SEQUENCE:11", "MEDIA-SEQUENCE:12", |v| matches!(v, Violation::UriChanged { .. })),
        ("duration changed", "1.50000,\n1/gap", "1.49950,\n1/gap", |v| {
            matches!(v, Violation::SegmentChanged { sequence: 11 })
        }),
        ("discontinuity falls", "ITY-SEQUENCE:3", "ITY-SEQUENCE:2", |v| {
            matches!(v, Violation::DiscontinuitySequenceFell { .. })
        }),
        ("discontinuity wrong", "ITY-SEQUENCE:3", "ITY-SEQUENCE:4", |v| {
            matches!(v, Violation::DiscontinuityChanged { sequence: 11, before: 3, now: 4 })
        }),
        ("discontinuity missing", "#EXT-X-DISCONTINUITY\n", "", |v| {
            matches!(v, Violation::DiscontinuityChanged { sequence: 12, .. })
        }),
        ("too long", "2.00000,\n2/c", "2.50000,\n2/c", |v| {
            matches!(v, Violation::TooLong { sequence: 14, .. })
        }),
        ("target changed", "DURATION:2", "DURATION:3", |v| {
            matches!(v, Violation::TargetDurationChanged { .. })
        }),
        ("date falls", "46:07.500Z", "46:05.500Z", |v| {
            matches!(v, Violation::DateNotGrowing { sequence: 14, .. })
        }),
        ("date jumps", "46:07.500Z", "46:07.502Z", |v| {
            matches!(v, Violation::DateJumped { sequence: 14, .. })
        }),
        ("no map after discontinuity", "#EXT-X-MAP:URI=\"2/i\"\n", "", |v| {
            matches!(v, Violation::MapMissing { sequence: 12 })
        }),
        ("gap last", "#EXTINF:2.00000,\n2/c", "#EXT-X-GAP\n#EXTINF:2.00000,\n2/c", |v| {
            matches!(v, Violation::EndsWithGap { sequence: 14 })
        }),
        ("version", "VERSION:8", "VERSION:6", |v| matches!(v, Violation::VersionTooLow { needed: 8, .. })),
        ("unreadable", "#EXTM3U", "<html>", |v| matches!(v, Violation::Unreadable(_))),
    ];
    for (name, from, to, is_it) in cases {
        assert!(SECOND.contains(from), "{name}: nothing to replace");
        let found = second(&SECOND.replace(from, to));
        assert!(found.iter().any(is_it), "{name}: {found:?}");
    }
}

#[test]
fn a_single_slight_fault_is_reported_once() {
    assert_eq!(second(&SECOND.replace("46:07.500Z", "46:07.502Z")).len(), 1);
    assert_eq!(second(&SECOND.replace("46:07.500Z", "46:07.501Z")), [], "1 ms is rounding");
}

#[test]
fn a_segment_of_another_length_is_seen_unless_nothing_follows() {
    let found = |text: &str| Watch::new().expect_duration_us(2_000_000).observe(text);
    assert_eq!(found(SECOND), [], "the last one of a discontinuity is as long as it is");
    let uneven = SECOND.replace("2.00000,\n2/b", "1.96667,\n2/b").replace("46:07.500Z", "46:07.466Z");
    let expected = Violation::Uneven { sequence: 13, duration_us: 1_966_670, expected_us: 2_000_000 };
    assert_eq!(found(&uneven), [expected]);
    assert_eq!(Watch::new().observe(&uneven), [], "nobody asked");
    let before_gap = FIRST.replace("2.00000,\n1/a", "1.20000,\n1/a").replace("46:02.000Z", "46:01.200Z");
    let before_gap = before_gap.replace("46:03.500Z", "46:02.700Z").replace("46:05.500Z", "46:04.700Z");
    assert_eq!(found(&before_gap), [], "nothing follows but a GAP");
    assert_eq!(found(&SECOND.replace("2.00000,\n2/c", "1.96667,\n2/c")), [], "nothing follows yet");
}

#[test]
fn taking_segments_back_is_seen() {
    let short = FIRST.split("#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:05.500Z").next().unwrap();
    assert!(matches!(second(short).as_slice(), [Violation::EndFell { before: 14, now: 13 }]));
}

#[test]
fn a_uri_cannot_get_a_second_number() {
    let found = second(&SECOND.replace("2/c", "1/a"));
    assert!(matches!(found.as_slice(), [Violation::NumberChanged { before: 10, now: 14, .. }]), "{found:?}");
}

#[test]
fn a_window_that_shares_nothing_must_be_later() {
    let later = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:20\n#EXT-X-DISCONTINUITY-SEQUENCE:4\n\
        #EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"3/i\"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-20T21:00:00.000Z\n#EXTINF:2,\n3/a\n";
    assert_eq!(second(later), []);
    let found = second(&later.replace("2026", "2025"));
    assert!(matches!(found.as_slice(), [Violation::DateNotGrowing { .. }]), "{found:?}");
    let found =
        second(&later.replace("ITY-SEQUENCE:4", "ITY-SEQUENCE:3").replace("#EXT-X-DISCONTINUITY\n", ""));
    assert!(matches!(found.as_slice(), [Violation::DiscontinuitySequenceFell { .. }]), "{found:?}");
}

#[test]
fn dates_may_be_sparse_but_not_absent_at_the_top() {
    let date = "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:05.500Z\n";
    assert_eq!(second(&SECOND.replace(date, "")), []);
    let top = "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:46:02.000Z\n";
    assert!(matches!(second(&SECOND.replace(top, "")).as_slice(), [Violation::DateMissing { sequence: 11 }]));
}

#[test]
fn nothing_comes_after_the_end_unless_resumed() {
    let mut watch = Watch::new();
    assert_eq!(watch.observe(&format!("{FIRST}#EXT-X-ENDLIST\n")), []);
    assert_eq!(watch.observe(&format!("{FIRST}#EXT-X-ENDLIST\n")), []);
    assert_eq!(watch.observe(SECOND), [Violation::MediaAfterEnd]);
    assert_eq!(watch.playlists().len(), 3);

    let mut watch = Watch::new();
    assert_eq!(watch.observe(&format!("{FIRST}#EXT-X-ENDLIST\n")), []);
    watch.expect_resume();
    assert_eq!(watch.observe(SECOND), []);
}

#[test]
fn renditions_are_compared() {
    let first = MediaPlaylist::parse(SECOND).unwrap();
    let against = |text: &str, is_audio: bool| {
        let other = MediaPlaylist::parse(text).unwrap();
        let listed = [
            Listed { rendition: "video", is_audio: false, playlist: &first },
            Listed { rendition: "other", is_audio, playlist: &other },
        ];
        compare(&listed, 40)
    };
    assert_eq!(against(SECOND, false), []);
    assert_eq!(against(&SECOND.replace("46:05.500Z", "46:05.521Z"), true), [], "an audio frame");
    let later = SECOND.replace("ITY-SEQUENCE:3", "ITY-SEQUENCE:4");
    assert!(matches!(
        against(&later, false).as_slice(),
        [Violation::RenditionsDiscontinuity { found: 4, expected: 3, .. }]
    ));
    let shifted =
        against(&SECOND.replace("46:05.500Z", "46:05.600Z").replace("46:07.500Z", "46:07.600Z"), true);
    assert!(
        shifted.iter().any(|v| matches!(v, Violation::RenditionsMisaligned { sequence: 13, .. })),
        "{shifted:?}"
    );
    let doubled = SECOND
        .replace("#EXT-X-DISCONTINUITY\n", "#EXTINF:0.5,\n1/b\n#EXTINF:0.5,\n1/c\n#EXT-X-DISCONTINUITY\n");
    assert!(matches!(
        against(&doubled, true).as_slice(),
        [Violation::RenditionsCount { found: 3, expected: 1, .. }]
    ));
    let trailing = SECOND.replace("#EXT-X-DISCONTINUITY\n", "#EXTINF:0.5,\n1/b\n#EXT-X-DISCONTINUITY\n");
    assert_eq!(against(&trailing, true), [], "audio may have one more at the end");
    assert!(!against(&trailing, false).is_empty(), "video may not");
}

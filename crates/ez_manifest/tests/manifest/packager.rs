//! What manifests say about encryption: ours against those of packager, for the same media.

mod protection;

use ez_manifest::dash::mpd;
use ez_manifest::fmp4::InitSegment;
use ez_manifest::protection as ours;

pub(crate) use protection::content_protection;

use crate::{
    support::{ALL, BEGIN_MS, Channel, LOW, track},
    tools::read,
};

fn text(path: &str) -> String {
    String::from_utf8(read(path)).unwrap()
}

fn key_lines(playlist: &str) -> Vec<String> {
    playlist.lines().filter(|line| line.starts_with("#EXT-X-KEY")).map(str::to_owned).collect()
}

#[test]
fn media_in_clear_say_nothing() {
    assert_eq!(key_lines(&text("clear_v.m3u8")), Vec::<String>::new());
    assert_eq!(content_protection(&text("clear.mpd")).unwrap(), []);
    assert_eq!(InitSegment::read(&read("clear/v/init.mp4")).unwrap().encryption, None);
}

#[test]
fn we_say_what_packager_says() {
    let theirs = content_protection(&text("cbcs.mpd")).unwrap();
    let paths: Vec<&str> = theirs.iter().map(|one| one.initialization.as_str()).collect();
    assert_eq!(paths, ["cbcs/v/init.mp4", "cbcs/a/init.mp4"]);
    for (track, theirs) in ["v", "a"].into_iter().zip(theirs) {
        let init = InitSegment::read(&read(&theirs.initialization)).unwrap();
        let encryption = init.encryption.unwrap();
        assert_eq!(encryption.scheme, "cbcs");
        assert_eq!(ours::content_protection(&encryption), theirs.xml);
        let line = ours::key_line(&encryption, "https://host/key").unwrap();
        assert_eq!(key_lines(&text(&format!("cbcs_{track}.m3u8"))), [line]);
    }
}

#[test]
fn it_stands_in_our_manifests() {
    let encryption = InitSegment::read(&read("cbcs/v/init.mp4")).unwrap().encryption.unwrap();
    let mut channel = Channel::begun(0);
    for name in ALL {
        let mut info = track(name);
        info.keys = ours::key_line(&encryption, "../1-1/key.bin").into_iter().collect();
        info.protection = Some(ours::content_protection(&encryption));
        channel.timeline.set_track(name, info).unwrap();
    }
    channel.append(2);
    let keys = key_lines(&channel.playlist(LOW));
    assert_eq!(keys.len(), 1);
    assert!(
        keys[0].contains("URI=\"../1-1/key.bin\"") && keys[0].contains("KEYFORMAT=\"identity\""),
        "{keys:?}"
    );
    let manifest = mpd(&channel.timeline, BEGIN_MS, &[]).unwrap();
    let reread = content_protection(&manifest).unwrap();
    assert_eq!(reread.len(), 3, "one per representation: {manifest}");
    assert!(
        reread.iter().all(|one| one.xml.contains("default_KID=\"00112233-4455-6677-8899-aabbccddeeff\""))
    );
    assert!(reread.iter().all(|one| one.xml.contains("<cenc:pssh>")));
}

#[test]
fn a_torn_manifest_is_an_error() {
    let manifest = text("cbcs.mpd");
    for end in [60, 200, manifest.len() - 3] {
        assert!(content_protection(&manifest[..end]).is_err(), "cut at {end}");
    }
}

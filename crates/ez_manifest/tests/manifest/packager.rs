//! What we take from packager's manifests, against real ones, on the way into ours.

use ez_manifest::{
    dash::mpd,
    packager::{content_protection, key_lines},
};

use crate::{
    support::{ALL, BEGIN_MS, Channel, LOW, track},
    tools::read,
};

fn text(path: &str) -> String {
    String::from_utf8(read(path)).unwrap()
}

#[test]
fn clear_manifests_have_neither() {
    assert!(key_lines(&text("clear_v.m3u8")).is_empty());
    assert!(content_protection(&text("clear.mpd")).unwrap().is_empty());
}

#[test]
fn encrypted_manifests_go_into_ours() {
    let keys = key_lines(&text("cbcs_v.m3u8"));
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].attribute("METHOD"), Some("SAMPLE-AES"));
    assert_eq!(keys[0].attribute("IV").map(str::len), Some(34));
    let found = content_protection(&text("cbcs.mpd")).unwrap();
    let paths: Vec<&str> = found.iter().map(|one| one.initialization.as_str()).collect();
    assert_eq!(paths, ["cbcs/v/init.mp4", "cbcs/a/init.mp4"]);

    let mut channel = Channel::begun(0);
    for name in ALL {
        let mut info = track(name);
        info.keys = keys.iter().map(|key| key.with_uri("../1-1/key.bin").as_str().to_owned()).collect();
        info.protection = Some(found[0].xml.clone());
        channel.timeline.set_track(name, info).unwrap();
    }
    channel.append(2);
    let key =
        channel.playlist(LOW).lines().find(|line| line.starts_with("#EXT-X-KEY")).map(str::to_owned).unwrap();
    assert!(key.contains("URI=\"../1-1/key.bin\"") && key.contains("KEYFORMAT=\"identity\""), "{key}");
    let ours = mpd(&channel.timeline, BEGIN_MS, &[]).unwrap();
    let reread = content_protection(&ours).unwrap();
    assert_eq!(reread.len(), 3, "one per representation: {ours}");
    assert!(
        reread.iter().all(|one| one.xml.contains("default_KID=\"00112233-4455-6677-8899-aabbccddeeff\""))
    );
    assert!(reread.iter().all(|one| one.xml.contains("<cenc:pssh>")));
}

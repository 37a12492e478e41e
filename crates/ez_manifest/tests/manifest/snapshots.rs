//! Whole manifests of the situations that matter, as a reviewer reads them.

use ez_manifest::{
    dash::{UtcTiming, mpd},
    hls,
    timeline::Timeline,
};

use crate::support::{ALL, AUDIO, BEGIN_MS, Channel, LOW, Viewers, track};

/// A channel has one content key for life.
const KEY_ID: &str = "00112233-4455-6677-8899-aabbccddeeff";

fn manifest(timeline: &Timeline) -> String {
    let clocks = [UtcTiming::HttpIso("https://host/time?a=1&b=2".to_owned()), UtcTiming::Direct(BEGIN_MS)];
    mpd(timeline, BEGIN_MS, &clocks).unwrap()
}

/// Video and audio playlist and the MPD of a channel, after the strict client agreed.
fn snapshot(name: &str, channel: &Channel) {
    Viewers::default().poll(&channel.timeline).unwrap();
    let text = format!(
        "== {LOW}\n{}\n== {AUDIO}\n{}\n== MPD\n{}",
        channel.playlist(LOW),
        channel.playlist(AUDIO),
        manifest(&channel.timeline)
    );
    insta::assert_snapshot!(name, text);
}

#[test]
fn one_period() {
    let mut channel = Channel::begun(60);
    channel.append(4);
    snapshot("one_period", &channel);
    insta::assert_snapshot!("multivariant", hls::multivariant_playlist(&channel.timeline).unwrap());
    insta::assert_snapshot!("timeline", String::from_utf8(channel.timeline.to_json().unwrap()).unwrap());
}

#[test]
fn plain_seam_with_trailing_audio() {
    let mut channel = Channel::begun(60);
    channel.append(2);
    channel.append_trailing(1920);
    channel.open(channel.end_ms() + 299);
    channel.append(2);
    snapshot("plain_seam", &channel);
}

#[test]
fn hole_of_five_seconds_with_keys() {
    let mut channel = Channel::begun(60);
    let encrypt = |channel: &mut Channel, key: &str| {
        for name in ALL {
            let mut info = track(name);
            info.keys =
                vec![format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"{key}\",IV=0x1,KEYFORMAT=\"identity\"")];
            info.protection =
                Some(format!("<ContentProtection value=\"cbcs\" cenc:default_KID=\"{KEY_ID}\"/>"));
            channel.timeline.set_track(name, info).unwrap();
        }
    };
    encrypt(&mut channel, "../1-1/key.bin");
    channel.append(2);
    channel.timeline.begin_run(2).unwrap();
    channel.open(channel.end_ms() + 5000);
    encrypt(&mut channel, "../2-1/key.bin");
    channel.append(1);
    channel.timeline.close_period();
    channel.open(0);
    channel.append(1);
    snapshot("hole", &channel);
}

#[test]
fn hole_longer_than_the_window() {
    let mut channel = Channel::begun(14);
    channel.append(3);
    channel.open(channel.end_ms() + 60_000);
    channel.append(1);
    assert_eq!(channel.timeline.media_sequence(LOW), Some(3 + 30), "as if 30 GAPs had slid out");
    snapshot("hole_longer_than_window", &channel);
}

#[test]
fn a_lost_segment() {
    let mut channel = Channel::begun(60);
    channel.append(1);
    channel.append_without(&[LOW]);
    channel.append(2);
    snapshot("lost_segment", &channel);
}

#[test]
fn ended_and_resumed() {
    let mut channel = Channel::begun(60);
    channel.append(3);
    channel.timeline.end();
    snapshot("ended", &channel);
    let left = channel.timeline.resume(channel.now_ms).unwrap();
    assert_eq!(left.objects.len(), 9 + 3, "segments and init segments");
    assert_eq!(left.periods[0].uri, "1-1/");
    assert_eq!(hls::media_playlist(&channel.timeline, LOW), None, "nothing to show before new media");
    channel.timeline.begin_run(2).unwrap();
    channel.open(channel.end_ms() + 3_600_000);
    channel.append(1);
    snapshot("resumed", &channel);
}

#[test]
fn window_in_the_middle_of_a_period_and_at_a_seam() {
    let mut channel = Channel::begun(10);
    channel.append(4);
    channel.timeline.begin_run(2).unwrap();
    channel.open(channel.end_ms());
    channel.append(3);
    snapshot("window_in_period", &channel);
    channel.append(2);
    assert_eq!(channel.timeline.media_sequence(LOW), Some(4));
    snapshot("window_at_seam", &channel);
    channel.append(1);
    snapshot("window_after_seam", &channel);
}

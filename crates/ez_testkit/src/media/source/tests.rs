use super::*;
use crate::media::Media;
use crate::media::counter::analysis::{Cadence, analyse};
use crate::media::counter::read_frames;
use crate::media::probe::{decode_errors, probe};
use crate::media::sync::{beeps, flashes, offsets};

fn small() -> Contribution {
    Contribution { width: 320, height: 180, kilobits_per_second: 300, seconds: 3, ..Contribution::default() }
}

#[tokio::test]
async fn contributions_are_what_was_asked_for() {
    let cases = [
        small(),
        Contribution { b_frames: 0, sound: Sound::None, gop_seconds: 1.0, ..small() },
        Contribution {
            width: 640,
            height: 480,
            frame_rate: FrameRate::NTSC,
            sound: Sound::Beep { sample_rate: 44_100, channels: 1 },
            first_counter: 65_500,
            b_frames: 3,
            ..small()
        },
        Contribution {
            frame_rate: FrameRate::whole(25),
            kilobits_per_second: 1000,
            gop_seconds: 0.4,
            ..small()
        },
    ];
    for case in cases {
        let media = Media::file(case.flv().await.unwrap());
        assert_eq!(decode_errors(&media).await.unwrap(), Vec::<String>::new(), "{case:?}");
        let probe = probe(&media).await.unwrap();
        let video = probe.video().unwrap();
        assert_eq!(
            (video.codec.as_str(), video.width, video.height),
            ("h264", Some(case.width), Some(case.height))
        );
        assert_eq!(video.packets.len(), usize::try_from(case.frame_count()).unwrap(), "{case:?}");
        for interval in video.key_frame_intervals() {
            assert!((interval - case.gop_seconds).abs() < 0.005, "{interval} {case:?}");
        }
        let is_reordered = video.packets.iter().any(|packet| packet.pts != packet.dts);
        assert_eq!(is_reordered, case.b_frames > 0, "{case:?}");
        let wanted = f64::from(case.kilobits_per_second) * 1000.0;
        let rate = video.bits_per_second().unwrap() / wanted;
        assert!((0.7..1.2).contains(&rate), "{rate} of the bitrate, {case:?}");
        let audio = probe.audio().map(|audio| (audio.codec.as_str(), audio.sample_rate, audio.channels));
        match case.sound {
            Sound::None => assert_eq!(audio, None),
            Sound::Beep { sample_rate, channels } => {
                assert_eq!(audio, Some(("aac", Some(sample_rate), Some(u32::from(channels)))));
            }
        }

        let frames = read_frames(&media).await.unwrap().frames;
        let analysis = analyse(&frames, Cadence::SAME_RATE);
        assert!(analysis.is_clean(), "{analysis:?} {case:?}");
        assert_eq!(frames.len(), usize::try_from(case.frame_count()).unwrap());
        assert_eq!(analysis.first, Some(case.first_counter));
        assert!(analysis.longest_time_step < 1.0 / case.frame_rate.as_f64() + 0.0011, "{analysis:?}");
        let flashes = flashes(&frames);
        assert_eq!(flashes.len(), 3, "{flashes:?} {case:?}");
        if case.sound != Sound::None {
            let offsets = offsets(&beeps(&media).await.unwrap(), &flashes);
            assert_eq!(offsets.len(), 3);
            assert!(offsets.iter().all(|offset| offset.abs() < 0.04), "{offsets:?} {case:?}");
        }
    }
}

#[tokio::test]
async fn sync_offsets_show_a_shifted_track() {
    let source = small().flv().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let shifted = folder.path().join("shifted.mp4");
    let mut command = Tool::Ffmpeg.command().unwrap();
    command.args(["-v", "error", "-i"]).arg(&source).args(["-itsoffset", "0.25", "-i"]).arg(&source);
    command.args(["-map", "0:v", "-map", "1:a", "-c", "copy"]).arg(&shifted);
    crate::tools::run(command).await.unwrap();
    let of = async |media: Media| {
        let frames = read_frames(&media).await.unwrap().frames;
        offsets(&beeps(&media).await.unwrap(), &flashes(&frames))
    };
    let (straight, late) = (of(Media::file(source)).await, of(Media::file(shifted)).await);
    for (straight, late) in straight.iter().zip(&late) {
        assert!((late - straight - 0.25).abs() < 0.003, "{straight} {late}");
    }
    assert!(!late.is_empty());
}

#[tokio::test]
async fn parallel_makers_share_one_file_and_the_cache_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let case = Contribution { seconds: 1, sound: Sound::None, ..small() };
    let paths =
        tokio::join!(case.flv_in(folder.path()), case.flv_in(folder.path()), case.flv_in(folder.path()));
    let path = paths.0.unwrap();
    assert_eq!((&path, &path), (&paths.1.unwrap(), &paths.2.unwrap()));
    let made = fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(case.flv_in(folder.path()).await.unwrap(), path);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), made);
    let other = Contribution { first_counter: 1, ..case };
    assert_ne!(other.flv_in(folder.path()).await.unwrap(), path);
    let left = fs::read_dir(folder.path()).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "partial")
    });
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn odd_sizes_and_empty_contributions_are_refused() {
    for case in [Contribution { width: 321, ..small() }, Contribution { seconds: 0, ..small() }] {
        assert!(case.flv().await.is_err(), "{case:?}");
    }
}

use super::analysis::{Analysis, Cadence, analyse};
use super::*;
use crate::media::source::{Contribution, FrameRate, Sound};
use crate::tools::run;

fn source() -> Contribution {
    Contribution {
        width: 640,
        height: 360,
        kilobits_per_second: 800,
        seconds: 2,
        sound: Sound::None,
        first_counter: 1000,
        ..Contribution::default()
    }
}

/// Re-encodes the source with a filter, small and poor, as the lowest rung of a ladder would be.
async fn filtered(filter: &str, options: &[&str]) -> Decoded {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("filtered.mp4");
    let mut command = Tool::Ffmpeg.command().unwrap();
    command.args(["-v", "error", "-i"]).arg(source().flv().await.unwrap());
    command.args(["-vf", filter, "-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "veryfast"]);
    command.args(["-b:v", "300k", "-maxrate", "300k", "-bufsize", "300k"]).args(options).arg(&output);
    run(command).await.unwrap();
    read_frames(&Media::file(&output)).await.unwrap()
}

#[tokio::test]
async fn the_lowest_rung_is_read_without_a_fault() {
    let decoded = filtered("scale=320:180", &[]).await;
    let analysis = analyse(&decoded.frames, Cadence::SAME_RATE);
    assert!(analysis.is_clean() && decoded.errors.is_empty(), "{analysis:?}");
    assert_eq!((analysis.readable, analysis.first, analysis.last), (60, Some(1000), Some(1059)));
    assert_eq!(analysis.longest_hold, 1);
}

#[tokio::test]
async fn every_fault_is_counted_exactly() {
    type Faults = (usize, usize, usize, usize);
    let cases: [(&str, &str, Faults); 6] = [
        ("three dropped", "select='not(eq(n,10)+eq(n,11)+eq(n,40))'", (3, 0, 0, 0)),
        ("one doubled twice", "loop=loop=2:size=1:start=20,setpts=N/30/TB", (0, 2, 0, 0)),
        ("neighbours swapped", "shuffleframes=0 1 3 2 4 5 6 7 8 9 10 11", (0, 0, 5, 0)),
        ("number covered", "drawbox=w=iw:h=ih/2:t=fill:c=gray:enable='between(n,30,33)'", (0, 0, 0, 4)),
        ("blended", "tblend=all_mode=average:enable='eq(n,25)'", (0, 0, 0, 1)),
        (
            "dropped and doubled",
            "select='not(eq(n,7))',loop=loop=1:size=1:start=20,setpts=N/30/TB",
            (1, 1, 0, 0),
        ),
    ];
    for (what, filter, expected) in cases {
        let decoded = filtered(&format!("{filter},scale=320:180"), &[]).await;
        let a = analyse(&decoded.frames, Cadence::SAME_RATE);
        assert_eq!((a.dropped, a.doubled, a.out_of_order, a.unreadable), expected, "{what}: {a:?}");
        assert!(!a.is_clean(), "{what}");
    }
}

#[tokio::test]
async fn other_rates_and_shapes_are_understood() {
    let half = filtered("fps=15,scale=320:180", &[]).await;
    let cadence = Cadence::converted(FrameRate::whole(30), FrameRate::whole(15));
    assert!(analyse(&half.frames, Cadence::SAME_RATE).dropped >= 28);
    let a = analyse(&half.frames, cadence);
    assert!(a.is_clean(), "{a:?}");
    // One output frame less may hide in the rounding of the numbers, but not in the times.
    let holed = analyse(&[&half.frames[..10], &half.frames[11..]].concat(), cadence);
    assert!(a.longest_time_step < 0.07 && holed.longest_time_step > 0.13, "{holed:?}");
    let holed = analyse(&[&half.frames[..10], &half.frames[13..]].concat(), cadence);
    assert!(holed.dropped > 0, "{holed:?}");

    let double = filtered("fps=60,scale=320:180", &[]).await;
    let cadence = Cadence::converted(FrameRate::whole(30), FrameRate::whole(60));
    let a = analyse(&double.frames, cadence);
    assert!(a.is_clean() && a.longest_hold == 2, "{a:?}");
    assert!(analyse(&double.frames, Cadence::SAME_RATE).doubled >= 59);

    let folder = tempfile::tempdir().unwrap();
    let boxed = folder.path().join("boxed.mp4");
    let mut command = Tool::Ffmpeg.command().unwrap();
    command.args(["-v", "error", "-i"]).arg(source().flv().await.unwrap());
    command.args(["-vf", "scale=320:180,pad=320:240:0:30"]).arg(&boxed);
    run(command).await.unwrap();
    let area = PictureArea::fitted((640, 360), (320, 240));
    let frames = read_frames_in(&Media::file(&boxed), area).await.unwrap().frames;
    assert!(analyse(&frames, Cadence::SAME_RATE).is_clean());
    let frames = read_frames(&Media::file(&boxed)).await.unwrap().frames;
    assert_eq!(
        analyse(&frames, Cadence::SAME_RATE),
        Analysis { leading_unreadable: 60, ..Analysis::default() }
    );
}

#[tokio::test]
async fn damage_is_reported_and_nonsense_is_an_error() {
    let mut bytes = std::fs::read(source().flv().await.unwrap()).unwrap();
    for at in (bytes.len() / 3..bytes.len() / 2).step_by(301) {
        bytes[at] ^= 0x55;
    }
    let media = Media::bytes(&bytes).unwrap();
    assert!(!read_frames(&media).await.unwrap().errors.is_empty());
    assert!(!crate::media::probe::decode_errors(&media).await.unwrap().is_empty());
    assert!(read_frames(&Media::bytes(b"no media at all").unwrap()).await.is_err());
}

#[tokio::test]
async fn an_encrypted_file_reads_only_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("encrypted.mp4");
    let key = "00112233445566778899aabbccddeeff";
    let mut command = Tool::Ffmpeg.command().unwrap();
    command.args(["-v", "error", "-i"]).arg(source().flv().await.unwrap()).args(["-c", "copy"]);
    command
        .args(["-encryption_scheme", "cenc-aes-ctr", "-encryption_kid", key, "-encryption_key", key])
        .arg(&path);
    run(command).await.unwrap();
    let decoded = read_frames(&Media::file(&path).decrypted_with(key)).await.unwrap();
    assert!(analyse(&decoded.frames, Cadence::SAME_RATE).is_clean() && decoded.errors.is_empty());
    let locked = read_frames(&Media::file(&path)).await;
    assert!(!locked.is_ok_and(|decoded| analyse(&decoded.frames, Cadence::SAME_RATE).is_clean()));
}

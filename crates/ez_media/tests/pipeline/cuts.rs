//! Are all renditions cut at the same instants, and at the right ones?

use crate::harness::Run;

/// Every video rendition: segments of exactly two seconds, key frames of exactly one GOP.
pub(crate) fn assert_every_two_seconds(run: &Run, seconds: u64) {
    check_alike(run).unwrap();
    for rendition in &run.spec().video {
        let media = run.media(&rendition.name);
        let expected: Vec<u64> = (0..seconds / 2).map(|index| run.start_ticks() + index * 180_000).collect();
        // What the encoder's last frames leave over may make one more short segment.
        assert_eq!(media.segment_starts[..expected.len()], expected, "{}", rendition.name);
        assert!(media.segment_starts.len() <= expected.len() + 1, "{:?}", media.segment_starts);

        let gop = u64::from(run.spec().gop_seconds) * 90_000;
        let expected: Vec<u64> =
            (0..).map(|index| run.start_ticks() + index * gop).take(media.key_frames().len()).collect();
        assert_eq!(media.key_frames(), expected, "{}", rendition.name);
    }
}

/// Two frames of AAC at 48 kHz, on the 90 kHz clock.
const TWO_AUDIO_FRAMES: u64 = 2 * 1920;

/// Every audio rendition is cut at most two of its frames before the pictures, so that a period that
/// ends with whole segments ends with its sound.
pub(crate) fn assert_sound_goes_with_pictures(run: &Run) {
    let pictures = run.media(&run.spec().video[0].name).segment_starts;
    for rendition in &run.spec().audio {
        let sound = run.media(&rendition.name).segment_starts;
        for (picture, sound) in pictures.iter().zip(&sound) {
            assert!(
                picture.abs_diff(*sound) <= TWO_AUDIO_FRAMES,
                "{}: {sound} beside {picture}",
                rendition.name
            );
        }
    }
}

/// Compares the cuts of all video renditions with those of the first.
pub(crate) fn check_alike(run: &Run) -> Result<(), String> {
    let starts: Vec<(String, Vec<u64>)> = run
        .spec()
        .video
        .iter()
        .map(|rendition| {
            let media = run.media(&rendition.name);
            for start in &media.segment_starts {
                assert!(media.key_frames().contains(start), "{}: no key frame at {start}", rendition.name);
            }
            (rendition.name.to_string(), media.segment_starts)
        })
        .collect();
    compare(&starts)
}

fn compare(starts: &[(String, Vec<u64>)]) -> Result<(), String> {
    let Some(((first_name, first), rest)) = starts.split_first() else {
        return Err("no rendition to compare".to_owned());
    };
    for (name, found) in rest {
        if found != first {
            return Err(format!("{name} is cut at {found:?}, {first_name} at {first:?}"));
        }
    }
    Ok(())
}

#[test]
fn a_cut_that_differs_is_found() {
    let starts = |second: u64| vec![("a".to_owned(), vec![0, 180_000]), ("b".to_owned(), vec![0, second])];
    assert!(compare(&starts(180_000)).is_ok());
    assert!(compare(&starts(183_003)).is_err());
    assert!(compare(&[]).is_err());
}

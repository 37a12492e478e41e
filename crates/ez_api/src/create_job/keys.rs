//! The known keys of each object in their canonical spelling, and advice on unknown ones.

/// Keys of the document.
pub(crate) const ROOT: [&str; 3] = ["Output", "Api_test", "Input"];
/// Keys of `Output`.
pub(crate) const OUTPUT: [&str; 12] = [
    "Stream_type",
    "Segment_format",
    "Segment_duration",
    "Fragment_duration",
    "Low_latency_mode",
    "Time_shift_buffer_depth",
    "Reconnect_window",
    "Drm",
    "Detection",
    "S3_output",
    "Video_outputs",
    "Audio_outputs",
];
/// Keys of `Drm`.
pub(crate) const DRM: [&str; 3] = ["Disable_clear_key", "Protection_system", "Protection_scheme"];
/// Keys of `S3_output`.
pub(crate) const S3_OUTPUT: [&str; 1] = ["Bucket"];
/// Keys of an element of `Video_outputs`.
pub(crate) const VIDEO: [&str; 11] = [
    "Label",
    "Codec",
    "Framerate",
    "Width",
    "Height",
    "Bitrate",
    "Max_bitrate",
    "Buf_size",
    "Preset",
    "Crf",
    "Threads",
];
/// Keys of an element of `Audio_outputs`.
pub(crate) const AUDIO: [&str; 3] = ["Label", "Codec", "Bitrate"];

/// Each object by the words a person would use for its place, with its keys.
pub(crate) const OBJECTS: [(&str, &[&str]); 6] = [
    ("the document itself", &ROOT),
    ("Output", &OUTPUT),
    ("Drm", &DRM),
    ("S3_output", &S3_OUTPUT),
    ("an element of Video_outputs", &VIDEO),
    ("an element of Audio_outputs", &AUDIO),
];

/// Keys longer than this are no slip of the pen; comparing them would only cost time.
const LONGEST_COMPARED: usize = 40;

/// How to mend the unknown key `given` in an object that knows `known`.
pub(super) fn advice(given: &str, known: &[&str]) -> String {
    if let Some(near) = nearest(given, known) {
        return format!("did you mean \"{near}\"?");
    }
    let elsewhere: Vec<&str> = OBJECTS
        .iter()
        .filter(|(_, keys)| keys.iter().any(|key| key.eq_ignore_ascii_case(given)))
        .map(|(place, _)| *place)
        .collect();
    if elsewhere.is_empty() {
        format!("remove it; the keys here are {}", known.join(", "))
    } else {
        format!("it belongs in {}", elsewhere.join(" or "))
    }
}

/// The known key that `given` most likely stands for: at most a third of its letters differ.
fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    if given.len() > LONGEST_COMPARED {
        return None;
    }
    let letters = letters(given);
    known
        .iter()
        .map(|key| (distance(&letters, &self::letters(key)), *key))
        .filter(|(distance, key)| *distance <= (key.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

/// The characters that tell keys apart: case and separators do not.
fn letters(key: &str) -> Vec<char> {
    key.chars().filter(|letter| !matches!(letter, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours from `left` to `right`.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, &from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &to) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(from != to);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && from == right[column - 1] && left[row - 1] == to {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(&letters(left), &letters(right)), expected, "{left} {right}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_word_is_not() {
        for (given, known, expected) in [
            ("Bitrte", &VIDEO[..], Some("Bitrate")),
            ("Frame_rate", &VIDEO, Some("Framerate")),
            ("MaxBitrate", &VIDEO, Some("Max_bitrate")),
            ("bufsize", &VIDEO, Some("Buf_size")),
            ("Cfr", &VIDEO, Some("Crf")),
            ("Video_output", &OUTPUT, Some("Video_outputs")),
            ("Profile", &VIDEO, None),
            ("Encryption", &OUTPUT, None),
            ("", &OUTPUT, None),
        ] {
            assert_eq!(nearest(given, known), expected, "{given}");
        }
    }
}

//! The reference for users names every key, limit and default, and its examples are real.

use std::ops::RangeInclusive;

use ez_domain::spec::rules;
use ez_domain::units::Bitrate;
use serde_json::Value;

use super::super::{keys, parse};
use crate::problem::Problem;

fn reference() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/job-reference.md");
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text below the heading whose title is `title`, up to the next heading of any level.
fn section<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    let begin = text.find(&format!("\n## {title}\n"))? + 1;
    let body = text[begin..].split_once('\n')?.1;
    Some(body.find("\n## ").map_or(body, |end| &body[..end]))
}

/// The table row of `key`.
fn row<'a>(section: &'a str, key: &str) -> Option<&'a str> {
    section.lines().find(|line| line.starts_with(&format!("| `{key}` |")))
}

const HEADINGS: [&str; 6] = ["The document", "Output", "Drm", "S3_output", "Video_outputs", "Audio_outputs"];

fn range(limits: &RangeInclusive<u64>) -> String {
    format!("{} to {}", limits.start(), limits.end())
}

fn bits(limits: &RangeInclusive<u64>) -> String {
    format!("{} to {}", Bitrate::from_bps(*limits.start()), Bitrate::from_bps(*limits.end()))
}

/// (section, key, what its row says)
fn figures() -> Vec<(&'static str, &'static str, Vec<String>)> {
    let percent = |percent: u64| format!("{percent} %");
    let default = |value: &dyn std::fmt::Display| format!("| {value} |");
    vec![
        (
            "Output",
            "Segment_duration",
            vec![range(&rules::SEGMENT_SECONDS), default(&rules::DEFAULT_SEGMENT_SECONDS)],
        ),
        (
            "Output",
            "Fragment_duration",
            vec![range(&rules::GOP_SECONDS), default(&rules::DEFAULT_GOP_SECONDS)],
        ),
        (
            "Output",
            "Time_shift_buffer_depth",
            vec![
                range(&rules::WINDOW_SECONDS),
                default(&rules::DEFAULT_WINDOW_SECONDS),
                format!("fewer than {} segments", rules::WISE_WINDOW_SEGMENTS),
            ],
        ),
        (
            "Output",
            "Reconnect_window",
            vec![range(&rules::RECONNECT_SECONDS), default(&rules::DEFAULT_RECONNECT_SECONDS)],
        ),
        ("Output", "Video_outputs", vec![format!("at most {}", rules::MAX_VIDEO_RENDITIONS)]),
        ("Output", "Audio_outputs", vec![format!("at most {}", rules::MAX_AUDIO_RENDITIONS)]),
        ("Video_outputs", "Width", vec![range(&rules::WIDTH)]),
        ("Video_outputs", "Height", vec![range(&rules::HEIGHT)]),
        (
            "Video_outputs",
            "Framerate",
            vec![format!("{} to {}", rules::MIN_FRAME_RATE, rules::MAX_FRAME_RATE)],
        ),
        ("Video_outputs", "Bitrate", vec![bits(&rules::VIDEO_BITRATE_BPS)]),
        (
            "Video_outputs",
            "Max_bitrate",
            vec![
                bits(&rules::VIDEO_BITRATE_BPS),
                percent(rules::DEFAULT_MAX_BITRATE_PERCENT),
                percent(rules::UNWISE_PEAK_PERCENT),
            ],
        ),
        (
            "Video_outputs",
            "Buf_size",
            vec![
                bits(&rules::VIDEO_BUFFER_BITS),
                percent(rules::DEFAULT_BUFFER_PERCENT),
                percent(rules::UNWISE_PEAK_PERCENT),
            ],
        ),
        ("Video_outputs", "Preset", vec![default(&format!("`{}`", rules::DEFAULT_PRESET))]),
        ("Video_outputs", "Crf", vec![range(&rules::CRF), format!("below {}", rules::UNWISE_CRF)]),
        (
            "Video_outputs",
            "Threads",
            vec![
                range(&rules::THREADS),
                default(&rules::DEFAULT_THREADS),
                format!("fewer than {}", rules::UNWISE_THREADS),
            ],
        ),
        (
            "Audio_outputs",
            "Bitrate",
            vec![
                bits(&rules::AUDIO_BITRATE_BPS),
                format!("above {}", Bitrate::from_bps(rules::UNWISE_AUDIO_BITRATE_BPS)),
            ],
        ),
    ]
}

/// Everything that `text` lacks.
fn lacks(text: &str) -> Vec<String> {
    let mut lacking = Vec::new();
    for (heading, (_, known)) in HEADINGS.into_iter().zip(keys::OBJECTS) {
        let Some(section) = section(text, heading) else {
            lacking.push(format!("section {heading}"));
            continue;
        };
        let unknown = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
            .filter(|(key, _)| !known.contains(key));
        lacking.extend(unknown.map(|(key, _)| format!("{heading}.{key} is no key")));
        lacking.extend(
            known.iter().filter(|key| row(section, key).is_none()).map(|key| format!("{heading}.{key}")),
        );
    }
    for (heading, key, figures) in figures() {
        let row = section(text, heading).and_then(|section| row(section, key)).unwrap_or_default();
        let missing = figures.iter().filter(|figure| !row.contains(figure.as_str()));
        lacking.extend(missing.map(|figure| format!("{heading}.{key}: {figure}")));
    }
    lacking
}

#[test]
fn every_key_limit_and_default_is_in_the_reference() {
    assert_eq!(lacks(&reference()), Vec::<String>::new());
}

#[test]
fn a_reference_that_is_behind_is_noticed() {
    let text = reference();
    for (from, to, expected) in [
        ("| `Reconnect_window` |", "| `Reconnect` |", "Output.Reconnect_window"),
        ("1 to 30", "1 to 20", "Output.Segment_duration: 1 to 30"),
        ("10k to 200000k", "10k to 20000k", "Video_outputs.Buf_size: 10k to 200000k"),
        ("\n## Drm\n", "\n## DRM\n", "section Drm"),
    ] {
        assert!(text.contains(from), "{from}");
        let lacking = lacks(&text.replace(from, to));
        assert!(lacking.iter().any(|lack| lack == expected), "{from}: {lacking:?}");
    }
}

#[test]
fn the_examples_of_the_reference_are_accepted() {
    let text = reference();
    let examples: Vec<&str> = text
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(example, _)| example))
        .collect();
    assert!(!examples.is_empty());
    for example in examples {
        let job = parse(example.as_bytes()).unwrap_or_else(|faults| panic!("{example}\n{faults:#?}"));
        assert_eq!(job.warnings, [], "{example}");
    }
}

#[test]
fn the_example_of_each_row_is_accepted() {
    let text = reference();
    let templates = [
        ("Output", "/Output"),
        ("S3_output", "/Output/S3_output"),
        ("Video_outputs", "/Output/Video_outputs/0"),
        ("Audio_outputs", "/Output/Audio_outputs/0"),
    ];
    let mut tried = 0;
    for (heading, parent) in templates {
        for line in section(&text, heading).unwrap().lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let key = cells[0].trim_matches('`');
            // The cell with the example holds a JSON value in backticks, or a dash.
            let Ok(value) = serde_json::from_str::<Value>(cells[4].trim_matches('`')) else {
                assert_eq!(cells[4], "–", "{line}");
                continue;
            };
            super::parsed(&super::with(&format!("{parent}/{key}"), value));
            tried += 1;
        }
    }
    assert!(tried >= 20, "only {tried} examples");
}

#[test]
fn every_kind_of_problem_is_explained() {
    let text = reference();
    let problems = section(&text, "Problems").unwrap();
    let id = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f".parse().unwrap();
    for problem in [
        Problem::bad_request(Vec::new()),
        Problem::invalid_request(""),
        Problem::not_found(id),
        Problem::no_such_resource("/"),
        Problem::method_not_allowed("PATCH", &[]),
        Problem::conflict(id, ""),
        Problem::too_large(0),
        Problem::unsupported_media_type(),
        Problem::internal(),
        Problem::unavailable(std::time::Duration::ZERO),
    ] {
        let row = row(problems, &problem.kind).unwrap_or_else(|| panic!("{} is not explained", problem.kind));
        assert!(row.contains(&format!("| {} |", problem.status)), "{row}");
    }
}

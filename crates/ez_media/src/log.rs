//! What a line on the standard error of ffmpeg or packager means.
//!
//! ffmpeg is run with `-loglevel level+…`, so a line reads `[context @ 0x…] [level] text`.
//! x265 and SVT-AV1 write past ffmpeg's logger (`x265 [warning]: text`, `Svt[info]: text`),
//! packager writes glog lines (`E1121 01:52:57.497656 15502 file.cc:83] text`). A line that
//! fits none of these is passed on whole, as information.
//!
//! The tools' own level is not always ours: some of their errors are harmless and appear in
//! every good run. [`Line::severity`] is the level to log with.

/// Which tool wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// ffmpeg and the encoder libraries inside it.
    Ffmpeg,
    /// Shaka packager.
    Packager,
}

/// How serious a line is, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of interest to developers.
    Debug,
    /// Ordinary course.
    Info,
    /// The tool goes on, something is not as it should be.
    Warning,
    /// Something was lost or the tool gives up.
    Error,
}

/// What is known about a line beyond its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing in particular.
    Ordinary,
    /// Known to appear in good runs.
    Harmless,
    /// The contribution changed its size, rate or channels; outputs stay the same.
    ContributionChanged,
    /// The contribution holds data that cannot be decoded.
    ContributionCorrupt,
    /// The demuxer found a new stream in the contribution and ignores it: the codec changed.
    ContributionCodecChanged,
    /// The other tool closed its end of a FIFO.
    PeerGone,
    /// The disk is full.
    DiskFull,
}

/// A line, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'text> {
    /// The tool's own level.
    pub level: Level,
    /// The component that wrote it (`libx264`, `demuxer.cc:94`), where named.
    pub component: Option<&'text str>,
    /// The text without its prefixes.
    pub text: &'text str,
    /// What is known about it.
    pub meaning: Meaning,
}

impl Line<'_> {
    /// The level to log the line with.
    pub fn severity(&self) -> Level {
        match self.meaning {
            Meaning::Harmless => Level::Debug,
            Meaning::ContributionChanged => Level::Info,
            // Not ours to mend, and there may be thousands: the caller counts them.
            Meaning::ContributionCorrupt => self.level.min(Level::Warning),
            Meaning::ContributionCodecChanged => Level::Warning,
            Meaning::PeerGone | Meaning::DiskFull => Level::Error,
            Meaning::Ordinary => self.level,
        }
    }
}

/// Texts that decide the meaning, by tool; the first that a line contains wins.
const KNOWN: [(Source, &str, Meaning); 23] = [
    // A FIFO has no size.
    (Source::Packager, "Cannot get file size, error: generic:95", Meaning::Harmless),
    // Audio seams of a few milliseconds after a gap; timelines are ours, from the segments.
    (Source::Packager, "Found a gap of size", Meaning::Harmless),
    (Source::Packager, "Segments should not be overlapping", Meaning::Harmless),
    (Source::Packager, "No space left on device", Meaning::DiskFull),
    (Source::Ffmpeg, "Reconfiguring filter graph", Meaning::ContributionChanged),
    (Source::Ffmpeg, "New video stream with index", Meaning::ContributionCodecChanged),
    (Source::Ffmpeg, "New audio stream with index", Meaning::ContributionCodecChanged),
    (Source::Ffmpeg, "Error submitting packet to decoder", Meaning::ContributionCorrupt),
    (Source::Ffmpeg, "Invalid NAL unit size", Meaning::ContributionCorrupt),
    (Source::Ffmpeg, "Error splitting the input into NAL units", Meaning::ContributionCorrupt),
    (Source::Ffmpeg, "error while decoding MB", Meaning::ContributionCorrupt),
    (Source::Ffmpeg, "concealing", Meaning::ContributionCorrupt),
    (Source::Ffmpeg, "Error during demuxing", Meaning::ContributionCorrupt),
    (Source::Ffmpeg, "corrupt decoded frame", Meaning::ContributionCorrupt),
    (Source::Ffmpeg, "Broken pipe", Meaning::PeerGone),
    (Source::Ffmpeg, "No space left on device", Meaning::DiskFull),
    // Remarks of encoders on small pictures and on fast presets, which are what was asked for.
    (Source::Ffmpeg, "disabling lookahead-slices", Meaning::Harmless),
    (Source::Ffmpeg, "Non-RTC M10+", Meaning::Harmless),
    (Source::Ffmpeg, "is mapped to M", Meaning::Harmless),
    (Source::Ffmpeg, "TPL is disabled in low delay applications", Meaning::Harmless),
    // MP3 in MPEG-TS: the muxer has no use for the value it misses.
    (Source::Ffmpeg, "frame size not set", Meaning::Harmless),
    // Holes filled at the constant rate; the count is in the progress blocks.
    (Source::Ffmpeg, "frames duplicated", Meaning::Harmless),
    (Source::Ffmpeg, "Estimating duration from bitrate", Meaning::Harmless),
];

/// Takes a line apart; never fails.
pub fn parse(source: Source, line: &str) -> Line<'_> {
    let line = line.trim_end();
    let (level, component, text) = match source {
        Source::Ffmpeg => ffmpeg_prefixes(line).or_else(|| library_prefix(line)),
        Source::Packager => glog_prefix(line),
    }
    .unwrap_or((Level::Info, None, line));
    let meaning = KNOWN
        .iter()
        .find(|(tool, known, _)| *tool == source && text.contains(known))
        .map_or(Meaning::Ordinary, |&(_, _, meaning)| meaning);
    Line { level, component, text, meaning }
}

type Parts<'text> = (Level, Option<&'text str>, &'text str);

/// `[component @ 0x…] [component @ 0x…] [level] text`, with any number of components.
fn ffmpeg_prefixes(line: &str) -> Option<Parts<'_>> {
    let mut component = None;
    let mut rest = line;
    loop {
        let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
        rest = after.strip_prefix(' ').unwrap_or(after);
        if let Some(level) = level_named(inside) {
            return Some((level, component, rest));
        }
        let (name, _address) = inside.split_once(" @ 0x")?;
        component = Some(name);
    }
}

/// `x265 [info]: text` and `Svt[info]: text`.
fn library_prefix(line: &str) -> Option<Parts<'_>> {
    let (name, rest) = line.split_once('[')?;
    let (level, text) = rest.split_once("]:")?;
    let name = name.trim_end();
    let is_library = matches!(name, "x265" | "Svt");
    is_library.then_some(())?;
    Some((level_named(level)?, Some(name), text.trim_start()))
}

/// `E1121 01:52:57.497656   15502 local_file.cc:83] text`.
fn glog_prefix(line: &str) -> Option<Parts<'_>> {
    let level = match line.as_bytes().first()? {
        b'I' => Level::Info,
        b'W' => Level::Warning,
        b'E' | b'F' => Level::Error,
        _ => return None,
    };
    let (prefix, text) = line.split_once("] ")?;
    let mut fields = prefix.get(1..)?.split_ascii_whitespace();
    let is_date = |field: &str| field.len() == 4 && field.bytes().all(|byte| byte.is_ascii_digit());
    fields.next().filter(|field| is_date(field))?;
    let (_time, _thread, place) = (fields.next()?, fields.next()?, fields.next()?);
    Some((level, Some(place), text))
}

fn level_named(word: &str) -> Option<Level> {
    Some(match word {
        "panic" | "fatal" | "error" => Level::Error,
        "warning" | "warn" => Level::Warning,
        "info" => Level::Info,
        "verbose" | "debug" | "trace" | "full" => Level::Debug,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_of_real_runs() {
        use Level::{Debug, Error, Info, Warning};
        use Meaning::{
            ContributionChanged, ContributionCodecChanged, ContributionCorrupt, Harmless, Ordinary, PeerGone,
        };
        use Source::{Ffmpeg, Packager};
        for (source, line, level, component, text, meaning, severity) in [
            (Ffmpeg, "[info] Stream mapping:", Info, None, "Stream mapping:", Ordinary, Info),
            (
                Ffmpeg,
                "[libx264 @ 0x7f418cf81c80] [info] profile High, level 1.1, 4:2:0, 8-bit",
                Info,
                Some("libx264"),
                "profile High, level 1.1, 4:2:0, 8-bit",
                Ordinary,
                Info,
            ),
            (
                Ffmpeg,
                "[vist#0:0/h264 @ 0x7f16] [dec:h264 @ 0x7f17] [error] Error submitting packet to decoder: Invalid data",
                Error,
                Some("dec:h264"),
                "Error submitting packet to decoder: Invalid data",
                ContributionCorrupt,
                Warning,
            ),
            (
                Ffmpeg,
                "[fc#0 @ 0x55] [info] Reconfiguring filter graph because video parameters changed to yuv420p, 640x480",
                Info,
                Some("fc#0"),
                "Reconfiguring filter graph because video parameters changed to yuv420p, 640x480",
                ContributionChanged,
                Info,
            ),
            (
                Ffmpeg,
                "[in#0/flv @ 0x5] [warning] New video stream with index 2 at pos:3 and DTS:4s",
                Warning,
                Some("in#0/flv"),
                "New video stream with index 2 at pos:3 and DTS:4s",
                ContributionCodecChanged,
                Warning,
            ),
            (
                Ffmpeg,
                "[out#0/mpegts @ 0x5] [error] Error writing trailer: Broken pipe",
                Error,
                Some("out#0/mpegts"),
                "Error writing trailer: Broken pipe",
                PeerGone,
                Error,
            ),
            (
                Ffmpeg,
                "x265 [warning]: Source height < 720p; disabling lookahead-slices",
                Warning,
                Some("x265"),
                "Source height < 720p; disabling lookahead-slices",
                Harmless,
                Debug,
            ),
            (
                Ffmpeg,
                "Svt[warn]: Preset M12 is mapped to M11.",
                Warning,
                Some("Svt"),
                "Preset M12 is mapped to M11.",
                Harmless,
                Debug,
            ),
            (
                Ffmpeg,
                "encoded 241 frames in 1.92s",
                Info,
                None,
                "encoded 241 frames in 1.92s",
                Ordinary,
                Info,
            ),
            (Ffmpeg, "[not a level] text", Info, None, "[not a level] text", Ordinary, Info),
            (
                Packager,
                "E1121 01:52:57.497656   15502 local_file.cc:83] Cannot get file size, error: generic:95",
                Error,
                Some("local_file.cc:83"),
                "Cannot get file size, error: generic:95",
                Harmless,
                Debug,
            ),
            (
                Packager,
                "E1121 01:52:38.115989   15473 packager_main.cc:683] Packaging Error: 3 (INVALID_ARGUMENT): Failed to detect",
                Error,
                Some("packager_main.cc:683"),
                "Packaging Error: 3 (INVALID_ARGUMENT): Failed to detect",
                Ordinary,
                Error,
            ),
            (
                Packager,
                "W1121 01:55:48.377943   18188 representation.cc:429] Representation (id=1) Found a gap of size 49 > k",
                Warning,
                Some("representation.cc:429"),
                "Representation (id=1) Found a gap of size 49 > k",
                Harmless,
                Debug,
            ),
            (
                Packager,
                "Packaging completed successfully.",
                Info,
                None,
                "Packaging completed successfully.",
                Ordinary,
                Info,
            ),
            (Packager, "Error [x] y", Info, None, "Error [x] y", Ordinary, Info),
        ] {
            let parsed = parse(source, line);
            assert_eq!(parsed, Line { level, component, text, meaning }, "{line}");
            assert_eq!(parsed.severity(), severity, "{line}");
        }
    }

    #[test]
    fn a_harmless_text_of_one_tool_is_not_harmless_from_the_other() {
        let line = "[error] Cannot get file size, error: generic:95";
        assert_eq!(parse(Source::Ffmpeg, line).severity(), Level::Error);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,60}", prefix in "(\\[|I1121 |x265 \\[|\\[a @ 0x1\\] )?") {
            let line = format!("{prefix}{line}");
            prop_assert!(line.contains(parse(Source::Ffmpeg, &line).text));
            prop_assert!(line.contains(parse(Source::Packager, &line).text));
        }
    }
}

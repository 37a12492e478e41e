//! Reads the `ContentProtection` elements of an MPD, byte for byte: of packager's and of ours.

use std::ops::Range;

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

/// What one Representation of an MPD says about its encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protection {
    /// `SegmentTemplate@initialization`: the path given to packager, which tells the rendition.
    pub(crate) initialization: String,
    /// All `ContentProtection` elements of it and its adaptation set.
    pub(crate) xml: String,
}

/// One level of the MPD: adaptation set or representation.
#[derive(Default)]
struct Level {
    elements: Vec<Range<usize>>,
    initialization: Option<String>,
}

/// Reads the protection of every encrypted Representation.
///
/// # Errors
/// For what is not well-formed.
pub(crate) fn content_protection(mpd: &str) -> Result<Vec<Protection>, String> {
    let mut reader = Reader::from_str(mpd);
    let mut found = Vec::new();
    let mut set = Level::default();
    let mut representation: Option<Level> = None;
    let mut depth = 0usize;
    loop {
        let begin = position(&reader);
        let event = reader.read_event().map_err(|error| torn(&reader, &error))?;
        match &event {
            Event::Start(element) | Event::Empty(element) => {
                let is_start = matches!(event, Event::Start(_));
                match element.local_name().as_ref() {
                    "ContentProtection" => {
                        if is_start {
                            let name = element.name();
                            reader.read_to_end(name).map_err(|error| error.to_string())?;
                        }
                        let level = representation.as_mut().unwrap_or(&mut set);
                        level.elements.push(begin..position(&reader));
                        continue;
                    }
                    "AdaptationSet" => set = Level::default(),
                    "Representation" if is_start => representation = Some(Level::default()),
                    "SegmentTemplate" => {
                        let level = representation.as_mut().unwrap_or(&mut set);
                        level.initialization = initialization(element);
                    }
                    _ => {}
                }
                depth += usize::from(is_start);
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                if element.local_name().as_ref() == "Representation"
                    && let Some(level) = representation.take()
                {
                    found.extend(protection(mpd, &set, level));
                }
            }
            Event::Eof if depth == 0 => return Ok(found),
            Event::Eof => return Err("it ends inside an element".to_owned()),
            _ => {}
        }
    }
}

fn torn(reader: &Reader<&[u8]>, error: &quick_xml::Error) -> String {
    format!("not well-formed at byte {}: {error}", reader.error_position())
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn initialization(template: &BytesStart<'_>) -> Option<String> {
    let attribute = template.try_get_attribute("initialization").ok()??;
    Some(quick_xml::escape::unescape(&attribute.value).ok()?.into_owned())
}

fn protection(mpd: &str, set: &Level, level: Level) -> Option<Protection> {
    let initialization = level.initialization.or_else(|| set.initialization.clone())?;
    let elements = set.elements.iter().chain(&level.elements).filter_map(|range| mpd.get(range.clone()));
    let xml = elements.map(outdent).collect::<Vec<_>>().join("\n");
    (!xml.is_empty()).then_some(Protection { initialization, xml })
}

/// An element without the indentation of the document it stood in.
fn outdent(element: &str) -> String {
    let lines: Vec<&str> = element.lines().collect();
    let margin = lines.last().map_or(0, |last| last.len() - last.trim_start().len());
    let cut = |line: &&str| {
        let own = line.len() - line.trim_start().len();
        line.get(own.min(margin)..).unwrap_or_default().to_owned()
    };
    lines.iter().map(cut).collect::<Vec<_>>().join("\n")
}

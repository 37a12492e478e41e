//! `ContentProtection` elements of packager's MPD, kept byte for byte.

use std::ops::Range;

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::Error;

/// What one Representation of packager's MPD says about its encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// `SegmentTemplate@initialization`: the path given to packager, which tells the rendition.
    pub initialization: String,
    /// All `ContentProtection` elements of it and its adaptation set.
    pub xml: String,
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
/// [`Error::Xml`] and [`Error::Torn`] for what is not well-formed.
pub fn content_protection(mpd: &str) -> Result<Vec<Protection>, Error> {
    let mut reader = Reader::from_str(mpd);
    let mut found = Vec::new();
    let mut set = Level::default();
    let mut representation: Option<Level> = None;
    let mut depth = 0usize;
    loop {
        let begin = position(&reader);
        let event =
            reader.read_event().map_err(|source| Error::Xml { position: reader.error_position(), source })?;
        match &event {
            Event::Start(element) | Event::Empty(element) => {
                let is_start = matches!(event, Event::Start(_));
                match element.local_name().as_ref() {
                    "ContentProtection" => {
                        if is_start {
                            let name = element.name();
                            reader
                                .read_to_end(name)
                                .map_err(|source| Error::Xml { position: reader.error_position(), source })?;
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
            Event::Eof => return Err(Error::Torn),
            _ => {}
        }
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MPD: &str = r#"<?xml version="1.0"?>
<MPD xmlns:cenc="urn:mpeg:cenc:2013">
  <Period>
    <AdaptationSet>
      <ContentProtection value="cbcs" cenc:default_KID="0011"/>
      <ContentProtection schemeIdUri="urn:uuid:1077">
        <cenc:pssh>AAAA</cenc:pssh>
      </ContentProtection>
      <Representation id="0"><SegmentTemplate initialization="v&amp;/init.mp4"/></Representation>
      <Representation id="1">
        <ContentProtection value="own"/>
        <SegmentTemplate initialization="w/init.mp4"></SegmentTemplate>
      </Representation>
    </AdaptationSet>
    <AdaptationSet><SegmentTemplate initialization="a/init.mp4"/><Representation id="2"></Representation></AdaptationSet>
  </Period>
</MPD>"#;

    #[test]
    fn takes_elements_of_set_and_representation() {
        let found = content_protection(MPD).unwrap();
        let paths: Vec<&str> = found.iter().map(|one| one.initialization.as_str()).collect();
        assert_eq!(paths, ["v&/init.mp4", "w/init.mp4"], "the clear audio has none");
        let shared = "<ContentProtection value=\"cbcs\" cenc:default_KID=\"0011\"/>\n\
                      <ContentProtection schemeIdUri=\"urn:uuid:1077\">\n  <cenc:pssh>AAAA</cenc:pssh>\n\
                      </ContentProtection>";
        assert_eq!(found[0].xml, shared);
        assert_eq!(found[1].xml, format!("{shared}\n<ContentProtection value=\"own\"/>"));
    }

    #[test]
    fn a_torn_file_is_an_error() {
        for end in [60, 200, MPD.len() - 3] {
            assert!(content_protection(&MPD[..end]).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(cut in 0usize..MPD.len(), noise in ".{0,20}") {
            let text = MPD.get(..cut).unwrap_or_default().to_owned() + &noise + MPD.get(cut..).unwrap_or_default();
            let _ = content_protection(&text);
        }
    }
}

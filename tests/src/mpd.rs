//! The objects that an MPD names, as a DASH client would ask for them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// URIs by representation id, relative to the MPD, in order, over all periods: the init segment of each
/// period, then its segments.
///
/// # Errors
/// When the XML cannot be read or lacks what addressing by `$Time$` needs.
pub fn objects(xml: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let mut reader = Reader::from_str(xml);
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut base, mut representation, mut template) = (String::new(), String::new(), String::new());
    let mut is_in_base = false;
    let mut time = 0_u64;
    loop {
        match reader.read_event().context("read the MPD")? {
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                "Period" => base.clear(),
                "BaseURL" => is_in_base = true,
                "Representation" => representation = attribute(&element, "id")?.context("no id")?,
                "SegmentTemplate" => {
                    template = attribute(&element, "media")?.context("no media template")?;
                    time = 0;
                    let init =
                        attribute(&element, "initialization")?.context("no initialization template")?;
                    let init = init.replace("$RepresentationID$", &representation);
                    named.entry(representation.clone()).or_default().push(format!("{base}{init}"));
                }
                "S" => {
                    time = number(&element, "t")?.unwrap_or(time);
                    let duration = number(&element, "d")?.context("no duration")?;
                    for _ in 0..=number(&element, "r")?.unwrap_or(0) {
                        let name = template
                            .replace("$RepresentationID$", &representation)
                            .replace("$Time$", &time.to_string());
                        named.entry(representation.clone()).or_default().push(format!("{base}{name}"));
                        time += duration;
                    }
                }
                _ => {}
            },
            Event::Text(text) if is_in_base => base = text.trim().to_owned(),
            Event::End(element) if element.name().as_ref() == "BaseURL" => is_in_base = false,
            Event::Eof => return Ok(named),
            _ => {}
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>> {
    let found = element.try_get_attribute(name).context("read an attribute")?;
    Ok(found.map(|attribute| attribute.value.to_string()))
}

fn number(element: &BytesStart<'_>, name: &str) -> Result<Option<u64>> {
    attribute(element, name)?
        .map(|text| text.parse().with_context(|| format!("read {name}={text}")))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_is_expanded_by_time() {
        let xml = r#"<MPD><Period id="p"><BaseURL>1-1/</BaseURL><AdaptationSet><Representation id="v">
            <SegmentTemplate initialization="$RepresentationID$/i.mp4" media="v/$Time$.m4s" timescale="10"><SegmentTimeline>
            <S t="5" d="20" r="1"/><S d="10"/><S t="60" d="20"/></SegmentTimeline></SegmentTemplate>
            </Representation></AdaptationSet></Period></MPD>"#;
        let named = objects(xml).unwrap();
        assert_eq!(
            named["v"],
            ["1-1/v/i.mp4", "1-1/v/5.m4s", "1-1/v/25.m4s", "1-1/v/45.m4s", "1-1/v/60.m4s"]
        );
    }
}

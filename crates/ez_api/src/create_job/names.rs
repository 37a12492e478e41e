//! Gives each rendition its name: the folder it is published in, unique inside a job.

use std::collections::HashMap;

use ez_domain::spec::RenditionName;
use ez_domain::units::Bitrate;

use super::field::{Field, Reading};
use super::findings::Findings;

/// The names taken so far, each with the pointer to where it comes from.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: HashMap<RenditionName, String>,
}

impl Names {
    /// The `Label`, or `<kind>_<Bitrate>` as the original names its folders.
    ///
    /// `None` when the label is refused, the name is taken, or there is neither label nor bit rate.
    pub(super) fn claim(
        &mut self,
        label: &Field<'_>,
        kind: &str,
        bitrate: Option<Bitrate>,
        findings: &mut Findings,
    ) -> Option<RenditionName> {
        let (name, is_default) = match label.name(RenditionName::new, findings) {
            Reading::Given(name) => (name, false),
            Reading::Absent => (RenditionName::new(format!("{kind}_{}", bitrate?)).ok()?, true),
            Reading::Refused => return None,
        };
        if let Some(first) = self.taken.get(&name) {
            let detail = if is_default {
                format!(
                    "the default name \"{name}\" is already that of {first}; give each of them a Label of its own"
                )
            } else {
                format!("the Label \"{name}\" is already the name of {first}; give another Label")
            };
            findings.fault(label.pointer(), detail);
            return None;
        }
        let rendition = label.pointer().rsplit_once('/').map_or("", |(rendition, _)| rendition);
        self.taken.insert(name.clone(), rendition.to_owned());
        Some(name)
    }
}

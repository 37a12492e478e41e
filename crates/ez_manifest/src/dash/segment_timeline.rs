//! `SegmentTimeline`: equal neighbours folded with `@r`, GAPs left out.

use super::xml::Document;
use crate::timeline::Entry;

/// Writes the segments among `entries`. A segment that begins where the one before ended
/// needs no `@t`; after a GAP it has one, which is how the hole shows.
pub(super) fn write(document: &mut Document, entries: &[Entry]) {
    document.open("SegmentTimeline", &[]);
    let segments: Vec<&Entry> = entries.iter().filter(|entry| !entry.is_gap()).collect();
    let mut end = None;
    for run in segments.chunk_by(|one, next| one.d == next.d && one.end() == next.t) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let mut attributes = Vec::new();
        if end != Some(first.t) {
            attributes.push(("t", first.t.to_string()));
        }
        attributes.push(("d", first.d.to_string()));
        if run.len() > 1 {
            attributes.push(("r", (run.len() - 1).to_string()));
        }
        document.empty("S", &attributes);
        end = Some(last.end());
    }
    document.close();
}

//! Parts of the original's specification that this release does not carry out.

use super::field::Field;
use super::findings::Findings;

/// Refuses object detection; `Some` when none is asked for.
pub(super) fn read_detection(field: &Field<'_>, findings: &mut Findings) -> Option<()> {
    if field.is_set() {
        findings.fault(field.pointer(), "object detection is not supported here; remove Detection");
        return None;
    }
    Some(())
}

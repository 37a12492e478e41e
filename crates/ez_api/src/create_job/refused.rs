//! Parts of the original's specification that this release does not carry out.
//!
//! A channel that was asked to be protected must never go out in clear, so anything
//! set in `Drm` refuses the job; the original's "unset" object passes.

use super::field::Field;
use super::findings::Findings;
use super::keys;

/// Refuses content protection; `Some` when none is asked for.
pub(super) fn read_protection(field: &Field<'_>, findings: &mut Findings) -> Option<()> {
    let drm = field.object(&keys::DRM, findings).optional()?;
    if drm.is_some() && field.is_set() {
        findings.fault(field.pointer(), "content protection is not available in this release; remove Drm");
        return None;
    }
    Some(())
}

/// Refuses object detection; `Some` when none is asked for.
pub(super) fn read_detection(field: &Field<'_>, findings: &mut Findings) -> Option<()> {
    if field.is_set() {
        findings.fault(field.pointer(), "object detection is not supported here; remove Detection");
        return None;
    }
    Some(())
}

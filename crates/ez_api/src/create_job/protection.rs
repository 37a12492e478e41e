//! Reads `Drm`: whether and how the media is protected.
//!
//! A channel that was asked to be protected must never go out in clear: whatever is set here and
//! cannot be carried out refuses the job. The original's "unset" object means no protection.

use ez_domain::spec::Protection;

use super::field::{Field, Reading};
use super::findings::Findings;
use super::keys;
use super::node::Node;

/// The original's word for what delivers the key; its manifests name no other key system.
pub(crate) const SYSTEM: &str = "FairPlay";
/// The one scheme whose segments serve HLS and DASH alike (ISO/IEC 23001-7 10.4).
pub(crate) const SCHEME: &str = "cbcs";

/// `Some(None)` leaves the media in clear; `None` when there are faults.
pub(super) fn read(field: &Field<'_>, findings: &mut Findings) -> Option<Option<Protection>> {
    let Some(drm) = field.object(&keys::DRM, findings).optional()? else { return Some(None) };
    if !field.is_set() {
        return Some(None);
    }
    let switch = drm.field("Disable_clear_key");
    let without_clear_key = switch.boolean(findings).or(false);
    if without_clear_key == Some(true) {
        let detail = "only the clear-key mode is available: the key lies beside the media; \
                      give 0, or leave Drm out for a channel in clear";
        findings.fault(switch.pointer(), detail);
    }
    let system = word(&drm.field("Protection_system"), SYSTEM, findings);
    let scheme = word(&drm.field("Protection_scheme"), SCHEME, findings);
    let ((), ()) = (system?, scheme?);
    (!without_clear_key?).then_some(Some(Protection::CbcsClearKey))
}

/// The one word that is known here, in whatever case.
fn word(field: &Field<'_>, known: &str, findings: &mut Findings) -> Option<()> {
    let reading: Reading<()> = field.custom(findings, |node| match node {
        Node::Text(text) if text.eq_ignore_ascii_case(known) => Ok(()),
        Node::Null | Node::Boolean(_) | Node::Number(_) | Node::Text(_) | Node::List(_) | Node::Object(_) => {
            Err(format!("{node} is not known here; use \"{known}\""))
        }
    });
    let mend = "Protection_system \"FairPlay\" and Protection_scheme \"cbcs\" belong together; \
                give both, or leave Drm out for a channel in clear";
    reading.required(field, mend, findings)
}

//! Content encryption by packager, with keys that no process list shows.
//!
//! The scheme is always `cbcs`: one set of segments serves HLS and DASH, while `cenc` with a
//! raw key leaves HLS without any key line that players know.

use ez_domain::content_key::ContentKey;
use ez_domain::secret::Secret;

use crate::argv::Argv;
use crate::layout::local;

/// Adds what makes packager encrypt all renditions of a period with one content key.
///
/// The key itself is not part of the command line: write [`key_flags`] to [`local::KEY_FLAGFILE`] in the
/// period's folder, readable by the owner alone, before packager starts, and remove it once packager
/// has written its first file. Without that file packager ends at once.
pub(super) fn arguments(argv: &mut Argv) {
    argv.push("--enable_raw_key_encryption");
    argv.push("--protection_scheme=cbcs");
    // The default leaves the first five seconds in clear and adds a discontinuity.
    argv.push("--clear_lead=0");
    argv.push(format!("--flagfile={}", local::KEY_FLAGFILE));
}

/// Content of the flag file that hands the content key to packager.
///
/// The empty label stands for all streams; the IV is left to packager, which takes a random one for
/// each and writes it into the init segment.
pub fn key_flags(key: &ContentKey) -> Secret<String> {
    Secret::new(format!("--keys=label=:key_id={}:key={}\n", key.id, key.key.expose().to_hex()))
}

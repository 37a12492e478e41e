//! Content encryption by packager, with keys that no process list shows.
//!
//! The scheme is always `cbcs`: one set of segments serves HLS and DASH, while `cenc` with a
//! raw key leaves HLS without any key line although the media are encrypted.

use std::fmt::Write as _;

use ez_domain::secret::Secret;

use crate::argv::Argv;
use crate::layout::local;

/// Encryption of all renditions of a period with one content key.
///
/// The key itself is not part of the command line: write [`ContentKey::flagfile`] to
/// [`local::KEY_FLAGFILE`] in the period's folder, readable by the owner alone, and remove it
/// once packager has written its first file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    key_uri: String,
}

impl Encryption {
    /// Encryption whose key players fetch from `key_uri`.
    ///
    /// `None` when the URI is empty or holds what would break a playlist attribute: quotes,
    /// blanks or control characters.
    pub fn new(key_uri: impl Into<String>) -> Option<Self> {
        let key_uri = key_uri.into();
        let is_plain =
            !key_uri.is_empty() && key_uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        is_plain.then_some(Self { key_uri })
    }

    pub(super) fn arguments(&self, argv: &mut Argv) {
        argv.push("--enable_raw_key_encryption");
        argv.push("--protection_scheme=cbcs");
        // The default leaves the first five seconds in clear and adds a discontinuity.
        argv.push("--clear_lead=0");
        argv.push(format!("--hls_key_uri={}", self.key_uri));
        argv.push(format!("--flagfile={}", local::KEY_FLAGFILE));
    }
}

/// A content key with its identifier (ISO/IEC 23001-7 8).
#[derive(Debug, Clone)]
pub struct ContentKey {
    /// The key identifier (KID); public.
    pub id: [u8; 16],
    /// The AES-128 key.
    pub key: Secret<[u8; 16]>,
}

impl ContentKey {
    /// Content of the flag file that hands the key to packager.
    ///
    /// The empty label stands for all streams; the IV is left to packager, which takes a
    /// random one for each.
    pub fn flagfile(&self) -> Secret<String> {
        Secret::new(format!("--keys=label=:key_id={}:key={}\n", hex(&self.id), hex(self.key.expose())))
    }
}

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

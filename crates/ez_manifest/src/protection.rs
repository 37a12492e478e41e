//! How manifests tell players about the encryption of a rendition.
//!
//! All of it stands in the init segment ([`crate::fmp4::Encryption`]), so nothing depends on when
//! packager writes its own manifests. The forms are those that packager writes there.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fmp4::Encryption;

/// Bytes of a `pssh` box before its `SystemID`: size, type, version and flags (ISO/IEC 23001-7 8.1).
const BEFORE_SYSTEM_ID: usize = 12;

/// The `#EXT-X-KEY` line (RFC 8216 4.3.2.4) by which players fetch the key from `uri`.
///
/// `None` when the scheme has no constant IV: HLS has no line for it that players know.
pub fn key_line(encryption: &Encryption, uri: &str) -> Option<String> {
    let iv = hex(encryption.constant_iv.as_ref()?);
    Some(format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"{uri}\",IV=0x{iv},KEYFORMAT=\"identity\""))
}

/// The `ContentProtection` elements (ISO/IEC 23009-1 5.8.4.1) of a representation.
pub fn content_protection(encryption: &Encryption) -> String {
    let mut text = format!(
        "<ContentProtection value=\"{}\" schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" cenc:default_KID=\"{}\"/>",
        quick_xml::escape::escape(&encryption.scheme),
        uuid(&encryption.key_id)
    );
    for pssh in &encryption.pssh {
        let system = pssh.get(BEFORE_SYSTEM_ID..).and_then(<[u8]>::first_chunk::<16>);
        let Some(system) = system else { continue };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n<ContentProtection schemeIdUri=\"urn:uuid:{}\">\n  <cenc:pssh>{}</cenc:pssh>\n</ContentProtection>",
            uuid(system),
            STANDARD.encode(pssh)
        );
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn uuid(bytes: &[u8; 16]) -> String {
    let mut text = hex(bytes);
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_without_a_constant_iv_has_no_key_line() {
        let clear =
            Encryption { scheme: "cenc".into(), key_id: [0; 16], constant_iv: None, pssh: vec![vec![0; 4]] };
        assert_eq!(key_line(&clear, "key"), None);
        assert_eq!(content_protection(&clear).lines().count(), 1, "a torn pssh is left out");
        let kid = "00000000-0000-0000-0000-000000000000";
        assert!(content_protection(&clear).contains(&format!("cenc:default_KID=\"{kid}\"")));
    }
}

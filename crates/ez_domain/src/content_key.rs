//! Content keys: what media is encrypted with, and by which name players ask for it.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::units::Timestamp;

/// A text that is not 32 hexadecimal digits. The text itself may be a secret and is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("32 hexadecimal digits are needed (16 bytes)")]
pub struct NotSixteenBytes;

macro_rules! sixteen_bytes {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// Wraps the bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes themselves.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The bytes as 32 lower-case hexadecimal digits.
            pub fn to_hex(&self) -> String {
                self.0.iter().fold(String::with_capacity(32), |mut text, byte| {
                    // Writing to a String does not fail.
                    let _ = write!(text, "{byte:02x}");
                    text
                })
            }
        }

        impl FromStr for $name {
            type Err = NotSixteenBytes;

            fn from_str(text: &str) -> Result<Self, NotSixteenBytes> {
                let digits = text.as_bytes();
                if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(NotSixteenBytes);
                }
                let mut bytes = [0; 16];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    let pair = str::from_utf8(pair).map_err(|_| NotSixteenBytes)?;
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| NotSixteenBytes)?;
                }
                Ok(Self(bytes))
            }
        }

        impl From<$name> for String {
            fn from(bytes: $name) -> Self {
                bytes.to_hex()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotSixteenBytes;

            fn try_from(text: String) -> Result<Self, NotSixteenBytes> {
                text.parse()
            }
        }
    };
}

sixteen_bytes! {
    /// The key identifier, KID (ISO/IEC 23001-7 8.2); public.
    KeyId
}
sixteen_bytes! {
    /// An AES-128 key; always inside a [`Secret`], and without a `Debug` of its own.
    KeyBytes
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_hex())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_hex())
    }
}

/// A key with its identifier, for whoever encrypts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentKey {
    /// By which name players know it.
    pub id: KeyId,
    /// The key.
    pub key: Secret<KeyBytes>,
}

/// The content key of a job, as it may be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedContentKey {
    /// By which name players know it.
    pub id: KeyId,
    /// The key, encrypted and authenticated under the deployment's master key.
    pub sealed: String,
    /// When the key server made it.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn bytes_are_read_from_exactly_32_digits() {
        let id: KeyId = HEX.parse().unwrap();
        assert_eq!((id.to_string().as_str(), id.as_bytes()[15]), (HEX, 0xff));
        assert_eq!(HEX.to_uppercase().parse::<KeyId>(), Ok(id));
        for bad in [
            "",
            "00",
            &HEX[1..],
            &format!("{HEX}0"),
            "+0112233445566778899aabbccddeeff",
            "ä0112233445566778899aabbccddeef",
        ] {
            assert_eq!(bad.parse::<KeyId>(), Err(NotSixteenBytes), "{bad}");
        }
    }

    #[test]
    fn a_key_is_written_for_machines_and_hidden_from_people() {
        let key = ContentKey { id: KeyId::from_bytes([1; 16]), key: Secret::new(HEX.parse().unwrap()) };
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(json, format!(r#"{{"id":"{}","key":"{HEX}"}}"#, "01".repeat(16)));
        assert_eq!(serde_json::from_str::<ContentKey>(&json).unwrap(), key);
        let text = format!("{key:?}");
        assert!(!text.contains("1122") && text.contains(&"01".repeat(16)), "{text}");
    }
}

//! A port that may be written as a text, as the original has it, or as a number; for `#[serde(with)]`.

use serde::{Deserialize, Deserializer, Serializer, de};

#[derive(Deserialize)]
#[serde(untagged)]
enum Spelling {
    Number(u64),
    Text(String),
}

/// Writes a port, always as a text, so that a value from the environment replaces it as a text.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(port: &u16, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&port.to_string())
}

/// Reads a port from either spelling.
///
/// # Errors
/// When the value is no number from 0 to 65535.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let text = match Spelling::deserialize(deserializer)? {
        Spelling::Number(number) => number.to_string(),
        Spelling::Text(text) => text,
    };
    text.parse()
        .map_err(|_| de::Error::custom(format_args!("{text:?} is no port: write a number from 0 to 65535")))
}

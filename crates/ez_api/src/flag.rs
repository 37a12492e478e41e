//! Truth values as the original spells them: 0 and 1.

use serde::{Deserialize, Deserializer, Serializer, de};

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(crate) fn serialize<S: Serializer>(flag: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(u8::from(*flag))
}

/// Also takes `true` and `false`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Spelling {
        Word(bool),
        Digit(u8),
    }
    match Spelling::deserialize(deserializer)? {
        Spelling::Word(flag) => Ok(flag),
        Spelling::Digit(0) => Ok(false),
        Spelling::Digit(1) => Ok(true),
        Spelling::Digit(other) => Err(de::Error::custom(format_args!("{other} is neither 0 nor 1"))),
    }
}

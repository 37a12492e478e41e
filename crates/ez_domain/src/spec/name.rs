//! Names that become part of paths, URLs and command lines.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is not a rendition name.
    #[error(
        "use 1 to 32 letters, digits, '_' and '-', beginning with a letter or digit, \
         and not in the form <number>-<number>, which names period folders"
    )]
    Rendition,
    /// The text is not a bucket name.
    #[error(
        "use an S3 bucket name: 3 to 63 lower-case letters, digits, '.' and '-', \
         beginning and ending with a letter or digit, without '..' and not an IP address"
    )]
    Bucket,
}

/// The name of a rendition: its folder below the job's prefix, unique inside a job.
///
/// It stands in packager's comma-separated stream descriptors and in URLs, so it holds
/// only letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RenditionName(String);

impl RenditionName {
    /// Checks `text` and takes it as a name.
    ///
    /// # Errors
    /// [`NameError::Rendition`] when it holds anything but the allowed characters.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let mut bytes = text.bytes();
        let begins_well = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let goes_on_well = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if begins_well && goes_on_well && text.len() <= 32 && !names_a_period_folder(&text) {
            Ok(Self(text))
        } else {
            Err(NameError::Rendition)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` could be a folder `<epoch>-<n>` beside the renditions' folders.
fn names_a_period_folder(text: &str) -> bool {
    text.split_once('-').is_some_and(|(epoch, number)| {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits(epoch) && digits(number)
    })
}

/// The name of an S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketName(String);

impl BucketName {
    /// Checks `text` by the naming rules of general-purpose S3 buckets.
    ///
    /// # Errors
    /// [`NameError::Bucket`] when it breaks one of them.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let edge =
            |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-';
        let well_formed = (3..=63).contains(&text.len())
            && text.bytes().all(allowed)
            && edge(text.bytes().next())
            && edge(text.bytes().last())
            && !text.contains("..")
            && text.parse::<std::net::Ipv4Addr>().is_err();
        if well_formed { Ok(Self(text)) } else { Err(NameError::Bucket) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_name {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

text_name!(RenditionName);
text_name!(BucketName);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rendition_names() {
        for good in ["video365k", "a", "1080p", "Main_audio-en", "1-1a"] {
            assert!(RenditionName::new(good).is_ok(), "{good}");
        }
        let too_long = "x".repeat(33);
        for bad in ["", "1-1", "12-3", "-a", "_a", "a/b", "a,b", "a$b", "a=b", "a b", "ä", "..", &too_long] {
            assert!(RenditionName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bucket_names() {
        for good in ["my-live-bucket", "abc", "a.b.c", "0-9"] {
            assert!(BucketName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "My-Bucket", "-abc", "abc-", "a..b", "192.168.0.1", "bucket/prefix", "a_b"] {
            assert!(BucketName::new(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_rendition_name_cannot_leave_its_place(text in ".{0,40}") {
            if let Ok(name) = RenditionName::new(text) {
                prop_assert!(!name.as_str().contains(['/', '\\', ',', '=', '$', '%', '.', ' ', '\0']));
                prop_assert!(!name.as_str().is_empty());
            }
        }
    }
}

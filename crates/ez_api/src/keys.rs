//! What the key server says to the services of its installation, in the original's spelling.
//!
//! `POST /keys` takes a [`NewKey`] and answers a [`KeyInfo`]; `GET /keys/{id}` answers a [`KeyDocument`].

use ez_domain::content_key::{KeyBytes, KeyId};
use ez_domain::secret::Secret;
use ez_domain::units::Timestamp;
use serde::{Deserialize, Serialize};

use crate::job::time;

/// What a key is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What the key protects: a job id. Asked for again, it has the same key.
    #[serde(rename = "Content_id")]
    pub content_id: String,
}

/// A key as far as it may be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Identity of the key.
    #[serde(rename = "Key_id")]
    pub key_id: KeyId,
    /// What it protects.
    #[serde(rename = "Content_id")]
    pub content_id: String,
    /// When it was made.
    #[serde(rename = "Time_created", with = "time")]
    pub time_created: Option<Timestamp>,
}

/// A key in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDocument {
    /// Identity of the key.
    #[serde(rename = "Key_id")]
    pub key_id: KeyId,
    /// The key: 16 bytes in hexadecimal.
    #[serde(rename = "Key")]
    pub key: Secret<KeyBytes>,
    /// What it protects.
    #[serde(rename = "Content_id")]
    pub content_id: String,
    /// When it was made.
    #[serde(rename = "Time_created", with = "time")]
    pub time_created: Option<Timestamp>,
}

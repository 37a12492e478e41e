//! Secrets at rest: stream keys are sealed in records, looked up by a keyed hash, and given to
//! workers only as a salted hash.
//!
//! One master key per installation; a sub-key for each use is derived from it (HKDF-SHA256), so a
//! weakness in one use does not reach another. Where the master key comes from (file, environment)
//! is the caller's business. Losing it means that sealed stream keys cannot be shown again.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, digest, hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ez_domain::secret::Secret;

/// Begins each sealed text, so that another scheme can be told apart later.
const VERSION: &str = "v1.";
/// Length of the authentication tag of AES-GCM.
const TAG_LENGTH: usize = 16;

/// A failure of sealing or opening. It never holds a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The master key's text is unusable.
    #[error("the master key must be 64 hexadecimal digits (make one with: openssl rand -hex 32)")]
    MasterKey,
    /// The text was not made by [`MasterKey::seal`].
    #[error("the sealed text is malformed")]
    Malformed,
    /// The text was changed, made for another place, or sealed under another master key.
    #[error(
        "the sealed text does not belong to this master key and place; is the master key the one it was sealed with?"
    )]
    Refused,
    /// The cipher refused to work.
    #[error("the text cannot be sealed")]
    Cipher,
}

/// The key from which all others of an installation are derived.
pub struct MasterKey {
    sealing: RandomizedNonceKey,
    indexing: hmac::Key,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(***)")
    }
}

impl MasterKey {
    /// Takes the key itself.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the cryptographic library refuses it.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SealError> {
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, &sub_key(bytes, b"ezlivestreaming seal v1")?);
        let indexing = hmac::Key::new(hmac::HMAC_SHA256, &sub_key(bytes, b"ezlivestreaming index v1")?);
        Ok(Self { sealing: sealing.map_err(|_| SealError::Cipher)?, indexing })
    }

    /// Reads the key from 64 hexadecimal digits; white space around them is ignored.
    ///
    /// # Errors
    /// [`SealError::MasterKey`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let digits = text.trim().as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(SealError::MasterKey);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = str::from_utf8(pair).map_err(|_| SealError::MasterKey)?;
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(SealError::MasterKey);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| SealError::MasterKey)?;
        }
        Self::from_bytes(&bytes)
    }

    /// A new random master key as text, for the first start of an installation.
    pub fn random_hex() -> Secret<String> {
        Secret::new(hex(&random_bytes::<32>()))
    }

    /// Encrypts and authenticates `plain`. `context` names the place the text is for, such as
    /// `stream-key:<job id>`; the text opens nowhere else.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the text is longer than AES-GCM can take (64 GiB).
    pub fn seal(&self, plain: &str, context: &str) -> Result<String, SealError> {
        let mut sealed = plain.as_bytes().to_vec();
        let nonce = self
            .sealing
            .seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut sealed)
            .map_err(|_| SealError::Cipher)?;
        let mut packed = nonce.as_ref().to_vec();
        packed.append(&mut sealed);
        Ok(format!("{VERSION}{}", URL_SAFE_NO_PAD.encode(packed)))
    }

    /// Gives back what was sealed for the same `context`.
    ///
    /// # Errors
    /// [`SealError::Malformed`] or [`SealError::Refused`].
    pub fn open(&self, sealed: &str, context: &str) -> Result<Secret<String>, SealError> {
        let text = sealed.strip_prefix(VERSION).ok_or(SealError::Malformed)?;
        let packed = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Malformed)?;
        if packed.len() < NONCE_LEN + TAG_LENGTH {
            return Err(SealError::Malformed);
        }
        let (nonce, body) = packed.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let mut body = body.to_vec();
        let plain = self
            .sealing
            .open_in_place(nonce, Aad::from(context.as_bytes()), &mut body)
            .map_err(|_| SealError::Refused)?;
        String::from_utf8(plain.to_vec()).map(Secret::new).map_err(|_| SealError::Malformed)
    }

    /// A keyed hash of `plain` in hexadecimal: equal texts have equal ones, and without the master
    /// key it reveals nothing, not even to somebody who can guess the text.
    pub fn index(&self, plain: &str) -> String {
        hex(hmac::sign(&self.indexing, plain.as_bytes()).as_ref())
    }
}

/// Derives the key for one use.
fn sub_key(master: &[u8; 32], purpose: &[u8]) -> Result<[u8; 32], SealError> {
    let mut key = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"ezlivestreaming master key")
        .extract(master)
        .expand(&[purpose], hkdf::HKDF_SHA256)
        .and_then(|derived| derived.fill(&mut key))
        .map_err(|_| SealError::Cipher)?;
    Ok(key)
}

/// A new stream key: 128 random bits in lower-case hexadecimal, safe in URLs and on command lines.
pub fn random_stream_key() -> Secret<String> {
    Secret::new(hex(&random_bytes::<16>()))
}

/// A random salt, and the lower-case hexadecimal SHA-256 over salt, a zero byte and the stream key.
///
/// Enough to check a presented key, not to publish with. A plain hash does, because a stream key has
/// 128 random bits: nobody can try them all.
pub fn stream_key_verifier(stream_key: &str) -> (String, String) {
    let salt = hex(&random_bytes::<16>());
    let hash = salted_hash(&salt, stream_key);
    (salt, hash)
}

/// Whether `presented` is the stream key of this verifier, in a time that tells nothing about it.
pub fn verify(salt: &str, sha256hex: &str, presented: &str) -> bool {
    let hash = salted_hash(salt, presented);
    constant_time::verify_slices_are_equal(hash.as_bytes(), sha256hex.as_bytes()).is_ok()
}

fn salted_hash(salt: &str, stream_key: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(salt.as_bytes());
    context.update(&[0]);
    context.update(stream_key.as_bytes());
    hex(context.finish().as_ref())
}

/// Bytes that nobody can predict.
pub(crate) fn random_bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    rand::fill(&mut bytes).expect("the random source of the operating system always answers");
    bytes
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests;

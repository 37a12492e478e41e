//! The token by which services prove themselves.
//!
//! Hashes are compared, in a time that tells nothing about the token or its length.

use aws_lc_rs::{constant_time, digest};

/// Shorter ones are passwords, and passwords are guessed.
const SHORTEST: usize = 16;

/// The token is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has fewer than 16 characters: make one with: openssl rand -hex 32")]
pub struct TooShort;

/// The expected token, as a hash.
pub(crate) struct ServiceToken {
    sha256: digest::Digest,
}

impl ServiceToken {
    pub(crate) fn new(token: &str) -> Result<Self, TooShort> {
        if token.len() < SHORTEST {
            return Err(TooShort);
        }
        Ok(Self { sha256: sha256(token) })
    }

    /// Whether `presented` is the value of an `Authorization` header with this token (RFC 6750).
    pub(crate) fn admits(&self, presented: &str) -> bool {
        let Some((scheme, token)) = presented.split_once(' ') else {
            return false;
        };
        let equal =
            constant_time::verify_slices_are_equal(sha256(token.trim()).as_ref(), self.sha256.as_ref());
        scheme.eq_ignore_ascii_case("bearer") && equal.is_ok()
    }
}

fn sha256(token: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_is_admitted() {
        let token = ServiceToken::new("0123456789abcdef").unwrap();
        for (presented, admitted) in [
            ("Bearer 0123456789abcdef", true),
            ("bearer  0123456789abcdef ", true),
            ("Bearer 0123456789abcdeF", false),
            ("Bearer 0123456789abcdef0", false),
            ("Basic 0123456789abcdef", false),
            ("0123456789abcdef", false),
            ("Bearer ", false),
            ("", false),
        ] {
            assert_eq!(token.admits(presented), admitted, "{presented:?}");
        }
        assert_eq!(ServiceToken::new("short").err(), Some(TooShort));
    }
}

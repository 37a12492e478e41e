//! Looks for what must not show: on command lines, in environments, on the disk, in Redis, in the bucket.
//!
//! A secret is looked for as it is written, in capitals, as the bytes that its hexadecimal digits stand
//! for, and as base64 of either. One that is encrypted or compressed is not seen: so Redis is read value
//! by value, since its dumps are compressed.

pub mod places;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A text that must not show.
#[derive(Debug, Clone)]
pub struct Forbidden {
    name: &'static str,
    forms: Vec<Vec<u8>>,
    allowed_in: Vec<&'static str>,
}

impl Forbidden {
    /// A secret by its name for people, and its text.
    pub fn new(name: &'static str, text: &str) -> Self {
        let mut plain = vec![text.as_bytes().to_vec()];
        plain.extend(from_hex(text));
        let mut forms = plain.clone();
        forms.push(text.to_ascii_uppercase().into_bytes());
        for bytes in &plain {
            forms.push(STANDARD_NO_PAD.encode(bytes).into_bytes());
            forms.push(URL_SAFE_NO_PAD.encode(bytes).into_bytes());
        }
        forms.sort();
        forms.dedup();
        Self { name, forms, allowed_in: Vec::new() }
    }

    /// The only kind of place where it may show: one whose name ends so, such as `/key.bin` for a content
    /// key in the clear.
    #[must_use]
    pub fn but_in(mut self, place: &'static str) -> Self {
        self.allowed_in.push(place);
        self
    }

    fn may_show_in(&self, place: &str) -> bool {
        self.allowed_in.iter().any(|end| place.ends_with(end))
    }
}

/// The bytes of a text of hexadecimal digits.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
    // Shorter ones would be found anywhere by chance.
    bytes.filter(|bytes| bytes.len() >= 8 && text.len().is_multiple_of(2))
}

/// Looks for secrets in one place after the other.
#[derive(Debug)]
pub struct Search {
    forbidden: Vec<Forbidden>,
    /// First bytes of all forms: most bytes of most places are none of them.
    begins: [bool; 256],
    looked: usize,
    found: Vec<String>,
}

impl Search {
    /// A search that has not begun.
    pub fn new(forbidden: Vec<Forbidden>) -> Self {
        let mut begins = [false; 256];
        for form in forbidden.iter().flat_map(|secret| &secret.forms) {
            if let Some(first) = form.first() {
                begins[usize::from(*first)] = true;
            }
        }
        Self { forbidden, begins, looked: 0, found: Vec::new() }
    }

    /// Looks at what a place holds, and at its name.
    pub fn look(&mut self, place: &str, content: &[u8]) {
        self.looked += 1;
        for name in [self.showing(content), self.showing(place.as_bytes())].concat() {
            let secret = self.forbidden.iter().find(|secret| secret.name == name);
            if secret.is_some_and(|secret| !secret.may_show_in(place)) {
                self.found.push(format!("{name} shows in {place}"));
            }
        }
    }

    /// The names of the secrets that stand in `content`.
    fn showing(&self, content: &[u8]) -> Vec<&'static str> {
        let mut names = Vec::new();
        for (at, first) in content.iter().enumerate() {
            if !self.begins[usize::from(*first)] {
                continue;
            }
            for secret in &self.forbidden {
                let shows = secret.forms.iter().any(|form| content[at..].starts_with(form));
                if shows && !names.contains(&secret.name) {
                    names.push(secret.name);
                }
            }
        }
        names
    }

    /// How many places were looked at.
    pub const fn looked(&self) -> usize {
        self.looked
    }

    /// What was found, in words.
    pub fn found(&self) -> &[String] {
        &self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "00112233445566778899aabbccddeeff";

    fn search() -> Search {
        Search::new(vec![Forbidden::new("a key", KEY), Forbidden::new("a word", "hunter2!")])
    }

    fn found(place: &str, content: &[u8]) -> Vec<String> {
        let mut search = search();
        search.look(place, content);
        assert_eq!(search.looked(), 1);
        search.found().to_vec()
    }

    #[test]
    fn what_holds_no_secret_is_clean() {
        assert_eq!(found("a log", b""), Vec::<String>::new());
        assert_eq!(found("a log", b"0011223344556677 8899aabbccddeeff hunter2"), Vec::<String>::new());
    }

    #[test]
    fn every_form_is_found_wherever_it_stands() {
        let raw: Vec<u8> = from_hex(KEY).unwrap();
        for (name, form) in [
            ("as written", KEY.as_bytes().to_vec()),
            ("in capitals", KEY.to_uppercase().into_bytes()),
            ("as bytes", raw.clone()),
            ("base64 of the text", STANDARD_NO_PAD.encode(KEY).into_bytes()),
            ("base64 of the bytes", STANDARD_NO_PAD.encode(&raw).into_bytes()),
            ("base64 for URLs", URL_SAFE_NO_PAD.encode(&raw).into_bytes()),
        ] {
            for content in [form.clone(), [b"x=".to_vec(), form.clone(), b"\0".to_vec()].concat()] {
                assert_eq!(found("a log", &content), ["a key shows in a log"], "{name}");
            }
            assert_eq!(found("a log", &form[..form.len() - 1]), Vec::<String>::new(), "half of it {name}");
        }
        assert_eq!(found("a log", b"pass hunter2!"), ["a word shows in a log"]);
        assert_eq!(found(&format!("file {KEY}"), b""), [format!("a key shows in file {KEY}")]);
    }

    #[test]
    fn a_content_key_may_show_in_its_own_object_only() {
        let forbidden = || vec![Forbidden::new("a content key", KEY).but_in("/key.bin")];
        let raw = from_hex(KEY).unwrap();
        let mut search = Search::new(forbidden());
        search.look("bucket output_1/2-1/key.bin", &raw);
        assert_eq!(search.found(), Vec::<String>::new().as_slice());
        search.look("bucket output_1/2-1/v/1.m4s", &raw);
        assert_eq!(search.found(), ["a content key shows in bucket output_1/2-1/v/1.m4s"]);
    }
}

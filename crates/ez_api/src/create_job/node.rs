//! A JSON value that remembers the order and the repetition of its keys.
//!
//! `serde_json::Value` keeps only the last of two equal keys; here they are faults, so
//! the reader has to see both. Depth is limited: the deepest document that means
//! anything has five levels.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::fault::Fault;

/// Nesting that is still read.
const MOST_LEVELS: usize = 16;
/// Characters of a given text that a message repeats.
const SHOWN_CHARACTERS: usize = 40;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Boolean(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Reads one JSON document, and nothing after it.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Fault> {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let node = AtLevel(0).deserialize(&mut deserializer);
        node.and_then(|node| deserializer.end().map(|()| node)).map_err(|error| Fault {
            pointer: String::new(),
            detail: format!("the body cannot be read as JSON: {error}; send one JSON object in UTF-8"),
        })
    }

    /// Whether nothing in it is set: the original's way to leave a whole object out.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Boolean(value) => !value,
            Self::Number(value) => value.as_f64() == Some(0.0),
            Self::Text(value) => value.is_empty(),
            Self::List(elements) => elements.is_empty(),
            Self::Object(members) => members.iter().all(|(_, value)| value.is_blank()),
        }
    }
}

impl fmt::Display for Node {
    /// What was given, short enough to stand in a sentence.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Boolean(value) => value.fmt(formatter),
            Self::Number(value) => value.fmt(formatter),
            Self::Text(value) => quoted(value).fmt(formatter),
            Self::List(_) => formatter.write_str("a list"),
            Self::Object(_) => formatter.write_str("an object"),
        }
    }
}

/// `text` in quotation marks, escaped, cut when long.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN_CHARACTERS).collect();
    let rest = if shown.len() < text.len() { "…" } else { "" };
    format!("{:?}", format!("{shown}{rest}"))
}

struct AtLevel(usize);

impl AtLevel {
    fn below<E: Error>(&self) -> Result<Self, E> {
        if self.0 < MOST_LEVELS {
            Ok(Self(self.0 + 1))
        } else {
            Err(E::custom(format_args!("nested deeper than {MOST_LEVELS} levels")))
        }
    }
}

impl<'de> DeserializeSeed<'de> for AtLevel {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AtLevel {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Boolean(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value).map(Node::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(self.below()?)? {
            elements.push(element);
        }
        Ok(Node::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = access.next_key::<String>()? {
            members.push((key, access.next_value_seed(self.below()?)?));
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_are_kept() {
        let Node::Object(members) = Node::parse(br#"{"a": 1, "A": 2, "a": 3}"#).unwrap() else {
            panic!("an object was given");
        };
        let keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["a", "A", "a"]);
    }

    #[test]
    fn depth_is_limited() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Node::parse(nested(MOST_LEVELS).as_bytes()).is_ok());
        let fault = Node::parse(nested(MOST_LEVELS + 1).as_bytes()).unwrap_err();
        assert!(fault.detail.contains("nested deeper than 16 levels"), "{fault:?}");
        assert!(Node::parse("[".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn long_and_odd_texts_are_shown_short_and_escaped() {
        assert_eq!(quoted("a\"b\n"), r#""a\"b\n""#);
        assert_eq!(quoted(&"ä".repeat(41)), format!("\"{}…\"", "ä".repeat(40)));
    }
}

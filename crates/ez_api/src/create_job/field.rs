//! Reads one member of an object as the type that it should have.

use std::ops::RangeInclusive;

use ez_domain::units::{Bitrate, FrameRate};

use super::bitrate;
use super::findings::Findings;
use super::node::Node;
use super::object::Object;

/// A member that may be absent; JSON `null` counts as absent.
pub(super) struct Field<'a> {
    key: &'static str,
    pointer: String,
    node: Option<&'a Node>,
}

/// What became of a member; a refused one has left its fault.
#[derive(Debug, PartialEq)]
pub(super) enum Reading<T> {
    Absent,
    Given(T),
    Refused,
}

impl<T> Reading<T> {
    /// The value, or `default` when absent; `None` when refused.
    pub(super) fn or(self, default: T) -> Option<T> {
        self.optional().map(|value| value.unwrap_or(default))
    }

    /// The value if there is one; `None` when refused.
    pub(super) fn optional(self) -> Option<Option<T>> {
        match self {
            Self::Absent => Some(None),
            Self::Given(value) => Some(Some(value)),
            Self::Refused => None,
        }
    }

    /// The value; its absence is a fault of `field` that says how to `mend` it.
    pub(super) fn required(self, field: &Field<'_>, mend: &str, findings: &mut Findings) -> Option<T> {
        match self {
            Self::Absent => {
                findings.fault(&field.pointer, format!("{} is missing; {mend}", field.key));
                None
            }
            Self::Given(value) => Some(value),
            Self::Refused => None,
        }
    }
}

impl<'a> Field<'a> {
    pub(super) fn new(key: &'static str, pointer: String, node: Option<&'a Node>) -> Self {
        Self { key, pointer, node: node.filter(|node| **node != Node::Null) }
    }

    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }

    pub(super) fn is_given(&self) -> bool {
        self.node.is_some()
    }

    /// The field as it was given, when anything in it is set.
    pub(super) fn is_set(&self) -> bool {
        self.node.is_some_and(|node| !node.is_blank())
    }

    /// The same field, absent if it holds the number 0: the original's "unset".
    pub(super) fn zero_is_absent(mut self) -> Self {
        let is_zero = |node: &&Node| matches!(node, Node::Number(number) if number.as_f64() == Some(0.0));
        self.node = self.node.filter(|node| !is_zero(node));
        self
    }

    /// Reports `detail` at this field.
    pub(super) fn refuse<T>(&self, detail: impl Into<String>, findings: &mut Findings) -> Reading<T> {
        findings.fault(&self.pointer, detail);
        Reading::Refused
    }

    fn read<T>(
        &self,
        findings: &mut Findings,
        read: impl FnOnce(&'a Node) -> Result<T, String>,
    ) -> Reading<T> {
        match self.node.map(read) {
            None => Reading::Absent,
            Some(Ok(value)) => Reading::Given(value),
            Some(Err(detail)) => self.refuse(detail, findings),
        }
    }

    pub(super) fn object(&self, known: &[&'static str], findings: &mut Findings) -> Reading<Object<'a>> {
        match self.node {
            None => Reading::Absent,
            Some(node) => Object::open(node, self.pointer.clone(), known, findings)
                .map_or(Reading::Refused, Reading::Given),
        }
    }

    pub(super) fn list(&self, findings: &mut Findings) -> Reading<&'a [Node]> {
        self.read(findings, |node| match node {
            Node::List(elements) => Ok(elements.as_slice()),
            Node::Object(_) => Err("a list is needed, one object was given; put it in [ ]".to_owned()),
            Node::Null | Node::Boolean(_) | Node::Number(_) | Node::Text(_) => Err(format!(
                "a list is needed, {node} was given; write [ ] with one object for each rendition"
            )),
        })
    }

    /// `true`, `false`, or the original's 1 and 0.
    pub(super) fn boolean(&self, findings: &mut Findings) -> Reading<bool> {
        self.read(findings, |node| match node {
            Node::Boolean(value) => Ok(*value),
            Node::Number(number) if number.as_f64() == Some(0.0) => Ok(false),
            Node::Number(number) if number.as_f64() == Some(1.0) => Ok(true),
            Node::Text(text) if matches!(text.as_str(), "true" | "false" | "0" | "1") => Err(format!(
                "true or false is needed, {node} was given; write {text} without quotation marks"
            )),
            Node::Null | Node::Number(_) | Node::Text(_) | Node::List(_) | Node::Object(_) => {
                Err(format!("true or false is needed, {node} was given; write true or false"))
            }
        })
    }

    /// A whole number of `unit` inside `limits`.
    pub(super) fn whole_number(
        &self,
        limits: &RangeInclusive<u64>,
        unit: &str,
        findings: &mut Findings,
    ) -> Reading<u32> {
        self.read(findings, |node| {
            let mend = format!("give {} to {}{unit}", limits.start(), limits.end());
            let Node::Number(number) = node else {
                return Err(not_a_number(node, "a whole number", &mend));
            };
            let is_whole = number.as_f64().is_some_and(|value| value.fract() == 0.0);
            if !is_whole {
                return Err(format!("a whole number is needed, {node} was given; {mend}"));
            }
            whole(number)
                .filter(|value| limits.contains(value))
                .and_then(|value| u32::try_from(value).ok())
                .ok_or_else(|| format!("{node} is outside the limits; {mend}"))
        })
    }

    pub(super) fn frame_rate(
        &self,
        limits: &RangeInclusive<f64>,
        findings: &mut Findings,
    ) -> Reading<FrameRate> {
        self.read(findings, |node| {
            let mend = format!(
                "give {} to {} frames per second, or 0 for the rate of the contribution",
                limits.start(),
                limits.end()
            );
            let Node::Number(number) = node else {
                return Err(not_a_number(node, "a number", &mend));
            };
            number
                .as_f64()
                .filter(|rate| limits.contains(rate))
                .and_then(FrameRate::from_decimal)
                .ok_or_else(|| format!("{node} is outside the limits; {mend}"))
        })
    }

    /// A bit rate, or another number of bits, inside `limits`.
    pub(super) fn bitrate(&self, limits: &RangeInclusive<u64>, findings: &mut Findings) -> Reading<Bitrate> {
        self.present_text().read(findings, |node| {
            let bits = match node {
                Node::Text(text) => bitrate::parse(text).map_err(|error| error.to_string())?,
                Node::Number(number) => whole(number).ok_or_else(|| {
                    format!("{node} is no whole number of bit/s; write for example \"500k\"")
                })?,
                Node::Null | Node::Boolean(_) | Node::List(_) | Node::Object(_) => {
                    return Err(format!(
                        "a bit rate is needed, {node} was given; write for example \"500k\""
                    ));
                }
            };
            bitrate::within(bits, limits).map_err(|detail| format!("{node} is {detail}"))
        })
    }

    /// One of the words of `choices`, spelled exactly.
    pub(super) fn word<T: Copy>(&self, choices: &[(&str, T)], findings: &mut Findings) -> Reading<T> {
        self.present_text().read(findings, |node| {
            let known = match node {
                Node::Text(text) => choices.iter().find(|(word, _)| word == text),
                Node::Null | Node::Boolean(_) | Node::Number(_) | Node::List(_) | Node::Object(_) => None,
            };
            known.map(|(_, value)| *value).ok_or_else(|| {
                format!(
                    "{node} is not known here; use {}",
                    alternatives(choices.iter().map(|(word, _)| *word))
                )
            })
        })
    }

    /// A text that is taken by `check`, whose error says how to mend it.
    pub(super) fn name<T, E: std::fmt::Display>(
        &self,
        check: impl FnOnce(String) -> Result<T, E>,
        findings: &mut Findings,
    ) -> Reading<T> {
        self.present_text().read(findings, |node| match node {
            Node::Text(text) => {
                check(text.clone()).map_err(|error| format!("{node} cannot be used; {error}"))
            }
            Node::Null | Node::Boolean(_) | Node::Number(_) | Node::List(_) | Node::Object(_) => {
                Err(format!("a text is needed, {node} was given; write it in quotation marks"))
            }
        })
    }

    /// The node itself, for the rare field with a form of its own.
    pub(super) fn custom<T>(
        &self,
        findings: &mut Findings,
        read: impl FnOnce(&'a Node) -> Result<T, String>,
    ) -> Reading<T> {
        self.present_text().read(findings, read)
    }

    /// The same field, absent if it holds the empty text.
    fn present_text(&self) -> Self {
        let is_empty = |node: &&Node| matches!(node, Node::Text(text) if text.is_empty());
        Self { key: self.key, pointer: self.pointer.clone(), node: self.node.filter(|node| !is_empty(node)) }
    }
}

/// The number as a whole one; JSON does not tell 4 from 4.0.
pub(super) fn whole(number: &serde_json::Number) -> Option<u64> {
    /// Whole numbers up to here have an exact floating-point form.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_u64().or_else(|| {
        let value = number.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and between 0 and 2^53"
        )]
        ((0.0..=EXACT).contains(&value) && value.fract() == 0.0).then_some(value as u64)
    })
}

fn not_a_number(node: &Node, needed: &str, mend: &str) -> String {
    match node {
        Node::Text(text) if text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
            format!(
                "{needed} is needed, the text {node} was given; write {} without quotation marks",
                text.trim()
            )
        }
        Node::Null | Node::Boolean(_) | Node::Number(_) | Node::Text(_) | Node::List(_) | Node::Object(_) => {
            format!("{needed} is needed, {node} was given; {mend}")
        }
    }
}

/// `"a", "b" or "c"`.
pub(super) fn alternatives<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

//! Opens one JSON object against the keys that it may have.

use super::field::Field;
use super::findings::Findings;
use super::keys;
use super::node::{Node, quoted};
use crate::fault::pointer_below;

/// The known members of an object, found without regard to ASCII case.
pub(super) struct Object<'a> {
    pointer: String,
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    key: &'static str,
    spelled: &'a str,
    node: &'a Node,
}

impl<'a> Object<'a> {
    /// Takes `node` apart; unknown and repeated keys are faults, and the first of the repeated counts.
    pub(super) fn open(
        node: &'a Node,
        pointer: String,
        known: &[&'static str],
        findings: &mut Findings,
    ) -> Option<Self> {
        let Node::Object(entries) = node else {
            findings.fault(
                &pointer,
                format!("an object is needed, {node} was given; write {{…}} with {}", known.join(", ")),
            );
            return None;
        };
        let mut members: Vec<Member<'a>> = Vec::new();
        for (spelled, node) in entries {
            let here = || pointer_below(&pointer, spelled);
            let Some(key) = known.iter().find(|key| key.eq_ignore_ascii_case(spelled)) else {
                let advice = keys::advice(spelled, known);
                findings.fault(&here(), format!("{} is not a key here; {advice}", quoted(spelled)));
                continue;
            };
            if let Some(first) = members.iter().find(|member| member.key == *key) {
                let detail = format!(
                    "{} repeats {} (upper and lower case are the same); keep one of them",
                    quoted(spelled),
                    quoted(first.spelled)
                );
                findings.fault(&here(), detail);
                continue;
            }
            members.push(Member { key, spelled, node });
        }
        Some(Self { pointer, members })
    }

    /// The member `key`, which may be absent.
    pub(super) fn field(&self, key: &'static str) -> Field<'a> {
        let member = self.members.iter().find(|member| member.key == key);
        let spelled = member.map_or(key, |member| member.spelled);
        let pointer = pointer_below(&self.pointer, spelled);
        Field::new(key, pointer, member.map(|member| member.node))
    }

    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }
}

//! What is wrong, or unwise, at one place of a JSON document.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One reason to refuse a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// JSON pointer (RFC 6901) to the value, in the spelling of the document itself.
    ///
    /// For a missing member it points to where the member should be.
    pub pointer: String,
    /// What is wrong, what was given and how to mend it.
    pub detail: String,
}

/// One thing that is allowed but unwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// JSON pointer (RFC 6901) to the value, in the spelling of the document itself.
    pub pointer: String,
    /// Why it is unwise.
    pub detail: String,
}

/// All warnings in one line: the value of `Job_validation_warnings` and the answer to a dry run.
///
/// Empty when there are none.
pub fn warnings_text(warnings: &[Warning]) -> String {
    let mut text = String::new();
    for (index, Warning { pointer, detail }) in warnings.iter().enumerate() {
        let separator = if index == 0 { "Warnings: " } else { "; " };
        text.push_str(&format!("{separator}{index}: {pointer}: {detail}"));
    }
    text
}

/// `parent` extended by one reference token, escaped by RFC 6901 section 3.
pub(crate) fn pointer_below(parent: &str, token: &str) -> String {
    format!("{parent}/{}", token.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointer_tokens_are_escaped() {
        for (token, pointer) in
            [("Output", "/Output"), ("a/b", "/a~1b"), ("m~n", "/m~0n"), ("~1", "/~01"), ("", "/")]
        {
            assert_eq!(pointer_below("", token), pointer);
            let document = serde_json::json!({ token: 7 });
            assert_eq!(document.pointer(pointer).unwrap(), 7);
        }
    }

    #[test]
    fn warnings_become_one_line() {
        let warning =
            |pointer: &str, detail: &str| Warning { pointer: pointer.to_owned(), detail: detail.to_owned() };
        assert_eq!(warnings_text(&[]), "");
        assert_eq!(
            warnings_text(&[warning("/a", "slow"), warning("/b", "large")]),
            "Warnings: 0: /a: slow; 1: /b: large"
        );
    }
}

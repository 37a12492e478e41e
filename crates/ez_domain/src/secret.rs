//! Values that must never be printed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value whose `Debug` hides it; it has no `Display`.
///
/// It is serialised in clear, so a type that goes to a log, a queue or a public object
/// must not hold one. The places where the clear value is needed say so by [`Secret::expose`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The clear value.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_value() {
        #[derive(Debug)]
        struct Holder {
            #[expect(dead_code, reason = "read through Debug only")]
            key: Secret<String>,
        }
        let text = format!("{:?}", Holder { key: Secret::new("hunter2".to_owned()) });
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("***"), "{text}");
    }
}

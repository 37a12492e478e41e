//! An argument vector under construction.
//!
//! Arguments are never joined by a shell: each element reaches the tool as it stands. Names
//! in them come from checked types, so no element is empty or holds a NUL.

use std::fmt;

/// The arguments of a program, without the program itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Argv(Vec<String>);

impl Argv {
    /// No arguments yet.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends one argument.
    pub(crate) fn push(&mut self, argument: impl Into<String>) {
        self.0.push(argument.into());
    }

    /// Appends options that are the same for every job.
    pub(crate) fn extend(&mut self, arguments: &[&str]) {
        self.0.extend(arguments.iter().map(|&argument| argument.to_owned()));
    }

    /// Appends an option and its value.
    pub(crate) fn option(&mut self, name: impl Into<String>, value: impl fmt::Display) {
        self.0.push(name.into());
        self.0.push(value.to_string());
    }

    /// The arguments in order.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// The arguments in order, for a process builder.
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}

impl IntoIterator for Argv {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Argv {
    /// As a shell would take it, for logs and for repeating a run by hand.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, argument) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,+@%".contains(&byte);
            if !argument.is_empty() && argument.bytes().all(plain) {
                formatter.write_str(argument)?;
            } else {
                write!(formatter, "'{}'", argument.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_command_line_can_be_pasted_into_a_shell() {
        let mut argv = Argv::new();
        argv.option("-map", "[v0]");
        argv.extend(&["-y", "it's"]);
        argv.push("a/$Time$.m4s");
        assert_eq!(argv.to_string(), r"-map '[v0]' -y 'it'\''s' 'a/$Time$.m4s'");
    }
}

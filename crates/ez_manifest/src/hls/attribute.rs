//! Attribute lists (RFC 8216 4.2).

use std::fmt::Write as _;

/// A tag with an attribute list under construction.
pub(super) struct Tag {
    line: String,
    is_empty: bool,
}

impl Tag {
    /// Begins `#<name>:`.
    pub(super) fn new(name: &str) -> Self {
        Self { line: format!("#{name}:"), is_empty: true }
    }

    /// Adds an attribute whose value stands as it is: number, resolution or enumerated.
    pub(super) fn plain(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        if !self.is_empty {
            self.line.push(',');
        }
        self.is_empty = false;
        // Writing to a String cannot fail.
        let _ = write!(self.line, "{name}={value}");
        self
    }

    /// Adds a quoted string; what cannot stand in one (quotes, line ends) is left out.
    pub(super) fn quoted(self, name: &str, value: &str) -> Self {
        let clean: String = value.chars().filter(|letter| *letter != '"' && !letter.is_control()).collect();
        self.plain(name, format_args!("\"{clean}\""))
    }

    /// The finished line with its line end.
    pub(super) fn line(self) -> String {
        self.line + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_line_ends_cannot_break_out() {
        let line = Tag::new("X").plain("A", 1).quoted("B", "a\"b\n#EXT,c").line();
        assert_eq!(line, "#X:A=1,B=\"ab#EXT,c\"\n");
    }
}

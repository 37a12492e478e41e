//! Indented XML with escaped attributes.

use std::fmt::Write as _;

use quick_xml::escape::escape;

/// A document under construction.
#[derive(Default)]
pub(super) struct Document {
    text: String,
    open: Vec<&'static str>,
}

/// An element's attributes in the order written.
pub(super) type Attributes<'a> = &'a [(&'a str, String)];

impl Document {
    pub(super) fn new() -> Self {
        Self { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), open: Vec::new() }
    }

    /// Opens an element.
    pub(super) fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.begin(name, attributes);
        self.text.push_str(">\n");
        self.open.push(name);
    }

    /// Writes an element without content.
    pub(super) fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.begin(name, attributes);
        self.text.push_str("/>\n");
    }

    /// Writes an element with text only.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.begin(name, &[]);
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, ">{}</{name}>", escape(text));
    }

    /// Writes finished XML as it is.
    pub(super) fn raw(&mut self, xml: &str) {
        for line in xml.lines() {
            self.indent();
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// Closes the element opened last.
    pub(super) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.indent();
            let _ = writeln!(self.text, "</{name}>");
        }
    }

    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    fn begin(&mut self, name: &str, attributes: Attributes<'_>) {
        self.indent();
        let _ = write!(self.text, "<{name}");
        for (key, value) in attributes {
            let _ = write!(self.text, " {key}=\"{}\"", escape(value.as_str()));
        }
    }

    fn indent(&mut self) {
        for _ in &self.open {
            self.text.push_str("  ");
        }
    }
}

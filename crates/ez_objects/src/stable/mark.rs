//! How a content carries the epoch of its writer.
//!
//! The tag of an object is a hash of its bytes on most stores, metadata do not count. A new owner
//! that takes an object over without changing it must therefore change the bytes, or the tag that
//! the old owner holds stays good.

use bytes::{Bytes, BytesMut};
use ez_domain::id::Epoch;

/// Where in the content the epoch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// A last line `# epoch 7`: a comment in HLS (RFC 8216, 4.1: a line that begins with `#` but
    /// not with `#EXT`).
    HashComment,
    /// A last line `<!-- epoch 7 -->`: XML allows comments after the root element (XML 1.0, 2.8).
    XmlComment,
    /// The content has its own place for it; the bytes are written as they are, and contents of
    /// different epochs must differ.
    InContent,
}

impl Mark {
    /// The content with its mark.
    pub fn apply(self, content: &Bytes, epoch: Epoch) -> Bytes {
        let line = match self {
            Self::HashComment => format!("# epoch {epoch}\n"),
            Self::XmlComment => format!("<!-- epoch {epoch} -->\n"),
            Self::InContent => return content.clone(),
        };
        let mut marked = BytesMut::with_capacity(content.len() + line.len() + 1);
        marked.extend_from_slice(content);
        if content.last().is_some_and(|last| *last != b'\n') {
            marked.extend_from_slice(b"\n");
        }
        marked.extend_from_slice(line.as_bytes());
        marked.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_a_line_of_its_own_at_the_end() {
        for (mark, content, expected) in [
            (Mark::HashComment, "#EXTM3U\n", "#EXTM3U\n# epoch 7\n"),
            (Mark::HashComment, "#EXTM3U", "#EXTM3U\n# epoch 7\n"),
            (Mark::XmlComment, "<MPD></MPD>\n", "<MPD></MPD>\n<!-- epoch 7 -->\n"),
            (Mark::InContent, "{\"epoch\":7}", "{\"epoch\":7}"),
        ] {
            assert_eq!(mark.apply(&Bytes::from(content), Epoch::new(7)), expected);
        }
    }
}

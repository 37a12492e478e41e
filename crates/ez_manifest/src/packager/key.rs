//! `#EXT-X-KEY` lines (RFC 8216 4.3.2.4).

/// The prefix of the tag.
const TAG: &str = "#EXT-X-KEY:";

/// One `#EXT-X-KEY` line of packager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLine {
    line: String,
}

impl KeyLine {
    /// The line as it stands in a playlist, without a line end.
    pub fn as_str(&self) -> &str {
        &self.line
    }

    /// The value of an attribute, unquoted.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes().find(|(key, _)| *key == name)?;
        Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
    }

    /// The same line with another URI; quotes and line ends in `uri` are left out.
    #[must_use]
    pub fn with_uri(&self, uri: &str) -> Self {
        let clean: String = uri.chars().filter(|letter| *letter != '"' && !letter.is_control()).collect();
        let rewritten = self.attributes().map(|(key, value)| {
            if key == "URI" { format!("URI=\"{clean}\"") } else { format!("{key}={value}") }
        });
        Self { line: format!("{TAG}{}", rewritten.collect::<Vec<_>>().join(",")) }
    }

    /// Names and raw values; commas inside quotes do not separate.
    fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut is_quoted = false;
        let list = self.line.strip_prefix(TAG).unwrap_or_default();
        let parts = list.split(move |letter| {
            is_quoted ^= letter == '"';
            letter == ',' && !is_quoted
        });
        parts.filter_map(|part| part.split_once('='))
    }
}

/// The key lines in force for the first segment of packager's media playlist: one per key
/// system. Empty when the media are clear.
pub fn key_lines(media_playlist: &str) -> Vec<KeyLine> {
    let head =
        media_playlist.lines().map(str::trim_end).take_while(|line| line.is_empty() || line.starts_with('#'));
    let lines = head.filter(|line| line.starts_with(TAG) && !line.contains("METHOD=NONE"));
    lines.map(|line| KeyLine { line: line.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAYLIST: &str = "#EXTM3U\n#EXT-X-MAP:URI=\"v/init.mp4\"\r\n\
        #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"https://host/a,b?c=d\",IV=0xc537,KEYFORMAT=\"identity\"\r\n\
        #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://1\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n\
        #EXTINF:2.000,\nv/1.m4s\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"later\"\n#EXTINF:2.000,\nv/2.m4s\n";

    #[test]
    fn takes_the_lines_of_the_first_segment() {
        let lines = key_lines(PLAYLIST);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].attribute("URI"), Some("https://host/a,b?c=d"));
        assert_eq!(lines[0].attribute("IV"), Some("0xc537"));
        assert_eq!(lines[1].attribute("KEYFORMAT"), Some("com.apple.streamingkeydelivery"));
        assert!(key_lines("#EXTM3U\n#EXTINF:2,\na\n").is_empty());
    }

    #[test]
    fn rewrites_only_the_uri() {
        assert_eq!(
            key_lines(PLAYLIST)[0].with_uri("../1-1/key.bin\"\n").as_str(),
            "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"../1-1/key.bin\",IV=0xc537,KEYFORMAT=\"identity\""
        );
    }
}

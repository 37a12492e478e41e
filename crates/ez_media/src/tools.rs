//! The external tools, their oldest usable versions, and the reading of `-version`.
//!
//! One build of each is pinned for all environments; the floor only keeps a worker from
//! starting with something that is known not to work.

use std::fmt;

/// An external tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Decoder, filters and encoders.
    Ffmpeg,
    /// Media inspection.
    Ffprobe,
    /// Shaka packager.
    Packager,
}

/// A version; a missing patch number is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Patch number.
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Why a tool cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The version is below the floor.
    #[error("{tool} {found} is too old, {minimum} or later is needed: {}", .tool.remedy())]
    TooOld {
        /// The tool.
        tool: Tool,
        /// Its version.
        found: Version,
        /// The floor.
        minimum: Version,
    },
    /// The output names no version.
    #[error(
        "cannot read the version of {tool} from {found:?} (wanted: \"{} <number>\", {minimum} or later): {}",
        .tool.version_words(), .tool.remedy()
    )]
    Unreadable {
        /// The tool.
        tool: Tool,
        /// First line of what it printed, shortened.
        found: String,
        /// The floor.
        minimum: Version,
    },
}

impl Tool {
    /// Name of the program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Ffprobe => "ffprobe",
            Self::Packager => "packager",
        }
    }

    /// The argument that makes it print its version on stdout.
    pub const fn version_argument(self) -> &'static str {
        match self {
            Self::Ffmpeg | Self::Ffprobe => "-version",
            Self::Packager => "--version",
        }
    }

    /// The oldest version that works.
    ///
    /// ffmpeg 8.0: earlier ones were not tested with this command line, and 5.1 can be made
    /// to open URLs by a crafted picture. Packager 3.8: first with the flags used here as tested.
    pub const fn minimum(self) -> Version {
        match self {
            Self::Ffmpeg | Self::Ffprobe => Version { major: 8, minor: 0, patch: 0 },
            Self::Packager => Version { major: 3, minor: 8, patch: 0 },
        }
    }

    /// Reads what the tool printed and holds it against the floor.
    ///
    /// # Errors
    /// [`ToolError`] when no version can be read or it is too old.
    pub fn check(self, output: &str) -> Result<Version, ToolError> {
        let minimum = self.minimum();
        let Some(found) = self.read_version(output) else {
            let found = output.lines().next().unwrap_or_default().chars().take(80).collect();
            return Err(ToolError::Unreadable { tool: self, found, minimum });
        };
        if found < minimum { Err(ToolError::TooOld { tool: self, found, minimum }) } else { Ok(found) }
    }

    /// `ffmpeg version n8.1.2 Copyright …`, `packager version v3.8.0-75b2faf-release`.
    fn read_version(self, output: &str) -> Option<Version> {
        let line = output.lines().find_map(|line| line.trim().strip_prefix(self.version_words()))?;
        let word = line.split_ascii_whitespace().next()?;
        let number = word.trim_start_matches(['n', 'v']);
        let end = number.find(|character: char| !character.is_ascii_digit() && character != '.');
        let mut parts = number[..end.unwrap_or(number.len())].split('.').filter(|part| !part.is_empty());
        let major = parts.next()?.parse().ok()?;
        // A lone number is a date or a revision of a development build.
        let minor = parts.next()?.parse().ok()?;
        let patch = parts.next().map_or(Some(0), |part| part.parse().ok())?;
        Some(Version { major, minor, patch })
    }

    const fn version_words(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg version",
            Self::Ffprobe => "ffprobe version",
            Self::Packager => "packager version",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Ffmpeg | Self::Ffprobe => {
                "run script/up, which installs the pinned build, or name another with ffmpeg_path and ffprobe_path"
            }
            Self::Packager => {
                "run script/up, which installs the pinned build, or name another with packager_path"
            }
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.program())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_the_wild() {
        for (tool, output, version) in [
            (
                Tool::Ffmpeg,
                "ffmpeg version n8.1.2 Copyright (c) 2000-2026 the FFmpeg developers\nbuilt with gcc",
                "8.1.2",
            ),
            (Tool::Ffmpeg, "ffmpeg version 8.0 Copyright", "8.0.0"),
            (Tool::Ffmpeg, "ffmpeg version 8.0.1-static https://johnvansickle.com/ffmpeg/", "8.0.1"),
            (Tool::Ffprobe, "ffprobe version 9.0.0-0ubuntu1 Copyright", "9.0.0"),
            (Tool::Packager, "packager version v3.8.0-75b2faf-release\n", "3.8.0"),
            (Tool::Packager, "packager version 4.0.0\n", "4.0.0"),
        ] {
            assert_eq!(tool.check(output).unwrap().to_string(), version);
        }
    }

    #[test]
    fn an_error_says_what_was_found_what_is_needed_and_how_to_mend_it() {
        let old = Tool::Ffmpeg.check("ffmpeg version 5.1.9-0+deb12u1 Copyright (c)").unwrap_err();
        insta::assert_snapshot!(old, @"ffmpeg 5.1.9 is too old, 8.0.0 or later is needed: run script/up, which installs the pinned build, or name another with ffmpeg_path and ffprobe_path");
        let odd = Tool::Packager.check("bash: packager: command not found").unwrap_err();
        insta::assert_snapshot!(odd, @r#"cannot read the version of packager from "bash: packager: command not found" (wanted: "packager version <number>", 3.8.0 or later): run script/up, which installs the pinned build, or name another with packager_path"#);
    }

    #[test]
    fn what_names_no_version_is_refused() {
        for output in [
            "",
            "ffmpeg version",
            "ffmpeg version N-119000-gabc",
            "ffmpeg version 2026-01-01-git",
            "ffmpeg version 99999999999.1",
            "ffprobe version 8.1",
        ] {
            assert!(matches!(Tool::Ffmpeg.check(output), Err(ToolError::Unreadable { .. })), "{output}");
        }
        assert!(matches!(Tool::Packager.check("packager version v3.7.2"), Err(ToolError::TooOld { .. })));
    }
}

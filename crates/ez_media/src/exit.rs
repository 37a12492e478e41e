//! What the end of ffmpeg or packager means.
//!
//! An exit code alone tells little: ffmpeg exits with 0 also when the contribution's framing
//! broke in the middle. The caller says whether it asked for the end; everything else is
//! read from the code. ffmpeg's codes are the low byte of its negative error numbers.

use std::fmt;

use crate::log::Source;

/// How a process ended, as the operating system reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// It was ended by this signal.
    Signal(i32),
}

/// What that end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It finished its input and exited well.
    Clean,
    /// It ended because we asked it to.
    Stopped,
    /// Its partner closed a FIFO; the partner's own end tells why.
    PeerGone,
    /// The contribution could not be understood.
    BadContribution,
    /// The tool lacks a decoder, encoder, filter or container.
    MissingFeature,
    /// The command line did not fit the tool or the contribution.
    BadArguments,
    /// The disk is full.
    DiskFull,
    /// Memory is exhausted: reported by the tool, or killed by the kernel.
    OutOfMemory,
    /// A fault inside the tool.
    Crashed,
    /// Packager could not process its input.
    PackagingFailed,
    /// A code without a known meaning.
    Failed,
}

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// Reads the end of a process. `we_asked` is whether its input was closed or it was
/// signalled by us on purpose before it ended.
pub const fn classify(source: Source, status: ExitStatus, we_asked: bool) -> Ending {
    match (source, status) {
        (_, ExitStatus::Code(0)) => {
            if we_asked {
                Ending::Stopped
            } else {
                Ending::Clean
            }
        }
        (_, ExitStatus::Signal(SIGTERM | SIGINT | SIGKILL)) if we_asked => Ending::Stopped,
        // Nobody but the kernel's memory killer sends this one unasked.
        (_, ExitStatus::Signal(SIGKILL) | ExitStatus::Code(137)) => Ending::OutOfMemory,
        (_, ExitStatus::Signal(_)) => Ending::Crashed,
        (Source::Ffmpeg, ExitStatus::Code(code)) => ffmpeg_code(code, we_asked),
        (Source::Packager, ExitStatus::Code(code)) => packager_code(code, we_asked),
    }
}

const fn ffmpeg_code(code: i32, we_asked: bool) -> Ending {
    match code {
        // ffmpeg's answer to SIGTERM and SIGINT: outputs are finished, the code is 255.
        255 if we_asked => Ending::Stopped,
        // 123: three signals before it could finish.
        123 if we_asked => Ending::Stopped,
        // AVERROR(EPIPE).
        224 => Ending::PeerGone,
        // AVERROR_EOF: stdin ended before a stream was found; AVERROR_INVALIDDATA; 69: two
        // thirds of the packets could not be decoded.
        187 | 183 | 69 => Ending::BadContribution,
        // AVERROR_{DEMUXER,DECODER,ENCODER,FILTER,MUXER,OPTION,PROTOCOL}_NOT_FOUND all end so.
        8 => Ending::MissingFeature,
        // AVERROR(EINVAL), among them a stream map without a stream; AVERROR(ENOENT).
        234 | 254 => Ending::BadArguments,
        // AVERROR(ENOSPC).
        228 => Ending::DiskFull,
        // AVERROR(ENOMEM).
        244 => Ending::OutOfMemory,
        _ => Ending::Failed,
    }
}

const fn packager_code(code: i32, we_asked: bool) -> Ending {
    match code {
        1 => Ending::BadArguments,
        // Stopping in the middle of a fragment is reported as a failure.
        2 if we_asked => Ending::Stopped,
        2 => Ending::PackagingFailed,
        code if code == 128 + SIGABRT => Ending::Crashed,
        code if code == 128 + SIGTERM && we_asked => Ending::Stopped,
        _ => Ending::Failed,
    }
}

impl Ending {
    /// Whether the same command line can be expected to fail again at once.
    pub const fn is_permanent(self) -> bool {
        match self {
            Self::MissingFeature | Self::BadArguments => true,
            Self::Clean
            | Self::Stopped
            | Self::PeerGone
            | Self::BadContribution
            | Self::DiskFull
            | Self::OutOfMemory
            | Self::Crashed
            | Self::PackagingFailed
            | Self::Failed => false,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Clean => "reached the end of its input",
            Self::Stopped => "stopped as asked",
            Self::PeerGone => "lost the process at the other end of its FIFO; see that process's last lines",
            Self::BadContribution => "could not decode the contribution; check the encoder's codec settings",
            Self::MissingFeature => {
                "lacks a codec, filter or container that the job needs; install the pinned build of ffmpeg"
            }
            Self::BadArguments => "refused its command line; see its last lines",
            Self::DiskFull => "found the disk full; free space in the worker's data folder",
            Self::OutOfMemory => "ran out of memory or was killed; give the worker fewer or smaller jobs",
            Self::Crashed => "crashed",
            Self::PackagingFailed => "could not process its input; see its last lines",
            Self::Failed => "failed; see its last lines",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_of_both_tools() {
        use ExitStatus::{Code, Signal};
        use Source::{Ffmpeg, Packager};
        for (source, status, we_asked, expected) in [
            (Ffmpeg, Code(0), false, Ending::Clean),
            (Ffmpeg, Code(0), true, Ending::Stopped),
            (Ffmpeg, Code(255), true, Ending::Stopped),
            (Ffmpeg, Code(255), false, Ending::Failed),
            (Ffmpeg, Code(224), false, Ending::PeerGone),
            (Ffmpeg, Code(224), true, Ending::PeerGone),
            (Ffmpeg, Code(187), false, Ending::BadContribution),
            (Ffmpeg, Code(8), false, Ending::MissingFeature),
            (Ffmpeg, Code(234), false, Ending::BadArguments),
            (Ffmpeg, Signal(11), true, Ending::Crashed),
            (Ffmpeg, Signal(9), true, Ending::Stopped),
            (Ffmpeg, Signal(9), false, Ending::OutOfMemory),
            (Packager, Code(0), false, Ending::Clean),
            (Packager, Code(2), false, Ending::PackagingFailed),
            (Packager, Code(1), true, Ending::BadArguments),
            (Packager, Code(134), false, Ending::Crashed),
            (Packager, Signal(6), false, Ending::Crashed),
            (Packager, Signal(15), true, Ending::Stopped),
            (Packager, Signal(15), false, Ending::Crashed),
            (Packager, Code(143), true, Ending::Stopped),
            (Packager, Code(-1), false, Ending::Failed),
        ] {
            assert_eq!(classify(source, status, we_asked), expected, "{source:?} {status:?} {we_asked}");
        }
    }
}

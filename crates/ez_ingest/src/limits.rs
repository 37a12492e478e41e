//! Every bound of the listener, in time and in bytes, with its default and the reason for it.

use std::time::Duration;

/// What a connection may cost. All fields have defaults that suit live encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From accept to the end of the handshake. Default 5 s.
    pub handshake: Duration,
    /// From accept to an accepted `publish`. Default 10 s.
    pub publish: Duration,
    /// From the accepted `publish` to the first audio or video message. Default 10 s.
    pub first_media: Duration,
    /// Longest time without a complete audio or video message. Default 15 s.
    pub idle: Duration,
    /// Least media in bits per second, on average over [`Limits::pace_window`] of waiting for the publisher.
    /// Default 8000: less is no picture, and whoever sends it holds the place of one who would.
    pub least_bits_per_second: u64,
    /// Default 10 s.
    pub pace_window: Duration,
    /// Silence (not one byte) of the present publisher after which the next one with the right key takes
    /// its place. Default 3 s: the usual case is an encoder that reconnects before its dead TCP session
    /// is noticed.
    pub takeover_after: Duration,
    /// Longest time that one write to a peer may take. Default 5 s.
    pub write: Duration,
    /// How long a closed connection is still read, so that the last status reaches the encoder instead of
    /// being lost to a TCP reset. Default 1 s.
    pub linger: Duration,
    /// Connections without an accepted key, in all. When full, the oldest of them makes room. Default 512:
    /// stays below the usual soft limit of 1024 file descriptors. How fast they come is not limited: each
    /// costs little (the handshake has no cryptography), and a limit would lock the encoder out.
    pub max_unauthenticated: usize,
    /// Connections without an accepted key from one IPv4 address or IPv6 /64. When full, the oldest of them
    /// makes room. Default 20.
    pub max_unauthenticated_per_address: usize,
    /// Message limits until the key was accepted.
    pub unauthenticated: MessageLimits,
    /// Message limits of the publisher.
    pub publishing: MessageLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            publish: Duration::from_secs(10),
            first_media: Duration::from_secs(10),
            idle: Duration::from_secs(15),
            least_bits_per_second: 8000,
            pace_window: Duration::from_secs(10),
            takeover_after: Duration::from_secs(3),
            write: Duration::from_secs(5),
            linger: Duration::from_secs(1),
            max_unauthenticated: 512,
            max_unauthenticated_per_address: 20,
            unauthenticated: MessageLimits::UNAUTHENTICATED,
            publishing: MessageLimits::PUBLISHING,
        }
    }
}

/// What the chunk stream of one connection may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// Largest chunk size that the peer may set, in bytes. Larger ones end the session.
    pub chunk_size: usize,
    /// Largest audio, video or aggregate message, in bytes.
    pub message: usize,
    /// Largest command or data message, in bytes.
    pub command: usize,
    /// Most chunk streams in use.
    pub chunk_streams: usize,
    /// Most bytes held in unfinished messages, over all chunk streams.
    pub partial_bytes: usize,
    /// Deepest nesting of AMF values.
    pub amf_depth: usize,
    /// Most AMF values in one message.
    pub amf_nodes: usize,
}

impl MessageLimits {
    /// Enough for `connect` … `publish` of every known encoder; with the read buffer and the handshake it
    /// keeps a connection below 16 KiB.
    pub const UNAUTHENTICATED: Self = Self {
        chunk_size: 64 * 1024,
        message: 4 * 1024,
        command: 4 * 1024,
        chunk_streams: 8,
        partial_bytes: 4 * 1024,
        amf_depth: 8,
        amf_nodes: 256,
    };

    /// A key frame of 4K at 100 Mbit/s fits.
    pub const PUBLISHING: Self = Self {
        chunk_size: 64 * 1024,
        message: 4 * 1024 * 1024,
        command: 64 * 1024,
        chunk_streams: 64,
        partial_bytes: 8 * 1024 * 1024,
        amf_depth: 32,
        amf_nodes: 4096,
    };
}

//! What has to be known of the codecs inside FLV bodies, and nothing more.
//!
//! No decoding: packet kinds and times, the sizes and rates that figures and fillers need, and the
//! silent AAC frames. Every reader is total: damaged input gives `None`, never a panic.

pub mod audio;
pub mod avc;
mod bits;
pub mod hevc;
pub mod metadata;
pub mod silence;
pub mod video;

//! The contribution's timeline: what lies between an RTMP session and ffmpeg's stdin.
//!
//! Publishers come, stall, jump and go; one ffmpeg process reads one unbroken FLV stream per
//! *period*. [`timeline::Contribution`] takes the FLV-shaped messages of whoever publishes and gives
//! back the tags to be written: monotone, gated on key frames, gaps filled with the last picture and
//! silence, returns re-based on the output's frame grid. [`flv`] is the container, [`media`] the
//! little that has to be known of the codecs inside.
//!
//! Sans-IO: no socket, no process, no clock. Every call takes `now`, monotonic since the run began.
//! Nothing here panics on what a publisher sent.

pub mod flv;
pub mod media;
pub mod timeline;

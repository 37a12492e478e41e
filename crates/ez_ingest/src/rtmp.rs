//! RTMP as pure functions: chunks, AMF0, commands and stream names. No socket, no clock.
//!
//! `rtmp-rs` gives the handshake, the outgoing chunks, the AMF values and the messages we send. What is
//! read from the network goes through our own [`chunk`] and [`amf`] first: the library's chunk decoder
//! reserves up to 16 MiB per chunk stream on the word of a header and has no limit on chunk streams, and
//! its AMF0 decoder clones references, which a few hundred bytes can double thousands of times.

pub(crate) mod aggregate;
pub(crate) mod amf;
pub(crate) mod chunk;
pub(crate) mod command;
pub(crate) mod name;
pub(crate) mod reply;
pub(crate) mod script;

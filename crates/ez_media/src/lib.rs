//! How a job becomes media: the command lines of ffmpeg and Shaka packager, the names of
//! every file and object they lead to, and the reading of what the two tools print.
//!
//! Everything here is a function from values to values. Starting the processes, making the
//! FIFOs, watching the folders and uploading are done by `worker_transcoder`; this crate
//! never opens a file, knows no clock and logs nothing.
//!
//! The way of the media, and the module that decides about each step:
//!
//! 1. The contribution arrives on ffmpeg's stdin as FLV; [`transcode`] decodes it once and
//!    encodes every rendition, all cut at the same instants ([`cut`]).
//! 2. [`feed`] says which renditions travel together through which FIFO to packager.
//! 3. [`package`] makes fragmented MP4 of them, encrypted if asked.
//! 4. [`layout`] names the files that come out, and the public objects they become.
//!
//! [`progress`], [`log`], [`exit`] and [`tools`] read the tools' output; [`cost`] estimates
//! the processor time of a job before it is placed.

pub mod argv;
pub mod cost;
pub mod cut;
pub mod exit;
pub mod feed;
pub mod layout;
pub mod log;
pub mod package;
pub mod progress;
pub mod tools;
pub mod transcode;

#[cfg(test)]
mod samples;

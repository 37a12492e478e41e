//! The wire types of ezLiveStreaming: what clients and services say to each other.
//!
//! Public JSON keeps the key spelling of the original ezLiveStreaming, so that its
//! clients go on working. [`create_job`] turns a request body into the checked
//! specification of `ez_domain`, [`spec_document`] turns it back, [`job`] is what the API
//! answers, [`problem`] what it answers when it refuses.
//!
//! There are no handlers here, no HTTP library and no input or output: bytes and values
//! in, values out.

pub mod create_job;
pub mod fault;
mod flag;
pub mod internal;
pub mod job;
pub mod job_request;
pub mod keys;
pub mod port;
pub mod problem;
pub mod spec_document;
pub mod words;

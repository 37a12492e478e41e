//! The local S3 as its clients see it.

#[cfg(test)]
mod players;
#[cfg(test)]
mod server;
#[cfg(test)]
mod storage;

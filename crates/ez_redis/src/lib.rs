//! One way to Redis for the state store, the command queue and the key server.
//!
//! It opens connections, limits and repeats calls, and reads the address from the configuration with
//! the password kept out of logs. It knows no key and no script: what is asked is its users' matter.

pub mod access;
mod blocking;
pub mod config;
mod connection;
mod failure;

pub use access::Access;
pub use blocking::BlockingReader;
pub use config::RedisConfig;
pub use connection::Connection;
pub use failure::CallError;

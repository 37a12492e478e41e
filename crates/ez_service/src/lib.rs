//! What every service of ezLiveStreaming does the same way: configuration, logs, HTTP,
//! background tasks, child processes and shutting down. No rule about jobs lives here.

pub mod child;
pub mod clock;
pub mod config;
pub mod disk;
pub mod http;
pub mod latest;
pub mod metrics;
pub mod shutdown;
pub mod tasks;
pub mod telemetry;

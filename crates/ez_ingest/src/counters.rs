//! Counts of what came to the door, for metrics. Connections without a key leave no other trace above
//! debug level.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Live counts of one listener; share it with the metrics exporter.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($name: AtomicU64,)*
        }

        /// The counts at one moment; each only grows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Totals {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Reads all counts.
            pub fn totals(&self) -> Totals {
                Totals { $($name: self.$name.load(Ordering::Relaxed),)* }
            }

            $(pub(crate) fn $name(&self) {
                self.$name.fetch_add(1, Ordering::Relaxed);
            })*
        }
    };
}

counters! {
    /// Connections accepted from the socket.
    accepted,
    /// Connections without a key that made room for newer ones.
    evicted,
    /// Connections that did not finish the handshake in time.
    handshake_timeouts,
    /// Connections that finished the handshake, but did not publish in time.
    publish_timeouts,
    /// Connections without a key that broke the protocol or a limit.
    protocol_errors,
    /// Connections without a key that went away by themselves.
    abandoned,
    /// Publishes refused for application or key.
    unauthorised,
    /// Publishes refused because somebody else was publishing.
    already_publishing,
    /// Publishes let in.
    published,
    /// Publishers ended by the next one after silence.
    taken_over,
    /// Connections that the operating system failed to hand over (out of descriptors).
    accept_errors,
}

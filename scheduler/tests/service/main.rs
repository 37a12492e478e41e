//! The scheduler as a whole: the real router and loops on a real Redis, with workers that are
//! plain HTTP clients.

// `cfg(test)` tells the lints that helpers are tests too; it always holds here.
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod distorted;
#[cfg(test)]
mod finishing;
#[cfg(test)]
mod http;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod placement;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod removal;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod worker;

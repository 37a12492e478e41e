//! The crate against a real S3, and what stands on the trait against faults.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fence;
#[cfg(test)]
mod immutable;
#[cfg(test)]
mod local;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod sloppy;
#[cfg(test)]
mod stable;
#[cfg(test)]
mod takeover;

//! The origin as a whole: real segments, a bucket in memory that fails in every way, and a feeder that
//! says what a run says. What comes out is judged by a strict client that saw every version.

// `cfg(test)` tells the lints that helpers are tests too; it always holds here.
#[cfg(test)]
mod budget;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod feeder;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod media;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod replaced;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod strays;
#[cfg(test)]
mod unreliable;

//! The crate as its users see it: whole playlists, long histories, real media.

#[cfg(test)]
mod fmp4;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod packager;
#[cfg(test)]
mod sequences;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tools;

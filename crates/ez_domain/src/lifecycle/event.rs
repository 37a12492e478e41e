//! One file for each event; each answers for every phase.

pub(super) mod admitted;
pub(super) mod delete_requested;
pub(super) mod key_granted;
pub(super) mod lease_lapsed;
pub(super) mod media_removed;
pub(super) mod placed;
pub(super) mod playlists_ended;
pub(super) mod reported;
pub(super) mod spec_replaced;
pub(super) mod start_requested;
pub(super) mod stop_requested;
pub(super) mod tick;
pub(super) mod unplaced;

mod run_ended;

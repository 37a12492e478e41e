//! The suite that every [`Store`](crate::Store) passes.
//!
//! Each case is given an empty store and panics when the store breaks its contract. The cases know nothing
//! of Redis; what only Redis can do wrong (restarts, lost scripts, damaged keys) is tested beside it.
//! [`store_conformance!`](crate::store_conformance) makes a test of each case.

mod creation;
mod events;
mod fixture;
mod jobs;
mod leases;
mod listing;
mod runs;
mod workers;

pub use creation::{a_key_makes_one_job, rivals_with_one_key_make_one_job};
pub use events::{a_change_may_begin_with_what_was_read, every_answer_of_apply, rivals_never_lose_an_event};
pub use fixture::{LIFE, WORKER, figures, new_job, until, worker};
pub use jobs::{
    a_census_counts_what_is_there, a_commit_replaces_one_version_only, a_job_is_created_once,
    a_removed_job_leaves_its_epoch_behind, buckets_wait_for_their_chore,
    deadlines_are_due_when_they_have_passed, new_commands_wait_in_the_outbox, queued_jobs_come_oldest_first,
};
pub use leases::{
    a_lease_is_renewed_by_its_own_run_only, a_lease_that_was_renewed_meanwhile_saves_the_run,
    a_new_run_has_time_to_be_taken_up,
};
pub use listing::{a_selection_finds_what_fits, listing_goes_from_newest_to_oldest};
pub use runs::{
    a_full_or_absent_worker_is_refused, capacity_follows_the_runs, figures_belong_to_the_present_run,
    figures_of_many_runs_are_kept_at_once, the_last_place_is_given_once,
    totals_grow_over_runs_and_transcoders,
};
pub use workers::{
    a_beat_brings_what_the_worker_holds, a_new_life_replaces_the_old_one, workers_come_and_go,
};

/// Makes a `#[tokio::test]` of each case. The argument is an async function without parameters that
/// answers a guard, kept for the time of the case, and an empty store.
#[macro_export]
macro_rules! store_conformance {
    ($fixture:path) => {
        $crate::store_conformance! { @each $fixture =>
            a_job_is_created_once
            a_key_makes_one_job
            rivals_with_one_key_make_one_job
            listing_goes_from_newest_to_oldest
            a_selection_finds_what_fits
            a_commit_replaces_one_version_only
            queued_jobs_come_oldest_first
            new_commands_wait_in_the_outbox
            a_census_counts_what_is_there
            deadlines_are_due_when_they_have_passed
            buckets_wait_for_their_chore
            a_removed_job_leaves_its_epoch_behind
            the_last_place_is_given_once
            a_full_or_absent_worker_is_refused
            capacity_follows_the_runs
            figures_belong_to_the_present_run
            figures_of_many_runs_are_kept_at_once
            totals_grow_over_runs_and_transcoders
            a_new_run_has_time_to_be_taken_up
            a_lease_is_renewed_by_its_own_run_only
            a_lease_that_was_renewed_meanwhile_saves_the_run
            workers_come_and_go
            a_new_life_replaces_the_old_one
            a_beat_brings_what_the_worker_holds
            every_answer_of_apply
            a_change_may_begin_with_what_was_read
            rivals_never_lose_an_event
        }
    };
    (@each $fixture:path => $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let (_guard, store) = $fixture().await;
                $crate::conformance::$case(&store).await;
            }
        )*
    };
}

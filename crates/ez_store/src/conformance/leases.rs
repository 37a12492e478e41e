//! Leases: who renews them, when they lapse, and what a commit makes of it.

use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::lifecycle::{ASSIGN_TIMEOUT_MS, Event};
use ez_domain::placement::Standing;
use uuid::Uuid;

use super::fixture::{ended, job_id, loaded, registered, running, worker};
use super::{LIFE, WORKER, until};
use crate::apply::{Applied, apply};
use crate::store::{CommitGuard, LEASE_GRACE_MS, Store};

/// Long enough to not lapse during a test.
const LONG: u64 = 600_000;

async fn beat(store: &dyn Store, runs: &[(JobId, Epoch)], lease_ms: u64) -> bool {
    store.beat(WORKER, LIFE, Standing::Open, 0, runs, lease_ms).await.expect("beat").known
}

async fn has_lapsed(store: &dyn Store, run: (JobId, Epoch)) -> bool {
    store.lapsed(9).await.expect("lapsed").contains(&run)
}

/// The worker has not named the run before its first heartbeat.
pub async fn a_new_run_has_time_to_be_taken_up(store: &dyn Store) {
    registered(store).await;
    let (job, epoch) = running(store, 1, WORKER, LIFE).await;
    let run = (job.job.id, epoch);
    assert!(beat(store, &[], 0).await);
    let begun = job.now;
    assert!(!has_lapsed(store, run).await, "a beat that does not name the run leaves its lease alone");
    // Half of the time is waited for; the rest would only make the suite slow.
    until("time passes", async || {
        let lapsed = has_lapsed(store, run).await;
        let waited = store.now().await.expect("the clock").millis_since(begun);
        assert!(!lapsed || waited >= ASSIGN_TIMEOUT_MS, "lapsed after {waited} ms");
        (waited > 1_500 + LEASE_GRACE_MS).then_some(())
    })
    .await;
}

/// Worker, life and epoch must be the run's own.
pub async fn a_lease_is_renewed_by_its_own_run_only(store: &dyn Store) {
    registered(store).await;
    let other = WorkerId::from_uuid(Uuid::from_u128(0x88));
    store.register_worker(&worker(other, LIFE)).await.expect("register");
    let (job, epoch) = running(store, 1, WORKER, LIFE).await;
    let (kept, kept_epoch) = running(store, 2, WORKER, LIFE).await;
    let run = (job.job.id, epoch);
    assert!(beat(store, &[run, (kept.job.id, kept_epoch)], 0).await);
    let beaten = store.now().await.expect("the clock");

    let older_life = Incarnation::from_uuid(Uuid::from_u128(0x01));
    let reply = store.beat(other, LIFE, Standing::Open, 0, &[run], LONG).await.expect("beat");
    assert!(reply.known && reply.jobs.is_empty(), "another worker");
    let reply = store.beat(WORKER, older_life, Standing::Open, 0, &[run], LONG).await.expect("beat");
    assert!(!reply.known && reply.jobs.is_empty(), "another life");
    assert!(beat(store, &[(run.0, Epoch::new(0)), (run.0, epoch.next())], LONG).await, "other epochs");
    assert!(beat(store, &[(job_id(9), epoch), (kept.job.id, kept_epoch)], LONG).await, "an unknown job");

    until("the lease lapses", async || has_lapsed(store, run).await.then_some(())).await;
    let waited = store.now().await.expect("the clock").millis_since(beaten);
    assert!(waited + 50 >= LEASE_GRACE_MS, "lapsed after {waited} ms, before the grace was over");
    assert_eq!(store.lapsed(9).await.expect("lapsed"), [run], "the run that was named keeps its lease");
    assert_eq!(store.lapsed(0).await.expect("lapsed"), []);

    assert!(beat(store, &[run], LONG).await);
    assert!(!has_lapsed(store, run).await, "its own beat renews it, also late");
    beat(store, &[run], 0).await;
    until("the lease lapses again", async || has_lapsed(store, run).await.then_some(())).await;
    ended(store, run.0).await;
    assert!(!has_lapsed(store, run).await, "a run that is over has no lease");
    beat(store, &[run], LONG).await;
    assert!(loaded(store, run.0).await.job.phase.run().is_none());
}

/// Between finding a lapsed lease and committing, a heartbeat may come in: the run goes on.
pub async fn a_lease_that_was_renewed_meanwhile_saves_the_run(store: &dyn Store) {
    registered(store).await;
    let (job, epoch) = running(store, 1, WORKER, LIFE).await;
    let run = (job.job.id, epoch);
    let lapse = Event::LeaseLapsed { epoch };
    let give_up = async || apply(store, run.0, &lapse, CommitGuard::LeaseStillLapsed).await.expect("apply");
    assert_eq!(give_up().await, Applied::GuardFailed, "a new lease");
    beat(store, &[run], 0).await;
    until("the lease lapses", async || has_lapsed(store, run).await.then_some(())).await;
    beat(store, &[run], LONG).await;
    assert_eq!(give_up().await, Applied::GuardFailed, "renewed");
    assert!(loaded(store, run.0).await.job.phase.run().is_some());
    beat(store, &[run], 0).await;
    until("the lease lapses", async || has_lapsed(store, run).await.then_some(())).await;
    assert!(matches!(give_up().await, Applied::Moved { .. }));
    assert!(loaded(store, run.0).await.job.phase.run().is_none());
    assert_eq!(give_up().await, Applied::Stale, "once");
}

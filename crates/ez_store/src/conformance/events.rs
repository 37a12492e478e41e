//! The compare-and-set loop on this store.

use ez_domain::fault::{Failure, Fault};
use ez_domain::id::{Epoch, JobId};
use ez_domain::job::{Ingest, PhaseName};
use ez_domain::lifecycle::{Effect, Event, Refusal, RunOutcome, RunState};
use futures::future::join_all;

use super::fixture::{changed, created, job_id, loaded, queued, registered};
use super::{LIFE, WORKER};
use crate::apply::{Applied, apply, apply_to};
use crate::store::{CommitGuard, Store};

async fn tell(store: &dyn Store, id: JobId, event: Event) -> Applied {
    apply(store, id, &event, CommitGuard::Version).await.expect("apply")
}

/// Each way in which an event can end.
pub async fn every_answer_of_apply(store: &dyn Store) {
    assert_eq!(tell(store, job_id(1), Event::Tick).await, Applied::NotFound);
    let id = created(store, 1).await.job.id;
    let admitted = tell(store, id, Event::Admitted { generation: 1 }).await;
    let Applied::Moved { job, effects } = admitted else { panic!("{admitted:?}") };
    assert_eq!((job.admitted, effects), (1, vec![Effect::RequestPlacement]));
    assert_eq!(*job, loaded(store, id).await.job, "what is handed back is what is stored");
    let again = tell(store, id, Event::Admitted { generation: 1 }).await;
    assert_eq!(again, Applied::Unchanged(job));
    assert_eq!(tell(store, id, Event::Admitted { generation: 0 }).await, Applied::Stale);

    let place = Event::Placed { worker: WORKER, incarnation: LIFE };
    let room = CommitGuard::WorkerHasRoom { worker: WORKER, incarnation: LIFE, load_limit: Some(0) };
    assert_eq!(apply(store, id, &place, room).await.expect("apply"), Applied::GuardFailed);
    registered(store).await;
    let placed = apply(store, id, &place, room).await.expect("apply");
    assert!(matches!(placed, Applied::Moved { .. }), "{placed:?}");
    assert_eq!(apply(store, id, &place, room).await.expect("apply"), Applied::Stale);

    let refused = tell(store, id, Event::DeleteRequested { keep_media: false }).await;
    assert_eq!(refused, Applied::Refused(Refusal::NotEnded(PhaseName::Assigned)));
    tell(store, id, Event::StopRequested).await;
    let state = RunState::Exited { outcome: RunOutcome::Stopped, committed_segments: 0 };
    tell(store, id, Event::Reported { epoch: Epoch::new(1), state }).await;
    tell(store, id, Event::DeleteRequested { keep_media: false }).await;
    assert_eq!(tell(store, id, Event::MediaRemoved).await, Applied::Removed);
    assert_eq!(tell(store, id, Event::MediaRemoved).await, Applied::NotFound);
}

/// A record that was read before is as good as one that is read now, and no better.
pub async fn a_change_may_begin_with_what_was_read(store: &dyn Store) {
    let read = created(store, 1).await;
    let id = read.job.id;
    let tell = async |event: Event| {
        let applied = apply_to(store, read.clone(), &event, CommitGuard::Version).await;
        match applied.expect("apply") {
            Applied::Moved { job, .. } => *job,
            other => panic!("{event:?}: {other:?}"),
        }
    };
    let admitted = tell(Event::Admitted { generation: 1 }).await;
    assert_eq!((&admitted, admitted.admitted), (&loaded(store, id).await.job, 1));
    // What was read is old by now: it hides neither what came since nor what can be done since.
    let stopped = tell(Event::StopRequested).await;
    assert_eq!((stopped.phase.name(), stopped.admitted_at), (PhaseName::Stopped, admitted.admitted_at));
    let resumed = tell(Event::StartRequested).await;
    assert_eq!((resumed.phase.name(), resumed.generation), (PhaseName::Pending, 3));

    let read = queued(store, 2).await;
    let place = Event::Placed { worker: WORKER, incarnation: LIFE };
    let room = CommitGuard::WorkerHasRoom { worker: WORKER, incarnation: LIFE, load_limit: Some(0) };
    let placed = async || apply_to(store, read.clone(), &place, room).await.expect("apply");
    assert_eq!(placed().await, Applied::GuardFailed);
    registered(store).await;
    assert!(matches!(placed().await, Applied::Moved { .. }));
    changed(store, read.job.id, |job| job.restarts = 1).await;
    assert_eq!(placed().await, Applied::Stale);
}

/// Many at once: each of the events that count is counted, and the epoch rises once for each run.
pub async fn rivals_never_lose_an_event(store: &dyn Store) {
    registered(store).await;
    for number in 1..=5 {
        queued(store, number).await;
        let place = Event::Placed { worker: WORKER, incarnation: LIFE };
        let rivals = (0..8).map(|_| tell(store, job_id(number), place.clone()));
        let answers = join_all(rivals).await;
        let moved = answers.iter().filter(|answer| matches!(answer, Applied::Moved { .. })).count();
        let stale = answers.iter().filter(|answer| **answer == Applied::Stale).count();
        // Two that computed the very same record from the same version may both count it as theirs.
        assert!(moved >= 1 && moved + stale == 8, "{answers:?}");
        let after = loaded(store, job_id(number)).await.job;
        assert_eq!(after.last_epoch, Epoch::new(1));

        let ingest = Ingest { host: "h".into(), port: 1 };
        let failure = Failure::retryable(Fault::Worker, "broke");
        let reports = [
            RunState::Listening { ingest: ingest.clone(), reason: "waits".into(), fault: None },
            RunState::Streaming { ingest, trouble: None },
            RunState::Exited { outcome: RunOutcome::Failed { failure }, committed_segments: 9 },
        ];
        let reports =
            reports.map(|state| tell(store, job_id(number), Event::Reported { epoch: Epoch::new(1), state }));
        join_all(reports).await;
        let after = loaded(store, job_id(number)).await.job;
        assert_eq!(
            (after.failures, after.restarts),
            (1, 1),
            "the end of the run is not lost: {:?}",
            after.phase
        );
        assert!(after.phase.run().is_none());
        changed(store, job_id(number), |job| job.restarts = 0).await;
    }
}

use ez_domain::fault::{Failure, Fault};
use ez_domain::id::{Incarnation, JobId};
use ez_domain::job::{Credentials, Desired, Ingest};
use ez_domain::lifecycle::{Event, Outcome, RunOutcome, RunState, step};
use ez_domain::spec::{BucketName, Delivery, JobSpec};
use uuid::Uuid;

use super::*;

const WORKER: WorkerId = WorkerId::from_uuid(Uuid::from_u128(7));
const LIFE: Incarnation = Incarnation::from_uuid(Uuid::from_u128(8));

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn new_job() -> Job {
    let spec = JobSpec {
        delivery: Delivery::Hls,
        segment_seconds: 2,
        gop_seconds: 1,
        low_latency: false,
        window_seconds: 60,
        reconnect_seconds: 60,
        protection: None,
        bucket: BucketName::new("bucket").unwrap(),
        video: Vec::new(),
        audio: Vec::new(),
    };
    let credentials = Credentials { sealed_stream_key: "sealed".into(), stream_key_index: "index".into() };
    Job::new(JobId::from_uuid(Uuid::from_u128(1)), spec, Vec::new(), 500, credentials, at(1))
}

/// Applies an event that moves the job, and answers what the indexes do.
fn after(job: &mut Job, event: &Event, now: u64) -> Vec<IndexChange> {
    let Outcome::Moved(next, _) = step(job, event, at(now)) else {
        panic!("{event:?} does not move {:?}", job.phase);
    };
    let changes = index_changes(Some(job), Some(&next));
    *job = *next;
    changes
}

fn placed() -> Event {
    Event::Placed { worker: WORKER, incarnation: LIFE }
}

fn began(epoch: u64) -> IndexChange {
    let run = Run { epoch: Epoch::new(epoch), worker: WORKER, incarnation: LIFE, ingest: None };
    IndexChange::RunBegan { run, millicores: 500 }
}

const ENDED: IndexChange = IndexChange::RunEnded { worker: WORKER, millicores: 500 };

#[test]
fn a_life_from_creation_to_removal() {
    let mut job = new_job();
    assert_eq!(
        index_changes(None, Some(&job)),
        [
            IndexChange::Listed(Some(at(1))),
            IndexChange::StreamKeyAdded("index".into()),
            IndexChange::Outbox(true)
        ]
    );
    assert_eq!(
        after(&mut job, &Event::Admitted { generation: 1 }, 10),
        [IndexChange::Queued(Some(at(1))), IndexChange::Outbox(false)]
    );
    assert_eq!(
        after(&mut job, &Event::Unplaced { why: "all full".into() }, 15),
        [],
        "a reason moves no index"
    );
    assert_eq!(
        after(&mut job, &placed(), 20),
        [
            IndexChange::Epoch(Epoch::new(1)),
            IndexChange::Queued(None),
            IndexChange::Timer(Some(at(10_020))),
            began(1)
        ]
    );
    let ingest = Ingest { host: "h".into(), port: 1 };
    let streaming = RunState::Streaming { ingest, trouble: None };
    assert_eq!(
        after(&mut job, &Event::Reported { epoch: Epoch::new(1), state: streaming }, 30),
        [IndexChange::Timer(None)],
        "a run that takes its listener up keeps its lease"
    );
    assert_eq!(
        after(&mut job, &Event::StopRequested, 40),
        [IndexChange::Outbox(true), IndexChange::Timer(Some(at(60_040)))]
    );
    let state = RunState::Exited { outcome: RunOutcome::Stopped, committed_segments: 9 };
    assert_eq!(
        after(&mut job, &Event::Reported { epoch: Epoch::new(1), state }, 50),
        [IndexChange::Timer(None), ENDED]
    );
    assert_eq!(after(&mut job, &Event::Admitted { generation: 2 }, 55), [IndexChange::Outbox(false)]);
    assert_eq!(job.desired, Desired::Stopped);
    assert_eq!(
        after(&mut job, &Event::DeleteRequested { keep_media: false }, 60),
        [IndexChange::Chore(Some(at(60)))]
    );
    assert_eq!(
        index_changes(Some(&job), None),
        [IndexChange::Listed(None), IndexChange::StreamKeyRemoved("index".into()), IndexChange::Chore(None)]
    );
}

#[test]
fn a_newer_command_waits_anew() {
    let mut job = new_job();
    job.admitted = 1;
    after(&mut job, &placed(), 1);
    assert!(after(&mut job, &Event::StopRequested, 2).contains(&IndexChange::Outbox(true)));
    assert_eq!(after(&mut job, &Event::StartRequested, 3), [IndexChange::Outbox(true)]);
}

#[test]
fn a_failed_run_gives_its_place_up_and_the_next_one_takes_a_new_one() {
    let mut job = new_job();
    job.admitted = 1;
    after(&mut job, &placed(), 1);
    let failure = Failure::retryable(Fault::Worker, "broke");
    let state = RunState::Exited { outcome: RunOutcome::Failed { failure }, committed_segments: 0 };
    assert_eq!(
        after(&mut job, &Event::Reported { epoch: Epoch::new(1), state }, 5),
        [IndexChange::Timer(Some(at(5))), ENDED]
    );
    assert_eq!(
        after(&mut job, &Event::Tick, 6),
        [IndexChange::Queued(Some(at(6))), IndexChange::Timer(None)]
    );
    assert!(after(&mut job, &placed(), 7).contains(&began(2)));
}

#[test]
fn a_run_that_is_replaced_or_costs_more_is_ended_and_begun() {
    let mut job = new_job();
    job.admitted = 1;
    after(&mut job, &placed(), 1);
    for epoch in [2, 3] {
        let mut replaced = job.clone();
        let run = Run { epoch: Epoch::new(epoch), worker: WORKER, incarnation: LIFE, ingest: None };
        replaced.phase = Phase::Listening { run, since: at(2) };
        let changes = index_changes(Some(&job), Some(&replaced));
        assert_eq!(changes, [IndexChange::Timer(None), ENDED, began(epoch)]);
    }
    let mut dearer = job.clone();
    dearer.cost_millicores = 900;
    let changes = index_changes(Some(&job), Some(&dearer));
    assert!(matches!(&changes[..], [ENDED, IndexChange::RunBegan { millicores: 900, .. }]), "{changes:?}");
}

#[test]
fn an_equal_record_moves_nothing() {
    let job = new_job();
    assert_eq!(index_changes(Some(&job), Some(&job)), []);
    assert_eq!(index_changes(None, None), []);
}

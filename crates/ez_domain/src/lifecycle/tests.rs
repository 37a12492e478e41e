use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::content_key::KeyId;
use crate::fault::Fault;
use crate::id::JobId;
use crate::job::{Credentials, Desired, Run};
use crate::spec::{BucketName, Delivery, JobSpec, Protection};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn spec() -> JobSpec {
    JobSpec {
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
    }
}

fn new_job() -> Job {
    let credentials = Credentials { sealed_stream_key: "sealed".into(), stream_key_index: "index".into() };
    let id = JobId::from_uuid(Uuid::from_u128(1));
    Job::new(id, spec(), Vec::new(), 500, credentials, Timestamp::from_millis(1))
}

fn run() -> Run {
    Run {
        epoch: Epoch::new(3),
        worker: WorkerId::from_uuid(Uuid::from_u128(7)),
        incarnation: Incarnation::from_uuid(Uuid::from_u128(8)),
        ingest: None,
    }
}

fn ingest() -> Ingest {
    Ingest { host: "worker".into(), port: 1935 }
}

fn in_phase(name: PhaseName) -> Job {
    let since = Timestamp::from_millis(500);
    let past = Timestamp::from_millis(900_000);
    let mut job = new_job();
    job.admitted = job.generation;
    job.last_epoch = Epoch::new(3);
    job.phase = match name {
        PhaseName::Pending => Phase::Pending { since, waiting_for: None },
        PhaseName::Assigned => Phase::Assigned { run: run(), deadline: past },
        PhaseName::Listening => Phase::Listening { run: run(), since },
        PhaseName::Streaming => Phase::Streaming { run: run(), since },
        PhaseName::Interrupted => Phase::Interrupted { run: run(), since },
        PhaseName::Stopping => Phase::Stopping { run: run(), deadline: past },
        PhaseName::Finishing => Phase::Finishing { epoch: Epoch::new(3), since },
        PhaseName::Backoff => Phase::Backoff { until: past },
        PhaseName::Stopped => Phase::Stopped { since },
        PhaseName::Failed => Phase::Failed { since },
        PhaseName::Deleting => Phase::Deleting { keep_media: false, since },
    };
    match name {
        PhaseName::Stopping | PhaseName::Finishing | PhaseName::Stopped => job.desired = Desired::Stopped,
        PhaseName::Deleting => job.desired = Desired::Deleted { keep_media: false },
        PhaseName::Pending
        | PhaseName::Assigned
        | PhaseName::Listening
        | PhaseName::Streaming
        | PhaseName::Interrupted
        | PhaseName::Backoff
        | PhaseName::Failed => {}
    }
    job
}

fn key() -> SealedContentKey {
    let created_at = Timestamp::from_millis(7);
    SealedContentKey { id: KeyId::from_bytes([7; 16]), sealed: "sealed".into(), created_at }
}

/// A job whose media is to be encrypted.
fn protected(job: Job) -> Job {
    let spec = JobSpec { protection: Some(Protection::CbcsClearKey), ..job.spec.clone() };
    Job { spec, ..job }
}

const PHASES: [PhaseName; 11] = PhaseName::ALL;

fn exited(outcome: RunOutcome) -> Event {
    let state = RunState::Exited { outcome, committed_segments: 0 };
    Event::Reported { epoch: Epoch::new(3), state }
}

fn events() -> Vec<(&'static str, Event)> {
    let epoch = Epoch::new(3);
    let failure = |retryable| Failure { fault: Fault::Worker, reason: "broke".into(), retryable };
    let placed = Event::Placed { worker: run().worker, incarnation: run().incarnation };
    let reported = |state| Event::Reported { epoch, state };
    vec![
        ("start requested", Event::StartRequested),
        ("stop requested", Event::StopRequested),
        ("delete requested", Event::DeleteRequested { keep_media: false }),
        ("specification replaced", Event::SpecReplaced(Box::new(new_spec("bucket", 4)))),
        ("admitted (present command)", Event::Admitted { generation: 1 }),
        ("admitted (older command)", Event::Admitted { generation: 0 }),
        ("placed", placed),
        ("unplaced", Event::Unplaced { why: "no worker is ready".into() }),
        ("key granted", Event::KeyGranted { key: key() }),
        ("reported starting", reported(RunState::Starting)),
        (
            "reported listening",
            reported(RunState::Listening { ingest: ingest(), reason: "waits".into(), fault: None }),
        ),
        ("reported streaming", reported(RunState::Streaming { ingest: ingest(), trouble: None })),
        (
            "reported interrupted",
            reported(RunState::Interrupted {
                ingest: ingest(),
                reason: "gone".into(),
                fault: Some(Fault::Contribution),
            }),
        ),
        ("reported stopping", reported(RunState::Stopping)),
        ("exited: stopped", exited(RunOutcome::Stopped)),
        ("exited: left", exited(RunOutcome::Left)),
        ("exited: rejected", exited(RunOutcome::Rejected { reason: "no port".into() })),
        ("exited: failed, worth a retry", exited(RunOutcome::Failed { failure: failure(true) })),
        ("exited: failed for good", exited(RunOutcome::Failed { failure: failure(false) })),
        ("exited: fenced by epoch 9", exited(RunOutcome::Fenced { seen: Epoch::new(9) })),
        (
            "reported by an older run",
            Event::Reported {
                epoch: Epoch::new(2),
                state: RunState::Streaming { ingest: ingest(), trouble: None },
            },
        ),
        ("lease lapsed", Event::LeaseLapsed { epoch }),
        ("lease of an older run lapsed", Event::LeaseLapsed { epoch: Epoch::new(2) }),
        ("tick past the deadline", Event::Tick),
        ("playlists ended", Event::PlaylistsEnded { epoch, failure: None }),
        ("playlists of an older stop ended", Event::PlaylistsEnded { epoch: Epoch::new(2), failure: None }),
        ("media removed", Event::MediaRemoved),
    ]
}

fn new_spec(bucket: &str, segment_seconds: u32) -> NewSpec {
    let spec = JobSpec { bucket: BucketName::new(bucket).unwrap(), segment_seconds, ..spec() };
    NewSpec { spec, warnings: vec!["/Output: unwise".into()], cost_millicores: 700 }
}

fn answer(job: &Job, event: &Event) -> String {
    match step(job, event, NOW) {
        Outcome::Moved(next, _) if next.phase.name() == job.phase.name() => "noted".to_owned(),
        Outcome::Moved(next, _) => format!("**{}**", next.phase.name().as_str()),
        Outcome::Unchanged => "–".to_owned(),
        Outcome::Stale => "stale".to_owned(),
        Outcome::Refused(_) => "refused".to_owned(),
        Outcome::Removed => "**gone**".to_owned(),
    }
}

fn table() -> String {
    let mut text = String::from("| event | ");
    text.push_str(&PHASES.map(PhaseName::as_str).join(" | "));
    text.push_str(" |\n|---|");
    text.push_str(&"---|".repeat(PHASES.len()));
    text.push('\n');
    for (label, event) in events() {
        let is_about_keys = matches!(event, Event::KeyGranted { .. });
        let job = |phase: &PhaseName| {
            if is_about_keys { protected(in_phase(*phase)) } else { in_phase(*phase) }
        };
        let answers: Vec<String> = PHASES.iter().map(|phase| answer(&job(phase), &event)).collect();
        let _ = writeln!(text, "| {label} | {} |", answers.join(" | "));
    }
    text
}

/// The page that people read is the table that the code answers by.
#[test]
fn the_documented_table_is_the_real_one() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/job-life-cycle.md");
    let text = std::fs::read_to_string(&page).expect("docs/job-life-cycle.md can be read");
    let table = table();
    assert!(text.contains(&table), "docs/job-life-cycle.md must contain this table:\n\n{table}");
}

#[test]
fn failures_back_off_and_end_the_job_when_the_budget_is_spent() {
    let mut job = in_phase(PhaseName::Listening);
    let mut waits = Vec::new();
    for _ in 0..FAILURE_BUDGET {
        job.phase = Phase::Listening { run: run(), since: NOW };
        let failure = Failure::retryable(Fault::Worker, "broke");
        let Outcome::Moved(next, _) = step(&job, &exited(RunOutcome::Failed { failure }), NOW) else {
            panic!("a failure moves the job");
        };
        job = *next;
        if let Phase::Backoff { until } = job.phase {
            waits.push(until.millis_since(NOW));
        }
    }
    assert_eq!(waits, [0, 1000, 2000, 4000]);
    assert_eq!(job.phase.name(), PhaseName::Failed);
    assert_eq!(job.reason(), "broke");
}

#[test]
fn a_run_that_listens_elsewhere_is_told_with_its_new_address() {
    let elsewhere = || Ingest { port: ingest().port + 1, ..ingest() };
    let (reason, fault) = ("waits".to_owned(), None);
    let states = |ingest: Ingest| {
        [
            RunState::Listening { ingest: ingest.clone(), reason: reason.clone(), fault },
            RunState::Streaming { ingest: ingest.clone(), trouble: None },
            RunState::Interrupted { ingest, reason: reason.clone(), fault },
        ]
    };
    for (before, after) in states(ingest()).into_iter().zip(states(elsewhere())) {
        let report = |state| Event::Reported { epoch: Epoch::new(3), state };
        let known = moved_by(&in_phase(PhaseName::Assigned), &report(before.clone()), NOW);
        assert_eq!(step(&known, &report(before), NOW), Outcome::Unchanged);
        let moved = moved_by(&known, &report(after.clone()), NOW);
        assert_eq!(moved.phase.name(), known.phase.name());
        assert_eq!(moved.phase.run().and_then(|run| run.ingest.clone()), Some(elsewhere()));
        assert_eq!(step(&moved, &report(after), NOW), Outcome::Unchanged);
    }
}

/// The worker may be what is wrong: its clock, its credentials.
#[test]
fn a_bucket_must_refuse_two_runs_in_a_row_to_end_a_job() {
    let refusal = |committed_segments| {
        let failure = Failure::final_(Fault::Destination, "access denied");
        let state = RunState::Exited { outcome: RunOutcome::Failed { failure }, committed_segments };
        Event::Reported { epoch: Epoch::new(3), state }
    };
    let listening = |job: &Job| Job { phase: Phase::Listening { run: run(), since: NOW }, ..job.clone() };
    let once = moved_by(&in_phase(PhaseName::Listening), &refusal(0), NOW);
    assert_eq!((once.phase.name(), once.avoid), (PhaseName::Backoff, Some(run().worker)));
    assert_eq!(moved_by(&listening(&once), &refusal(0), NOW).phase.name(), PhaseName::Failed);

    // The next one published, so the bucket takes media: this refusal is a first one again.
    let later = moved_by(&listening(&once), &refusal(PROOF_OF_LIFE_SEGMENTS), NOW);
    assert_eq!(later.phase.name(), PhaseName::Backoff);
    let broke = exited(RunOutcome::Failed { failure: Failure::retryable(Fault::Worker, "broke") });
    let between = moved_by(&listening(&once), &broke, NOW);
    assert_eq!(moved_by(&listening(&between), &refusal(0), NOW).phase.name(), PhaseName::Backoff);

    // Resumed, it is tried as at first; and what no other worker can mend ends it at once.
    let resumed = moved_by(&moved_by(&listening(&once), &refusal(0), NOW), &Event::StartRequested, NOW);
    assert_eq!(moved_by(&listening(&resumed), &refusal(0), NOW).phase.name(), PhaseName::Backoff);
    let failure = Failure::final_(Fault::Caller, "no such thing");
    let impossible = exited(RunOutcome::Failed { failure });
    assert_eq!(moved_by(&listening(&resumed), &impossible, NOW).phase.name(), PhaseName::Failed);
}

#[test]
fn a_run_that_worked_resets_the_budget() {
    let mut job = in_phase(PhaseName::Streaming);
    job.failures = FAILURE_BUDGET - 1;
    let failure = Failure::retryable(Fault::Worker, "broke");
    let state = RunState::Exited {
        outcome: RunOutcome::Failed { failure },
        committed_segments: PROOF_OF_LIFE_SEGMENTS,
    };
    let Outcome::Moved(next, _) = step(&job, &Event::Reported { epoch: Epoch::new(3), state }, NOW) else {
        panic!("a failure moves the job");
    };
    assert_eq!((next.failures, next.phase.name()), (1, PhaseName::Backoff));
}

fn moved_by(job: &Job, event: &Event, now: Timestamp) -> Job {
    let outcome = step(job, event, now);
    let Outcome::Moved(next, _) = outcome else { panic!("{event:?} does not move the job: {outcome:?}") };
    *next
}

/// A channel that waits for its encoder all night must listen in the morning.
#[test]
fn a_host_that_is_lost_while_nobody_publishes_is_no_failure_of_the_job() {
    let mut job = in_phase(PhaseName::Listening);
    job.failures = FAILURE_BUDGET - 1;
    for _ in 0..2 * FAILURE_BUDGET {
        job.phase = Phase::Listening { run: run(), since: NOW };
        job = moved_by(&job, &Event::LeaseLapsed { epoch: Epoch::new(3) }, NOW);
        assert_eq!((job.failures, job.phase.name()), (FAILURE_BUDGET - 1, PhaseName::Backoff));
    }
}

#[test]
fn media_for_long_enough_makes_up_for_earlier_failures() {
    let segments = |count: u64| Timestamp::from_millis(500 + count * 2000);
    let listening = RunState::Listening { ingest: ingest(), reason: "waits".into(), fault: None };
    let interrupted = RunState::Interrupted { ingest: ingest(), reason: "gone".into(), fault: None };
    for state in [listening, interrupted] {
        let event = Event::Reported { epoch: Epoch::new(3), state };
        for (from, count, left) in [
            (PhaseName::Streaming, PROOF_OF_LIFE_SEGMENTS, 0),
            (PhaseName::Streaming, PROOF_OF_LIFE_SEGMENTS - 1, 3),
            (PhaseName::Assigned, 100, 3),
        ] {
            let job = Job { failures: 3, ..in_phase(from) };
            assert_eq!(moved_by(&job, &event, segments(count)).failures, left, "{event:?} from {from:?}");
        }
    }
    for (committed_segments, left) in [(PROOF_OF_LIFE_SEGMENTS, 0), (PROOF_OF_LIFE_SEGMENTS - 1, 3)] {
        let state = RunState::Exited { outcome: RunOutcome::Left, committed_segments };
        let job = Job { failures: 3, ..in_phase(PhaseName::Listening) };
        let next = moved_by(&job, &Event::Reported { epoch: Epoch::new(3), state }, NOW);
        assert_eq!((next.failures, next.phase.name()), (left, PhaseName::Pending));
    }
}

#[test]
fn the_last_word_on_the_media_of_a_deleted_job_counts() {
    let job = in_phase(PhaseName::Deleting);
    let kept = moved_by(&job, &Event::DeleteRequested { keep_media: true }, NOW);
    assert_eq!(kept.desired, Desired::Deleted { keep_media: true });
    assert_eq!(step(&kept, &Event::DeleteRequested { keep_media: true }, NOW), Outcome::Unchanged);
    let Phase::Deleting { keep_media, since } = kept.phase else { panic!("{:?}", kept.phase) };
    assert_eq!((keep_media, since), (true, Timestamp::from_millis(500)));
    let removed = moved_by(&kept, &Event::DeleteRequested { keep_media: false }, NOW);
    assert_eq!(removed.phase, job.phase);
}

#[test]
fn a_gap_that_goes_on_for_another_reason_says_so() {
    let report = |job: &Job, reason: &str, fault| {
        let state = RunState::Interrupted { ingest: ingest(), reason: reason.into(), fault: Some(fault) };
        step(job, &Event::Reported { epoch: Epoch::new(3), state }, NOW)
    };
    let job = in_phase(PhaseName::Interrupted);
    let Outcome::Moved(silent, _) = report(&job, "no picture comes", Fault::Contribution) else {
        panic!("the first reason is noted");
    };
    assert_eq!(report(&silent, "no picture comes", Fault::Contribution), Outcome::Unchanged);
    let Outcome::Moved(gone, _) = report(&silent, "the publisher fell silent", Fault::Contribution) else {
        panic!("another reason is noted");
    };
    assert_eq!(gone.reason(), "the publisher fell silent");
    let Phase::Interrupted { since, .. } = gone.phase else { panic!("{:?}", gone.phase) };
    assert_eq!(since, Timestamp::from_millis(500), "the gap is as old as before");
    let Outcome::Moved(broken, _) = report(&gone, "ffmpeg ended", Fault::Worker) else {
        panic!("another fault is noted");
    };
    assert_eq!(broken.history.last().and_then(|transition| transition.fault), Some(Fault::Worker));
}

#[test]
fn a_resume_while_stopping_starts_one_new_run_after_the_old_one_ended() {
    let stopping = in_phase(PhaseName::Stopping);
    let Outcome::Moved(resumed, _) = step(&stopping, &Event::StartRequested, NOW) else {
        panic!("a resume is noted");
    };
    assert_eq!(resumed.phase, stopping.phase);
    assert_eq!(step(&resumed, &Event::StartRequested, NOW), Outcome::Unchanged);
    let Outcome::Moved(pending, _) = step(&resumed, &exited(RunOutcome::Stopped), NOW) else {
        panic!("the end of the old run moves the job");
    };
    assert_eq!(pending.phase.name(), PhaseName::Pending);
}

#[test]
fn a_protected_job_is_placed_only_with_its_key_which_it_keeps() {
    let placed = Event::Placed { worker: run().worker, incarnation: run().incarnation };
    let granted = Event::KeyGranted { key: key() };
    let clear = in_phase(PhaseName::Pending);
    assert_eq!(step(&clear, &granted, NOW), Outcome::Stale, "a job in clear has no key");

    let mut waiting = protected(clear);
    waiting.phase = Phase::Pending { since: NOW, waiting_for: Some("the key server is away".into()) };
    assert_eq!(step(&waiting, &placed, NOW), Outcome::Stale);
    let Outcome::Moved(keyed, effects) = step(&waiting, &granted, NOW) else {
        panic!("a key is taken");
    };
    assert_eq!(effects, [Effect::RequestPlacement]);
    assert_eq!(keyed.phase, Phase::Pending { since: NOW, waiting_for: None });
    assert!(matches!(step(&keyed, &placed, NOW), Outcome::Moved(..)));
    let another = SealedContentKey { id: KeyId::from_bytes([8; 16]), ..key() };
    assert_eq!(step(&keyed, &Event::KeyGranted { key: another }, NOW), Outcome::Unchanged);
}

#[test]
fn a_replaced_specification_is_what_the_next_run_gets_and_voids_older_commands() {
    for phase in [PhaseName::Stopped, PhaseName::Failed] {
        let job = in_phase(phase);
        let wanted = new_spec("bucket", 4);
        let event = Event::SpecReplaced(Box::new(wanted.clone()));
        let Outcome::Moved(next, effects) = step(&job, &event, NOW) else { panic!("{phase:?} takes it") };
        assert_eq!((&next.spec, &next.warnings, next.cost_millicores), (&wanted.spec, &wanted.warnings, 700));
        assert_eq!((next.phase.name(), next.generation, next.admitted), (phase, 2, 2));
        assert_eq!((next.reason(), effects), ("the specification was replaced by the user", Vec::new()));
        assert_eq!(step(&next, &event, NOW), Outcome::Unchanged, "the same again");
        assert_eq!(step(&next, &Event::Admitted { generation: 1 }, NOW), Outcome::Stale);
        let Outcome::Moved(started, _) = step(&next, &Event::StartRequested, NOW) else { panic!("started") };
        assert_eq!((started.phase.name(), &started.spec), (PhaseName::Pending, &wanted.spec));
    }
}

#[test]
fn a_job_that_has_run_keeps_its_bucket() {
    let elsewhere = Event::SpecReplaced(Box::new(new_spec("elsewhere", 2)));
    let mut job = in_phase(PhaseName::Stopped);
    assert_eq!(step(&job, &elsewhere, NOW), Outcome::Refused(Refusal::BucketFixed));
    job.last_epoch = Epoch::default();
    assert!(matches!(step(&job, &elsewhere, NOW), Outcome::Moved(..)), "nothing lies in the old one");
}

fn any_event() -> impl Strategy<Value = Event> {
    let worker = || WorkerId::from_uuid(Uuid::from_u128(7));
    let incarnation = || Incarnation::from_uuid(Uuid::from_u128(8));
    let state = prop_oneof![
        Just(RunState::Starting),
        Just(RunState::Listening { ingest: ingest(), reason: "waits".into(), fault: None }),
        Just(RunState::Streaming { ingest: ingest(), trouble: None }),
        Just(RunState::Interrupted {
            ingest: ingest(),
            reason: "gone".into(),
            fault: Some(Fault::Contribution)
        }),
        Just(RunState::Stopping),
        (0..6_u64, any::<bool>()).prop_map(|(committed_segments, retryable)| RunState::Exited {
            outcome: RunOutcome::Failed {
                failure: Failure { fault: Fault::Worker, reason: "broke".into(), retryable }
            },
            committed_segments,
        }),
        Just(RunState::Exited { outcome: RunOutcome::Stopped, committed_segments: 0 }),
        Just(RunState::Exited { outcome: RunOutcome::Left, committed_segments: 0 }),
        (0..30_u64).prop_map(|seen| RunState::Exited {
            outcome: RunOutcome::Fenced { seen: Epoch::new(seen) },
            committed_segments: 0
        }),
    ];
    prop_oneof![
        Just(Event::StartRequested),
        Just(Event::StopRequested),
        any::<bool>().prop_map(|keep_media| Event::DeleteRequested { keep_media }),
        (1..5_u32).prop_map(|seconds| Event::SpecReplaced(Box::new(new_spec("bucket", seconds)))),
        (0..12_u64).prop_map(|generation| Event::Admitted { generation }),
        Just(()).prop_map(move |()| Event::Placed { worker: worker(), incarnation: incarnation() }),
        Just(Event::Unplaced { why: "full".into() }),
        Just(Event::KeyGranted { key: key() }),
        ((0..12_u64), state).prop_map(|(epoch, state)| Event::Reported { epoch: Epoch::new(epoch), state }),
        (0..12_u64).prop_map(|epoch| Event::LeaseLapsed { epoch: Epoch::new(epoch) }),
        Just(Event::Tick),
        (0..12_u64).prop_map(|epoch| Event::PlaylistsEnded { epoch: Epoch::new(epoch), failure: None }),
        Just(Event::MediaRemoved),
    ]
}

proptest! {
    #[test]
    fn any_order_of_events_keeps_the_invariants(
        events in prop::collection::vec((any_event(), 0..20_000_u64), 0..120),
        is_protected in any::<bool>(),
    ) {
        let mut job = if is_protected { protected(new_job()) } else { new_job() };
        let mut now = Timestamp::from_millis(1);
        let mut last_run_epoch = Epoch::default();
        for (event, pause) in events {
            now = now.plus_millis(pause);
            let Outcome::Moved(next, _) = step(&job, &event, now) else { continue };
            prop_assert!(next.last_epoch >= job.last_epoch, "the epoch fell");
            prop_assert!(next.generation >= job.generation);
            prop_assert!(next.admitted <= next.generation);
            prop_assert!(next.history.len() <= HISTORY_LENGTH);
            let holds_run = job.phase.run().is_some() || next.phase.run().is_some();
            prop_assert!(!holds_run || next.spec == job.spec, "a run lost its specification");
            if let Some(run) = next.phase.run() {
                prop_assert!(!next.lacks_key(), "a run without the key that protects it");
                prop_assert!(run.epoch <= next.last_epoch);
                if job.phase.run().is_none() {
                    prop_assert!(run.epoch > last_run_epoch, "a new run reuses an epoch");
                    last_run_epoch = run.epoch;
                }
                prop_assert_eq!(run.epoch, last_run_epoch, "two runs at once");
            }
            let round_trip: Job = serde_json::from_str(&serde_json::to_string(&*next).unwrap()).unwrap();
            prop_assert_eq!(&round_trip, &*next);
            job = *next;
        }
        // Whatever happened: a stop, a lost worker and the passing of time end the job.
        for event in [Event::StopRequested, Event::LeaseLapsed { epoch: last_run_epoch }] {
            if let Outcome::Moved(next, _) = step(&job, &event, now) { job = *next; }
        }
        if let Phase::Finishing { epoch, .. } = job.phase {
            prop_assert!(epoch > last_run_epoch, "a run could still write over the ended playlists");
            let ended = Event::PlaylistsEnded { epoch, failure: None };
            if let Outcome::Moved(next, _) = step(&job, &ended, now) { job = *next; }
        }
        prop_assert!(matches!(job.phase.name(), PhaseName::Stopped | PhaseName::Failed | PhaseName::Deleting), "{:?}", job.phase);
    }
}

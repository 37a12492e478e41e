//! Records, queue, outbox, timers and chores.

use std::collections::BTreeMap;

use ez_domain::id::Epoch;
use ez_domain::job::{Desired, Phase};
use ez_domain::units::Timestamp;

use super::fixture::{changed, created, ended, job_id, loaded, new_job, queued, running};
use super::{LIFE, WORKER};
use crate::store::{CommitGuard, CreateError, Store};

/// The equal record may be created again; nothing else may take its id or stream key.
pub async fn a_job_is_created_once(store: &dyn Store) {
    let job = new_job(1, Timestamp::from_millis(5));
    assert!(store.load(job.id).await.expect("load").is_none());
    store.create(&job).await.expect("create");
    let stored = loaded(store, job.id).await;
    assert_eq!((&stored.job, &stored.statistics), (&job, &None));
    store.create(&job).await.expect("create again");
    assert_eq!(loaded(store, job.id).await.version, stored.version, "a repeat changes nothing");

    let mut same_id = new_job(2, Timestamp::from_millis(5));
    same_id.id = job.id;
    assert!(matches!(store.create(&same_id).await, Err(CreateError::Exists)));
    let mut same_key = new_job(3, Timestamp::from_millis(5));
    same_key.credentials = job.credentials.clone();
    assert!(matches!(store.create(&same_key).await, Err(CreateError::Exists)));
    assert!(store.load(same_key.id).await.expect("load").is_none(), "a refused job leaves nothing");
    assert_eq!(store.list(None, 10).await.expect("list").jobs.len(), 1);

    // A scheduler was quicker than the creator whose answer was lost.
    changed(store, job.id, |job| job.admitted = 1).await;
    store.create(&job).await.expect("create after the record moved on");
    assert_eq!(loaded(store, job.id).await.job.admitted, 1, "and the record is not set back");
}

/// A commit names the version it replaces, and may be repeated after a lost answer.
pub async fn a_commit_replaces_one_version_only(store: &dyn Store) {
    let first = created(store, 1).await;
    let mut second = first.job.clone();
    second.restarts = 1;
    let mut rival = first.job.clone();
    rival.restarts = 2;
    let commit = async |next| {
        store.commit(&first.job, first.version, next, CommitGuard::Version).await.expect("commit")
    };
    assert!(commit(&second).await);
    assert!(!commit(&rival).await, "an older version is refused");
    let after = loaded(store, first.job.id).await;
    assert_eq!(after.job.restarts, 1);
    assert!(after.version > first.version);
    assert!(commit(&second).await, "the same commit again counts as done");
    assert_eq!(loaded(store, first.job.id).await.version, after.version, "and is not done again");

    assert!(!store.remove(&first.job, first.version).await.expect("remove"), "nor is an old version removed");
    let unknown = new_job(9, first.now);
    assert!(!store.commit(&unknown, 1, &unknown, CommitGuard::Version).await.expect("commit"));
    assert!(store.load(unknown.id).await.expect("load").is_none(), "a commit makes no record");
}

/// Only admitted jobs without a run wait for a worker, in the order in which they began to.
pub async fn queued_jobs_come_oldest_first(store: &dyn Store) {
    let stretch = async |skip, limit| -> Vec<_> {
        let queued = store.queued(skip, limit).await.expect("queued");
        queued.into_iter().map(|stored| stored.job.id).collect()
    };
    let ids = async |limit| stretch(0, limit).await;
    for (number, since) in [(1, 30), (2, 10), (3, 20)] {
        let job = created(store, number).await.job;
        assert!(!ids(9).await.contains(&job.id), "a job in the outbox is not queued");
        changed(store, job.id, |job| {
            job.admitted = job.generation;
            job.phase = Phase::Pending { since: Timestamp::from_millis(since), waiting_for: None };
        })
        .await;
    }
    assert_eq!(ids(9).await, [2, 3, 1].map(job_id));
    assert_eq!(ids(1).await, [job_id(2)]);
    assert_eq!(ids(0).await, []);
    assert_eq!((stretch(1, 1).await, stretch(2, 9).await), (vec![job_id(3)], vec![job_id(1)]));
    assert_eq!(stretch(3, 9).await, []);
    assert_eq!(ids(usize::MAX).await.len(), 3, "a limit may be as high as you like");
    ended(store, job_id(2)).await;
    assert_eq!(ids(9).await, [3, 1].map(job_id));
}

/// A command is in the outbox until it is taken up; a newer one waits anew.
pub async fn new_commands_wait_in_the_outbox(store: &dyn Store) {
    let job = created(store, 1).await.job;
    let outbox = async |age| store.in_outbox(age, 9).await.expect("outbox");
    assert_eq!(outbox(0).await, [job.id]);
    assert_eq!(outbox(60_000).await, [], "too young");
    super::until("the command grows old", async || (outbox(200).await == [job.id]).then_some(())).await;
    changed(store, job.id, |job| job.generation += 1).await;
    let (aged, age) = (outbox(150).await, outbox(0).await);
    assert_eq!(age, [job.id]);
    // Holds unless this machine needs 150 ms for two calls; then nothing can be said.
    if loaded(store, job.id).await.now.millis_since(job.created_at) < 350 {
        assert_eq!(aged, [], "the newer command has just begun to wait");
    }
    created(store, 2).await;
    assert_eq!(store.in_outbox(0, 1).await.expect("outbox").len(), 1, "limit");
    changed(store, job.id, |job| job.admitted = job.generation).await;
    assert_eq!(outbox(0).await, [job_id(2)]);
}

/// A job is due from its deadline on, until its phase has another or none.
pub async fn deadlines_are_due_when_they_have_passed(store: &dyn Store) {
    let due = async || store.due(9).await.expect("due");
    for (number, offset) in [(1, 0), (2, 3_600_000), (3, 0)] {
        let now = queued(store, number).await.now;
        changed(store, job_id(number), |job| job.phase = Phase::Backoff { until: now.plus_millis(offset) })
            .await;
    }
    let both = due().await;
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both.contains(&job_id(1)) && both.contains(&job_id(3)));
    assert_eq!(store.due(1).await.expect("due").len(), 1, "limit");
    ended(store, job_id(1)).await;
    assert_eq!(due().await, [job_id(3)]);
    let soon = loaded(store, job_id(3)).await.now.plus_millis(200);
    changed(store, job_id(3), |job| job.phase = Phase::Backoff { until: soon }).await;
    super::until("the moved deadline", async || due().await.contains(&job_id(3)).then_some(())).await;
    assert!(store.now().await.expect("the clock") >= soon, "not before its time");
}

/// The counts follow every change of a record.
pub async fn a_census_counts_what_is_there(store: &dyn Store) {
    let census = async || store.census().await.expect("census");
    let phases = |counted: &[(&str, u64)]| {
        counted.iter().map(|(phase, jobs)| ((*phase).to_owned(), *jobs)).collect::<BTreeMap<_, _>>()
    };
    let none = census().await;
    assert_eq!((none.jobs, none.queued, none.oldest_queued, none.in_outbox), (0, 0, None, 0));
    assert_eq!((none.phases, none.oldest_command), (BTreeMap::new(), None));

    let waiting = created(store, 1).await;
    let queued_since = queued(store, 2).await.job.created_at;
    running(store, 3, WORKER, LIFE).await;
    let all = census().await;
    assert_eq!(all.phases, phases(&[("assigned", 1), ("pending", 2)]));
    assert_eq!((all.jobs, all.queued, all.in_outbox, all.runs, all.chores), (3, 1, 1, 1, 0));
    assert_eq!(all.oldest_queued, Some(queued_since));
    let announced = all.oldest_command.expect("a command in the outbox");
    assert!(waiting.job.created_at <= announced && announced <= all.now, "{all:?}");

    let stopped = ended(store, job_id(3)).await;
    let after = census().await;
    assert_eq!((after.phases, after.runs), (phases(&[("pending", 2), ("stopped", 1)]), 0));
    assert!(store.remove(&stopped.job, stopped.version).await.expect("remove"));
    let after = census().await;
    assert_eq!((after.phases, after.jobs), (phases(&[("pending", 2)]), 2));
}

/// A job that is being deleted waits until its record is dropped.
pub async fn buckets_wait_for_their_chore(store: &dyn Store) {
    for (number, since) in [(1, 20), (2, 10)] {
        queued(store, number).await;
        changed(store, job_id(number), |job| {
            job.desired = Desired::Deleted { keep_media: false };
            job.phase = Phase::Deleting { keep_media: false, since: Timestamp::from_millis(since) };
        })
        .await;
    }
    assert_eq!(store.chores(9).await.expect("chores"), [2, 1].map(job_id));
    assert_eq!(store.chores(1).await.expect("chores"), [job_id(2)]);
    assert_eq!(store.chores(0).await.expect("chores"), []);
    assert_eq!(store.chores(usize::MAX).await.expect("chores").len(), 2);
    let job = loaded(store, job_id(2)).await;
    assert!(store.remove(&job.job, job.version).await.expect("remove"));
    assert_eq!(store.chores(9).await.expect("chores"), [job_id(1)]);
}

/// A removed job is nowhere; its id cannot be used again, because objects of its epochs may be left.
pub async fn a_removed_job_leaves_its_epoch_behind(store: &dyn Store) {
    let (job, epoch) = running(store, 1, WORKER, LIFE).await;
    assert_eq!(epoch, Epoch::new(1));
    let job = ended(store, job.job.id).await;
    assert!(store.remove(&job.job, job.version).await.expect("remove"));
    assert!(store.remove(&job.job, job.version).await.expect("remove"), "a repeat counts as done");
    assert!(store.load(job.job.id).await.expect("load").is_none());
    assert_eq!(store.list(None, 9).await.expect("list").jobs, []);
    assert!(matches!(store.create(&job.job).await, Err(CreateError::Exists)), "the id is spent");
    let mut successor = new_job(2, job.now);
    successor.credentials = job.job.credentials.clone();
    store.create(&successor).await.expect("the stream key is free again");
    let unknown = new_job(3, job.now);
    assert!(!store.remove(&unknown, 1).await.expect("remove"));
}

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn worker(number: u128, capacity: u32, load: u32, runs: u32) -> WorkerView {
    WorkerView {
        id: WorkerId::from_uuid(Uuid::from_u128(number)),
        incarnation: Incarnation::from_uuid(Uuid::from_u128(number)),
        state: WorkerState::Ready,
        capacity_millicores: capacity,
        load_millicores: load,
        runs,
        max_runs: 15,
    }
}

fn job(number: u128, cost: u32) -> WaitingJob {
    WaitingJob {
        id: JobId::from_uuid(Uuid::from_u128(number)),
        since: Timestamp::from_millis(u64::try_from(number).unwrap()),
        cost_millicores: cost,
        avoid: None,
    }
}

#[test]
fn the_relatively_least_loaded_worker_is_chosen() {
    let workers = [worker(1, 2000, 1000, 2), worker(2, 8000, 2000, 3)];
    let plan = plan(&[job(1, 500)], &workers, Policy::default());
    assert_eq!(plan.placements[0].worker, workers[1].id);
    assert_eq!(plan.placements[0].load_limit, Some(6300));
}

#[test]
fn an_empty_worker_accepts_one_job_that_is_too_large_for_it() {
    let plan = plan(&[job(1, 5000), job(2, 100)], &[worker(1, 2000, 0, 0)], Policy::default());
    assert_eq!(plan.placements.len(), 1);
    assert_eq!(plan.placements[0].load_limit, None);
    assert!(plan.unplaced[0].1.contains("needs about 0.10 cores"), "{}", plan.unplaced[0].1);
}

#[test]
fn a_failed_worker_is_avoided_unless_it_is_the_only_one() {
    let mut avoiding = job(1, 100);
    avoiding.avoid = Some(worker(1, 2000, 0, 0).id);
    let both = [worker(1, 2000, 0, 0), worker(2, 2000, 1000, 2)];
    assert_eq!(
        plan(std::slice::from_ref(&avoiding), &both, Policy::default()).placements[0].worker,
        both[1].id
    );
    assert_eq!(plan(&[avoiding], &both[..1], Policy::default()).placements[0].worker, both[0].id);
}

#[test]
fn every_unplaced_job_says_why() {
    let mut draining = worker(1, 2000, 0, 0);
    draining.state = WorkerState::Draining;
    let mut full = worker(2, 2000, 0, 0);
    full.state = WorkerState::Quarantined;
    let mut no_port = worker(1, 2000, 0, 15);
    no_port.max_runs = 15;
    for (workers, word) in [
        (vec![], "no worker is registered"),
        (vec![draining.clone()], "heartbeats are overdue"),
        (vec![full.clone()], "free space"),
        (vec![draining, full], "the disks of 1 are full"),
        (vec![no_port], "ingest ports"),
        (vec![worker(1, 2000, 1600, 3)], "has 0.10 left"),
    ] {
        let plan = plan(&[job(1, 500)], &workers, Policy::default());
        assert!(plan.unplaced[0].1.contains(word), "{}", plan.unplaced[0].1);
    }
}

prop_compose! {
    fn any_worker()(number in 1..6_u128, capacity in 500..8000_u32, load in 0..8000_u32, runs in 0..4_u32, state in 0..3) -> WorkerView {
        let mut view = worker(number, capacity, if runs == 0 { 0 } else { load }, runs);
        view.max_runs = 3;
        view.state = [WorkerState::Ready, WorkerState::Suspect, WorkerState::Draining][usize::try_from(state).unwrap()];
        view
    }
}

proptest! {
    #[test]
    fn no_worker_is_overfilled_and_every_job_is_answered(
        mut workers in prop::collection::vec(any_worker(), 0..5),
        costs in prop::collection::vec(1..3000_u32, 0..12),
    ) {
        workers.sort_by_key(|worker| worker.id);
        workers.dedup_by_key(|worker| worker.id);
        let jobs: Vec<_> = costs.iter().enumerate().map(|(index, cost)| job(index as u128 + 1, *cost)).collect();
        let made = plan(&jobs, &workers, Policy::default());
        prop_assert_eq!(made.placements.len() + made.unplaced.len(), jobs.len());
        for worker in &workers {
            let given: Vec<_> = made.placements.iter().filter(|placement| placement.worker == worker.id).collect();
            if given.is_empty() { continue; }
            prop_assert_eq!(worker.state, WorkerState::Ready);
            let added: u32 = given.iter().map(|placement| jobs.iter().find(|job| job.id == placement.job).unwrap().cost_millicores).sum();
            let alone = worker.runs == 0 && given.len() == 1;
            prop_assert!(alone || worker.load_millicores + added <= worker.capacity_millicores * 85 / 100);
            prop_assert!(worker.runs as usize + given.len() <= 3);
        }
        let mut shuffled_jobs = jobs;
        shuffled_jobs.reverse();
        workers.reverse();
        prop_assert_eq!(plan(&shuffled_jobs, &workers, Policy::default()), made);
    }
}

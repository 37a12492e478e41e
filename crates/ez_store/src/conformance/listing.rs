//! Listing: pages and selections.

use std::collections::BTreeSet;

use ez_domain::id::{JobId, WorkerId};
use ez_domain::job::PhaseName;
use ez_domain::units::Timestamp;
use uuid::Uuid;

use super::fixture::{created, ended, job_id, loaded, new_job, queued, running};
use super::{LIFE, WORKER};
use crate::selection::Selection;
use crate::store::Store;

/// Pages neither repeat nor leave out a job, also among jobs of one millisecond and when jobs go.
pub async fn listing_goes_from_newest_to_oldest(store: &dyn Store) {
    assert_eq!(store.list(None, 3).await.expect("list").jobs, []);
    // Three jobs of the same millisecond, then one each.
    let times = [7, 7, 7, 8, 9, 10, 11];
    for (number, time) in (1..).zip(times) {
        store.create(&new_job(number, Timestamp::from_millis(time))).await.expect("create");
    }
    let expected: Vec<_> = [7, 6, 5, 4, 3, 2, 1].map(job_id).to_vec();
    for limit in 1..=8 {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = store.list(cursor.as_deref(), limit).await.expect("list");
            assert!(page.jobs.len() <= limit);
            seen.extend(page.jobs.iter().map(|stored| stored.job.id));
            pages += 1;
            assert!(pages <= times.len(), "the listing goes round in circles");
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "limit {limit}");
        assert_eq!(pages, times.len().div_ceil(limit), "no empty page at the end, limit {limit}");
    }

    // The job that the cursor names goes away between two pages, and a new one comes.
    let page = store.list(None, 5).await.expect("list");
    let gone = loaded(store, job_id(3)).await;
    assert!(store.remove(&gone.job, gone.version).await.expect("remove"));
    store.create(&new_job(20, Timestamp::from_millis(20))).await.expect("create");
    let rest = store.list(page.next.as_deref(), 5).await.expect("list");
    let rest: Vec<_> = rest.jobs.iter().map(|stored| stored.job.id).collect();
    assert_eq!(rest, [2, 1].map(job_id));

    assert_eq!(store.list(None, usize::MAX).await.expect("list").jobs.len(), 7);
    let nonsense = store.list(Some("nonsense"), 5).await.expect("list");
    assert_eq!((nonsense.jobs.len(), nonsense.next), (0, None), "a made-up cursor ends the listing");
}

/// Follows the pages to the end.
async fn all(store: &dyn Store, selection: &Selection, limit: usize) -> Vec<JobId> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.select(selection, cursor.as_deref(), limit).await.expect("select");
        assert!(page.jobs.len() <= limit);
        ids.extend(page.jobs.iter().map(|stored| stored.job.id));
        assert!(ids.len() < 100, "the listing goes round in circles");
        cursor = page.next;
        if cursor.is_none() {
            return ids;
        }
    }
}

/// A selection answers exactly the jobs that fit now, in the order of all, by pages of any size.
pub async fn a_selection_finds_what_fits(store: &dyn Store) {
    let elsewhere = WorkerId::from_uuid(Uuid::from_u128(0x88));
    for number in 1..=12 {
        match number % 4 {
            0 => drop(created(store, number).await),
            1 => drop(running(store, number, WORKER, LIFE).await),
            2 => drop(running(store, number, elsewhere, LIFE).await),
            _ => drop(queued(store, number).await),
        }
    }
    ended(store, job_id(5)).await;
    let phases = |names: &[PhaseName]| Some(names.iter().copied().collect::<BTreeSet<_>>());
    let (pending, assigned, stopped) = (PhaseName::Pending, PhaseName::Assigned, PhaseName::Stopped);
    let of = |phases, worker| Selection { phases, worker };
    for (selection, expected) in [
        (of(None, None), vec![12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (of(phases(&[pending]), None), vec![12, 11, 8, 7, 4, 3]),
        (of(phases(&[assigned, stopped]), None), vec![10, 9, 6, 5, 2, 1]),
        (of(phases(&[stopped]), None), vec![5]),
        (of(phases(&[PhaseName::Deleting]), None), vec![]),
        (of(phases(&[]), None), vec![]),
        (of(None, Some(WORKER)), vec![9, 1]),
        (of(phases(&[assigned]), Some(elsewhere)), vec![10, 6, 2]),
        (of(phases(&[stopped]), Some(WORKER)), vec![]),
        (of(None, Some(WorkerId::from_uuid(Uuid::from_u128(0x99)))), vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(job_id).collect();
        for limit in [1, 2, 3, 12, usize::MAX] {
            assert_eq!(all(store, &selection, limit).await, expected, "{selection:?} by {limit}");
        }
    }
    // The job that the cursor names leaves the selection between two pages.
    let selection = of(phases(&[assigned]), Some(elsewhere));
    let page = store.select(&selection, None, 1).await.expect("select");
    ended(store, job_id(10)).await;
    let rest = store.select(&selection, page.next.as_deref(), 9).await.expect("select");
    assert_eq!(rest.jobs.iter().map(|stored| stored.job.id).collect::<Vec<_>>(), [6, 2].map(job_id));
}

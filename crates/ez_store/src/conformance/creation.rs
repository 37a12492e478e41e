//! Creating once.

use ez_domain::job::Job;
use ez_domain::units::Timestamp;
use futures::future::join_all;

use super::fixture::{ended, loaded, new_job};
use crate::once::{Created, Once};
use crate::store::{CreateError, Store};

fn once(key: &str, body: &str) -> Once {
    Once { key: key.to_owned(), body: body.to_owned() }
}

fn job(number: u128) -> Job {
    new_job(number, Timestamp::from_millis(5))
}

/// A key stands for one job and one body, also when that job has ended and gone.
pub async fn a_key_makes_one_job(store: &dyn Store) {
    let (first, again) = (job(1), job(2));
    let key = once("key", "body");
    let made = async |job: &Job, key: &Once| store.create_once(job, Some(key)).await;
    assert_eq!(store.created_with(&key).await.expect("look"), None);
    assert_eq!(made(&first, &key).await.expect("create"), Created::New);
    assert_eq!(made(&first, &key).await.expect("after a lost answer"), Created::New);
    assert_eq!(made(&again, &key).await.expect("create"), Created::Before(first.id));
    assert_eq!(store.created_with(&key).await.expect("look"), Some(first.id));
    assert!(store.load(again.id).await.expect("load").is_none(), "nothing of the second one is there");

    let other_body = once("key", "other body");
    assert!(matches!(made(&again, &other_body).await, Err(CreateError::OtherBody)));
    assert!(matches!(store.created_with(&other_body).await, Err(CreateError::OtherBody)));
    assert_eq!(made(&again, &once("other key", "body")).await.expect("create"), Created::New);
    assert_eq!(store.list(None, 9).await.expect("list").jobs.len(), 2);

    // A refused creation does not use the key up.
    let mut same_stream_key = job(3);
    same_stream_key.credentials = first.credentials.clone();
    let third = once("third", "body");
    assert!(matches!(made(&same_stream_key, &third).await, Err(CreateError::Exists)));
    assert_eq!(store.created_with(&third).await.expect("look"), None);

    let gone = ended(store, first.id).await;
    assert!(store.remove(&gone.job, gone.version).await.expect("remove"));
    assert_eq!(made(&job(4), &key).await.expect("create"), Created::Before(first.id), "not made anew");
}

/// Of many at once one makes the job, and all are told which.
pub async fn rivals_with_one_key_make_one_job(store: &dyn Store) {
    for round in 0..20_u128 {
        let key = once(&format!("key {round}"), "body");
        let jobs: Vec<_> = (1..=8).map(|number| job(100 * round + number)).collect();
        let answers = join_all(jobs.iter().map(|job| store.create_once(job, Some(&key)))).await;
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.expect("create")).collect();
        let winners: Vec<_> =
            jobs.iter().zip(&answers).filter(|(_, answer)| **answer == Created::New).collect();
        let [(winner, _)] = winners.as_slice() else { panic!("round {round}: {answers:?}") };
        assert_eq!(loaded(store, winner.id).await.job, **winner);
        let told = answers.iter().filter(|answer| **answer == Created::Before(winner.id)).count();
        assert_eq!(told, 7, "round {round}: {answers:?}");
    }
    assert_eq!(store.list(None, 100).await.expect("list").jobs.len(), 20);
}

//! Lists: pages, filters and what they do not show.

use std::collections::BTreeSet;

use ez_store::Store as _;
use serde_json::Value;

use crate::support::{Answer, Api, NOBODY, id_of};

/// The address in `Link: <…>; rel="next"`.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link");
    link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).map(str::to_owned)
}

fn ids(answer: &Answer) -> Vec<String> {
    answer.json().as_array().unwrap().iter().map(|job| job["Id"].as_str().unwrap().to_owned()).collect()
}

/// Follows the links to the end; the number of each page, and all jobs.
async fn walk(api: &Api, path: &str) -> (Vec<usize>, Vec<String>) {
    let (mut sizes, mut all, mut path) = (Vec::new(), Vec::new(), path.to_owned());
    loop {
        let answer = api.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        sizes.push(ids(&answer).len());
        all.extend(ids(&answer));
        match next(&answer) {
            Some(next) => path = next,
            None => return (sizes, all),
        }
    }
}

#[tokio::test]
async fn pages_newest_first_without_gap_or_repetition() {
    let api = Api::start().await;
    assert_eq!(
        (api.get("/jobs").await.text.as_str(), api.get("/jobs/active").await.text.as_str()),
        ("[]", "[]")
    );
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(api.create_id().await.to_string());
    }
    made.reverse();
    assert_eq!(walk(&api, "/jobs").await, (vec![7], made.clone()));
    assert_eq!(walk(&api, "/jobs/?limit=3").await, (vec![3, 3, 1], made.clone()));
    assert_eq!(walk(&api, "/jobs?limit=7").await, (vec![7], made.clone()), "no link to an empty page");
    assert_eq!(walk(&api, "/jobs?limit=1").await.1, made);

    let first = api.get("/jobs?limit=3").await;
    let newer = api.create_id().await.to_string();
    let rest = walk(&api, &next(&first).unwrap()).await.1;
    assert_eq!(rest, made[3..], "a job that came meanwhile moves nothing");
    assert_eq!(ids(&api.get("/jobs?limit=1").await), [newer]);
}

#[tokio::test]
async fn filters_fit_the_state_and_fill_their_pages() {
    let api = Api::start().await;
    let (mut stopped, mut running) = (BTreeSet::new(), BTreeSet::new());
    for index in 0..9 {
        let id = api.create_id().await;
        match index % 3 {
            0 => {
                api.send("PUT", &format!("/jobs/{id}/stop")).await;
                stopped.insert(id.to_string());
            }
            1 => {
                api.listen(id).await;
                running.insert(id.to_string());
            }
            _ => {}
        }
    }
    let set = |(sizes, ids): (Vec<usize>, Vec<String>)| (sizes, ids.into_iter().collect::<BTreeSet<_>>());
    assert_eq!(set(walk(&api, "/jobs?state=stopped&limit=2").await), (vec![2, 1], stopped));
    assert_eq!(set(walk(&api, "/jobs?state=running&limit=2").await), (vec![2, 1], running.clone()));
    assert_eq!(set(walk(&api, "/jobs/active?limit=2").await), (vec![2, 1], running.clone()));
    assert_eq!(walk(&api, "/jobs/active/").await.1.len(), 3);
    assert_eq!(walk(&api, "/jobs?state=streaming").await.1.len(), 0);
    assert_eq!(walk(&api, "/jobs?state=created").await.1.len(), 3);

    assert_eq!(set(walk(&api, "/jobs?phase=listening&limit=1").await), (vec![1, 1, 1], running.clone()));
    assert_eq!(walk(&api, "/jobs?phase=listening&state=stopped").await.1.len(), 0, "both must fit");
    assert_eq!(walk(&api, "/jobs?phase=listening&state=running").await.1.len(), 3);
    let worker = api.get(&format!("/jobs/{}", running.first().unwrap())).await.json();
    let worker = worker["Assigned_worker_id"].as_str().unwrap().to_owned();
    assert_eq!(
        set(walk(&api, &format!("/jobs?worker={worker}&limit=2")).await),
        (vec![2, 1], running.clone())
    );
    assert_eq!(set(walk(&api, &format!("/jobs?state=running&worker={worker}")).await).1, running);
    assert_eq!(walk(&api, &format!("/jobs?state=created&worker={worker}")).await.1.len(), 0);
    assert_eq!(walk(&api, &format!("/jobs?worker={NOBODY}")).await, (vec![0], vec![]));
}

/// The index answers: a page of the few that fit does not cost a page of all.
#[tokio::test]
async fn a_rare_state_is_found_among_many_jobs_on_the_first_page() {
    let api = Api::start().await;
    let oldest = api.create_id().await;
    api.send("PUT", &format!("/jobs/{oldest}/stop")).await;
    let template = api.store.load(api.create_id().await).await.unwrap().unwrap().job;
    for number in 0..1_200_u128 {
        let mut job = template.clone();
        job.id = ez_domain::id::JobId::from_uuid(uuid::Uuid::from_u128(number + 1));
        job.credentials.stream_key_index = format!("index {number}");
        api.store.create(&job).await.unwrap();
    }
    let answer = api.get("/jobs?state=stopped").await;
    assert_eq!((ids(&answer), next(&answer)), (vec![oldest.to_string()], None));
    assert_eq!(ids(&api.get("/jobs?state=created&limit=500").await).len(), 500, "negative control");
}

#[tokio::test]
async fn no_list_shows_a_stream_key() {
    let api = Api::start().await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        let job = api.create().await;
        api.listen(id_of(&job)).await;
        keys.push(job["StreamKey"].as_str().unwrap().to_owned());
    }
    for path in ["/jobs", "/jobs/active", "/jobs?state=running"] {
        let answer = api.get(path).await;
        assert!(keys.iter().all(|key| !answer.text.contains(key)), "{path}");
        for job in answer.json().as_array().unwrap() {
            assert_eq!(job["StreamKey"], "********");
            assert_eq!(job["RtmpIngestUrl"], "rtmp://203.0.113.7:1936/live/********");
        }
        assert_eq!(ids(&answer).len(), 3);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let shown: Value = api.get(&format!("/jobs/{}", api.create_id().await)).await.json();
    assert_eq!(
        shown["StreamKey"].as_str().unwrap().len(),
        32,
        "negative control: one job is shown with its key"
    );
}

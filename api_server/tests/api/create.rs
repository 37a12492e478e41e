//! `POST /jobs` that succeeds.

use ez_queue::Command;
use ez_store::Store as _;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Answer, Api, id_of, repository_file, spec};

#[tokio::test]
async fn a_new_job_is_stored_queued_and_told_with_its_key() {
    let api = Api::start().await;
    let answer = api.post(spec().to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let mut job = answer.json();
    let id = id_of(&job);
    assert_eq!(answer.header("location"), format!("/jobs/{id}"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store", "it holds the stream key");
    let stored = api.store.load(id).await.unwrap().unwrap().job;
    assert_eq!(
        job["Time_created"],
        serde_json::to_value(
            jiff::Timestamp::from_millisecond(stored.created_at.millis().try_into().unwrap()).unwrap()
        )
        .unwrap()
    );
    assert_eq!(api.commands().await, [Command { job: id, generation: 1 }]);
    assert_eq!(api.store.in_outbox(0, 10).await.unwrap(), [id], "until a scheduler has taken it up");
    let key = job["StreamKey"].as_str().unwrap().to_owned();
    assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    assert!(!serde_json::to_string(&stored).unwrap().contains(&key), "no secret in clear in the record");
    assert!(stored.cost_millicores > 100, "{}", stored.cost_millicores);

    let text = serde_json::to_string_pretty(&job).unwrap();
    assert_eq!(text.matches(&id.to_string()).count(), 4, "identity and three addresses");
    job = serde_json::from_str(&text.replace(&id.to_string(), "[id]")).unwrap();
    job["StreamKey"] = json!("[key]");
    job["Time_created"] = json!("[time]");
    insta::assert_json_snapshot!("created_job", job);
}

#[tokio::test]
async fn the_sample_job_is_accepted_without_warnings() {
    let sample = repository_file("sample_live_job.json");
    let parsed = ez_api::create_job::parse(sample.as_bytes()).unwrap();
    assert_eq!((parsed.warnings, parsed.dry_run), (Vec::new(), false));
    let api = Api::start().await;
    let answer = api.post(sample).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let job = answer.json();
    assert_eq!(job["Job_validation_warnings"], "");
    let id = id_of(&job);
    assert_eq!(job["Playback_url"], format!("http://127.0.0.1:9000/ezlive/output_{id}/master.m3u8"));
    assert_eq!(job["Playback_urls"]["dash"], format!("http://127.0.0.1:9000/ezlive/output_{id}/master.mpd"));
    let sizes = |job: &serde_json::Value| -> Vec<(u64, u64)> {
        let videos = job["Spec"]["Output"]["Video_outputs"].as_array().unwrap();
        videos
            .iter()
            .map(|video| (video["Width"].as_u64().unwrap(), video["Height"].as_u64().unwrap()))
            .collect()
    };
    assert_eq!(sizes(&job), [(640, 360), (960, 540)]);
}

#[tokio::test]
async fn warnings_are_kept_and_a_dry_run_makes_nothing() {
    let api = Api::start().await;
    let mut unwise = spec();
    unwise["Output"]["Video_outputs"][0]["Preset"] = json!("slow");
    let expected = "Warnings: 0: /Output/Video_outputs/0/Preset:";

    let mut dry = unwise.clone();
    dry["Api_test"] = json!(1);
    let answer = api.post(dry.to_string()).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/plain; charset=utf-8"));
    assert!(answer.text.starts_with(expected), "{}", answer.text);
    assert_eq!(api.get("/jobs").await.json(), json!([]));
    assert_eq!(api.commands().await, []);
    let mut clean = spec();
    clean["Api_test"] = json!(true);
    assert_eq!(api.post(clean.to_string()).await.text, "");

    let job = api.post(unwise.to_string()).await.json();
    assert!(job["Job_validation_warnings"].as_str().unwrap().starts_with(expected), "{job}");
    let again = api.get(&format!("/jobs/{}", id_of(&job))).await.json();
    assert_eq!(again["Job_validation_warnings"], job["Job_validation_warnings"]);
}

#[tokio::test]
async fn a_body_without_a_content_type_is_taken_for_json() {
    let api = Api::start().await;
    for content_type in [None, Some("application/json; charset=utf-8"), Some("application/vnd.ez.job+json")] {
        let mut request = api.request("POST", "/jobs/").body(spec().to_string());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{content_type:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_full_installation_takes_no_more() {
    let api = Api::start_with(|config| config.max_jobs = 2).await;
    api.create().await;
    api.create().await;
    let problem = api.post(spec().to_string()).await.problem(429);
    assert!(problem["detail"].as_str().unwrap().contains("Max_jobs"), "{problem}");
    assert_eq!(api.get("/jobs").await.json().as_array().unwrap().len(), 2);
}

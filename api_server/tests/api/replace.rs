//! `PUT /jobs/{id}`: another specification for a job that is at rest.

use ez_domain::fault::{Failure, Fault};
use ez_domain::id::{Epoch, JobId};
use ez_domain::lifecycle::{Event, RunOutcome, RunState};
use ez_store::Store as _;
use serde_json::{Value, json};

use crate::support::{Answer, Api, NOBODY, id_of, spec};

async fn put(api: &Api, id: impl std::fmt::Display, body: &Value) -> Answer {
    let request = api.request("PUT", &format!("/jobs/{id}")).header("content-type", "application/json");
    Answer::of(request.body(body.to_string()).send().await.unwrap()).await
}

/// One rendition, larger and dearer than that of [`spec`], and unwise.
fn other() -> Value {
    let mut other = spec();
    other["Output"]["Video_outputs"][0]["Width"] = json!(1280);
    other["Output"]["Video_outputs"][0]["Height"] = json!(720);
    other["Output"]["Video_outputs"][0]["Preset"] = json!("slow");
    other
}

async fn fail(api: &Api, id: JobId, epoch: Epoch) {
    let failure = Failure::final_(Fault::Caller, "the specification cannot be made");
    let state = RunState::Exited { outcome: RunOutcome::Failed { failure }, committed_segments: 0 };
    api.apply(id, Event::Reported { epoch, state }).await;
}

#[tokio::test]
async fn a_stopped_job_gets_another_specification_for_its_next_run() {
    let api = Api::start().await;
    let created = api.create().await;
    let id = id_of(&created);
    let epoch = api.listen(id).await;
    api.send("PUT", &format!("/jobs/{id}/stop")).await;
    api.exit(id, epoch).await;
    api.commands().await;
    let before = api.store.load(id).await.unwrap().unwrap();

    let answer = put(&api, id, &other()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let job = answer.json();
    assert_eq!(job["Spec"]["Output"]["Video_outputs"][0]["Width"], 1280);
    let warnings = job["Job_validation_warnings"].as_str().unwrap();
    assert!(warnings.contains("/Output/Video_outputs/0/Preset"), "{warnings}");
    assert_eq!((&job["State"], &job["StreamKey"]), (&json!("stopped"), &created["StreamKey"]));
    assert_eq!(api.get(&format!("/jobs/{id}")).await.json(), job);
    let after = api.store.load(id).await.unwrap().unwrap();
    assert!(after.job.cost_millicores > before.job.cost_millicores, "the cost is estimated anew");
    assert_eq!((after.version, after.job.generation), (before.version + 1, before.job.generation + 1));
    assert_eq!(api.commands().await, [], "nothing is to be done for a job at rest");
    let events = api.get(&format!("/jobs/{id}/events")).await.json();
    let last = events.as_array().unwrap().last().unwrap().clone();
    assert!(last["reason"].as_str().unwrap().contains("replaced"), "{last}");

    assert_eq!(put(&api, id, &other()).await.status, 200, "the same again");
    assert_eq!(api.store.load(id).await.unwrap().unwrap().version, after.version, "changes nothing");

    assert_eq!(api.send("PUT", &format!("/jobs/{id}/resume")).await.status, 202);
    api.listen(id).await;
    let run = api.store.load(id).await.unwrap().unwrap().job;
    assert_eq!((run.spec.video[0].width, run.last_epoch), (1280, epoch.next()));
    assert_eq!(api.store.audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_job_that_is_not_at_rest_keeps_its_specification() {
    let api = Api::start().await;
    let id = api.create_id().await;
    let problem = put(&api, id, &other()).await.problem(409);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("pending") && detail.contains("stop it first"), "{detail}");
    let epoch = api.listen(id).await;
    let problem = put(&api, id, &other()).await.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("listening"), "{problem}");
    assert_eq!(problem["instance"], format!("/jobs/{id}"));
    api.send("PUT", &format!("/jobs/{id}/stop")).await;
    put(&api, id, &other()).await.problem(409);
    let job = api.get(&format!("/jobs/{id}")).await.json();
    assert_eq!(job["Spec"]["Output"]["Video_outputs"][0]["Width"], 640, "a refusal changes nothing");

    api.exit(id, epoch).await;
    api.send("DELETE", &format!("/jobs/{id}")).await;
    let problem = put(&api, id, &other()).await.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("deleted"), "{problem}");
    put(&api, NOBODY, &other()).await.problem(404);
    put(&api, "x", &other()).await.problem(404);
}

#[tokio::test]
async fn a_failed_job_may_be_mended_but_keeps_its_bucket() {
    let api = Api::start().await;
    let id = api.create_id().await;
    let mut elsewhere = other();
    elsewhere["Output"]["S3_output"]["Bucket"] = json!("elsewhere");
    let epoch = api.listen(id).await;
    fail(&api, id, epoch).await;
    let problem = put(&api, id, &elsewhere).await.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("S3_output.Bucket"), "{problem}");
    let job = put(&api, id, &other()).await.json();
    assert_eq!(
        (&job["Phase"], &job["Failure"]["reason"]),
        (&json!("failed"), &json!("the specification cannot be made"))
    );

    let never_ran = api.create_id().await;
    api.send("PUT", &format!("/jobs/{never_ran}/stop")).await;
    let job = put(&api, never_ran, &elsewhere).await.json();
    assert_eq!(job["Spec"]["Output"]["S3_output"]["Bucket"], "elsewhere");
}

#[tokio::test]
async fn a_bad_document_or_a_dry_run_replaces_nothing() {
    let api = Api::start().await;
    let id = api.create_id().await;
    api.send("PUT", &format!("/jobs/{id}/stop")).await;
    let before = api.store.load(id).await.unwrap().unwrap();
    let problem = put(&api, id, &json!({"Output": {}})).await.problem(400);
    assert_eq!(problem["type"], "/problems/invalid-job");
    let mut dry = other();
    dry["Api_test"] = json!(1);
    let answer = put(&api, id, &dry).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.starts_with("Warnings: 0: /Output/Video_outputs/0/Preset:"), "{}", answer.text);
    let form = api.request("PUT", &format!("/jobs/{id}")).header("content-type", "text/plain").body("{}");
    Answer::of(form.send().await.unwrap()).await.problem(415);
    let large = api.request("PUT", &format!("/jobs/{id}")).body(" ".repeat(256 * 1024 + 1));
    Answer::of(large.send().await.unwrap()).await.problem(413);
    assert_eq!(api.store.load(id).await.unwrap().unwrap().version, before.version);
}

/// Of a resume and a replacement at the same moment, both or one succeed; the run gets what was answered.
#[tokio::test]
async fn a_resume_and_a_replacement_at_once_agree() {
    let api = Api::start().await;
    for round in 0..20 {
        let id = api.create_id().await;
        api.send("PUT", &format!("/jobs/{id}/stop")).await;
        let resume = format!("/jobs/{id}/resume");
        let other = other();
        let (replaced, resumed) = tokio::join!(put(&api, id, &other), api.send("PUT", &resume));
        assert_eq!(resumed.status, 202, "round {round}: {}", resumed.text);
        let job = api.store.load(id).await.unwrap().unwrap().job;
        assert_eq!(job.phase.name().as_str(), "pending");
        match replaced.status.as_u16() {
            200 => assert_eq!(job.spec.video[0].width, 1280, "round {round}"),
            409 => assert_eq!(job.spec.video[0].width, 640, "round {round}"),
            status => panic!("round {round}: {status}: {}", replaced.text),
        }
    }
}

//! A job through its life: seen, stopped, resumed, deleted.

use ez_domain::id::{Incarnation, WorkerId};
use ez_domain::job::Desired;
use ez_domain::lifecycle::Event;
use ez_queue::Command;
use ez_store::{Applied, RunFigures, Store as _, Totals};
use serde_json::{Value, json};

use crate::support::{Api, NOBODY, id_of};

fn phase(job: &Value) -> (&str, &str) {
    (job["State"].as_str().unwrap(), job["Phase"].as_str().unwrap())
}

#[tokio::test]
async fn the_whole_life() {
    let api = Api::start().await;
    let created = api.create().await;
    let id = id_of(&created);
    let path = format!("/jobs/{id}");
    assert_eq!(api.get(&path).await.json(), created, "get answers what create answered");
    assert_eq!(created["RtmpIngestUrl"], "");

    let epoch = api.listen(id).await;
    let key = created["StreamKey"].as_str().unwrap();
    let job = api.get(&path).await.json();
    assert_eq!(phase(&job), ("running", "listening"));
    assert_eq!(job["RtmpIngestUrl"], format!("rtmp://203.0.113.7:1936/live/{key}"));
    assert_eq!((&job["RtmpIngestPort"], &job["Epoch"]), (&json!(1936), &json!(epoch.number())));
    let figures =
        |json: &str| RunFigures { job: id, epoch, counted: Totals::default(), json: json.to_owned() };
    api.store.put_statistics(&[figures(r#"{"Ingress_kbps": 2500}"#)]).await.unwrap();
    assert_eq!(api.get(&path).await.json()["Statistics"]["Ingress_kbps"], 0, "figures that cannot be read");
    let json = serde_json::to_string(&ez_api::job::Statistics {
        ingress_kbps: 2500,
        bytes_ingested: 7,
        ..Default::default()
    });
    let counted = Totals { bytes_ingested: 7, ..Totals::default() };
    api.store.put_statistics(&[RunFigures { counted, ..figures(&json.unwrap()) }]).await.unwrap();
    let job = api.get(&path).await.json();
    assert_eq!((&job["Ingress_bandwidth_kbps"], &job["Total_bytes_ingested"]), (&json!(2500), &json!(7)));

    let problem = api.send("DELETE", &path).await.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("listening"), "{problem}");
    assert_eq!(problem["instance"], path);

    api.commands().await;
    let answer = api.send("PUT", &format!("{path}/stop")).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let job = answer.json();
    assert_eq!(
        (phase(&job), &job["Stop"], &job["StreamKey"]),
        (("running", "stopping"), &json!(true), &json!(key))
    );
    assert_eq!(api.commands().await, [Command { job: id, generation: 2 }]);
    api.exit(id, epoch).await;
    let job = api.get(&path).await.json();
    assert_eq!((phase(&job), &job["Stop"]), (("stopped", "stopped"), &json!(false)));
    assert_eq!((&job["RtmpIngestUrl"], &job["Playback_url"]), (&json!(""), &created["Playback_url"]));

    let answer = api.send("PUT", &format!("{path}/resume")).await;
    assert_eq!((answer.status.as_u16(), phase(&answer.json())), (202, ("created", "pending")));
    assert_eq!(answer.json()["StreamKey"], key, "the key survives");
    api.listen(id).await;
    api.send("PUT", &format!("{path}/stop/")).await;
    api.exit(id, epoch.next()).await;

    let answer = api.send("DELETE", &path).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["Delete"]), (202, &json!(true)));
    assert_eq!(api.send("DELETE", &path).await.status, 202, "asked again while it is being removed");
    assert_eq!(api.store.chores(10).await.unwrap(), [id]);
    for verb in ["stop", "resume"] {
        api.send("PUT", &format!("{path}/{verb}")).await.problem(409);
    }
    api.apply(id, Event::MediaRemoved).await;
    api.get(&path).await.problem(404);
    api.send("DELETE", &path).await.problem(404);
}

#[tokio::test]
async fn stop_of_what_is_off_and_resume_of_what_is_on_change_nothing() {
    let api = Api::start().await;
    let id = api.create_id().await;
    api.commands().await;
    for _ in 0..2 {
        let answer = api.send("PUT", &format!("/jobs/{id}/stop")).await;
        assert_eq!((answer.status.as_u16(), phase(&answer.json())), (202, ("stopped", "stopped")));
    }
    let generation = |job: &ez_domain::job::Job| job.generation;
    assert_eq!(generation(&api.store.load(id).await.unwrap().unwrap().job), 2);
    assert_eq!(api.commands().await, [], "nothing is left to do for a job that had no run");
    for _ in 0..2 {
        assert_eq!(api.send("PUT", &format!("/jobs/{id}/resume")).await.status, 202);
    }
    assert_eq!(generation(&api.store.load(id).await.unwrap().unwrap().job), 3, "two resumes, one generation");
    let commands = api.commands().await;
    assert!(!commands.is_empty() && commands.iter().all(|command| command.generation == 3), "{commands:?}");
}

#[tokio::test]
async fn two_resumes_at_once_start_one_run() {
    let api = Api::start().await;
    let id = api.create_id().await;
    let path = format!("/jobs/{id}/resume");
    for round in 1..=10 {
        let epoch = api.listen(id).await;
        assert_eq!(epoch.number(), round, "one run for both");
        let worker = WorkerId::from_uuid(uuid::Uuid::from_u128(7));
        let incarnation = Incarnation::from_uuid(uuid::Uuid::from_u128(8));
        assert_eq!(
            api.apply(id, Event::Placed { worker, incarnation }).await,
            Applied::Stale,
            "not a second"
        );
        api.send("PUT", &format!("/jobs/{id}/stop")).await;
        // Half of the rounds resume before the old run has ended.
        if round % 2 == 0 {
            api.exit(id, epoch).await;
        }
        let (first, second) = tokio::join!(api.send("PUT", &path), api.send("PUT", &path));
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (202, 202));
        if round % 2 == 1 {
            api.exit(id, epoch).await;
        }
        let job = api.store.load(id).await.unwrap().unwrap().job;
        assert_eq!((job.generation, job.phase.name().as_str()), (1 + 2 * round, "pending"));
    }
}

#[tokio::test]
async fn many_wishes_at_once_end_in_one_of_them() {
    let api = Api::start().await;
    let id = api.create_id().await;
    let stop = format!("/jobs/{id}/stop");
    let resume = format!("/jobs/{id}/resume");
    let (a, b, c, d) = tokio::join!(
        api.send("PUT", &stop),
        api.send("PUT", &resume),
        api.send("PUT", &stop),
        api.send("PUT", &resume)
    );
    for answer in [a, b, c, d] {
        assert_eq!(answer.status, 202, "{}", answer.text);
    }
    let job = api.store.load(id).await.unwrap().unwrap().job;
    let is_stopped = job.phase.name().as_str() == "stopped";
    assert_eq!(job.desired == Desired::Stopped, is_stopped);
}

#[tokio::test]
async fn media_is_kept_when_that_is_asked_for() {
    let api = Api::start().await;
    for (query, kept) in
        [("?keep_media=true", true), ("?keep_media=1", true), ("?keep_media=false", false), ("", false)]
    {
        let id = api.create_id().await;
        api.send("PUT", &format!("/jobs/{id}/stop")).await;
        assert_eq!(api.send("DELETE", &format!("/jobs/{id}{query}")).await.status, 202);
        let job = api.store.load(id).await.unwrap().unwrap().job;
        assert_eq!(job.desired, Desired::Deleted { keep_media: kept }, "{query}");
    }
    let id = api.create_id().await;
    api.send("PUT", &format!("/jobs/{id}/stop")).await;
    for query in ["?keep_medai=true", "?keep_media=yes", "?keep_media", "?keep_media=true&keep_media=false"] {
        api.send("DELETE", &format!("/jobs/{id}{query}")).await.problem(400);
    }
    assert_eq!(api.get(&format!("/jobs/{id}")).await.json()["Phase"], "stopped", "a slip removed nothing");
}

#[tokio::test]
async fn the_history_is_told_oldest_first() {
    let api = Api::start().await;
    let id = api.create_id().await;
    api.listen(id).await;
    api.send("PUT", &format!("/jobs/{id}/stop")).await;
    let events = api.get(&format!("/jobs/{id}/events/")).await.json();
    let events = events.as_array().unwrap();
    let phases: Vec<_> = events.iter().map(|event| event["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["pending", "assigned", "listening", "stopping"]);
    assert_eq!((&events[0]["reason"], &events[0]["fault"]), (&json!("created"), &Value::Null));
    let times: Vec<jiff::Timestamp> =
        events.iter().map(|event| event["at"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    api.get(&format!("/jobs/{NOBODY}/events")).await.problem(404);
}

//! What a worker tells about its host and its runs.

use ez_testkit::metrics::Exposition;
use ez_testkit::wait::eventually;

use crate::orders::{forgotten, has_exited, is_streaming, reported};
use crate::scheduler::{KEY_HASH, Scheduler, TOKEN, new_job, run, stop};
use crate::worker::{Host, PATIENCE, SECRET_KEY};

async fn told(host: &Host) -> Exposition {
    let (status, text) = host.call(reqwest::Method::GET, "/metrics", None).await.unwrap();
    assert_eq!(status, 200);
    for secret in [TOKEN, SECRET_KEY, KEY_HASH] {
        assert!(!text.contains(secret), "{secret} is told");
    }
    Exposition::parse(&text).unwrap()
}

#[tokio::test]
async fn a_run_has_series_as_long_as_it_lives() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let none = told(&host).await;
    assert_eq!(none.value("ezls_host_runs", &[("state", "streaming")]), Some(0.0));
    assert!(none.series("ezls_input_bits_per_second").is_empty());
    assert_eq!(none.value("ezls_host_max_runs", &[]), Some(3.0));
    assert!(none.value("ezls_host_capacity_cores", &[]) > Some(0.0));
    assert!(none.value("ezls_heartbeats_sent_total", &[("result", "ok")]) >= Some(1.0));
    assert_eq!(none.value("ezls_scheduler_up", &[]), Some(1.0));
    assert!(none.value("ezls_scheduler_contact_age_seconds", &[]).is_some());

    let (order, other) = (run(new_job(), 4), run(new_job(), 1));
    scheduler.order(vec![order.clone(), other.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    reported(&scheduler, &other, "the other stream", is_streaming).await;
    let (job, rest) = (order.job.to_string(), other.job.to_string());
    let live = told(&host).await;
    assert_eq!(live.value("ezls_input_bits_per_second", &[("job_id", &job)]), Some(2_500_000.0));
    assert_eq!(live.value("ezls_run_connected", &[("job_id", &job)]), Some(1.0));
    assert_eq!(live.value("ezls_run_restarts_total", &[("job_id", &job)]), Some(0.0));
    assert_eq!(live.value("ezls_host_runs", &[("state", "streaming")]), Some(2.0));
    assert_eq!(live.value("ezls_transcoder_starts_total", &[("result", "ok")]), Some(2.0));
    assert_eq!(live.undocumented("worker_app").unwrap(), Vec::<String>::new());

    // A transcoder that dies is started again under the same series.
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(pid_of(&host, &job).await).unwrap()),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    eventually(PATIENCE, "the restart to be told", || async {
        let restarts = told(&host).await.value("ezls_run_restarts_total", &[("job_id", &job)]);
        if restarts == Some(1.0) { Ok(()) } else { Err(format!("{restarts:?}")) }
    })
    .await
    .unwrap();

    scheduler.order(vec![stop(&order), other.clone()]);
    reported(&scheduler, &order, "its end", has_exited).await;
    let ended = told(&host).await;
    for (name, _) in ended.families() {
        for suffix in ["", "_total"] {
            let gone = ended.value(&format!("{name}{suffix}"), &[("job_id", &job)]);
            assert_eq!(gone, None, "{name} of a run that ended");
        }
    }
    assert_eq!(ended.value("ezls_run_connected", &[("job_id", &rest)]), Some(1.0), "the other goes on");
    eventually(PATIENCE, "the end to be counted", || async {
        let stopped = told(&host).await.value("ezls_runs_ended_total", &[("outcome", "stopped")]);
        if stopped == Some(1.0) { Ok(()) } else { Err(format!("{stopped:?}")) }
    })
    .await
    .unwrap();
    scheduler.order(vec![stop(&other)]);
    reported(&scheduler, &other, "the other's end", has_exited).await;
    scheduler.order(Vec::new());
    forgotten(&scheduler).await;
    assert!(told(&host).await.series("ezls_run_connected").is_empty());
}

/// The process that holds a job's run, as `GET /runs` tells it.
async fn pid_of(host: &Host, job: &str) -> u64 {
    let (_, text) = host.get("/runs").await.unwrap();
    let runs: serde_json::Value = serde_json::from_str(&text).unwrap();
    let own = runs.as_array().unwrap().iter().find(|run| run["job"] == job).unwrap();
    own["pid"].as_u64().unwrap()
}

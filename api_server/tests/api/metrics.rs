//! What the service tells about itself, on a port that the public may reach.

use std::sync::atomic::Ordering;

use ez_testkit::metrics::Exposition;

use crate::support::{Api, id_of};

async fn told(api: &Api) -> Exposition {
    let answer = api.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    Exposition::parse(&answer.text).unwrap()
}

fn requests(told: &Exposition, method: &str, route: &str, status: &str) -> f64 {
    let labels = [("service", "api_server"), ("method", method), ("route", route), ("status", status)];
    told.value("ezls_http_requests_total", &labels).unwrap_or(0.0)
}

#[tokio::test]
async fn a_created_job_is_counted_and_not_named() {
    let api = Api::start().await;
    let before = told(&api).await;
    assert_eq!(before.value("ezls_jobs_created_total", &[]), Some(0.0));
    let job = api.create().await;
    api.queue.fails.store(true, Ordering::SeqCst);
    api.create().await;
    assert_eq!(api.send("PUT", &format!("/jobs/{}/stop/", id_of(&job))).await.status, 202);
    api.post("{}").await.problem(400);

    let after = told(&api).await;
    assert_eq!(after.value("ezls_jobs_created_total", &[]), Some(2.0));
    assert_eq!(after.value("ezls_job_wishes_total", &[("wish", "stop")]), Some(1.0));
    for (result, expected) in [("queued", 1.0), ("outbox", 1.0)] {
        assert_eq!(after.value("ezls_commands_announced_total", &[("result", result)]), Some(expected));
    }
    assert_eq!(requests(&after, "POST", "/jobs", "2xx"), 2.0);
    assert_eq!(requests(&after, "POST", "/jobs", "4xx"), 1.0);
    assert_eq!(requests(&after, "PUT", "/jobs/{id}/stop", "2xx"), 1.0);
    assert_eq!(after.undocumented("api_server").unwrap(), Vec::<String>::new());

    let text = api.get("/metrics").await.text;
    for secret in
        [job["StreamKey"].as_str().unwrap(), job["Id"].as_str().unwrap(), crate::support::MASTER_KEY]
    {
        assert!(!text.contains(secret), "{secret} is told");
    }
}

#[tokio::test]
async fn metrics_can_be_switched_off() {
    let api = Api::start_with(|config| config.metrics = false).await;
    api.get("/metrics").await.problem(404);
    assert_eq!(api.get("/healthz").await.status, 200);
}

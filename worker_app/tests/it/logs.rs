//! What runs logged, told to the API, and what the worker itself logs about runs.

use serde_json::{Value, json};

use crate::orders::{forgotten, has_exited, reported};
use crate::scheduler::{Scheduler, new_job, run};
use crate::transcoder::behave;
use crate::worker::Host;

async fn told(host: &Host, path: &str) -> Vec<Value> {
    let (status, text) = host.get(path).await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_run_s_last_lines_are_told_also_after_it_is_forgotten() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    behave(&host.data(), "crash");
    let order = run(new_job(), 4);
    let path = format!("/jobs/{}/logs", order.job);
    assert_eq!(told(&host, &format!("{path}?lines=9")).await, Vec::<Value>::new());
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "its end", has_exited).await;
    let said = json!({"epoch": 4, "line": r#"{"level":"ERROR","message":"the flux capacitor is empty"}"#});
    let lines = told(&host, &format!("{path}?lines=1000")).await;
    assert!(lines.contains(&said), "{lines:?}");
    scheduler.order(Vec::new());
    forgotten(&scheduler).await;
    assert_eq!(told(&host, &format!("{path}?lines=1000")).await, lines);
    assert_eq!(told(&host, &format!("{path}?lines=1")).await, lines[lines.len() - 1..]);
    let stranger = format!("/jobs/{}/logs?lines=9", new_job());
    assert_eq!(told(&host, &stranger).await, Vec::<Value>::new());

    let (status, _) = host.call(reqwest::Method::GET, &format!("{path}?lines=9"), None).await.unwrap();
    assert_eq!(status, 401, "only the services are told");
    for bad in ["/jobs/x/logs?lines=9", "/jobs/..%2f..%2fx/logs?lines=9", &path, &format!("{path}?lines=-1")]
    {
        let (status, text) = host.get(bad).await.unwrap();
        assert_eq!(status, 400, "{bad}: {text}");
    }
}

#[tokio::test]
async fn each_line_about_a_run_names_job_and_epoch() {
    for (behaviour, word) in [("crash", "transcoder died"), ("raves", "connection is dropped")] {
        let scheduler = Scheduler::start().await;
        let host = Host::started(&scheduler).await;
        behave(&host.data(), behaviour);
        let order = run(new_job(), 4);
        scheduler.order(vec![order.clone()]);
        reported(&scheduler, &order, "its end", has_exited).await;
        let log = host.log();
        // A line that has the job in a path or in its words is about the run, too.
        let about: Vec<_> = log.lines().filter(|line| line.contains(&order.job.to_string())).collect();
        assert!(about.len() >= 3 && about.iter().any(|line| line.contains(word)), "{behaviour}: {log}");
        for line in about {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&line["job"], &line["epoch"]), (&json!(order.job), &json!(4)), "{line}");
            assert_eq!(line["run"], format!("{}-4", order.job));
        }
    }
}

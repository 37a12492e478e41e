//! Transcoders that die or misbehave, and a scheduler that is away.

use std::time::Duration;

use ez_domain::fault::Fault;
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_testkit::wait::eventually;
use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::orders::{forgotten, has_exited, is_streaming, reported};
use crate::scheduler::{Mood, Scheduler, new_job, run, stop};
use crate::transcoder::behave;
use crate::worker::{Host, PATIENCE, lives, signal_to};

#[tokio::test]
async fn a_killed_transcoder_is_back_at_once_until_the_budget_is_spent() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    let mut pid = host.transcoder_pid().await;
    for restart in 1..=3 {
        let killed = Instant::now();
        signal_to(pid, Signal::SIGKILL);
        eventually(PATIENCE, "a restart", || async {
            let runs = host.runs().await;
            if runs[0]["restarts"] == restart { Ok(()) } else { Err(format!("{runs:?}")) }
        })
        .await
        .unwrap();
        assert!(killed.elapsed() < Duration::from_secs(1), "seen after {:?}", killed.elapsed());
        let old = pid;
        let run = eventually(PATIENCE, "another transcoder", || async {
            let run = host.connected().await;
            if run["pid"] == old { Err(run.to_string()) } else { Ok(run) }
        })
        .await
        .unwrap();
        assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
        assert_eq!((&run["restarts"], &run["rtmp_port"]), (&restart.into(), &host.rtmp_base.into()));
        pid = u32::try_from(run["pid"].as_u64().unwrap()).unwrap();
    }
    signal_to(pid, Signal::SIGKILL);
    let state = reported(&scheduler, &order, "the end", has_exited).await;
    let RunState::Exited { outcome: RunOutcome::Failed { failure }, .. } = state else { panic!("{state:?}") };
    assert_eq!((failure.fault, failure.retryable), (Fault::Worker, true));
    assert!(failure.reason.contains("killed by SIGKILL"), "{}", failure.reason);
    assert_eq!(host.starts(), 4);
    // Its port is free again.
    scheduler.order(Vec::new());
    forgotten(&scheduler).await;
}

#[tokio::test]
async fn one_that_cannot_even_start_fails_with_its_exit_status_and_last_line() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    behave(&host.data(), "crash");
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    let state = reported(&scheduler, &order, "the end", has_exited).await;
    let RunState::Exited { outcome: RunOutcome::Failed { failure }, committed_segments } = state else {
        panic!("{state:?}")
    };
    assert_eq!(committed_segments, 0);
    assert!(failure.reason.contains("exit status 3"), "{}", failure.reason);
    assert!(failure.reason.contains("the flux capacitor is empty"), "{}", failure.reason);
    assert_eq!(host.starts(), 4);
}

#[tokio::test]
async fn what_a_transcoder_says_about_its_end_is_believed() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    behave(&host.data(), "fail");
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    let state = reported(&scheduler, &order, "the end", has_exited).await;
    let RunState::Exited { outcome: RunOutcome::Failed { failure }, committed_segments } = state else {
        panic!("{state:?}")
    };
    assert_eq!((failure.fault, failure.retryable, committed_segments), (Fault::Destination, false, 5));
    assert_eq!(host.starts(), 1, "no second try after a last word");
}

#[tokio::test]
async fn a_transcoder_that_dies_while_stopping_gets_another_try_but_never_counts_as_stopped() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    behave(&host.data(), "die-on-stop");
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    scheduler.order(vec![stop(&order)]);
    let state = reported(&scheduler, &order, "the end", has_exited).await;
    let RunState::Exited { outcome: RunOutcome::Failed { failure }, .. } = state else { panic!("{state:?}") };
    assert!(
        failure.reason.contains("exit status 4") && failure.reason.contains("while it was being stopped"),
        "{failure:?}"
    );
    assert_eq!(host.diary().iter().filter(|line| line.starts_with("stop ")).count(), 4);
}

#[tokio::test]
async fn garbage_drops_the_connection_and_nothing_else() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    let hello = format!(
        r#"{{"message":"hello","job":"{}","epoch":1,"pid":{},"rtmp_port":1}}"#,
        order.job,
        std::process::id()
    );
    let long = "x".repeat(70 * 1024);
    for (text, answered) in [
        ("garbage\n".to_owned(), false),
        (format!("{long}\n"), false),
        ("\u{0}\n".to_owned(), false),
        (format!("{}\n", hello.replace(&std::process::id().to_string(), "1")), false),
        // A second process of the same run is sent away.
        (format!("{hello}\n"), true),
    ] {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::UnixStream::connect(host.data().join("control.sock")).await.unwrap();
        drop(stream.write_all(text.as_bytes()).await);
        let mut answer = Vec::new();
        // A reset counts as an end: the worker closed with bytes unread.
        drop(
            tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the worker closes"),
        );
        let sent_away = String::from_utf8_lossy(&answer).contains("abandon");
        assert_eq!(sent_away, answered, "{:.80}: {answer:?}", text);
    }
    assert_eq!(host.transcoder_pid().await, pid);
    assert_eq!(host.get("/healthz").await.unwrap().0, 200);
    assert_eq!(host.starts(), 1);
    assert!(is_streaming(&scheduler.status(&order).unwrap().state));
}

#[tokio::test]
async fn while_the_scheduler_is_away_runs_go_on_and_are_restarted() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    for mood in [Mood::Refusing, Mood::Hanging] {
        let pid = host.transcoder_pid().await;
        {
            let mut book = scheduler.book();
            book.mood = mood;
            book.calls_while_away = 0;
        }
        eventually(PATIENCE, "calls in vain", || {
            let calls = scheduler.book().calls_while_away;
            async move { if calls >= 3 { Ok(()) } else { Err(calls) } }
        })
        .await
        .unwrap();
        assert!(lives(pid), "{mood:?}");
        signal_to(pid, Signal::SIGKILL);
        eventually(PATIENCE, "another transcoder", || async {
            let now = host.transcoder_pid().await;
            if now == pid { Err("the old one") } else { Ok(()) }
        })
        .await
        .unwrap();
        scheduler.book().mood = Mood::Up;
        reported(&scheduler, &order, "the stream again", is_streaming).await;
    }
    assert!(!host.diary().iter().any(|line| line.starts_with("abandon") || line.starts_with("stop")));
}

#[tokio::test]
async fn readiness_follows_the_heartbeats() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    scheduler.book().mood = Mood::Refusing;
    let text = eventually(PATIENCE, "a worker that is not ready", || async {
        match host.get("/readyz").await {
            Ok((503, text)) => Ok(text),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    assert!(text.contains("no heartbeat was answered") && text.contains("503"), "{text}");
    scheduler.book().mood = Mood::Up;
    host.ready().await;
}

#[tokio::test]
async fn a_scheduler_that_forgot_the_worker_gets_a_registration_and_ends_no_run() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    scheduler.book().known = false;
    eventually(PATIENCE, "registrations", || {
        let count = scheduler.book().registrations.len();
        async move { if count >= 3 { Ok(()) } else { Err(count) } }
    })
    .await
    .unwrap();
    scheduler.book().known = true;
    host.ready().await;
    reported(&scheduler, &order, "the stream", is_streaming).await;
    assert!(lives(pid));
    assert_eq!(host.diary().len(), 1, "{:?}", host.diary());
}

#[tokio::test]
async fn a_frozen_transcoder_is_replaced() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    signal_to(pid, Signal::SIGSTOP);
    eventually(Duration::from_secs(40), "another transcoder", || async {
        let now = host.transcoder_pid().await;
        if now == pid { Err("the old one") } else { Ok(()) }
    })
    .await
    .unwrap();
    assert!(!lives(pid) && host.log().contains("it said nothing for 20 s"));
}

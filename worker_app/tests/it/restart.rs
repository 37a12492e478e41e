//! The worker dies and comes back: its transcoders must not notice.

use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_testkit::wait::eventually;
use nix::sys::signal::Signal;

use crate::orders::{forgotten, has_exited, is_streaming, reported};
use crate::scheduler::{Mood, Scheduler, hold, new_job, run, stop};
use crate::worker::{Host, PATIENCE, lives, signal_to};

#[tokio::test]
async fn a_killed_worker_takes_its_transcoders_up_again() {
    let scheduler = Scheduler::start().await;
    let mut host = Host::started(&scheduler).await;
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    host.signal(Signal::SIGKILL);
    host.ended().await;
    assert!(lives(pid), "a transcoder does not die with its worker");
    let before = scheduler.book().beats.len();
    host.start();
    let run_now = host.connected().await;
    assert_eq!((&run_now["pid"], &run_now["adopted"]), (&pid.into(), &true.into()));
    reported(&scheduler, &order, "the stream", is_streaming).await;
    {
        let book = scheduler.book();
        for (_, beat) in &book.beats[before..] {
            assert!(
                beat.runs.iter().any(|run| run.job == order.job),
                "every beat of the new life names the run"
            );
        }
    }
    // The port stays taken.
    let other = run(new_job(), 1);
    scheduler.order(vec![order.clone(), other.clone()]);
    let state = reported(&scheduler, &other, "another stream", is_streaming).await;
    let RunState::Streaming { ingest, .. } = state else { unreachable!() };
    assert_eq!(ingest.port, host.rtmp_base + 1);
    assert_eq!(host.starts(), 2, "one a run");

    // An adopted one obeys, and its end is seen.
    scheduler.order(vec![stop(&order), other.clone()]);
    let state = reported(&scheduler, &order, "its end", has_exited).await;
    assert_eq!(state, RunState::Exited { outcome: RunOutcome::Stopped, committed_segments: 7 });
    assert!(!lives(pid));
}

#[tokio::test]
async fn an_adopted_transcoder_that_crashes_is_started_again_without_the_scheduler() {
    let scheduler = Scheduler::start().await;
    let mut host = Host::started(&scheduler).await;
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    scheduler.book().mood = Mood::Refusing;
    host.signal(Signal::SIGKILL);
    host.ended().await;
    host.start();
    eventually(PATIENCE, "the worker's routes", || async { host.get("/healthz").await.map(drop) })
        .await
        .unwrap();
    assert_eq!(host.transcoder_pid().await, pid);
    let killed = tokio::time::Instant::now();
    signal_to(pid, Signal::SIGKILL);
    let run_now = eventually(PATIENCE, "another transcoder", || async {
        let run = host.connected().await;
        if run["pid"] == pid { Err(run.to_string()) } else { Ok(run) }
    })
    .await
    .unwrap();
    assert!(killed.elapsed().as_secs() < 3, "{:?}", killed.elapsed());
    assert_eq!((&run_now["adopted"], &run_now["rtmp_port"]), (&false.into(), &host.rtmp_base.into()));
    scheduler.book().mood = Mood::Up;
    reported(&scheduler, &order, "the stream", is_streaming).await;
    assert_eq!(host.starts(), 2);
}

#[tokio::test]
async fn a_transcoder_whose_record_is_lost_reports_itself() {
    let scheduler = Scheduler::start().await;
    let mut host = Host::started(&scheduler).await;
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    // Nobody starts a second one while the scheduler cannot be asked.
    scheduler.book().mood = Mood::Refusing;
    host.signal(Signal::SIGKILL);
    host.ended().await;
    std::fs::write(host.run_folder(&order).join("worker.json"), b"{").unwrap();
    host.start();
    eventually(PATIENCE, "the worker's routes", || async { host.get("/healthz").await.map(drop) })
        .await
        .unwrap();
    assert_eq!(host.transcoder_pid().await, pid);
    {
        let mut book = scheduler.book();
        book.beats.clear();
        book.mood = Mood::Up;
    }
    // With the second beat the answer to the first has been taken in: how to start the run.
    eventually(PATIENCE, "two beats", || {
        let count = scheduler.book().beats.len();
        async move { if count >= 2 { Ok(()) } else { Err(count) } }
    })
    .await
    .unwrap();
    reported(&scheduler, &order, "the stream", is_streaming).await;
    assert_eq!(host.starts(), 1);
    signal_to(pid, Signal::SIGKILL);
    eventually(PATIENCE, "another transcoder", || async {
        if host.transcoder_pid().await == pid { Err("old") } else { Ok(()) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_died_with_the_worker_is_started_or_cleared_as_the_scheduler_says() {
    let scheduler = Scheduler::start().await;
    let mut host = Host::started(&scheduler).await;
    let (kept, dropped, unread) = (run(new_job(), 1), run(new_job(), 1), run(new_job(), 1));
    scheduler.order(vec![kept.clone(), dropped.clone(), unread.clone()]);
    for order in [&kept, &dropped, &unread] {
        reported(&scheduler, order, "a stream", is_streaming).await;
    }
    host.signal(Signal::SIGKILL);
    host.ended().await;
    for line in host.diary() {
        let pid: u32 = line.split(' ').nth(1).unwrap().parse().unwrap();
        signal_to(pid, Signal::SIGKILL);
        eventually(PATIENCE, "its end", || async { if lives(pid) { Err("lives") } else { Ok(()) } })
            .await
            .unwrap();
    }
    scheduler.book().beats.clear();
    scheduler.order(vec![kept.clone(), hold(&unread)]);
    let port = |host: &Host, order| -> u64 {
        let text = std::fs::read(host.run_folder(order).join("worker.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()["port"].as_u64().unwrap()
    };
    let before = [port(&host, &kept), port(&host, &unread)];
    host.start();
    reported(&scheduler, &kept, "the stream", is_streaming).await;
    assert_eq!(port(&host, &kept), before[0], "publishers find it where it was");
    eventually(PATIENCE, "a cleared folder", || async {
        if host.run_folder(&dropped).exists() { Err("there") } else { Ok(()) }
    })
    .await
    .unwrap();
    assert_eq!(host.starts(), 4);
    assert!(host.run_folder(&unread).exists(), "what cannot be read now may be wanted later");
    scheduler.order(vec![kept.clone(), unread.clone()]);
    reported(&scheduler, &unread, "the stream", is_streaming).await;
    assert_eq!((port(&host, &unread), host.starts()), (before[1], 5));
    scheduler.order(Vec::new());
    forgotten(&scheduler).await;
}

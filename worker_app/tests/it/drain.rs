//! SIGTERM: every run is ended in order, the scheduler is told, then the worker goes.

use ez_api::internal::Heartbeat;
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_domain::placement::Standing;
use ez_testkit::wait::eventually;
use nix::sys::signal::Signal;

use crate::orders::{is_streaming, reported};
use crate::scheduler::{Mood, Scheduler, new_job, run};
use crate::transcoder::behave;
use crate::worker::{Host, PATIENCE, lives};

fn is_draining(beat: &Heartbeat) -> bool {
    beat.standing == Standing::Draining
}

#[tokio::test]
async fn a_drain_ends_all_runs_tells_and_says_goodbye() {
    let scheduler = Scheduler::start().await;
    let mut host = Host::started(&scheduler).await;
    let orders = [run(new_job(), 1), run(new_job(), 1)];
    scheduler.order(orders.to_vec());
    for order in &orders {
        reported(&scheduler, order, "a stream", is_streaming).await;
    }
    host.signal(Signal::SIGTERM);
    assert_eq!(host.ended().await.code(), Some(0), "{}", host.log());
    let leaves = host.diary().iter().filter(|line| line.starts_with("leave ")).count();
    assert_eq!(leaves, 2);
    let book = scheduler.book();
    let left = RunState::Exited { outcome: RunOutcome::Left, committed_segments: 7 };
    for order in &orders {
        let told = book.beats.iter().any(|(_, beat)| {
            is_draining(beat) && beat.runs.iter().any(|run| run.job == order.job && run.state == left)
        });
        assert!(told, "{:?}", book.beats);
    }
    let goodbye = &book.beats.last().unwrap().1;
    assert!(is_draining(goodbye) && goodbye.runs.is_empty(), "{goodbye:?}");
}

#[tokio::test]
async fn a_draining_worker_takes_no_run_and_still_answers() {
    let scheduler = Scheduler::start().await;
    let mut host = Host::started(&scheduler).await;
    behave(&host.data(), "deaf");
    let old = run(new_job(), 1);
    scheduler.order(vec![old.clone()]);
    reported(&scheduler, &old, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    host.signal(Signal::SIGTERM);
    eventually(PATIENCE, "a draining beat", || {
        let draining = scheduler.last().is_some_and(|beat| is_draining(&beat));
        async move { if draining { Ok(()) } else { Err("none") } }
    })
    .await
    .unwrap();
    let new = run(new_job(), 1);
    scheduler.order(vec![old.clone(), new.clone()]);
    let state = reported(&scheduler, &new, "an answer", |_| true).await;
    assert_eq!(state, RunState::Exited { outcome: RunOutcome::Left, committed_segments: 0 });
    assert_eq!(host.get("/healthz").await.unwrap().0, 200);
    assert_eq!(host.starts(), 1);
    // The operator asks twice: the worker goes at once and leaves the run to the next one.
    host.signal(Signal::SIGTERM);
    assert_eq!(host.ended().await.code(), Some(143));
    assert!(lives(pid));
}

#[tokio::test]
async fn a_drain_does_not_wait_for_a_scheduler_that_is_away() {
    let scheduler = Scheduler::start().await;
    let mut host = Host::started(&scheduler).await;
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    scheduler.book().mood = Mood::Hanging;
    let began = tokio::time::Instant::now();
    host.signal(Signal::SIGTERM);
    assert_eq!(host.ended().await.code(), Some(0));
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert!(host.diary().iter().any(|line| line.starts_with("leave ")));
}

//! The scheduler's answer is the full set of runs: what follows from it.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use ez_api::internal::{RunDescription, RunOrder};
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_testkit::wait::eventually;
use tokio::time::Instant;

use crate::scheduler::{KEY_HASH, Scheduler, TOKEN, hold, new_job, run, stop};
use crate::transcoder::behave;
use crate::worker::{Host, PATIENCE, SECRET_KEY, lives};

/// Waits until the scheduler was told a state of the run that satisfies `wanted`.
pub(crate) async fn reported(
    scheduler: &Scheduler,
    order: &RunOrder,
    what: &str,
    wanted: impl Fn(&RunState) -> bool,
) -> RunState {
    eventually(PATIENCE, what, || {
        let status = scheduler.status(order);
        let answer = match status {
            Some(status) if wanted(&status.state) => Ok(status.state),
            other => Err(format!("{other:?}")),
        };
        async { answer }
    })
    .await
    .unwrap()
}

pub(crate) fn is_streaming(state: &RunState) -> bool {
    matches!(state, RunState::Streaming { .. })
}

pub(crate) fn has_exited(state: &RunState) -> bool {
    matches!(state, RunState::Exited { .. })
}

/// Waits until the newest report lists no run at all.
pub(crate) async fn forgotten(scheduler: &Scheduler) {
    eventually(PATIENCE, "a report without runs", || {
        let runs = scheduler.last().map(|beat| beat.runs);
        async move { if runs.as_ref().is_some_and(Vec::is_empty) { Ok(()) } else { Err(format!("{runs:?}")) } }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_run_is_started_reported_stopped_and_forgotten() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let order = run(new_job(), 4);
    scheduler.order(vec![order.clone()]);
    let state = reported(&scheduler, &order, "a stream", is_streaming).await;
    let RunState::Streaming { ingest, .. } = state else { unreachable!() };
    assert_eq!((ingest.host.as_str(), ingest.port), ("127.0.0.1", host.rtmp_base));
    assert_eq!(scheduler.status(&order).unwrap().statistics.ingress_kbps, 2500);

    scheduler.order(vec![stop(&order)]);
    let state = reported(&scheduler, &order, "its end", has_exited).await;
    assert_eq!(state, RunState::Exited { outcome: RunOutcome::Stopped, committed_segments: 7 });
    assert!(host.run_folder(&order).exists(), "kept until the scheduler has taken note");
    scheduler.order(Vec::new());
    forgotten(&scheduler).await;
    eventually(PATIENCE, "the folder's end", || async {
        if host.run_folder(&order).exists() { Err("there") } else { Ok(()) }
    })
    .await
    .unwrap();
    assert_eq!(host.starts(), 1);
}

#[tokio::test]
async fn the_description_comes_on_stdin_and_nothing_secret_is_visible() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    let pid = host.transcoder_pid().await;
    let folder = host.run_folder(&order);
    let text = std::fs::read_to_string(folder.join("description.json")).unwrap();
    let description: RunDescription = serde_json::from_str(&text).unwrap();
    assert_eq!((description.job, description.epoch), (order.job, order.epoch));
    assert_eq!(description.store.keys.as_ref().unwrap().1.expose(), SECRET_KEY);
    assert_eq!(description.stream_key.sha256, KEY_HASH);
    assert_eq!(description.tools.ffmpeg, host.folder().join("ffmpeg"), "absolute, as found in PATH");

    let seen = |name: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{name}")).unwrap();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    assert!(seen("environ").contains("PATH="), "the look at the environment works");
    assert!(seen("cmdline").contains("--exact"), "the look at the command line works");
    let mut places = vec![seen("cmdline"), seen("environ"), host.log()];
    places.push(std::fs::read_to_string(folder.join("worker.json")).unwrap());
    places.push(host.get("/runs").await.unwrap().1);
    for (place, text) in places.iter().enumerate() {
        for secret in [SECRET_KEY, TOKEN, "not-for-children"] {
            assert!(!text.contains(secret), "place {place}: {text}");
        }
    }
    assert!(places.iter().enumerate().all(|(place, text)| place == 3 || !text.contains(KEY_HASH)));
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("worker.json")), 0o600);
    assert_eq!(mode(&host.data().join("control.sock")), 0o600);
    assert_eq!(mode(&host.data().join(format!("logs/{}-1.log", order.job))), 0o600);
    let group = nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(pid.try_into().unwrap()))).unwrap();
    assert_eq!(group.as_raw(), i32::try_from(pid).unwrap(), "a process group of its own");
}

#[tokio::test]
async fn a_run_that_is_not_listed_is_abandoned_and_another_takes_its_place() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let job = new_job();
    let (old, new) = (run(job, 1), run(job, 2));
    scheduler.order(vec![old.clone()]);
    reported(&scheduler, &old, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    scheduler.order(vec![new.clone()]);
    let state = reported(&scheduler, &new, "the new stream", is_streaming).await;
    let RunState::Streaming { ingest, .. } = state else { unreachable!() };
    assert_eq!(ingest.port, host.rtmp_base, "its encoder finds it where it was");
    assert!(!lives(pid) && scheduler.status(&old).is_none());
    let diary = host.diary();
    assert!(
        diary.contains(&format!("abandon {pid}")) && !diary.contains(&format!("stop {pid}")),
        "{diary:?}"
    );
}

#[tokio::test]
async fn an_abandoned_transcoder_that_does_not_go_is_killed() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    behave(&host.data(), "deaf");
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    reported(&scheduler, &order, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    let began = Instant::now();
    scheduler.order(Vec::new());
    forgotten(&scheduler).await;
    assert!(!lives(pid));
    assert!((4..9).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(host.starts(), 1, "it is not started again");
}

#[tokio::test]
async fn the_next_run_of_a_job_waits_for_the_port_of_one_that_does_not_go() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    behave(&host.data(), "deaf");
    let job = new_job();
    let (old, new) = (run(job, 1), run(job, 2));
    scheduler.order(vec![old.clone()]);
    reported(&scheduler, &old, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    // As after a silence of the worker: the run is given up first, and then placed here again.
    scheduler.order(Vec::new());
    scheduler.book().beats.clear();
    eventually(PATIENCE, "the word to let go", || async {
        if scheduler.book().beats.is_empty() { Err("no beat") } else { Ok(()) }
    })
    .await
    .unwrap();
    let another = run(new_job(), 1);
    scheduler.order(vec![new.clone(), another.clone()]);
    let state = reported(&scheduler, &new, "the new stream", is_streaming).await;
    let RunState::Streaming { ingest, .. } = state else { unreachable!() };
    assert_eq!(ingest.port, host.rtmp_base, "its encoder finds it where it was");
    assert!(!lives(pid));
    reported(&scheduler, &another, "that of another job", is_streaming).await;
}

#[tokio::test]
async fn a_run_that_the_scheduler_cannot_read_goes_on_and_none_is_begun() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let (held, unknown) = (run(new_job(), 2), run(new_job(), 1));
    scheduler.order(vec![held.clone()]);
    reported(&scheduler, &held, "a stream", is_streaming).await;
    let pid = host.transcoder_pid().await;
    scheduler.order(vec![hold(&held), hold(&unknown)]);
    scheduler.book().beats.clear();
    eventually(PATIENCE, "three more beats", || async {
        let beats = scheduler.book().beats.len();
        if beats >= 3 { Ok(()) } else { Err(beats) }
    })
    .await
    .unwrap();
    assert!(scheduler.status(&held).is_some_and(|status| is_streaming(&status.state)));
    assert!(scheduler.status(&unknown).is_none());
    assert_eq!((host.transcoder_pid().await, host.starts()), (pid, 1));
}

#[tokio::test]
async fn a_stop_for_an_unknown_run_is_answered_with_its_end() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let order = stop(&run(new_job(), 9));
    scheduler.order(vec![order.clone()]);
    let state = reported(&scheduler, &order, "its end", has_exited).await;
    assert_eq!(state, RunState::Exited { outcome: RunOutcome::Left, committed_segments: 0 });
    scheduler.order(Vec::new());
    forgotten(&scheduler).await;
    assert_eq!(host.starts(), 0);
}

#[tokio::test]
async fn ports_of_others_are_passed_over_and_a_full_host_refuses() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let _stranger = TcpListener::bind(("127.0.0.1", host.rtmp_base)).unwrap();
    let orders: Vec<RunOrder> = (0..3).map(|_| run(new_job(), 1)).collect();
    scheduler.order(orders.clone());
    let states = eventually(PATIENCE, "two streams and a refusal", || {
        let states: Vec<RunState> =
            orders.iter().filter_map(|order| Some(scheduler.status(order)?.state)).collect();
        let settled = states.iter().filter(|state| is_streaming(state) || has_exited(state)).count() == 3;
        async move { if settled { Ok(states) } else { Err(format!("{states:?}")) } }
    })
    .await
    .unwrap();
    let mut ports: Vec<u16> = Vec::new();
    let mut refusals = Vec::new();
    for state in states {
        match state {
            RunState::Streaming { ingest, .. } => ports.push(ingest.port),
            RunState::Exited { outcome: RunOutcome::Rejected { reason }, .. } => refusals.push(reason),
            other => panic!("{other:?}"),
        }
    }
    ports.sort_unstable();
    assert_eq!(ports, [host.rtmp_base + 1, host.rtmp_base + 2]);
    assert!(refusals[0].contains("runs hold 2, other programs 1"), "{refusals:?}");
}

#[tokio::test]
async fn a_poke_and_a_change_make_a_beat_at_once_but_not_too_many() {
    let scheduler = Scheduler::start().await;
    scheduler.book().heartbeat_ms = 10_000;
    let host = Host::started(&scheduler).await;
    let beats = || scheduler.book().beats.len();
    let before = beats();
    let order = run(new_job(), 1);
    scheduler.order(vec![order.clone()]);
    let poked = Instant::now();
    assert_eq!(host.call(reqwest::Method::POST, "/poke", Some(TOKEN)).await.unwrap().0, 204);
    eventually(PATIENCE, "a beat", || async { if beats() > before { Ok(()) } else { Err("none") } })
        .await
        .unwrap();
    assert!(poked.elapsed() < Duration::from_secs(2), "{:?}", poked.elapsed());
    // No more pokes: each new state brings its own beat, long before the next one is due.
    reported(&scheduler, &order, "a stream", is_streaming).await;
    assert!(poked.elapsed() < Duration::from_secs(8), "{:?}", poked.elapsed());

    let (before, began) = (beats(), Instant::now());
    while began.elapsed() < Duration::from_secs(1) {
        host.call(reqwest::Method::POST, "/poke", Some(TOKEN)).await.unwrap();
    }
    let flood = beats() - before;
    assert!((2..=25).contains(&flood), "{flood} beats in a second");
}

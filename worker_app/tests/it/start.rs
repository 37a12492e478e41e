//! What is checked before a worker offers itself.

use std::process::Output;

use ez_domain::placement::Standing;
use ez_testkit::tools::Tool;
use ez_testkit::wait::eventually;

use crate::scheduler::Scheduler;
use crate::worker::{Host, PATIENCE, tool};

/// Runs the worker to its end, which must come by itself.
async fn refused(mut command: std::process::Command) -> Output {
    command.stderr(std::process::Stdio::piped());
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    tokio::time::timeout(std::time::Duration::from_secs(15), run).await.unwrap().unwrap()
}

#[tokio::test]
async fn unusable_tools_are_all_named_and_nothing_is_registered() {
    let scheduler = Scheduler::start().await;
    let host = Host::new(&scheduler);
    tool(host.folder(), "ffmpeg", "ffmpeg version 5.1.9-0+deb12u1 Copyright");
    tool(host.folder(), "packager", "error");
    std::fs::remove_file(host.folder().join("ffprobe")).unwrap();
    let mut command = host.command();
    command.env("PATH", host.folder()).env("EZ_TRANSCODER_PATH", "/nonexistent/worker_transcoder");
    // `echo` is built into the shell, so the tools need no PATH of their own.
    let output = refused(command).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "ffmpeg 5.1.9 is too old, 8.0.0 or later is needed",
        "cannot read the version of packager",
        "ffprobe is missing",
        "set ffprobe_path",
        "worker_transcoder is missing",
        "script/up",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(text.lines().filter(|line| line.contains("\"ERROR\"")).count(), 1, "one message: {text}");
    assert!(scheduler.book().registrations.is_empty());
}

#[tokio::test]
async fn a_worker_without_packager_says_so() {
    let scheduler = Scheduler::start().await;
    let host = Host::new(&scheduler);
    std::fs::remove_file(host.folder().join("packager")).unwrap();
    let mut command = host.command();
    command.env("PATH", host.folder());
    let output = refused(command).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in ["packager is missing", "set packager_path"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(scheduler.book().registrations.is_empty());
}

#[tokio::test]
async fn a_worker_with_a_full_disk_offers_no_place() {
    let scheduler = Scheduler::start().await;
    let mut host = Host::new(&scheduler);
    host.start_with(&[("EZ_LEAST_FREE_DISK_MIB", "1000000000000")]);
    host.ready().await;
    eventually(PATIENCE, "a beat", || {
        let standing = scheduler.last().map(|beat| beat.standing);
        async move { if standing == Some(Standing::DiskFull) { Ok(()) } else { Err(format!("{standing:?}")) } }
    })
    .await
    .unwrap();
    assert!(host.log().contains("the disk is full"), "{}", host.log());
}

#[tokio::test]
async fn the_pinned_tools_pass_and_their_versions_are_registered() {
    let scheduler = Scheduler::start().await;
    let mut host = Host::new(&scheduler);
    for (name, real) in [("ffmpeg", Tool::Ffmpeg), ("ffprobe", Tool::Ffprobe), ("packager", Tool::Packager)] {
        let path = host.folder().join(name);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(real.path().unwrap(), path).unwrap();
    }
    host.start();
    host.ready().await;
    let registered = scheduler.book().registrations[0].clone();
    assert_eq!(registered.tools.keys().collect::<Vec<_>>(), ["ffmpeg", "ffprobe", "packager"]);
    assert!(registered.tools["packager"].starts_with("3."), "{:?}", registered.tools);
    assert_eq!(registered.control_url, format!("http://127.0.0.1:{}", host.port));
    assert_eq!((registered.max_runs, registered.public_host.as_str()), (3, "127.0.0.1"));
    assert!(registered.capacity_millicores >= 1);
}

#[tokio::test]
async fn a_bad_configuration_ends_with_64() {
    let scheduler = Scheduler::start().await;
    let host = Host::new(&scheduler);
    for (variable, text, told) in
        [("EZ_WORKER_PORT", "http", "WorkerPort"), ("EZ_RTMP_PORTS", "many", "EZ_RTMP_PORTS")]
    {
        let mut command = host.command();
        command.env(variable, text);
        let output = refused(command).await;
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{message}");
        assert!(message.contains(told), "{message}");
    }
}

#[tokio::test]
async fn a_data_folder_has_one_worker_and_a_path_that_fits_a_socket() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let mut second = host.command();
    second.env("EZ_WORKER_PORT", "0");
    let output = refused(second).await;
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("another worker_app works in"), "{message}");

    let mut long = host.command();
    long.env("EZ_WORKER_PORT", "0").env("EZ_DATA_FOLDER", host.folder().join("x".repeat(100)));
    let output = refused(long).await;
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && message.contains("too long for a Unix socket"), "{message}");
    assert_eq!(scheduler.book().registrations.len(), 1);
}

#[tokio::test]
async fn routes_want_the_token_and_the_worker_survives_a_restart_with_its_identity() {
    let scheduler = Scheduler::start().await;
    let mut host = Host::started(&scheduler).await;
    for (method, path) in [(reqwest::Method::POST, "/poke"), (reqwest::Method::GET, "/runs")] {
        for token in [None, Some("wrong"), Some("")] {
            let (status, text) = host.call(method.clone(), path, token).await.unwrap();
            assert_eq!(status, 401, "{path} {token:?}: {text}");
        }
    }
    assert_eq!(host.get("/healthz").await.unwrap().0, 200);
    assert_eq!(host.get("/nothing").await.unwrap().0, 404);
    assert_eq!(host.get("/poke").await.unwrap().0, 405);
    host.signal(nix::sys::signal::Signal::SIGKILL);
    host.ended().await;
    host.start();
    host.ready().await;
    let book = scheduler.book();
    let [first, second] = book.registrations.as_slice() else { panic!("{:?}", book.registrations) };
    assert_eq!((first.worker, first.incarnation), (second.worker, second.incarnation));
    assert_eq!(book.wrong_tokens, 0);
}

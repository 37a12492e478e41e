use std::process::Stdio;

use ez_api::internal::{StoreAccess, ToolPaths};
use ez_domain::id::{Epoch, JobId, RunId};
use ez_domain::lifecycle::RunOutcome;
use ez_service::child;
use uuid::Uuid;

use super::*;
use crate::ports::PortPool;

fn launcher(folder: &std::path::Path) -> Arc<Launcher> {
    Arc::new(Launcher {
        data_folder: folder.to_owned(),
        transcoder: "/nonexistent".into(),
        tools: ToolPaths { ffmpeg: "ffmpeg".into(), packager: "packager".into() },
        store: StoreAccess { region: "r".into(), endpoint: None, required_checksums_only: false, keys: None },
        rtmp_bind: "127.0.0.1".into(),
        public_host: "127.0.0.1".into(),
        time_url: None,
        figures: crate::figures::Figures::default(),
    })
}

/// The words are on their way while the process is gone already, and reaped.
#[tokio::test]
async fn the_last_words_of_a_dead_process_count() {
    let folder = tempfile::tempdir().unwrap();
    let id = RunId { job: JobId::from_uuid(Uuid::new_v4()), epoch: Epoch::new(1) };
    let mut process = child::spawn(child::Spec {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), "read line; exit 1".into()],
        environment: Vec::new(),
        folder: folder.path().to_owned(),
        stdin: Stdio::piped(),
        stdout: Stdio::null(),
        stderr: Stdio::null(),
        dies_with_parent: true,
    })
    .await
    .unwrap();
    let (pid, stdin) = (process.id().unwrap(), process.stdin.take().unwrap());
    let (_wanted, wishes) = watch::channel(Wanted::hold(None));
    let (report, mut seen) = watch::channel(Seen::new(RunState::Starting, 1));
    let (inbox, messages) = mpsc::channel(8);
    let supervisor = Supervisor::new(
        id,
        launcher(folder.path()),
        PortPool::new("127.0.0.1", 1, 1, None).adopt(id.job, 1),
        (wishes, messages),
        (report, Arc::default()),
        CancellationToken::new(),
    );
    let talk = async {
        let (orders, _inbox) = mpsc::channel(1);
        inbox.send(Message::Connected(Link { number: 1, pid, orders })).await.unwrap();
        seen.wait_for(|seen| seen.connected).await.unwrap();
        drop(stdin);
        ez_testkit::wait::eventually(Duration::from_secs(5), "a reaped process", || async {
            if std::path::Path::new(&format!("/proc/{pid}")).exists() { Err("there") } else { Ok(()) }
        })
        .await
        .unwrap();
        let state = RunState::Exited { outcome: RunOutcome::Stopped, committed_segments: 9 };
        inbox
            .send(Message::Said { link: 1, state: state.clone(), statistics: Box::default() })
            .await
            .unwrap();
        inbox.send(Message::Disconnected { link: 1 }).await.unwrap();
        let last = seen.wait_for(Seen::has_ended).await.unwrap().state.clone();
        assert_eq!(last, state);
    };
    tokio::join!(supervisor.supervise(Some(Process::Own(process))), talk);
}

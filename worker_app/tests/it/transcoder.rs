//! A transcoder that transcodes nothing: it speaks the real protocol and does as told by a file.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use ez_api::internal::{FromTranscoder, RunDescription, ToTranscoder};
use ez_api::job::Statistics;
use ez_domain::fault::{Failure, Fault};
use ez_domain::job::Ingest;
use ez_domain::lifecycle::{RunOutcome, RunState};

/// Set by the script, so that the process plays a transcoder instead of testing anything.
const PLAY: &str = "EZ_PLAY_TRANSCODER";

/// Writes the script that starts this test program as a transcoder.
pub(crate) fn script(folder: &Path) -> PathBuf {
    let path = folder.join("worker_transcoder");
    let program = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\nexport {PLAY}=1\nexec '{}' --exact transcoder::plays_when_it_is_told_to --nocapture --test-threads=1 \"$@\"\n",
        program.display()
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// How transcoders behave; they look it up in `behaviour` in the data folder when they start.
pub(crate) fn behave(data: &Path, word: &str) {
    std::fs::write(data.join("behaviour"), word).unwrap();
}

/// Lines that transcoders wrote: `start <pid> <port>`, `stop <pid>`, `abandon <pid>`.
pub(crate) fn diary(data: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(data.join("diary")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Passes at once as a test. With [`PLAY`] set it is a transcoder and ends as one.
#[test]
#[expect(clippy::exit, reason = "a transcoder ends with an exit status of its own")]
fn plays_when_it_is_told_to() {
    if std::env::var_os(PLAY).is_some() {
        std::process::exit(play());
    }
}

struct Actor {
    description: RunDescription,
    data: PathBuf,
    behaviour: String,
}

fn play() -> i32 {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let description: RunDescription = serde_json::from_str(&text).unwrap();
    let data = description.control_socket.parent().unwrap().to_owned();
    let behaviour = std::fs::read_to_string(data.join("behaviour")).unwrap_or_default();
    std::fs::write(description.folder.join("description.json"), &text).unwrap();
    let actor = Actor { description, data, behaviour };
    actor.note(&format!("start {} {}", std::process::id(), actor.description.rtmp_port));
    if actor.behaviour == "crash" {
        eprintln!("{{\"level\":\"ERROR\",\"message\":\"the flux capacitor is empty\"}}");
        return 3;
    }
    let _listener =
        TcpListener::bind((actor.description.rtmp_bind.as_str(), actor.description.rtmp_port)).unwrap();
    actor.act()
}

impl Actor {
    fn note(&self, line: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.data.join("diary")).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn ingest(&self) -> Ingest {
        Ingest { host: self.description.public_host.clone(), port: self.description.rtmp_port }
    }

    /// Connects, again and again, until an order or the behaviour ends it.
    fn act(&self) -> i32 {
        loop {
            if let Ok(stream) = UnixStream::connect(&self.description.control_socket)
                && let Some(status) = self.converse(stream)
            {
                return status;
            }
            // The nearest thing to a pause that watches something: nobody sends here.
            let (_silent, nothing) = channel::<()>();
            let _ = nothing.recv_timeout(Duration::from_millis(20));
        }
    }

    fn converse(&self, mut stream: UnixStream) -> Option<i32> {
        let orders = listen(&stream);
        let hello = FromTranscoder::Hello {
            job: self.description.job,
            epoch: self.description.epoch,
            pid: std::process::id(),
            rtmp_port: self.description.rtmp_port,
        };
        say(&mut stream, &hello)?;
        if self.behaviour == "raves" {
            say(&mut stream, &hello)?;
            return Some(3);
        }
        if self.behaviour == "fail" {
            let failure = Failure::final_(Fault::Destination, "the bucket is gone");
            let outcome = RunOutcome::Failed { failure };
            say(&mut stream, &status(RunState::Exited { outcome, committed_segments: 5 }))?;
            return Some(1);
        }
        let mut state = RunState::Listening {
            ingest: self.ingest(),
            reason: "waiting for a publisher".into(),
            fault: None,
        };
        loop {
            say(&mut stream, &status(state))?;
            match orders.recv_timeout(Duration::from_millis(100)) {
                Ok(ToTranscoder::Abandon) => {
                    self.note(&format!("abandon {}", std::process::id()));
                    if self.behaviour != "deaf" {
                        return Some(0);
                    }
                }
                Ok(order @ (ToTranscoder::Stop | ToTranscoder::Leave)) => {
                    let (word, outcome) = match order {
                        ToTranscoder::Leave => ("leave", RunOutcome::Left),
                        ToTranscoder::Stop | ToTranscoder::Abandon => ("stop", RunOutcome::Stopped),
                    };
                    self.note(&format!("{word} {}", std::process::id()));
                    match self.behaviour.as_str() {
                        "deaf" => {}
                        "die-on-stop" => return Some(4),
                        _ => {
                            say(&mut stream, &status(RunState::Stopping))?;
                            say(&mut stream, &status(RunState::Exited { outcome, committed_segments: 7 }))?;
                            return Some(0);
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
            state = RunState::Streaming { ingest: self.ingest(), trouble: None };
        }
    }
}

fn status(state: RunState) -> FromTranscoder {
    FromTranscoder::Status {
        state,
        statistics: Statistics { ingress_kbps: 2500, ..Statistics::default() }.into(),
    }
}

/// `None` when the connection is gone.
fn say(stream: &mut UnixStream, message: &FromTranscoder) -> Option<()> {
    let mut line = serde_json::to_vec(message).unwrap();
    line.push(b'\n');
    stream.write_all(&line).ok()
}

fn listen(stream: &UnixStream) -> Receiver<ToTranscoder> {
    let (orders, inbox) = channel();
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if orders.send(serde_json::from_str(&line).unwrap()).is_err() {
                return;
            }
        }
    });
    inbox
}

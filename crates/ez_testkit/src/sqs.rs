//! A server that speaks SQS, shared by the tests of a program: moto, which keeps everything in memory.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::sync::OnceCell;

use crate::tools::{self, Tool};
use crate::wait::eventually;

/// How long a start may take on a loaded machine.
const READY_DEADLINE: Duration = Duration::from_secs(40);
/// How many ports are tried: the free one can be taken by somebody else meanwhile.
const PORT_ATTEMPTS: usize = 3;

/// The access key that requests carry: moto checks none.
pub const ACCESS_KEY: (&str, &str) = ("test", "test");
/// The region of its queues.
pub const REGION: &str = "us-east-1";

static SERVER: OnceCell<String> = OnceCell::const_new();

/// The address of the server, which is started by whoever asks first and ends with the program.
///
/// # Errors
/// When it does not start.
pub async fn endpoint() -> Result<String> {
    SERVER.get_or_try_init(start).await.cloned()
}

async fn start() -> Result<String> {
    let mut failures = Vec::new();
    for _ in 0..PORT_ATTEMPTS {
        match start_on(tools::free_port()?).await {
            Ok(endpoint) => return Ok(endpoint),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    bail!("moto did not start:\n{}", failures.join("\n"))
}

async fn start_on(port: u16) -> Result<String> {
    let program = Tool::Moto.path()?;
    let (started, child) = mpsc::channel();
    // A child can be told to die with the thread that started it; this one lives as long as the program.
    std::thread::spawn(move || {
        drop(started.send(spawn(&program, port)));
        loop {
            std::thread::park();
        }
    });
    let mut child = child.recv().context("the thread that starts moto")?.context("start moto")?;
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let url = format!("{endpoint}/moto-api/");
    eventually(READY_DEADLINE, "moto to answer", || async {
        let answer = http.get(&url).send().await?;
        ensure!(answer.status().is_success(), "it answers {}", answer.status());
        Ok::<_, anyhow::Error>(())
    })
    .await?;
    // Another server on the port would answer too.
    ensure!(child.try_wait()?.is_none(), "moto ended: the port was taken");
    Ok(endpoint)
}

fn spawn(program: &PathBuf, port: u16) -> std::io::Result<Child> {
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

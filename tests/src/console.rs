//! A user of the console: a headless Chromium that goes through its pages, and says what it needs.

use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use ez_testkit::tools::{Tool, workspace_root};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// Something that the user says.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// An encoder is to push to this address.
    Publish(String),
    /// This was seen in the page.
    Step(String),
}

/// A way through the console under way; killed when dropped.
pub struct Journey {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// A file and not a pipe: nobody has to read it for the browser to go on.
    complaints: NamedTempFile,
}

impl Journey {
    /// Opens the console at this address and goes through `tests/console/journey.mjs`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(console: &str) -> Result<Self> {
        let complaints = NamedTempFile::new().context("make a log for the browser")?;
        let mut child = Tool::Node
            .command()?
            .current_dir(workspace_root().join("tests/console"))
            .args(["journey.mjs", "--console", console])
            .stdout(Stdio::piped())
            .stderr(complaints.reopen().context("open the log of the browser")?)
            .spawn()
            .context("start the browser")?;
        let stdout = child.stdout.take().context("the browser's output")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines(), complaints })
    }

    /// What it says next; `None` when it went through to the end.
    ///
    /// # Errors
    /// When something was not as it must be; what the page showed is in the message.
    pub async fn next(&mut self) -> Result<Option<Said>> {
        let Some(line) = self.lines.next_line().await.context("read what the browser says")? else {
            let status = self.child.wait().await.context("wait for the browser")?;
            if status.success() {
                return Ok(None);
            }
            bail!("{status}: {}", std::fs::read_to_string(self.complaints.path()).unwrap_or_default());
        };
        let said: Value = serde_json::from_str(&line).with_context(|| format!("read {line}"))?;
        match (said["publish"].as_str(), said["step"].as_str()) {
            (Some(url), None) => Ok(Some(Said::Publish(url.to_owned()))),
            (None, Some(words)) => Ok(Some(Said::Step(words.to_owned()))),
            _ => bail!("the browser says {line}"),
        }
    }
}

//! The page of the API reference, in a browser.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::served::Served;
use ez_testkit::tools::{Tool, workspace_root};

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_shows_every_operation_and_sends_requests() -> Result<()> {
    let served = Served::start().await?;
    let output = Tool::Node
        .command()?
        .current_dir(workspace_root().join("tests/console"))
        .args(["reference.mjs", "--console", &served.base])
        .stdin(Stdio::null())
        .output()
        .await
        .context("run the browser")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

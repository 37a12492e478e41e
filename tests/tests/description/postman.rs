//! The Postman collection is that of the present API, and runs against it.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::installation::Installation;
use ez_e2e::postman;
use ez_e2e::served::Served;
use ez_testkit::tools::{Tool, workspace_root};

#[test]
fn the_collection_is_up_to_date() -> Result<()> {
    let path = workspace_root().join(postman::FILE);
    let present = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    ensure!(
        present == postman::text()?,
        "{} is out of date: cargo run -p ez_e2e --bin postman",
        postman::FILE
    );
    Ok(())
}

/// Runs the collection and answers whether it passed, with what was said.
async fn run(collection: &std::path::Path, base: &str) -> Result<(bool, String)> {
    let folder = workspace_root().join("tests/postman");
    let output = Tool::Node
        .command()?
        .current_dir(&folder)
        .args(["node_modules/newman/bin/newman.js", "run"])
        .arg(collection)
        .args(["--env-var", &format!("base={base}"), "--color", "off", "--disable-unicode"])
        .stdin(Stdio::null())
        .output()
        .await
        .context("run newman (script/test installs it)")?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.success(), said))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collection_runs_from_top_to_bottom() -> Result<()> {
    let installation = Installation::start(1).await?;
    let base = installation.stack.endpoints().api;
    let (passed, said) = run(&workspace_root().join(postman::FILE), base.trim_end_matches('/')).await?;
    ensure!(passed, "{said}");
    // Those that wait may look more than once.
    let requests = executed(&said, "requests").with_context(|| said.clone())?;
    ensure!(requests >= postman::steps(), "{requests} requests were made: {said}");
    Ok(())
}

/// A number of newman's summary: `| requests | executed | failed |`.
fn executed(said: &str, what: &str) -> Option<usize> {
    let line = said.lines().find(|line| line.contains(what) && line.contains('|'))?;
    line.split('|').map(str::trim).find_map(|cell| cell.parse().ok())
}

/// Negative control: an answer that is not as expected fails the run.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_is_noticed() -> Result<()> {
    let served = Served::start().await?;
    let wrong = postman::text()?.replace("have.status(201)", "have.status(202)");
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("collection.json");
    std::fs::write(&path, wrong)?;
    let (passed, said) = run(&path, &served.base).await?;
    ensure!(!passed && said.contains("202"), "{said}");
    Ok(())
}

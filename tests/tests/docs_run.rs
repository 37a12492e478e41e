//! The commands of docs/quickstart.md, docs/api.md and docs/ffmpeg.md do what these pages say.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::documents::{Document, read};
use ez_e2e::installation::{Installation, text};
use ez_testkit::machine::undisturbed;
use ez_testkit::tools::{Tool, run, workspace_root};
use ez_testkit::wait::eventually;
use reqwest::{Method, StatusCode};

/// The address of the API in all documents.
const API: &str = "http://127.0.0.1:1080";

/// bash as a reader has it: ffmpeg is the pinned one, and the first failing command ends it.
fn shell(script: &str, folder: &Path) -> Result<Command> {
    let tools: PathBuf = Tool::Ffmpeg.path()?.parent().context("a folder")?.to_owned();
    let search = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", script])
        .env("PATH", format!("{}:{search}", tools.display()))
        .env("no_proxy", "*")
        .current_dir(folder)
        .stdin(Stdio::null());
    Ok(command)
}

/// All commands that anybody can run, for an API elsewhere; the scripts that start and end everything
/// are left out.
fn runnable(document: &Document, api: &str) -> String {
    let commands = document.blocks().into_iter().filter(|block| block.is("sh local"));
    let commands: Vec<String> = commands.flat_map(|block| block.commands()).collect();
    let kept = commands.into_iter().filter(|command| !command.starts_with("script/"));
    kept.map(|command| command.replace(API, api.trim_end_matches('/')) + "\n").collect()
}

#[tokio::test]
async fn the_quick_start_leads_to_a_picture_and_back() -> Result<()> {
    let page = read(&workspace_root(), "docs/quickstart.md")?;
    undisturbed(async || {
        let installation = Installation::start(1).await?;
        let said = walk(&page, &installation).await?;
        ensure!(said.contains("#EXTM3U") && said.contains("#EXT-X-STREAM-INF"), "no playlist: {said}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_first_walk_through_the_api_arrives() -> Result<()> {
    let page = read(&workspace_root(), "docs/api.md")?;
    undisturbed(async || {
        let installation = Installation::start(1).await?;
        let said = walk(&page, &installation).await?;
        ensure!(said.contains("\"Phase\":"), "no job: {said}");
        Ok(())
    })
    .await
}

/// Does all that the page says, after which no job is left; answers what was said meanwhile.
async fn walk(page: &Document, installation: &Installation) -> Result<String> {
    let script = runnable(page, &installation.stack.endpoints().api);
    ensure!(script.lines().count() >= 9, "the commands were not found:\n{script}");
    let mut command = shell(&script, &workspace_root())?;
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let (said, complaints) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}\n{script}\n{said}\n{complaints}", installation.log());
    eventually(Duration::from_secs(60), "an empty list", || async {
        let (status, jobs) = installation.ask(Method::GET, "/jobs", None).await?;
        ensure!(status == StatusCode::OK && jobs.as_array().is_some_and(Vec::is_empty), "{jobs}");
        Ok::<_, anyhow::Error>(())
    })
    .await?;
    Ok(said.into_owned())
}

/// A publisher that is ended with the test.
struct Publisher(Child);

impl Drop for Publisher {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test]
async fn every_way_to_push_with_ffmpeg_is_taken() -> Result<()> {
    let pages = [read(&workspace_root(), "docs/ffmpeg.md")?, read(&workspace_root(), "README.md")?];
    let blocks = pages.iter().flat_map(Document::blocks).filter(|block| block.is("sh publish"));
    let commands: Vec<String> = blocks.flat_map(|block| block.commands()).collect();
    ensure!(commands.len() >= 5, "the commands were not found: {commands:#?}");
    let folder = tempfile::tempdir()?;
    // Longer than any wait below: a channel whose publisher has left is not called streaming.
    let mut file = Tool::Ffmpeg.command()?;
    file.current_dir(folder.path()).args([
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=640x360:rate=30",
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:sample_rate=48000",
        "-t",
        "60",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "30",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
        "input.mp4",
    ]);
    run(file).await?;
    undisturbed(async || {
        let installation = Installation::start(1).await?;
        let job = installation.sample_job()?;
        for command in &commands {
            let created = installation.create(&job).await?;
            let id = text(&created, "Id");
            let has_address = |job: &serde_json::Value| !text(job, "RtmpIngestUrl").is_empty();
            let listening = installation.until(id, "an address", 30, has_address).await?;
            let url = text(&listening, "RtmpIngestUrl");
            let mut publisher = shell(&format!("exec {command}"), folder.path())?;
            publisher.env("URL", url).env("RtmpIngestUrl", url).stdout(Stdio::null()).stderr(Stdio::null());
            let publisher = Publisher(publisher.spawn()?);
            let is_streaming = |job: &serde_json::Value| text(job, "State") == "streaming";
            installation.until(id, &format!("a picture from {command}"), 40, is_streaming).await?;
            drop(publisher);
            let (status, _) = installation.ask(Method::PUT, &format!("/jobs/{id}/stop"), None).await?;
            ensure!(status == StatusCode::ACCEPTED, "the stop is answered with {status}");
            // The next channel needs the room.
            installation.until(id, "the end", 60, |job| text(job, "State") == "stopped").await?;
        }
        Ok(())
    })
    .await
}

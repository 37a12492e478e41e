//! Plays a channel in headless Chromium and believes only moving pictures.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_testkit::tools::{Tool, workspace_root};
use serde_json::Value;

/// Longer than the check's own time limits.
const DEADLINE: Duration = Duration::from_secs(120);

/// Plays `seconds` of `manifest` with `player` (`shaka` or `hls.js`); answers the check's report.
///
/// # Errors
/// When the pictures do not move, or the player does not get through them; the report is in the message.
pub async fn play(manifest: &str, player: &str, seconds: u32) -> Result<Value> {
    let report = watch(manifest, player, seconds).await?;
    ensure!(report["ok"] == Value::Bool(true), "{player} does not play {manifest}: {report}");
    Ok(report)
}

/// As [`play`], whatever the check thinks of it.
///
/// The browser has three times as long as the media: its software decoder shares the cores with the
/// encoders under test, and a slow machine is no fault of the stream. What is broken plays never.
///
/// # Errors
/// When there is no report.
pub async fn watch(manifest: &str, player: &str, seconds: u32) -> Result<Value> {
    check(manifest, player, seconds, &[]).await
}

/// As [`watch`], loading the stream anew two seconds after playback ended through the network, as pages do that
/// embed a player: on their own, players give up after some tries.
///
/// # Errors
/// When there is no report.
pub async fn watch_again(manifest: &str, player: &str, seconds: u32) -> Result<Value> {
    check(manifest, player, seconds, &["--reload-after", "2"]).await
}

/// As [`watch`] with shaka-player, which is given a content key by hand: `<key id>:<key>` in hexadecimal.
///
/// # Errors
/// When there is no report.
pub async fn watch_with_key(manifest: &str, seconds: u32, key: &str) -> Result<Value> {
    check(manifest, "shaka", seconds, &["--clear-key", key]).await
}

async fn check(manifest: &str, player: &str, seconds: u32, options: &[&str]) -> Result<Value> {
    let mut command = Tool::Node.command()?;
    let within = 3 * seconds;
    command
        .current_dir(workspace_root().join("tests/browser"))
        .args(["play.mjs", "--manifest", manifest, "--player", player])
        .args(["--media-seconds", &seconds.to_string(), "--seconds", &within.to_string()])
        .args(["--max-stall-seconds", &within.to_string(), "--max-freeze-seconds", "3"])
        .args(options);
    let output =
        tokio::time::timeout(DEADLINE, command.output()).await.context("the browser check hangs")??;
    let report = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(report.trim()).with_context(|| {
        format!("{player} tells nothing of {manifest}: {report}{}", String::from_utf8_lossy(&output.stderr))
    })
}

//! The programs that a worker needs, found and checked before it offers itself to anybody.
//!
//! A worker without them would take runs and fail every one, so it does not start. All faults are
//! told at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ez_api::internal::ToolPaths;
use ez_media::tools::{Tool, ToolError};
use ez_service::child;
use tokio::time::timeout;

use crate::config::Settings;

/// A tool that does not tell its version in this time is broken.
const VERSION_DEADLINE: Duration = Duration::from_secs(10);

/// The checked programs.
#[derive(Debug, Clone)]
pub(crate) struct Toolbox {
    /// Absolute paths for the transcoders.
    pub(crate) paths: ToolPaths,
    /// `worker_transcoder` itself.
    pub(crate) transcoder: PathBuf,
    /// Versions found, by name.
    pub(crate) versions: BTreeMap<String, String>,
}

/// Why a program cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolboxError {
    /// Not there.
    #[error(
        "{tool} is missing ({path} is no program that can be run): run script/up, which installs it, or set {key}"
    )]
    Missing { tool: &'static str, path: PathBuf, key: &'static str },
    /// Cannot be started, or hangs.
    #[error("{path} does not tell its version: {why}")]
    Mute { path: PathBuf, why: String },
    /// Wrong version.
    #[error("{path}: {source}")]
    Version { path: PathBuf, source: ToolError },
    /// Several of those.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Self>),
}

/// Finds and checks all programs.
pub(crate) async fn check(settings: &Settings) -> Result<Toolbox, ToolboxError> {
    let mut versions = BTreeMap::new();
    let mut faults = Vec::new();
    let mut found = Vec::new();
    for (tool, path, key) in [
        (Tool::Ffmpeg, &settings.ffmpeg, "ffmpeg_path"),
        (Tool::Ffprobe, &settings.ffprobe, "ffprobe_path"),
        (Tool::Packager, &settings.packager, "packager_path"),
    ] {
        match check_one(tool, path, key).await {
            Ok((path, version)) => {
                versions.insert(tool.program().to_owned(), version);
                found.push(path);
            }
            Err(fault) => faults.push(fault),
        }
    }
    let transcoder = match &settings.transcoder {
        Some(path) => path.clone(),
        None => beside_this_program("worker_transcoder"),
    };
    let transcoder =
        located("worker_transcoder", &transcoder, "transcoder_path").map_err(|fault| faults.push(fault));
    match (found.as_slice(), transcoder) {
        ([ffmpeg, _, packager], Ok(transcoder)) => {
            let paths = ToolPaths { ffmpeg: ffmpeg.clone(), packager: packager.clone() };
            Ok(Toolbox { paths, transcoder, versions })
        }
        _ => Err(ToolboxError::Several(faults)),
    }
}

fn beside_this_program(name: &str) -> PathBuf {
    std::env::current_exe().map_or_else(|_| PathBuf::from(name), |own| own.with_file_name(name))
}

async fn check_one(tool: Tool, path: &Path, key: &'static str) -> Result<(PathBuf, String), ToolboxError> {
    let path = located(tool.program(), path, key)?;
    let mute = |why: String| ToolboxError::Mute { path: path.clone(), why };
    let spec = child::Spec {
        program: path.clone(),
        arguments: vec![tool.version_argument().into()],
        environment: std::env::var_os("PATH").map(|text| ("PATH".into(), text)).into_iter().collect(),
        folder: std::env::temp_dir(),
        stdin: Stdio::null(),
        stdout: Stdio::piped(),
        stderr: Stdio::null(),
        dies_with_parent: true,
    };
    let started = child::spawn(spec).await.map_err(|error| mute(ez_service::telemetry::chain(&error)))?;
    let output = timeout(VERSION_DEADLINE, started.wait_with_output())
        .await
        .map_err(|_| mute(format!("no answer within {} s", VERSION_DEADLINE.as_secs())))?
        .map_err(|error| mute(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match tool.check(&text) {
        Ok(version) => Ok((path, version.to_string())),
        Err(source) => Err(ToolboxError::Version { path, source }),
    }
}

/// The absolute path of a program: as given, or looked up in `PATH` when it is a bare name.
fn located(tool: &'static str, path: &Path, key: &'static str) -> Result<PathBuf, ToolboxError> {
    let search: OsString = std::env::var_os("PATH").unwrap_or_default();
    let candidates: Vec<PathBuf> = if path.components().count() > 1 {
        std::path::absolute(path).into_iter().collect()
    } else {
        std::env::split_paths(&search).map(|folder| folder.join(path)).collect()
    };
    candidates.into_iter().find(|candidate| is_program(candidate)).ok_or_else(|| ToolboxError::Missing {
        tool,
        path: path.to_owned(),
        key,
    })
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

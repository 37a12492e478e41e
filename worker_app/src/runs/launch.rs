//! Starts a transcoder: its folder, its environment, its description on stdin.
//!
//! Nothing secret is on the command line or in the environment, except the `AWS_…` variables of
//! the operator when no keys are configured: then the AWS chain of the transcoder needs them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ez_api::internal::{RunDescription, StoreAccess, ToolPaths};
use ez_domain::id::RunId;
use ez_service::child;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Child;

use super::logs;
use super::record::{Plan, Record};
use crate::figures::Figures;
use crate::identity::private_folder;

/// A transcoder that does not read its description in this time never will.
const DESCRIPTION_DEADLINE: Duration = Duration::from_secs(5);

/// What all runs of this worker have in common.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// The data folder.
    pub(crate) data_folder: PathBuf,
    /// The program.
    pub(crate) transcoder: PathBuf,
    /// The programs that it drives.
    pub(crate) tools: ToolPaths,
    /// Where the media goes.
    pub(crate) store: StoreAccess,
    /// Address that RTMP listeners bind.
    pub(crate) rtmp_bind: String,
    /// Host for publishers.
    pub(crate) public_host: String,
    /// URL that tells players the time.
    pub(crate) time_url: Option<String>,
    /// What is counted.
    pub(crate) figures: Figures,
}

/// Why a transcoder did not come up.
#[derive(Debug, thiserror::Error)]
pub(super) enum LaunchError {
    /// The folder or log cannot be made.
    #[error("{path} cannot be made")]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The program cannot be started.
    #[error(transparent)]
    Spawn(#[from] child::SpawnError),
    /// The description cannot be written as JSON.
    #[error("the description of the run cannot be written")]
    Description(#[source] serde_json::Error),
}

impl Launcher {
    /// Folder of all runs.
    pub(super) fn runs_folder(&self) -> PathBuf {
        self.data_folder.join("runs")
    }

    /// Folder of all logs.
    pub(super) fn logs_folder(&self) -> PathBuf {
        self.data_folder.join("logs")
    }

    /// Folder of one run.
    pub(super) fn folder(&self, id: RunId) -> PathBuf {
        self.runs_folder().join(id.to_string())
    }

    /// Log of one run.
    pub(super) fn log(&self, id: RunId) -> PathBuf {
        self.logs_folder().join(format!("{id}.log"))
    }

    /// Starts a transcoder and hands it its description.
    pub(super) async fn launch(&self, id: RunId, plan: &Plan, port: u16) -> Result<Child, LaunchError> {
        let refused = |path: &Path| {
            let path = path.to_owned();
            move |source| LaunchError::Folder { path, source }
        };
        let folder = self.folder(id);
        private_folder(&folder).map_err(refused(&folder))?;
        let log = self.log(id);
        let stderr = logs::open(&log).map_err(refused(&log))?;
        let description = serde_json::to_vec(&self.description(id, plan, port, &folder))
            .map_err(LaunchError::Description)?;
        let mut child = child::spawn(child::Spec {
            program: self.transcoder.clone(),
            arguments: Vec::new(),
            environment: environment(std::env::vars_os(), self.store.keys.is_none()),
            folder: folder.clone(),
            stdin: Stdio::piped(),
            stdout: Stdio::null(),
            stderr: stderr.into(),
            dies_with_parent: false,
        })
        .await?;
        if let Some(pid) = child.id()
            && let Err(error) = Record::of(plan.clone(), port, pid).write(&folder)
        {
            // The run works without it; only a restart of this program could not take it up at once.
            tracing::warn!(run = %id, job = %id.job, epoch = id.epoch.number(), %error, "the record of a run cannot be written");
        }
        if let Some(mut stdin) = child.stdin.take() {
            let written = tokio::time::timeout(DESCRIPTION_DEADLINE, stdin.write_all(&description)).await;
            if !matches!(written, Ok(Ok(()))) {
                // Its exit, or its silence, says the rest.
                tracing::warn!(run = %id, job = %id.job, epoch = id.epoch.number(), "the transcoder did not read its description");
            }
        }
        Ok(child)
    }

    fn description(&self, id: RunId, plan: &Plan, port: u16, folder: &Path) -> RunDescription {
        RunDescription {
            job: id.job,
            epoch: id.epoch,
            spec: plan.spec.clone(),
            stream_key: plan.stream_key.clone(),
            content_key: plan.content_key.clone(),
            rtmp_bind: self.rtmp_bind.clone(),
            rtmp_port: port,
            public_host: self.public_host.clone(),
            folder: folder.to_owned(),
            control_socket: super::control::socket_path(&self.data_folder),
            tools: self.tools.clone(),
            store: self.store.clone(),
            time_url: self.time_url.clone(),
            longest_period_seconds: None,
        }
    }
}

/// What a transcoder may see of our environment.
fn environment(
    own: impl Iterator<Item = (OsString, OsString)>,
    needs_aws_chain: bool,
) -> Vec<(OsString, OsString)> {
    own.filter(|(name, _)| {
        name.to_str().is_some_and(|name| match name {
            "TZ" | "PATH" | "SSL_CERT_FILE" | "SSL_CERT_DIR" => true,
            // The chain reads ~/.aws as well.
            "HOME" => needs_aws_chain,
            _ => name.starts_with("EZ_LOG") || (needs_aws_chain && name.starts_with("AWS_")),
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_ours_stay_ours() {
        let own = [
            "PATH",
            "TZ",
            "HOME",
            "EZ_LOG",
            "EZ_LOG_FORMAT",
            "EZ_S3_SECRET_KEY",
            "EZ_SERVICE_TOKEN",
            "AWS_PROFILE",
            "USER",
        ];
        let seen = |chain| -> Vec<String> {
            let own = own.iter().map(|name| (OsString::from(name), OsString::from("x")));
            environment(own, chain).into_iter().map(|(name, _)| name.into_string().unwrap()).collect()
        };
        assert_eq!(seen(false), ["PATH", "TZ", "EZ_LOG", "EZ_LOG_FORMAT"]);
        assert_eq!(seen(true), ["PATH", "TZ", "HOME", "EZ_LOG", "EZ_LOG_FORMAT", "AWS_PROFILE"]);
    }
}

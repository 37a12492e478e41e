//! What a stack consists of: each service's program, arguments, environment and sign of readiness.
//!
//! The order of the list is the order of the start; the end goes the other way round.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::error::{Error, disk};
use super::layout::{Layout, replace_file};
use super::secrets::Secrets;
use super::{Options, Scope, configs};
use crate::s3;

/// The name of redis in a stack.
pub const REDIS: &str = "redis";
/// The name of the local S3 in a stack.
pub const S3: &str = "s3";
/// The bucket that every stack has.
pub const BUCKET: &str = "ezlive";
/// The public half of the local S3's access key.
pub const S3_ACCESS_KEY: &str = "ezlocal";

/// Longest time that an orderly end may take.
const GRACE: Duration = Duration::from_secs(10);
/// Workers drain their transcoders first: the last segments go out.
const WORKER_GRACE: Duration = Duration::from_secs(45);

/// What is passed on from the launcher's own environment.
const PASSED_ON: [&str; 8] =
    ["PATH", "HOME", "LANG", "TMPDIR", "TZ", "RUST_BACKTRACE", "EZ_LOG", "EZ_LOG_FORMAT"];

/// How it is seen that a service can do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Redis answers PING.
    Ping(u16),
    /// This URL answers 200.
    Ok(String),
    /// This URL answers anything: the local S3 has nothing there, but says so.
    Answers(String),
}

/// One service.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) sign: Sign,
    pub(crate) grace: Duration,
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
}

impl Service {
    /// Whether it is a `worker_app`.
    pub(crate) fn is_worker(&self) -> bool {
        self.name.starts_with("worker_app")
    }
}

/// The name of worker `k` in a stack.
pub fn worker_name(k: u16) -> String {
    format!("worker_app_{k}")
}

/// The services of a stack in the order of their start. Writes their configuration files.
pub(crate) fn plan(options: &Options, layout: &Layout, secrets: &Secrets) -> Result<Vec<Service>, Error> {
    let plan = Plan { options, layout, secrets };
    let mut services = vec![plan.redis()?];
    if options.cloud.is_none() {
        services.push(plan.s3()?);
    }
    if options.scope == Scope::Everything {
        let ports = &options.ports;
        services.push(plan.ours("scheduler", ports.scheduler, &configs::scheduler(&plan))?);
        services.push(plan.ours("key_server", ports.key_server, &configs::key_server(&plan))?);
        services.push(plan.ours("api_server", ports.api, &configs::api_server(&plan))?);
        for tool in ["ffmpeg", "ffprobe", "packager"] {
            program(&options.tools, tool)?;
        }
        program(&options.binaries, "worker_transcoder")?;
        for k in 0..options.workers {
            let folder = layout.worker(k);
            std::fs::create_dir_all(&folder).map_err(disk("make", folder))?;
            services.push(plan.worker(k)?);
        }
    }
    Ok(services)
}

impl Options {
    /// Base URL of the S3 that the stack uses.
    pub(crate) fn s3_endpoint(&self) -> String {
        self.cloud.as_ref().map_or_else(|| url(self.ports.s3), |cloud| cloud.s3_endpoint.clone())
    }

    /// The bucket that the stack uses.
    pub(crate) fn bucket(&self) -> &str {
        self.cloud.as_ref().map_or(BUCKET, |cloud| &cloud.bucket)
    }
}

/// What the local S3 of a stack serves, and to whom.
pub(crate) fn s3_options(layout: &Layout, secrets: &Secrets) -> s3::Options {
    s3::Options {
        root: layout.s3(),
        buckets: vec![BUCKET.to_owned()],
        access_key: S3_ACCESS_KEY.to_owned(),
        secret_key: secrets.s3_secret_key.clone(),
    }
}

/// What the plan is made from.
pub(crate) struct Plan<'a> {
    pub(crate) options: &'a Options,
    pub(crate) layout: &'a Layout,
    pub(crate) secrets: &'a Secrets,
}

impl Plan<'_> {
    fn redis(&self) -> Result<Service, Error> {
        let redis_server = &self.options.redis_server;
        let port = self.options.ports.redis;
        // Every acknowledged write is on disk: a launcher that is killed loses no job.
        let arguments = [
            ["--bind", "127.0.0.1"],
            ["--port", &port.to_string()],
            ["--protected-mode", "yes"],
            ["--daemonize", "no"],
            ["--appendonly", "yes"],
            ["--appendfsync", "everysec"],
            ["--save", ""],
        ];
        let mut arguments: Vec<OsString> = arguments.concat().into_iter().map(OsString::from).collect();
        arguments.push("--dir".into());
        arguments.push(self.layout.redis().into());
        if !redis_server.is_file() {
            return Err(Error::ProgramMissing {
                program: "redis-server".to_owned(),
                path: redis_server.clone(),
            });
        }
        Ok(self.service(REDIS, redis_server.clone(), arguments, Sign::Ping(port)))
    }

    fn s3(&self) -> Result<Service, Error> {
        let port = self.options.ports.s3;
        let mut arguments: Vec<OsString> =
            ["s3", "--port", &port.to_string(), "--bucket", BUCKET, "--root"].map(OsString::from).to_vec();
        arguments.push(self.layout.s3().into());
        let sign = Sign::Answers(format!("{}/{BUCKET}/output_/ready", url(port)));
        let mut service = self.service(S3, program(&self.options.binaries, "ez_local")?, arguments, sign);
        service.environment.extend(self.s3_credentials("EZ_S3_SECRET_KEY"));
        Ok(service)
    }

    fn ours(&self, name: &str, port: u16, config: &Value) -> Result<Service, Error> {
        self.configured(name, name, port, config)
    }

    fn worker(&self, k: u16) -> Result<Service, Error> {
        let port = self.options.ports.worker(k);
        let config = configs::worker_app(self, k);
        let mut service = self.configured(&worker_name(k), "worker_app", port, &config)?;
        service.environment.extend(self.s3_credentials("EZ_S3_SECRET_KEY"));
        service.grace = WORKER_GRACE;
        Ok(service)
    }

    fn configured(&self, name: &str, binary: &str, port: u16, config: &Value) -> Result<Service, Error> {
        let file = self.layout.config().join(format!("{name}.json"));
        replace_file(&file, &format!("{config:#}\n"))?;
        let arguments = vec!["--config".into(), file.into()];
        let sign = Sign::Ok(format!("{}/readyz", url(port)));
        let mut service = self.service(name, program(&self.options.binaries, binary)?, arguments, sign);
        if name == "scheduler" {
            service.environment.extend(self.s3_credentials("EZ_S3_SECRET_ACCESS_KEY"));
        }
        if matches!(name, "scheduler" | "api_server")
            && let Some(cloud) = &self.options.cloud
        {
            service.environment.extend(cloud.queue_environment());
        }
        Ok(service)
    }

    fn s3_credentials(&self, secret_variable: &str) -> [(OsString, OsString); 2] {
        let (id, secret) = match &self.options.cloud {
            Some(cloud) => (cloud.access_key.0.clone(), cloud.access_key.1.clone()),
            None => (S3_ACCESS_KEY.to_owned(), self.secrets.s3_secret_key.clone()),
        };
        [("EZ_S3_ACCESS_KEY_ID".into(), id.into()), (secret_variable.into(), secret.into())]
    }

    fn service(&self, name: &str, program: PathBuf, arguments: Vec<OsString>, sign: Sign) -> Service {
        Service {
            name: name.to_owned(),
            program,
            arguments,
            environment: PASSED_ON
                .iter()
                .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)))
                .chain(self.options.log.as_ref().map(|filter| ("EZ_LOG".into(), filter.into())))
                .collect(),
            sign,
            grace: GRACE,
            folder: self.layout.root().to_path_buf(),
            log: self.layout.log(name),
        }
    }
}

/// The base URL of a loopback port.
pub(crate) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn program(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    if path.is_file() { Ok(path) } else { Err(Error::ProgramMissing { program: name.to_owned(), path }) }
}

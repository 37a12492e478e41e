//! The configuration files of the services. They hold paths of secrets, no secrets.

use serde_json::{Value, json};

use super::ports::RTMP_PORTS_PER_WORKER;
use super::services::{Plan, url};

/// Loopback: a stack on one machine has no business elsewhere.
const HOST: &str = "127.0.0.1";

pub(crate) fn scheduler(plan: &Plan<'_>) -> Value {
    json!({
        "Server_hostname": HOST,
        "Server_port": plan.options.ports.scheduler.to_string(),
        "Redis": redis(plan),
        "S3": { "Endpoint": plan.options.s3_endpoint() },
        "Drm_key_server_url": format!("{}/keys/", url(plan.options.ports.key_server)),
        "Drm_key_server_token_file": plan.secrets.key_token_file,
        "Service_token_file": plan.secrets.service_token_file,
        "Master_key_file": plan.secrets.master_key_file,
    })
}

pub(crate) fn key_server(plan: &Plan<'_>) -> Value {
    json!({
        "Server_hostname": HOST,
        "Server_port": plan.options.ports.key_server.to_string(),
        "Redis": redis(plan),
        "Master_key_file": plan.secrets.master_key_file,
        "Service_token_file": plan.secrets.key_token_file,
    })
}

pub(crate) fn api_server(plan: &Plan<'_>) -> Value {
    json!({
        "Api_server_hostname": HOST,
        "Api_server_port": plan.options.ports.api.to_string(),
        "Redis": redis(plan),
        "Playback": { "Endpoint": plan.options.s3_endpoint() },
        "Console": { "Bucket": plan.options.bucket() },
        "Master_key_file": plan.secrets.master_key_file,
        "Service_token_file": plan.secrets.service_token_file,
    })
}

pub(crate) fn worker_app(plan: &Plan<'_>, k: u16) -> Value {
    let ports = &plan.options.ports;
    let tool = |name: &str| plan.options.tools.join(name);
    json!({
        "SchedulerUrl": url(ports.scheduler),
        "WorkerPort": ports.worker(k).to_string(),
        "MyPublicIP": HOST,
        "Bind_host": HOST,
        "Data_folder": plan.layout.worker(k),
        "Rtmp_bind_host": HOST,
        "Rtmp_port_base": ports.rtmp(k),
        "Rtmp_ports": RTMP_PORTS_PER_WORKER,
        "ffmpeg_path": tool("ffmpeg"),
        "ffprobe_path": tool("ffprobe"),
        "packager_path": tool("packager"),
        "transcoder_path": plan.options.binaries.join("worker_transcoder"),
        "Store": { "endpoint": plan.options.s3_endpoint() },
        "Time_url": format!("{}/time", url(ports.api)),
        "Service_token_file": plan.secrets.service_token_file,
    })
}

fn redis(plan: &Plan<'_>) -> Value {
    json!({ "RedisIp": HOST, "RedisPort": plan.options.ports.redis.to_string() })
}

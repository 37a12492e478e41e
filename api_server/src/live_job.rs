//! A stored job as the API shows it.
//!
//! Pure but for opening the sealed stream key. Masking for lists is `LiveJob::masked`.

mod figures;

use ez_api::fault::{Warning, warnings_text};
use ez_api::job::{DrmEncryptionKeyInfo, Failure, LiveJob, State};
use ez_api::spec_document::SpecDocument;
use ez_domain::id::JobId;
use ez_domain::job::{Desired, Ingest, Job};
use ez_domain::secret::Secret;
use ez_store::{MasterKey, Stored};

use crate::playback::Playback;

/// Where the sealed stream key of a job belongs; it opens nowhere else.
pub fn stream_key_context(id: JobId) -> String {
    format!("stream-key:{id}")
}

/// What is unwise, as the record keeps it.
pub fn warning_line(warning: &Warning) -> String {
    format!("{}: {}", warning.pointer, warning.detail)
}

/// The job with its stream key and its latest figures.
pub fn live_job(stored: &Stored, master_key: &MasterKey, playback: &Playback) -> LiveJob {
    let Stored { job, statistics, totals, now, .. } = stored;
    let run = job.phase.run();
    let ingest = run.and_then(|run| run.ingest.as_ref());
    let figures = figures::shown(job.id, statistics.as_ref(), run.is_some(), *now);
    let stream_key = open_stream_key(job, master_key);
    let playback_urls = playback.urls(job.id, &job.spec);
    LiveJob {
        id: job.id,
        state: State::from(job.phase.name()),
        time_last_worker_report_ms: statistics.as_ref().map_or(0, |(at, _)| at.millis()),
        ingress_bandwidth_kbps: figures.ingress_kbps,
        transcoding_cpu_utilization: percent(figures.cpu_cores),
        total_bytes_ingested: totals.bytes_ingested,
        total_up_seconds: totals.up_seconds,
        total_active_seconds: totals.active_seconds,
        playback_url: first_of(&playback_urls.hls, &playback_urls.dash),
        rtmp_ingest_url: Secret::new(
            ingest.map_or_else(String::new, |ingest| ingest_url(ingest, &stream_key)),
        ),
        rtmp_ingest_port: ingest.map_or(0, |ingest| ingest.port),
        input_info_url: if figures.input_info_stored {
            playback.input_info(job.id, &job.spec)
        } else {
            String::new()
        },
        spec: SpecDocument::from(&job.spec),
        job_validation_warnings: warnings(job),
        stream_key,
        time_created: Some(job.created_at),
        time_received_by_scheduler: job.admitted_at,
        time_received_by_worker: job.assigned_at,
        assigned_worker_id: run.map_or_else(String::new, |run| run.worker.to_string()),
        drm_encryption_key_info: content_key(job),
        stop: job.desired == Desired::Stopped && State::from(job.phase.name()) != State::Stopped,
        delete: matches!(job.desired, Desired::Deleted { .. }),
        phase: job.phase.name().as_str().to_owned(),
        reason: job.reason().to_owned(),
        fault: job.fault().map(|fault| fault.to_string()),
        playback_urls,
        epoch: run.map_or(job.last_epoch, |run| run.epoch),
        restarts: u64::from(job.restarts),
        failure: job.last_failure.as_ref().map(|dated| Failure {
            fault: dated.failure.fault.to_string(),
            reason: dated.failure.reason.clone(),
            at: Some(dated.at),
        }),
        statistics: figures,
    }
}

/// What may be told of the content key: the original's mask stands in its place.
fn content_key(job: &Job) -> DrmEncryptionKeyInfo {
    match (&job.content_key, job.spec.protection) {
        (Some(key), Some(_)) => DrmEncryptionKeyInfo {
            key_id: key.id.to_hex(),
            key: "*".repeat(32),
            content_id: job.id.to_string(),
            time_created: Some(key.created_at),
        },
        (Some(_) | None, Some(_) | None) => DrmEncryptionKeyInfo::default(),
    }
}

/// A job whose key does not open can still be seen, stopped and deleted; only nobody can be told how
/// to publish to it.
pub(crate) fn open_stream_key(job: &Job, master_key: &MasterKey) -> Secret<String> {
    let sealed = &job.credentials.sealed_stream_key;
    master_key.open(sealed, &stream_key_context(job.id)).unwrap_or_else(|error| {
        let error = ez_service::telemetry::chain(&error);
        tracing::error!(job = %job.id, error, "the stream key cannot be shown");
        Secret::new(String::new())
    })
}

/// Empty when the key is not known: an address without it would be refused by the worker.
fn ingest_url(ingest: &Ingest, stream_key: &Secret<String>) -> String {
    let Ingest { host, port } = ingest;
    let key = stream_key.expose();
    if key.is_empty() {
        return String::new();
    }
    // RFC 3986 section 3.2.2: an IPv6 address stands in brackets.
    let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
    let host = if is_bare_ipv6 { format!("[{host}]") } else { host.clone() };
    format!("rtmp://{host}:{port}/live/{key}")
}

fn warnings(job: &Job) -> String {
    let warnings: Vec<Warning> = job
        .warnings
        .iter()
        .map(|line| line.split_once(": ").unwrap_or(("", line)))
        .map(|(pointer, detail)| Warning { pointer: pointer.to_owned(), detail: detail.to_owned() })
        .collect();
    warnings_text(&warnings)
}

/// Of one core; empty where nothing was measured.
fn percent(cores: f64) -> String {
    if cores > 0.0 { format!("{:.1}", cores * 100.0) } else { String::new() }
}

fn first_of(hls: &str, dash: &str) -> String {
    if hls.is_empty() { dash } else { hls }.to_owned()
}

#[cfg(test)]
mod tests;

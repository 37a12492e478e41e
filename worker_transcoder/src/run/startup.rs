//! Puts the parts of a run together, and takes leave when it is over.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_api::internal::{FromTranscoder, RunDescription};
use ez_aws::AccessKey;
use ez_domain::lifecycle::RunState;
use ez_ingest::Ingest;
use ez_objects::ObjectStore;
use ez_objects::s3::{Checksums, Config as StoreConfig, S3Store};
use ez_origin::Origin;
use ez_service::clock::RunClock;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::figures::Meter;
use super::restarts::Restarts;
use super::{Inputs, Run};
use crate::authorise::StreamKeyGate;
use crate::control::{self, Status};

/// Publisher's messages that wait for us; beyond that TCP holds the publisher back.
const INGEST_QUEUE: usize = 512;
/// Files and figures of the children that wait for us.
const PERIOD_QUEUE: usize = 1024;
/// How long the worker may take to hear of the end.
const FAREWELL: Duration = Duration::from_secs(30);

/// Sees a run through and tells the worker how it ended.
///
/// # Errors
/// When it could not even begin; everything later is told as the outcome of the run.
pub async fn run(description: RunDescription, shutdown: CancellationToken) -> Result<()> {
    let address = (description.rtmp_bind.as_str(), description.rtmp_port);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listen for RTMP on {}:{}", description.rtmp_bind, description.rtmp_port))?;
    let store: Arc<dyn ObjectStore> = Arc::new(S3Store::connect(&store_config(&description)).await);
    let clock = RunClock::start();
    let tasks = TaskTracker::new();

    let (events, ingested) = mpsc::channel(INGEST_QUEUE);
    let ingest_end = CancellationToken::new();
    let gate = Arc::new(StreamKeyGate(description.stream_key.clone()));
    tasks.spawn(Ingest::new(gate, events).serve(listener, ingest_end.clone()));

    let spec = Arc::new(description.spec.clone());
    let (to_origin, messages) = mpsc::channel(PERIOD_QUEUE);
    let (progress_sender, progress) = watch::channel(ez_origin::Progress::default());
    let settings = ez_origin::Settings {
        job: description.job,
        epoch: description.epoch,
        spec: Arc::clone(&spec),
        time_url: description.time_url.clone(),
        clock,
        content_key: description.content_key.clone(),
        spool_bytes: None,
    };
    let spool = description.folder.join("spool");
    let origin = tasks.spawn(Origin::run(settings, spool, store, messages, progress_sender));

    let initial = Status { state: RunState::Starting, statistics: ez_api::job::Statistics::default() };
    let (status, told) = watch::channel(initial);
    let (orders_sender, orders) = mpsc::channel(8);
    let hello = FromTranscoder::Hello {
        job: description.job,
        epoch: description.epoch,
        pid: std::process::id(),
        rtmp_port: description.rtmp_port,
    };
    let farewell =
        tasks.spawn(control::converse(description.control_socket.clone(), hello, told, orders_sender));

    let (happenings, happened) = mpsc::channel(PERIOD_QUEUE);
    let (stills, made) = mpsc::channel(1);
    let (bridges, bridged) = mpsc::channel(1);
    let renditions = spec.video.len() + spec.audio.len();
    let restarts = Restarts::new(u64::try_from(renditions).unwrap_or(u64::MAX));
    let run = Run {
        meter: Meter::new(clock),
        description,
        spec,
        clock,
        tasks: tasks.clone(),
        ingest_end: ingest_end.clone(),
        to_origin,
        progress,
        status: status.clone(),
        happenings,
        stills,
        still_orders: 0,
        still_making: None,
        bridges,
        has_taken_over: false,
        contribution: None,
        period: None,
        publisher: None,
        interrupted_at: None,
        due: None,
        is_filling: false,
        unmeasured_since: None,
        held: Vec::new(),
        remark: None,
        restarts,
        next_local: 1,
        leaving: None,
        described: None,
    };
    let inputs = Inputs { ingested, orders, happened, made, bridged, origin, shutdown };
    let (outcome, committed_segments) = run.until_over(inputs).await;
    tracing::info!(?outcome, committed_segments, "the run is over");
    ingest_end.cancel();
    status.send_modify(|status| status.state = RunState::Exited { outcome, committed_segments });
    drop(status);
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        tracing::warn!("worker_app did not hear of the end");
    }
    Ok(())
}

fn store_config(description: &RunDescription) -> StoreConfig {
    let access = &description.store;
    let mut config = StoreConfig::new(description.spec.bucket.as_str());
    config.region.clone_from(&access.region);
    config.endpoint.clone_from(&access.endpoint);
    config.checksums = if access.required_checksums_only { Checksums::RequiredOnly } else { Checksums::Auto };
    config.access_key = access.keys.clone().map(|(id, secret)| AccessKey { id, secret });
    config
}

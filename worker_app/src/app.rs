//! Puts the parts together, runs them, and takes them down in order.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use ez_api::internal::RegisterWorker;
use ez_service::http;
use ez_service::tasks::{OnFailure, TaskGroup};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::disk::Disk;
use crate::figures::Figures;
use crate::heartbeat::{Contact, Conversation};
use crate::identity::DataFolder;
use crate::ports::PortPool;
use crate::registration::Scheduler;
use crate::router::{Services, router};
use crate::runs::{Launcher, Runs, control};
use crate::{capacity, tools};

/// Time for all runs to end after the drain began; each is killed after 45 s.
const DRAIN_BOUND: Duration = Duration::from_secs(60);
/// Time for the tasks to end after that.
const TASKS_GRACE: Duration = Duration::from_secs(7);

/// Runs the worker until `shutdown`, then drains it.
///
/// # Errors
/// When a tool is missing or too old, the data folder cannot be used, or a part that the worker
/// cannot do without fails. Transcoders then go on and wait for the next worker.
pub async fn run(settings: Settings, listener: TcpListener, shutdown: CancellationToken) -> Result<()> {
    let toolbox = tools::check(&settings).await?;
    let data = DataFolder::take(&settings.data_folder)?;
    let identity = data.identity()?;
    let transcoders = control::bind(data.path())?;
    let bound = listener.local_addr().context("read the bound address")?;
    if settings.service_token.is_none() {
        tracing::warn!("no Service_token is configured: whoever reaches the scheduler can pass for a worker");
    }

    let introduction = RegisterWorker {
        worker: identity.worker,
        incarnation: identity.incarnation,
        control_url: settings.control_url.clone().unwrap_or_else(|| format!("http://{bound}")),
        public_host: settings.public_host.clone(),
        capacity_millicores: settings.capacity_millicores.unwrap_or_else(capacity::measured_millicores),
        max_runs: u32::from(settings.rtmp_ports),
        tools: toolbox.versions,
    };
    tracing::info!(worker = %introduction.worker, incarnation = %introduction.incarnation,
        capacity_millicores = introduction.capacity_millicores, max_runs = introduction.max_runs,
        tools = ?introduction.tools, control_url = introduction.control_url, "worker is ready to register");

    // A group of its own: the signal begins the drain, and the tasks are needed until its end.
    let tasks = TaskGroup::new(CancellationToken::new());
    let beat_soon = Arc::new(Notify::new());
    let contact = Arc::new(Contact::default());
    let figures = Figures::default();
    figures.introduced(introduction.capacity_millicores, introduction.max_runs);
    let launcher = Launcher {
        data_folder: data.path().to_owned(),
        transcoder: toolbox.transcoder,
        tools: toolbox.paths,
        store: settings.store,
        rtmp_bind: settings.rtmp_bind_host.clone(),
        public_host: settings.public_host,
        time_url: settings.time_url,
        figures: figures.clone(),
    };
    let memory = Some(data.path().join("ports.json"));
    let ports = PortPool::new(&settings.rtmp_bind_host, settings.rtmp_port_base, settings.rtmp_ports, memory);
    let runs = Runs::new(launcher, ports, tasks.clone(), Arc::clone(&beat_soon));
    // Before the first beat and the first connection: both must find what is already there.
    runs.take_up();

    tasks.spawn("control socket", OnFailure::Stop, control::serve(transcoders, runs.clone(), tasks.clone()));
    let services = Services {
        runs: runs.clone(),
        beat_soon: Arc::clone(&beat_soon),
        contact: Arc::clone(&contact),
        token: settings.service_token.clone(),
        figures: figures.clone(),
    };
    tasks.spawn("http", OnFailure::Stop, http::serve(listener, router(services), tasks.shutdown().clone()));
    let scheduler = Scheduler::new(settings.scheduler_url, settings.service_token)
        .context("make the client for the scheduler")?;
    let disk = Disk::new(data.path().to_owned(), settings.least_free_disk);
    let conversation =
        Conversation::new(scheduler, introduction, runs.clone(), beat_soon, contact, disk, figures);
    let (silence, silent) = (CancellationToken::new(), CancellationToken::new());
    let (ending, ended) = (silence.clone(), silent.clone().drop_guard());
    tasks.spawn("heartbeat", OnFailure::Stop, async move {
        let _ended = ended;
        conversation.hold(ending).await;
        Ok(())
    });

    let failed = tokio::select! {
        () = shutdown.cancelled() => false,
        // A heartbeat that ends unasked has panicked.
        () = silent.cancelled() => true,
        () = tasks.shutdown().cancelled() => true,
    };
    if failed {
        tasks.finish(TASKS_GRACE).await;
        bail!("a part that the worker cannot do without has failed; the transcoders go on without it");
    }

    runs.drain();
    if !runs.all_ended(DRAIN_BOUND).await {
        tracing::error!("some runs outlived the drain");
    }
    silence.cancel();
    silent.cancelled().await;
    tasks.finish(TASKS_GRACE).await;
    drop(data);
    tracing::info!("drained");
    Ok(())
}

//! The parts of a scheduler, and its life from start to drain.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_domain::placement::Policy;
use ez_domain::secret::Secret;
use ez_queue::CommandQueue;
use ez_service::http;
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_store::standing::SUSPECT_AFTER_MS;
use ez_store::{LEASE_MS, MasterKey, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::buckets::Buckets;
use crate::figures::Figures;
use crate::hints::Hints;
use crate::key_source::KeySource;
use crate::orders::Orders;
use crate::poke::Poker;
use crate::{chores, intake, keys, planner, router, sweeper};

/// Longest time that background work may take to end after the shutdown began.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// What a scheduler is made of; everything that differs between production and a test.
#[derive(Clone)]
pub struct App {
    /// The state of the installation.
    pub store: Arc<dyn Store>,
    /// Where commands come from.
    pub queue: Arc<dyn CommandQueue>,
    /// Where media lies.
    pub buckets: Arc<dyn Buckets>,
    /// Where content keys come from.
    pub keys: Arc<dyn KeySource>,
    /// Opens sealed stream keys and content keys.
    pub master_key: Arc<MasterKey>,
    /// What workers must present; `None` only on loopback.
    pub service_token: Option<Secret<String>>,
    /// How full workers are filled.
    pub policy: Policy,
    /// The bounds of time.
    pub timing: Timing,
}

/// The bounds of time. Workers are told the first two when they register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Time between two heartbeats of a worker.
    pub heartbeat: Duration,
    /// Time that a heartbeat keeps a run on its worker.
    pub lease: Duration,
    /// Silence after which a worker is given no new runs.
    pub suspect_after: Duration,
    /// Silence after which a worker without runs is forgotten.
    pub forgotten_after: Duration,
    /// Longest time between two looks of the planner.
    pub plan_every: Duration,
    /// Longest time between two looks at deadlines and leases.
    pub sweep_every: Duration,
    /// Time between two looks into the outbox.
    pub outbox_every: Duration,
    /// Age from which a command in the outbox is taken for lost.
    pub outbox_age: Duration,
    /// Longest time between two looks for chores in the buckets.
    pub chores_every: Duration,
    /// Jobs that one look at the queue reads at once.
    pub jobs_a_look: usize,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(2),
            lease: Duration::from_millis(LEASE_MS),
            suspect_after: Duration::from_millis(SUSPECT_AFTER_MS),
            forgotten_after: Duration::from_secs(60),
            plan_every: Duration::from_millis(500),
            sweep_every: Duration::from_millis(500),
            outbox_every: Duration::from_secs(1),
            outbox_age: Duration::from_secs(5),
            chores_every: Duration::from_secs(5),
            jobs_a_look: 500,
        }
    }
}

/// A duration as it stands in messages and scripts.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A scheduler at work: its parts, and what its loops and handlers share.
pub(crate) struct Running {
    pub(crate) app: App,
    pub(crate) hints: Hints,
    pub(crate) orders: Orders,
    pub(crate) figures: Figures,
}

/// Serves and works until `shutdown`, then ends open requests and the step in hand of each loop.
///
/// # Errors
/// When the listener can be reached by others and no token protects it, when it fails, or when an
/// essential loop ended by itself.
pub async fn run(app: App, listener: TcpListener, shutdown: CancellationToken) -> Result<()> {
    let address = listener.local_addr().context("ask for the own address")?;
    ensure!(
        app.service_token.is_some() || address.ip().is_loopback(),
        "{address} can be reached by other hosts and no service token is configured: give Service_token_file \
         (or EZ_SERVICE_TOKEN) here and to the workers, or listen on 127.0.0.1"
    );
    let tasks = TaskGroup::new(shutdown.child_token());
    let poker = Poker::new(tasks.clone(), Arc::clone(&app.store), app.service_token.clone())?;
    let figures = Figures::default();
    let running = Arc::new(Running {
        orders: Orders::new(Arc::clone(&app.master_key)),
        hints: Hints::new(poker, figures.job_restarts.clone()),
        figures,
        app,
    });

    let ended = tasks.shutdown().clone();
    begin(&tasks, "intake", intake::receive_commands(Arc::clone(&running), ended.clone()));
    begin(&tasks, "outbox", intake::sweep_outbox(Arc::clone(&running), ended.clone()));
    begin(&tasks, "planner", planner::keep_planning(Arc::clone(&running), ended.clone()));
    begin(&tasks, "keys", keys::keep_fetching(Arc::clone(&running), ended.clone()));
    begin(&tasks, "sweeper", sweeper::keep_sweeping(Arc::clone(&running), ended.clone()));
    begin(&tasks, "chores", chores::keep_doing(Arc::clone(&running), ended.clone()));

    let served = http::serve(listener, router::router(Arc::clone(&running)), ended).await;
    tasks.finish(DRAIN_GRACE).await;
    served?;
    ensure!(shutdown.is_cancelled(), "an essential part of the scheduler failed; the log says which");
    Ok(())
}

/// Starts a loop. None ever fails, they only end; a panic in one ends the service.
fn begin(tasks: &TaskGroup, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(name, OnFailure::Stop, async {
        work.await;
        Ok(())
    });
}

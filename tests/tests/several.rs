//! Several schedulers and API servers at once: nothing that was accepted is lost, and no run is held twice,
//! whoever dies meanwhile; and every order of starting them works.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::control::api::Api;
use ez_e2e::control::fleet::{Fleet, Size};
use ez_e2e::control::history::{self, History};
use ez_e2e::control::order::{all_orders, works};
use ez_e2e::control::plane::{Plane, Shape, Storage};
use ez_e2e::control::storm::{self, Plan, Report};
use ez_testkit::machine::undisturbed;
use ez_testkit::metrics::Exposition;
use ez_testkit::sqs;
use ez_testkit::tools::free_port;
use ez_testkit::wait::eventually;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Two storms at once would be one machine too few.
static MACHINE: Mutex<()> = Mutex::const_new(());
/// Start orders that are tried at once.
const AT_ONCE: usize = 8;

fn judge(report: &Report) -> Result<()> {
    ensure!(report.complaints.is_empty(), "{report}\n{:#?}", report.complaints);
    // A storm in which next to nothing happened would prove nothing.
    ensure!(report.kills >= 8 && report.answered >= 60 && report.runs >= 40, "too calm: {report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn services_die_and_every_job_reaches_what_was_asked_of_it_last() -> Result<()> {
    let _machine = MACHINE.lock().await;
    undisturbed(async || {
        judge(&storm::run(&Shape { schedulers: 3, apis: 2, sqs: None }, Plan::default()).await?)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_over_sqs() -> Result<()> {
    let _machine = MACHINE.lock().await;
    undisturbed(async || {
        let shape = Shape { schedulers: 3, apis: 2, sqs: Some(sqs::endpoint().await?) };
        judge(&storm::run(&shape, Plan { seconds: 8, seed: 2, ..Plan::default() }).await?)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_starting_works() -> Result<()> {
    let _machine = MACHINE.lock().await;
    undisturbed(async || {
        let storage = Arc::new(Storage::start().await?);
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut tries = JoinSet::new();
        for order in all_orders() {
            let (storage, places) = (Arc::clone(&storage), Arc::clone(&places));
            tries.spawn(async move {
                let _place = places.acquire().await?;
                works(&order, &storage).await.with_context(|| format!("started as {order:?}"))
            });
        }
        while let Some(tried) = tries.join_next().await {
            tried.context("a try")??;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_accepted_without_the_queue_and_starts_later() -> Result<()> {
    let _machine = MACHINE.lock().await;
    let mut plane = Plane::prepare(&Shape { schedulers: 2, apis: 1, sqs: None }).await?;
    let api = plane.apis.remove(0).with("EZ_QUEUE_URL", format!("redis://127.0.0.1:{}/", free_port()?));
    plane.apis.push(api);
    plane.start_all().await?;
    let history = History::default();
    let size = Size { workers: 1, capacity_millicores: 100_000, max_runs: 16 };
    let _fleet = Fleet::start(size, &plane.scheduler_urls(), &plane.storage.token, history.clone()).await?;

    let began = Instant::now();
    let job = Api::new(plane.api_urls())?.create(0).await?;
    ensure!(began.elapsed() < Duration::from_secs(5), "the answer took {:?}", began.elapsed());
    eventually(Duration::from_secs(30), "the job on the worker", || async {
        let held = history::holders(&history.entries());
        held.get(&job).map(drop).ok_or("nobody holds it")
    })
    .await?;
    let taken_from = taken_up(&plane).await?;
    ensure!(taken_from[0] == 0.0 && taken_from[1] > 0.0, "taken up from queue and outbox: {taken_from:?}");
    Ok(())
}

/// Commands that all schedulers took up from the queue, and from the outbox.
async fn taken_up(plane: &Plane) -> Result<[f64; 2]> {
    let mut taken = [0.0; 2];
    for scheduler in &plane.schedulers {
        let told = Exposition::parse(&fetch(&format!("{}/metrics", scheduler.url())).await?)?;
        for (sum, source) in taken.iter_mut().zip(["queue", "outbox"]) {
            *sum += told.value("ezls_commands_taken_up_total", &[("source", source)]).unwrap_or(0.0);
        }
    }
    Ok(taken)
}

async fn fetch(url: &str) -> Result<String> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    Ok(http.get(url).send().await?.error_for_status()?.text().await?)
}

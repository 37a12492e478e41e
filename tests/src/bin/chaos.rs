//! `chaos local [--rounds N] [FAULT ...]`: breaks a channel on this machine again and again, and prints
//! what its viewers noticed. `chaos outage [SECONDS]`: takes the bucket away for minutes. `chaos several
//! [SECONDS [SEED [stream|sqs]]]`: kills schedulers and API servers while jobs come and go.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "prints its table")]

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use ez_e2e::chaos::fault::Fault;
use ez_e2e::chaos::outage;
use ez_e2e::chaos::report::table;
use ez_e2e::chaos::round::{self, Outcome};
use ez_e2e::chaos::session::Session;
use ez_e2e::control::plane::Shape;
use ez_e2e::control::storm;
use ez_testkit::sqs;

/// Rounds of each fault when the command line names no number.
const ROUNDS: u32 = 20;

#[tokio::main]
async fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()).await {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            for complaint in complaints {
                eprintln!("{complaint}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Seconds for which the bucket is away when the command line names no number.
const OUTAGE: u32 = 300;

async fn outage(seconds: Option<String>) -> Result<Vec<String>> {
    let seconds = seconds.map_or(Ok(OUTAGE), |text| text.parse().with_context(|| text.clone()))?;
    // The spool holds ten minutes; frames are numbered up to where a returner's begin.
    ensure!((5..=580).contains(&seconds), "between 5 and 580 seconds");
    let mut session = Session::start(Fault::StoreAway.reconnect_window()).await?;
    let outcome = outage::run(&mut session, seconds).await?;
    println!("{outcome}");
    let complaints = outcome.complaints();
    if !complaints.is_empty() {
        eprintln!("the installation is left in {}", session.installation.keep_data().display());
    }
    Ok(complaints)
}

/// Schedulers and API servers of a storm.
const SEVERAL: (usize, usize) = (3, 2);
/// Seconds of a storm when the command line names no number.
const STORM: u64 = 120;

async fn several(arguments: &[String]) -> Result<Vec<String>> {
    let number = |at: usize, default| {
        let given: Option<&String> = arguments.get(at);
        given.map_or(Ok(default), |text| text.parse::<u64>().with_context(|| text.clone()))
    };
    let plan = storm::Plan { seconds: number(0, STORM)?, seed: number(1, 1)?, ..storm::Plan::default() };
    ensure!((5..=3600).contains(&plan.seconds), "between 5 and 3600 seconds");
    let sqs = match arguments.get(2).map(String::as_str) {
        None | Some("stream") => None,
        Some("sqs") => Some(sqs::endpoint().await?),
        Some(other) => bail!("{other}: the queue is stream or sqs"),
    };
    let (schedulers, apis) = SEVERAL;
    let report = storm::run(&Shape { schedulers, apis, sqs }, plan).await?;
    println!("{report}");
    Ok(report.complaints)
}

async fn run(arguments: Vec<String>) -> Result<Vec<String>> {
    if let Some(("several", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return several(rest).await;
    }
    let mut arguments = arguments.into_iter();
    match arguments.next().as_deref() {
        Some("local") => {}
        Some("outage") => return outage(arguments.next()).await,
        _ => bail!(
            "usage: script/chaos local [--rounds N] [FAULT ...] | outage [SECONDS] | several [SECONDS [SEED [QUEUE]]]"
        ),
    }
    let (mut rounds, mut faults) = (ROUNDS, Vec::new());
    while let Some(argument) = arguments.next() {
        if argument == "--rounds" {
            let number = arguments.next().context("--rounds needs a number")?;
            rounds = number.parse().with_context(|| format!("--rounds {number}"))?;
            ensure!((1..=100).contains(&rounds), "between 1 and 100 rounds");
        } else {
            faults.push(Fault::named(&argument)?);
        }
    }
    if faults.is_empty() {
        faults.extend(Fault::ALL);
    }
    let (mut outcomes, mut complaints): (Vec<Outcome>, Vec<String>) = (Vec::new(), Vec::new());
    let window = faults.first().map_or(0, |fault| fault.reconnect_window());
    let mut session = Session::start(window).await?;
    for fault in faults {
        if session.reconnect_window != fault.reconnect_window() {
            drop(session);
            session = Session::start(fault.reconnect_window()).await?;
        }
        for number in 1..=rounds {
            let round = format!("{} {number}/{rounds}", fault.name());
            match round::run(&mut session, fault).await {
                Ok(outcome) => {
                    let found = outcome.complaints();
                    let bad = if outcome.counts() { found.clone() } else { Vec::new() };
                    println!("{round}: {outcome}{}", if bad.is_empty() { "" } else { ", BAD" });
                    for complaint in found {
                        println!("    {complaint}");
                    }
                    complaints.extend(bad.into_iter().map(|what| format!("{round}: {what}")));
                    outcomes.extend(outcome.counts().then_some(outcome));
                }
                Err(error) => {
                    let data = session.installation.keep_data().display().to_string();
                    println!("{round}: FAILED; the installation is left in {data}");
                    complaints.push(format!("{round}: {error:#}"));
                    drop(session);
                    session = Session::start(fault.reconnect_window()).await?;
                }
            }
        }
    }
    if !complaints.is_empty() {
        eprintln!("the last installation is left in {}", session.installation.keep_data().display());
    }
    println!("\n{}", table(&outcomes));
    Ok(complaints)
}

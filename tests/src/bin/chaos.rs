//! `chaos local [--rounds N] [--player NAME] [FAULT ...]`: breaks a channel on this machine again and again, and
//! prints what its viewers noticed, a player in a browser among them if one is named. `chaos outage [SECONDS]`: takes the bucket away for minutes. `chaos several
//! [SECONDS [SEED [stream|sqs]]]`: kills schedulers and API servers while jobs come and go.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "prints its table")]

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use ez_e2e::chaos::fault::Fault;
use ez_e2e::chaos::outage;
use ez_e2e::chaos::player::{Player, round_with};
use ez_e2e::chaos::report::table;
use ez_e2e::chaos::round::Outcome;
use ez_e2e::chaos::session::Session;
use ez_e2e::control::plane::Shape;
use ez_e2e::control::storm;
use ez_e2e::disk::mount_alone;
use ez_testkit::sqs;
use tokio::runtime::Runtime;

/// Rounds of each fault when the command line names no number.
const ROUNDS: u32 = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match prepare(&arguments).and_then(|runtime| runtime.block_on(run(arguments))) {
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

/// Small disks can be mounted only by a process that got a place for them before its first thread.
fn prepare(arguments: &[String]) -> Result<Runtime> {
    let small_disks = match arguments.split_first() {
        Some((first, rest)) if first == "local" => {
            Local::parse(rest)?.faults.iter().any(|fault| fault.setting().has_small_disks)
        }
        _ => false,
    };
    if small_disks {
        mount_alone()
            .with_context(|| format!("{} cannot be tried here: name the others", Fault::DiskFull.name()))?;
    }
    Runtime::new().context("start the runtime")
}

/// Seconds for which the bucket is away when the command line names no number.
const OUTAGE: u32 = 300;

async fn outage(seconds: Option<&String>) -> Result<Vec<String>> {
    let seconds = seconds.map_or(Ok(OUTAGE), |text| text.parse().with_context(|| text.clone()))?;
    // The spool holds ten minutes; frames are numbered up to where a returner's begin.
    ensure!((5..=580).contains(&seconds), "between 5 and 580 seconds");
    let mut session = Session::start(Fault::StoreAway.setting()).await?;
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

/// What `chaos local` was asked for.
struct Local {
    rounds: u32,
    player: Option<Player>,
    faults: Vec<Fault>,
}

impl Local {
    fn parse(arguments: &[String]) -> Result<Self> {
        let (mut rounds, mut player, mut faults) = (ROUNDS, None, Vec::new());
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--rounds" {
                let number = arguments.next().context("--rounds needs a number")?;
                rounds = number.parse().with_context(|| format!("--rounds {number}"))?;
                ensure!((1..=100).contains(&rounds), "between 1 and 100 rounds");
            } else if argument == "--player" {
                player = Some(Player::named(arguments.next().context("--player needs a name")?)?);
            } else {
                faults.push(Fault::named(argument)?);
            }
        }
        if faults.is_empty() {
            faults.extend(Fault::ALL);
        }
        Ok(Self { rounds, player, faults })
    }
}

async fn run(arguments: Vec<String>) -> Result<Vec<String>> {
    match arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("local", rest)) => local(rest).await,
        Some(("outage", rest)) => outage(rest.first()).await,
        Some(("several", rest)) => several(rest).await,
        _ => bail!(
            "usage: script/chaos local [--rounds N] [--player NAME] [FAULT ...] | outage [SECONDS] | several [SECONDS [SEED [QUEUE]]]"
        ),
    }
}

async fn local(arguments: &[String]) -> Result<Vec<String>> {
    let Local { rounds, player, faults } = Local::parse(arguments)?;
    let (mut outcomes, mut complaints): (Vec<Outcome>, Vec<String>) = (Vec::new(), Vec::new());
    let mut session = Session::start(faults.first().context("a fault")?.setting()).await?;
    for fault in faults {
        if session.setting != fault.setting() {
            drop(session);
            session = Session::start(fault.setting()).await?;
        }
        for number in 1..=rounds {
            let round = format!("{} {number}/{rounds}", fault.name());
            match round_with(player, &mut session, fault).await {
                Ok((outcome, found)) => {
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
                    session = Session::start(fault.setting()).await?;
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

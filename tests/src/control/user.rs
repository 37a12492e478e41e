//! A user who makes jobs and then changes their mind again and again.
//!
//! One user has one thought at a time about jobs of their own, so what they wanted last is known. What
//! was not answered is noted as such: it may have been followed or not.

use std::collections::BTreeMap;
use std::time::Duration;

use ez_domain::id::JobId;
use ez_objects::dice::Dice;
use reqwest::{Method, StatusCode};
use tokio::time::{Instant, sleep};

use super::api::{Answer, Api, epoch_of, id_of, small_job};
use super::history::{Entry, History};
use super::verdict::{Asked, Wish};

/// Longest pause between two thoughts.
const LONGEST_PAUSE_MS: u64 = 120;
/// Pause when no server takes a connection.
const NOBODY_THERE: Duration = Duration::from_millis(100);
/// How often a wish that must be answered is repeated.
const INSISTENCE: usize = 300;
/// In a thousand thoughts, so many are about a new job while there may be more of them.
const NEW: u16 = 300;

/// What a user asked for.
#[derive(Debug, Default)]
pub struct Memory {
    /// By job.
    pub asked: BTreeMap<JobId, Asked>,
    /// Creations without an answer.
    pub unanswered_creations: usize,
    /// Wishes that were answered.
    pub answered: usize,
    /// Answers that must not be.
    pub complaints: Vec<String>,
}

/// Thinks until `end`; with at most so many jobs.
pub async fn think(api: Api, history: History, mut dice: Dice, end: Instant, most_jobs: usize) -> Memory {
    let mut memory = Memory::default();
    while Instant::now() < end {
        let first = usize::try_from(dice.below(2)).unwrap_or(0);
        if memory.asked.is_empty() || memory.asked.len() < most_jobs && dice.hits(NEW) {
            create(&api, first, &mut memory).await;
        } else {
            let count = u64::try_from(memory.asked.len()).unwrap_or(1);
            let at = usize::try_from(dice.below(count)).unwrap_or(0);
            let wish = match dice.below(10) {
                0..5 => Wish::Stop,
                5..9 => Wish::Run,
                _ => Wish::Delete,
            };
            if let Some(job) = memory.asked.keys().nth(at).copied() {
                ask(&api, first, &history, &mut memory, job, wish).await;
            }
        }
        sleep(Duration::from_millis(dice.below(LONGEST_PAUSE_MS))).await;
    }
    memory
}

async fn create(api: &Api, first: usize, memory: &mut Memory) {
    match api.ask(first, &Method::POST, "/jobs", Some(&small_job())).await {
        Answer::Said(StatusCode::CREATED, job) => match id_of(&job) {
            Ok(id) => {
                memory.answered += 1;
                memory.asked.insert(id, Asked::accepted(Wish::Run));
            }
            Err(error) => memory.complaints.push(format!("{error:#}")),
        },
        Answer::Said(status, answer) => memory.complaints.push(format!("create answers {status}: {answer}")),
        Answer::Lost => memory.unanswered_creations += 1,
        Answer::NotSent => sleep(NOBODY_THERE).await,
    }
}

async fn ask(api: &Api, first: usize, history: &History, memory: &mut Memory, job: JobId, wish: Wish) {
    let (method, path) = match wish {
        Wish::Run => (Method::PUT, format!("/jobs/{job}/resume")),
        Wish::Stop => (Method::PUT, format!("/jobs/{job}/stop")),
        Wish::Delete => (Method::DELETE, format!("/jobs/{job}")),
    };
    let Some(asked) = memory.asked.get_mut(&job) else { return };
    let may_be_gone = asked.accepted == Wish::Delete || asked.unanswered == Some(Wish::Delete);
    match api.ask(first, &method, &path, None).await {
        Answer::Said(StatusCode::ACCEPTED, told) => {
            *asked = Asked::accepted(wish);
            history.saw(Entry::Told { job, epoch: epoch_of(&told) });
            memory.answered += 1;
        }
        // It runs, or it is being deleted: the life cycle says no, and nothing was changed.
        Answer::Said(StatusCode::CONFLICT, _) if wish == Wish::Delete || may_be_gone => memory.answered += 1,
        Answer::Said(StatusCode::NOT_FOUND, _) if may_be_gone => {
            *asked = Asked::accepted(Wish::Delete);
            memory.answered += 1;
        }
        Answer::Said(status, answer) => {
            memory.complaints.push(format!("{method} {path} after {asked:?} answers {status}: {answer}"));
        }
        // Which of two unanswered wishes came last is not known any more, so none is added to another.
        Answer::Lost => match asked.unanswered {
            None => asked.unanswered = Some(wish),
            Some(before) if before == wish => {}
            Some(_) => settle(api, history, memory, job, wish).await,
        },
        Answer::NotSent => sleep(NOBODY_THERE).await,
    }
}

/// Asks again until there is an answer: after two lost ones it would not be known what to expect.
async fn settle(api: &Api, history: &History, memory: &mut Memory, job: JobId, wish: Wish) {
    let wish = if wish == Wish::Delete { Wish::Stop } else { wish };
    let path = if wish == Wish::Run { "resume" } else { "stop" };
    for _ in 0..INSISTENCE {
        match api.ask(0, &Method::PUT, &format!("/jobs/{job}/{path}"), None).await {
            Answer::Said(StatusCode::ACCEPTED, told) => {
                history.saw(Entry::Told { job, epoch: epoch_of(&told) });
                memory.asked.insert(job, Asked::accepted(wish));
                return;
            }
            Answer::Said(StatusCode::CONFLICT | StatusCode::NOT_FOUND, _) => {
                memory.asked.insert(job, Asked::accepted(Wish::Delete));
                return;
            }
            Answer::Said(status, answer) => {
                memory.complaints.push(format!("{path} of {job} answers {status}: {answer}"));
                return;
            }
            Answer::Lost | Answer::NotSent => sleep(NOBODY_THERE).await,
        }
    }
    memory.complaints.push(format!("{path} of {job} is not answered"));
}

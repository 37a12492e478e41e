//! Conditional writes: one winner, whatever happens at the same time.

use bytes::Bytes;
use futures::future::join_all;

use super::{Check, Violation, body, clean_up, options};
use crate::error::{Cause, Error};
use crate::object::{Body, ETag, ObjectStore, Precondition, PutOptions};

/// How many writers race.
const WRITERS: u64 = 16;
/// How often each race is run.
const ROUNDS: u64 = 8;

/// Preconditions are kept one write after the other.
pub async fn conditions(store: &dyn ObjectStore, prefix: &str) -> Result<(), Violation> {
    let check = Check("conditions");
    let key = format!("{prefix}playlist.m3u8");
    let put = async |text: &str, precondition: Precondition| -> Result<ETag, Error> {
        store.put(&key, &body(text), &PutOptions { precondition, ..options(1) }).await
    };
    let refused = |what: &str, answer: Result<ETag, Error>| match answer {
        Err(error) => check.equal(&format!("cause of {what}"), &error.cause, &Cause::PreconditionFailed),
        Ok(_) => Err(check.violation(format!("{what} was accepted"))),
    };
    let ghost = ETag::new("\"00000000000000000000000000000000\"");
    refused("If-Match on nothing", put("0", Precondition::IfMatch(ghost.clone())).await)?;
    let first = check.done(put("1", Precondition::IfAbsent).await)?;
    refused("a second If-None-Match", put("2", Precondition::IfAbsent).await)?;
    refused("If-Match with a wrong tag", put("3", Precondition::IfMatch(ghost)).await)?;
    let second = check.done(put("4", Precondition::IfMatch(first.clone())).await)?;
    refused("If-Match with an old tag", put("5", Precondition::IfMatch(first)).await)?;
    let read = check.done(store.get(&key).await)?;
    check.equal("content", &read.map(|(bytes, _)| bytes), &Some(Bytes::from_static(b"4")))?;

    clean_up(check, store, std::slice::from_ref(&key)).await?;
    refused("If-Match after deletion", put("6", Precondition::IfMatch(second)).await)?;
    check.done(put("7", Precondition::IfAbsent).await)?;
    clean_up(check, store, &[key]).await
}

/// Of many writers with the same precondition exactly one wins, its content stays, and whoever
/// reads meanwhile gets body and tag of one and the same write.
pub async fn races(store: &dyn ObjectStore, prefix: &str) -> Result<(), Violation> {
    let check = Check("races");
    let mut keys = Vec::new();
    for round in 0..ROUNDS {
        let key = format!("{prefix}{round}");
        keys.push(key.clone());
        let created = race(check, store, &key, &Precondition::IfAbsent, 2 * round).await?;
        race(check, store, &key, &Precondition::IfMatch(created), 2 * round + 1).await?;
    }
    clean_up(check, store, &keys).await
}

async fn race(
    check: Check,
    store: &dyn ObjectStore,
    key: &str,
    precondition: &Precondition,
    round: u64,
) -> Result<ETag, Violation> {
    let entries: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let options =
                PutOptions { precondition: precondition.clone(), ..options(round * WRITERS + writer) };
            // Sizes differ much: a body of one write with the headers of another is seen.
            let text = format!("round {round} writer {writer} ")
                .repeat(1 + 997 * usize::try_from(writer).unwrap_or(0));
            (Body::Bytes(Bytes::from(text)), options)
        })
        .collect();
    let writes = join_all(entries.iter().map(|(body, options)| store.put(key, body, options)));
    let reads = join_all((0..WRITERS).map(|_| store.get(key)));
    let (answers, reads) = futures::future::join(writes, reads).await;

    let mut winners = Vec::new();
    for (entry, answer) in entries.iter().zip(answers) {
        match answer {
            Ok(etag) => winners.push((entry, etag)),
            Err(error) if matches!(error.cause, Cause::PreconditionFailed | Cause::Conflict) => {}
            Err(error) => return Err(check.violation(format!("unexpected error: {error} ({error:?})"))),
        }
    }
    let [((winner, options), etag)] = winners.as_slice() else {
        return Err(
            check.violation(format!("{} of {WRITERS} writers won with {precondition:?}", winners.len()))
        );
    };
    let Body::Bytes(winner) = winner else { return Err(check.violation("the body is no file")) };
    let Some((bytes, info)) = check.done(store.get(key).await)? else {
        return Err(check.violation("the object of the winner is gone"));
    };
    check.equal("content", &bytes, winner)?;
    check.equal("tag", &info.etag, etag)?;
    check.equal("write-id", &info.write_id, &options.write_id)?;
    for (read, seen) in reads
        .into_iter()
        .filter_map(Result::transpose)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| check.violation(format!("a reader during the race: {error} ({error:?})")))?
    {
        check.equal("size seen by a reader", &seen.size, &(read.len() as u64))?;
        let is_of_winner = read == *winner;
        check.equal("whether body and tag belong together", &(seen.etag == *etag), &is_of_winner)?;
        check.equal(
            "whether body and write-id belong together",
            &(seen.write_id == options.write_id),
            &is_of_winner,
        )?;
    }
    Ok(etag.clone())
}

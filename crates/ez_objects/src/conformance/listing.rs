//! Listing and deletion.

use futures::StreamExt as _;
use futures::stream;

use super::{Check, Violation, body, options};
use crate::error::Cause;
use crate::object::{DELETE_BATCH_MAX, Listed, ObjectStore};

/// More than a page of S3 (1000 keys).
const MANY: usize = 1005;

/// A listing names every key with the prefix once, in order and with its size, over several pages.
pub async fn listing(store: &dyn ObjectStore, prefix: &str) -> Result<(), Violation> {
    let check = Check("listing");
    check.equal("empty listing", &all(check, store, prefix).await?, &Vec::new())?;
    let expected: Vec<_> = (0..MANY)
        .map(|number| Listed {
            key: format!("{prefix}{:02}/{number:05}.ts", number / 50),
            size: (number % 10) as u64,
        })
        .collect();
    let keys: Vec<_> = expected.iter().map(|object| object.key.clone()).collect();
    let written: Vec<_> = stream::iter(expected.iter().zip(0..))
        .map(|(object, number)| async move {
            let text = "x".repeat(usize::try_from(object.size).unwrap_or_default());
            store.put(&object.key, &body(&text), &options(number)).await
        })
        .buffer_unordered(16)
        .collect()
        .await;
    for answer in written {
        check.done(answer)?;
    }
    check.equal("listing", &all(check, store, prefix).await?, &expected)?;
    // A prefix is a beginning of the key, not a folder.
    let narrow = all(check, store, &format!("{prefix}03/0015")).await?;
    check.equal("listing by half a name", &narrow, &expected[150..160].to_vec())?;

    let (batch, rest) = keys.split_at(DELETE_BATCH_MAX);
    check.done(store.delete_batch(batch).await)?;
    check.equal(
        "listing after a batch",
        &all(check, store, prefix).await?,
        &expected[DELETE_BATCH_MAX..].to_vec(),
    )?;
    check.done(store.delete_batch(rest).await)?;
    check.equal("listing at the end", &all(check, store, prefix).await?, &Vec::new())
}

/// Deletion deletes what is there, forgives what is not, and refuses too large a batch as a whole.
pub async fn deletion(store: &dyn ObjectStore, prefix: &str) -> Result<(), Violation> {
    let check = Check("deletion");
    let keys: Vec<_> = ["a", "b", "missing", "c"].map(|name| format!("{prefix}{name}")).to_vec();
    for key in keys.iter().filter(|key| !key.ends_with("missing")) {
        check.done(store.put(key, &body("x"), &options(1)).await)?;
    }
    let too_many: Vec<_> = (0..=DELETE_BATCH_MAX).map(|_| keys[0].clone()).collect();
    match store.delete_batch(&too_many).await {
        Err(error) => check.equal("cause for too many keys", &error.cause, &Cause::Other)?,
        Ok(()) => return Err(check.violation("a batch of 1001 keys was accepted")),
    }
    check
        .holds(check.done(store.head(&keys[0]).await)?.is_some(), || "a refused batch deleted".to_owned())?;
    check.done(store.delete_batch(&keys).await)?;
    for key in &keys {
        check.equal("head after deletion", &check.done(store.head(key).await)?, &None)?;
    }
    check.done(store.delete_batch(&keys).await)?;
    check.done(store.delete_batch(&[]).await)?;

    // Nothing of a deleted object comes back with the next one of the same name.
    check.done(store.put(&keys[0], &body("y"), &Default::default()).await)?;
    let info = check.done(store.head(&keys[0]).await)?;
    let stale = info.map(|info| (info.epoch, info.write_id));
    check.equal("metadata after deletion and a plain write", &stale, &Some((None, None)))?;
    check.done(store.delete_batch(&keys[..1]).await)
}

async fn all(check: Check, store: &dyn ObjectStore, prefix: &str) -> Result<Vec<Listed>, Violation> {
    let mut objects = Vec::new();
    let mut continuation: Option<String> = None;
    loop {
        let page = check.done(store.list(prefix, continuation.as_deref()).await)?;
        objects.extend(page.objects);
        check.holds(objects.len() <= 10 * MANY, || "the pages never end".to_owned())?;
        continuation = page.next;
        if continuation.is_none() {
            return Ok(objects);
        }
    }
}

//! What is written is what is read: bytes, headers, metadata, keys.

use bytes::Bytes;
use ez_domain::id::Epoch;

use super::{Check, Violation, body, clean_up, options};
use crate::dice::Dice;
use crate::error::Cause;
use crate::object::{Body, ObjectInfo, ObjectStore, PutOptions};

/// Larger than every buffer on the way and than a usual segment.
const LARGE: usize = 3 * 1024 * 1024 + 17;

/// Bytes of every size, headers and metadata come back, from `get` and `head` alike, and are
/// replaced as a whole by the next write.
pub async fn content(store: &dyn ObjectStore, prefix: &str) -> Result<(), Violation> {
    let check = Check("content");
    let mut keys = Vec::new();
    for (name, bytes) in [
        ("empty", Bytes::new()),
        ("small", Bytes::from_static(b"\x00\xff#EXTM3U\r\n")),
        ("large", noise(LARGE)),
    ] {
        let key = format!("{prefix}{name}.mp4");
        let options = options(1);
        let etag = check.done(store.put(&key, &Body::Bytes(bytes.clone()), &options).await)?;
        let Some((read, info)) = check.done(store.get(&key).await)? else {
            return Err(check.violation(format!("{key} is gone after it was written")));
        };
        check.equal(&format!("content of {key}"), &read, &bytes)?;
        check.equal("tag", &info.etag, &etag)?;
        matches_options(check, &info, bytes.len(), &options)?;
        let Some(head) = check.done(store.head(&key).await)? else {
            return Err(check.violation(format!("head does not see {key}")));
        };
        check.equal("head", &head, &info)?;
        keys.push(key);
    }

    let second = PutOptions {
        content_type: "application/vnd.apple.mpegurl".to_owned(),
        cache_control: "max-age=1".to_owned(),
        epoch: Some(Epoch::new(u64::MAX)),
        ..options(2)
    };
    for (text, options) in
        [("second", &second), ("third", &PutOptions { epoch: None, write_id: None, ..second.clone() })]
    {
        let before = check.done(store.head(&keys[1]).await)?.map(|info| info.etag);
        let etag = check.done(store.put(&keys[1], &body(text), options).await)?;
        check.holds(before != Some(etag), || "other bytes have the same tag".to_owned())?;
        let read = check.done(store.get(&keys[1]).await)?;
        check.equal("content", &read.as_ref().map(|(bytes, _)| bytes.as_ref()), &Some(text.as_bytes()))?;
        if let Some((_, info)) = read {
            matches_options(check, &info, text.len(), options)?;
        }
    }
    clean_up(check, store, &keys).await
}

/// A file is uploaded as it lies on disk; one that cannot be read is no fault of the store.
pub async fn files(store: &dyn ObjectStore, prefix: &str) -> Result<(), Violation> {
    let check = Check("files");
    let key = format!("{prefix}segment.m4s");
    let bytes = noise(LARGE);
    let path = std::env::temp_dir().join(format!("ez-objects-{:016x}.m4s", Dice::from_system().next()));
    let written = tokio::fs::write(&path, &bytes).await;
    written.map_err(|error| check.violation(format!("cannot write {}: {error}", path.display())))?;
    let stored = store.put(&key, &Body::File(path.clone()), &options(1)).await;
    let removed = tokio::fs::remove_file(&path).await;
    removed.map_err(|error| check.violation(format!("cannot remove {}: {error}", path.display())))?;
    check.done(stored)?;
    let read = check.done(store.get(&key).await)?;
    check.equal("content", &read.map(|(read, _)| read), &Some(bytes))?;

    match store.put(&key, &Body::File(path), &options(2)).await {
        Err(error) => check.equal("cause for a missing file", &error.cause, &Cause::File)?,
        Ok(_) => return Err(check.violation("a file that is not there was uploaded")),
    }
    clean_up(check, store, &[key]).await
}

/// Keys are taken as they are.
pub async fn unusual_keys(store: &dyn ObjectStore, prefix: &str) -> Result<(), Violation> {
    let check = Check("unusual keys");
    let names = [
        "with space.m4s",
        "plus+sign",
        "percent%41",
        "percent%2Fslash",
        "question?mark",
        "hash#mark",
        "ampersand&equals=1",
        "quotes'\"",
        "brackets[1]{2}(3)",
        "umlaut-äöü",
        "日本語/一.ts",
        "back\\slash",
        "semi;colon:comma,at@",
        "tilde~star*bang!",
        ".hidden",
        "..dots",
        "deep/er/and/deep/er/still/x",
    ];
    let mut keys = Vec::new();
    for name in names {
        let key = format!("{prefix}{name}");
        check.done(store.put(&key, &body(name), &options(1)).await)?;
        keys.push(key);
    }
    for (key, name) in keys.iter().zip(names) {
        let read = check.done(store.get(key).await)?;
        let read = read.as_ref().map(|(bytes, _)| bytes.as_ref());
        check.equal(&format!("content of {key}"), &read, &Some(name.as_bytes()))?;
    }
    let mut listed: Vec<_> =
        check.done(store.list(prefix, None).await)?.objects.into_iter().map(|object| object.key).collect();
    listed.sort_unstable();
    let mut expected = keys.clone();
    expected.sort_unstable();
    check.equal("listing", &listed, &expected)?;
    clean_up(check, store, &keys).await?;
    let left = check.done(store.list(prefix, None).await)?.objects;
    check.equal("listing after deletion", &left, &Vec::new())
}

/// What is not there is `None`, not an error; a folder is not an object.
pub async fn absent_objects(store: &dyn ObjectStore, prefix: &str) -> Result<(), Violation> {
    let check = Check("absent objects");
    let key = format!("{prefix}folder/object");
    for key in [key.clone(), format!("{prefix}folder")] {
        check.equal("head", &check.done(store.head(&key).await)?, &None)?;
        check.equal("get", &check.done(store.get(&key).await)?, &None)?;
    }
    check.done(store.put(&key, &body("x"), &options(1)).await)?;
    for key in [format!("{prefix}folder"), format!("{prefix}folder/obj"), format!("{prefix}folder/object2")] {
        check.equal(&format!("head of {key}"), &check.done(store.head(&key).await)?, &None)?;
        check.equal(&format!("get of {key}"), &check.done(store.get(&key).await)?, &None)?;
    }
    clean_up(check, store, &[key]).await
}

fn matches_options(
    check: Check,
    info: &ObjectInfo,
    size: usize,
    options: &PutOptions,
) -> Result<(), Violation> {
    check.equal("size", &info.size, &(size as u64))?;
    check.equal("content type", &info.content_type.as_deref(), &Some(options.content_type.as_str()))?;
    check.equal("cache control", &info.cache_control.as_deref(), &Some(options.cache_control.as_str()))?;
    check.equal("epoch", &info.epoch, &options.epoch)?;
    check.equal("write-id", &info.write_id, &options.write_id)?;
    check.holds(info.last_modified.is_some(), || "there is no time of the last change".to_owned())
}

fn noise(size: usize) -> Bytes {
    let mut dice = Dice::from_seed(size as u64);
    let words = std::iter::repeat_with(|| dice.next().to_le_bytes());
    words.take(size.div_ceil(8)).flatten().take(size).collect()
}

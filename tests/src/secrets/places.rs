//! The places in which an installation could show a secret.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use redis::Value;
use redis::aio::MultiplexedConnection;

use super::Search;
use crate::processes::residents;

/// Looks at the command lines and the environments of everybody who works below `data`.
///
/// # Errors
/// When the processes cannot be listed.
pub fn in_processes(search: &mut Search, data: &Path) -> Result<()> {
    for (pid, program) in residents(data)? {
        let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for kind in ["cmdline", "environ"] {
            // One that has ended meanwhile shows nothing any more.
            if let Ok(content) = std::fs::read(format!("/proc/{pid}/{kind}")) {
                search.look(&format!("process {pid}, {kind} of {program}"), &content);
            }
        }
    }
    Ok(())
}

/// Looks at every file below `folder`, and at its name; not at those below one of `but`.
///
/// # Errors
/// When a file cannot be read.
pub fn in_files(search: &mut Search, folder: &Path, but: &[PathBuf]) -> Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match std::fs::read_dir(&next) {
            Ok(entries) => entries,
            // Runs and objects come and go.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("list {}", next.display())),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && !but.contains(&path) {
                folders.push(path);
            } else if kind.is_file() {
                // A FIFO or a socket keeps nothing.
                match std::fs::read(&path) {
                    Ok(content) => search.look(&format!("file {}", path.display()), &content),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
                }
            }
        }
    }
    Ok(())
}

/// Looks at every key of Redis with all that it holds, value by value: `DUMP` compresses.
///
/// # Errors
/// When Redis does not answer, or a key is of a kind that this does not read.
pub async fn in_redis(search: &mut Search, address: &str) -> Result<()> {
    let client = redis::Client::open(address).context("read the address of Redis")?;
    let mut redis = client.get_multiplexed_async_connection().await.context("connect to Redis")?;
    let mut cursor = 0_u64;
    loop {
        let (next, keys): (u64, Vec<Vec<u8>>) =
            redis::cmd("SCAN").arg(cursor).query_async(&mut redis).await.context("list the keys")?;
        for key in keys {
            let place = format!("redis key {}", String::from_utf8_lossy(&key));
            search.look(&place, &key);
            look_at_value(search, &place, &read(&mut redis, &key).await?);
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

async fn read(redis: &mut MultiplexedConnection, key: &[u8]) -> Result<Value> {
    let kind: String =
        redis::cmd("TYPE").arg(key).query_async(redis).await.context("ask for a key's kind")?;
    let command = |name: &str, rest: &[&str]| {
        let mut command = redis::cmd(name);
        command.arg(key);
        for argument in rest {
            command.arg(argument);
        }
        command
    };
    let command = match kind.as_str() {
        // It went between the list and now.
        "none" => return Ok(Value::Nil),
        "string" => command("GET", &[]),
        "hash" => command("HGETALL", &[]),
        "set" => command("SMEMBERS", &[]),
        "zset" => command("ZRANGE", &["0", "-1"]),
        "list" => command("LRANGE", &["0", "-1"]),
        "stream" => command("XRANGE", &["-", "+"]),
        other => anyhow::bail!("the key {} is a {other}: teach the search to read it", key.escape_ascii()),
    };
    command.query_async(redis).await.with_context(|| format!("read the key {}", key.escape_ascii()))
}

fn look_at_value(search: &mut Search, place: &str, value: &Value) {
    match value {
        Value::BulkString(bytes) => search.look(place, bytes),
        Value::SimpleString(text) => search.look(place, text.as_bytes()),
        Value::Array(values) | Value::Set(values) => {
            for value in values {
                look_at_value(search, place, value);
            }
        }
        Value::Map(pairs) => {
            for (key, value) in pairs {
                look_at_value(search, place, key);
                look_at_value(search, place, value);
            }
        }
        other => search.look(place, format!("{other:?}").as_bytes()),
    }
}

//! Which processes belong to a stack: kept on disk for whoever has to clean up after its launcher.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::layout::replace_file;
use super::proc::{Identity, boot_id};

/// What is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The run of the system in which the identities mean something.
    pub boot: String,
    /// The launcher.
    pub launcher: Identity,
    /// Whether the stack has been ready; what is printed at the end of a start can be read then.
    pub ready: bool,
    /// The services that run.
    pub services: BTreeMap<String, Identity>,
}

impl Contents {
    /// Reads a record; `None` when there is none, it is damaged, or the system was started since.
    pub fn read(path: &Path) -> Option<Self> {
        let contents: Self = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
        (contents.boot == boot_id()).then_some(contents)
    }
}

/// The record of the stack that this process runs.
#[derive(Debug)]
pub(crate) struct Record {
    path: PathBuf,
    contents: Mutex<Contents>,
}

impl Record {
    pub(crate) fn new(path: PathBuf) -> Result<Self, Error> {
        let own = std::process::id();
        let launcher = Identity::of(own).unwrap_or(Identity { pid: own, started: 0 });
        let contents = Contents { boot: boot_id(), launcher, ready: false, services: BTreeMap::new() };
        let record = Self { path, contents: Mutex::new(contents) };
        record.change(|_| ())?;
        Ok(record)
    }

    /// Changes the record here and on disk.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Contents)) -> Result<(), Error> {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut contents);
        let text = serde_json::to_string_pretty(&*contents).unwrap_or_default();
        // Written under the lock: a later state must not be overwritten by an earlier one.
        replace_file(&self.path, &text)
    }

    pub(crate) fn contents(&self) -> Contents {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_back_but_not_across_a_restart_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("processes.json");
        assert_eq!(Contents::read(&path), None);
        let record = Record::new(path.clone()).unwrap();
        let own = Identity::of(std::process::id()).unwrap();
        record
            .change(|contents| {
                contents.services.insert("redis".to_owned(), own);
            })
            .unwrap();
        let read = Contents::read(&path).unwrap();
        assert_eq!((read.launcher, read.services.get("redis")), (own, Some(&own)));
        assert_eq!(read, record.contents());

        let text = std::fs::read_to_string(&path).unwrap().replace(&boot_id(), "another");
        std::fs::write(&path, text).unwrap();
        assert_eq!(Contents::read(&path), None);
        std::fs::write(&path, "{\"boot\"").unwrap();
        assert_eq!(Contents::read(&path), None);
    }
}

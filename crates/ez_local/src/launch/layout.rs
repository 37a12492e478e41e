//! Where things lie in the data folder of a stack.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{Error, disk};

/// A log that is longer than this at a start is set aside as `….log.1`.
const LOG_LIMIT: u64 = 20 * 1024 * 1024;

/// The data folder.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below `data`, which is made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn make(data: &Path) -> Result<Self, Error> {
        fs::create_dir_all(data).map_err(disk("make", data))?;
        let layout = Self::of(data)?;
        for folder in [layout.redis(), layout.s3(), layout.config(), layout.logs()] {
            fs::create_dir_all(&folder).map_err(disk("make", &folder))?;
        }
        Ok(layout)
    }

    /// The layout below `data`, which is there already.
    ///
    /// # Errors
    /// When it is not.
    pub fn of(data: &Path) -> Result<Self, Error> {
        // Absolute and without links: services run elsewhere, and /proc names folders this way.
        Ok(Self { root: data.canonicalize().map_err(disk("find", data))? })
    }

    /// The data folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The data of redis.
    pub fn redis(&self) -> PathBuf {
        self.root.join("redis")
    }

    /// The objects of the local S3.
    pub fn s3(&self) -> PathBuf {
        self.root.join("s3")
    }

    /// The folder of worker `k`: its runs, spools and what it must find again after a crash.
    pub fn worker(&self, k: u16) -> PathBuf {
        self.root.join("workers").join(k.to_string())
    }

    /// The secrets.
    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// The configuration files.
    pub fn config(&self) -> PathBuf {
        self.root.join("config")
    }

    /// The logs.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The log of one service.
    pub fn log(&self, service: &str) -> PathBuf {
        self.logs().join(format!("{service}.log"))
    }

    /// Where the services are, for people and tests.
    pub fn endpoints(&self) -> PathBuf {
        self.root.join("endpoints.json")
    }

    /// Which channel is that of `--demo`.
    pub(crate) fn demo(&self) -> PathBuf {
        self.root.join("demo-channel")
    }

    /// Which processes belong to the stack, for the next launcher and `script/down`.
    pub fn record(&self) -> PathBuf {
        self.root.join("processes.json")
    }

    /// Held by the launcher as long as it lives.
    pub fn lock(&self) -> PathBuf {
        self.root.join("launcher.lock")
    }

    /// Opens a service's log for appending.
    pub(crate) fn open_log(&self, service: &str) -> Result<fs::File, Error> {
        let path = self.log(service);
        if fs::metadata(&path).is_ok_and(|found| found.len() > LOG_LIMIT) {
            let aside = path.with_extension("log.1");
            fs::rename(&path, &aside).map_err(disk("set aside", &path))?;
        }
        fs::OpenOptions::new().create(true).append(true).open(&path).map_err(disk("open", &path))
    }
}

/// Writes a whole file or none of it.
pub(crate) fn replace_file(path: &Path, text: &str) -> Result<(), Error> {
    let unfinished = path.with_extension("new");
    fs::write(&unfinished, text).map_err(disk("write", &unfinished))?;
    fs::rename(&unfinished, path).map_err(disk("replace", path))
}

//! Who this worker is: an identity for ever, and an incarnation for as long as its runs can live.
//!
//! The incarnation outlives this process, because transcoders do. It changes when the machine was
//! booted anew: then nothing of the former life is left.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ez_domain::id::{Incarnation, WorkerId};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What identifies this worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The worker, for ever.
    pub(crate) worker: WorkerId,
    /// Its present life.
    pub(crate) incarnation: Incarnation,
    /// The boot that this life belongs to.
    boot: String,
}

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// Another `worker_app` holds it.
    #[error("another worker_app works in {0}: end it, or give this one a Data_folder of its own")]
    Taken(PathBuf),
    /// The file system refuses.
    #[error("{path} cannot be used: give this user the right to write to Data_folder")]
    Refused {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

fn refused(path: &Path) -> impl FnOnce(std::io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError::Refused { path, source }
}

/// The data folder, held by this process alone until the value is dropped.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: Flock<File>,
}

impl DataFolder {
    /// Makes the folder and takes its lock; the kernel releases it with the process.
    pub(crate) fn take(path: &Path) -> Result<Self, FolderError> {
        private_folder(path).map_err(refused(path))?;
        for name in ["runs", "logs"] {
            let folder = path.join(name);
            private_folder(&folder).map_err(refused(&folder))?;
        }
        let lock = path.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock)
            .map_err(refused(&lock))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(held) => Ok(Self { path: path.to_owned(), _lock: held }),
            Err((_, Errno::EWOULDBLOCK)) => Err(FolderError::Taken(path.to_owned())),
            Err((_, errno)) => Err(refused(&lock)(errno.into())),
        }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the identity, or makes what is missing or out of date.
    pub(crate) fn identity(&self) -> Result<Identity, FolderError> {
        let boot = fs::read_to_string(BOOT_ID).map_err(refused(Path::new(BOOT_ID)))?;
        self.identity_in(boot.trim())
    }

    fn identity_in(&self, boot: &str) -> Result<Identity, FolderError> {
        let path = self.path.join("identity.json");
        let stored = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Identity>(&bytes)
                .inspect_err(|error| {
                    tracing::warn!(path = %path.display(), %error, "the identity is damaged; the worker gets a new one");
                })
                .ok(),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(refused(&path)(error)),
        };
        let identity = match stored {
            Some(identity) if identity.boot == boot => return Ok(identity),
            Some(identity) => Identity { incarnation: new_incarnation(), boot: boot.to_owned(), ..identity },
            None => Identity {
                worker: WorkerId::from_uuid(Uuid::new_v4()),
                incarnation: new_incarnation(),
                boot: boot.to_owned(),
            },
        };
        write_private(&path, &identity, Keep::AcrossPowerLoss).map_err(refused(&path))?;
        Ok(identity)
    }
}

fn new_incarnation() -> Incarnation {
    Incarnation::from_uuid(Uuid::new_v4())
}

/// Makes a folder for this user only; one that exists is left as it is.
pub(crate) fn private_folder(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What a written file has to outlive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The end of this process; nothing waits for the disk.
    AcrossCrash,
    /// The end of the machine.
    AcrossPowerLoss,
}

/// Replaces a file of mode 0600 as a whole: a crash leaves the old one or the new one.
pub(crate) fn write_private(path: &Path, document: &impl Serialize, keep: Keep) -> std::io::Result<()> {
    let written = path.with_extension("new");
    match fs::remove_file(&written) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&written)?;
    file.write_all(&serde_json::to_vec(document)?)?;
    if keep == Keep::AcrossPowerLoss {
        file.sync_all()?;
    }
    fs::rename(&written, path)?;
    match path.parent() {
        Some(folder) if keep == Keep::AcrossPowerLoss => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_worker_stays_and_the_incarnation_follows_the_boot() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::take(folder.path()).unwrap();
        let first = data.identity_in("boot-1").unwrap();
        assert_eq!(data.identity_in("boot-1").unwrap(), first);
        let second = data.identity_in("boot-2").unwrap();
        assert_eq!(second.worker, first.worker);
        assert_ne!(second.incarnation, first.incarnation);
        assert_eq!(data.identity_in("boot-2").unwrap(), second);
        let mode = fs::metadata(folder.path().join("identity.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_identity_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::take(folder.path()).unwrap();
        let first = data.identity_in("boot").unwrap();
        fs::write(folder.path().join("identity.json"), b"{\"worker\":").unwrap();
        let second = data.identity_in("boot").unwrap();
        assert_ne!(second.worker, first.worker);
        assert_eq!(data.identity_in("boot").unwrap(), second);
    }

    #[test]
    fn a_folder_has_one_worker() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::take(folder.path()).unwrap();
        let message = DataFolder::take(folder.path()).unwrap_err().to_string();
        assert!(message.contains("another worker_app") && message.contains("Data_folder"), "{message}");
        drop(data);
        DataFolder::take(folder.path()).unwrap();
    }
}

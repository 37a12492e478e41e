//! Disks that are full soon: each worker's data folder on a file system of its own, in memory.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

/// More than what a worker wants to see free before it takes a run (`Least_free_disk_mib`).
const OPTIONS: &str = "size=768m,mode=0700";

/// Lets mounts of this process be seen by it and its children alone, and go with them. Without rights on the
/// machine it takes those of a user namespace of its own.
///
/// # Errors
/// When the kernel does not allow it, as where there is a second thread.
pub fn mount_alone() -> Result<()> {
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        unshare(CloneFlags::CLONE_NEWNS).context("get a mount namespace for small disks")?;
    } else {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
            .context("get a user and a mount namespace for small disks")?;
        // A process without rights outside may map itself only once it has given up setgroups(2)
        // (user_namespaces(7)).
        for (file, text) in [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("{user} {user} 1")),
            ("gid_map", format!("{group} {group} 1")),
        ] {
            std::fs::write(format!("/proc/self/{file}"), text).with_context(|| file.to_owned())?;
        }
    }
    // Where / is no mount of its own, as in a chroot, this cannot be said, and need not be.
    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    let _ = mount(None::<&str>, "/", None::<&str>, private, None::<&str>);
    Ok(())
}

/// A folder on a disk of its own, until it is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Makes the folder, and mounts the disk there.
    ///
    /// # Errors
    /// When this process may not mount; see [`mount_alone`].
    pub fn mount(folder: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        mount(Some("tmpfs"), &folder, Some("tmpfs"), MsFlags::empty(), Some(OPTIONS))
            .with_context(|| format!("mount a small disk at {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Whether `path` is on it.
    pub fn holds(&self, path: &Path) -> bool {
        path.starts_with(&self.folder)
    }

    /// Writes until there is no room left; there is again once the answer is dropped.
    ///
    /// # Errors
    /// When something else prevents it.
    pub fn fill(&self) -> Result<Filler> {
        let filler = Filler(self.folder.join("something else"));
        filler.write()?;
        Ok(filler)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount2(&self.folder, MntFlags::MNT_DETACH);
    }
}

/// What fills a disk, removed when dropped.
#[derive(Debug)]
pub struct Filler(PathBuf);

impl Filler {
    /// Writes until there is no room left, also where room was made meanwhile.
    ///
    /// # Errors
    /// When something else prevents it.
    pub fn write(&self) -> Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(&self.0);
        let mut file = file.context("begin to fill the disk")?;
        let block = vec![1; 256 * 1024];
        loop {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error).context("fill the disk"),
            }
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

//! The room on a disk.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

/// A disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What this process may still write.
    pub free: u64,
    /// Its size.
    pub total: u64,
}

/// The room on the disk that `folder` lies on.
///
/// # Errors
/// When the folder cannot be asked for.
pub fn room(folder: &Path) -> io::Result<Room> {
    let disk = statvfs(folder)?;
    let block = disk.fragment_size();
    Ok(Room {
        free: disk.blocks_available().saturating_mul(block),
        total: disk.blocks().saturating_mul(block),
    })
}

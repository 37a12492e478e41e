//! Room for the media of another run.

use std::path::PathBuf;

use ez_domain::placement::Standing;
use ez_service::disk;

/// An amount of space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Watches the disk of the data folder.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    least_free: Bytes,
    was_full: bool,
}

impl Disk {
    pub(crate) const fn new(folder: PathBuf, least_free: Bytes) -> Self {
        Self { folder, least_free, was_full: false }
    }

    /// Whether another run may come. A disk that cannot be asked counts as one with room: the runs
    /// themselves notice when it is not.
    pub(crate) fn standing(&mut self) -> Standing {
        let free = match disk::room(&self.folder) {
            Ok(room) => Bytes(room.free),
            Err(error) => {
                tracing::warn!(%error, folder = %self.folder.display(), "the free space is not known");
                return Standing::Open;
            }
        };
        let is_full = free < self.least_free;
        if is_full != self.was_full {
            self.was_full = is_full;
            let (free_mib, least_mib) = (free.0 >> 20, self.least_free.0 >> 20);
            if is_full {
                tracing::error!(
                    free_mib,
                    least_mib,
                    folder = %self.folder.display(),
                    "the disk is full: no further run is taken; free space, or lower Least_free_disk_mib"
                );
            } else {
                tracing::info!(free_mib, "the disk has room again");
            }
        }
        if is_full { Standing::DiskFull } else { Standing::Open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_below_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let standing = |least| Disk::new(folder.path().to_owned(), Bytes(least)).standing();
        assert_eq!((standing(0), standing(u64::MAX)), (Standing::Open, Standing::DiskFull));
        let gone = folder.path().join("gone");
        assert_eq!(Disk::new(gone, Bytes(u64::MAX)).standing(), Standing::Open);
    }
}

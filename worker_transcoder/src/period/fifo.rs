//! The FIFOs between ffmpeg and packager.
//!
//! We hold the transport stream's FIFO open for both directions at first: packager then never
//! hangs in `open` when ffmpeg dies early, and what is written before packager reads is kept. The
//! hold masks the end of the stream, so it is given up as soon as ffmpeg or packager stand on
//! their own.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use ez_media::feed::null_packets;
use ez_media::layout::OutputLayout;
use ez_media::layout::local::TRANSPORT_STREAM_FIFO;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// FIFOs that are held open.
#[derive(Debug)]
pub(super) struct Held(Vec<File>);

impl Held {
    /// Makes the FIFOs and puts the null packets in that let packager see at once what it reads.
    pub(super) fn prepare(folder: &Path, layout: &OutputLayout) -> Result<Self> {
        let mut held = Vec::new();
        for name in layout.fifos() {
            let path = folder.join(name);
            mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)
                .with_context(|| format!("make the FIFO {}", path.display()))?;
            // O_RDWR does not wait for the other side (fifo(7)).
            let mut fifo = OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path)
                .with_context(|| format!("open the FIFO {}", path.display()))?;
            if name == TRANSPORT_STREAM_FIFO {
                // Fits into the pipe's 64 KiB, so this cannot block.
                fifo.write_all(&null_packets()).context("write null packets")?;
            }
            held.push(fifo);
        }
        Ok(Self(held))
    }

    /// Lets go when packager has the FIFOs open itself; `false` when it is too early.
    pub(super) fn release_to(&mut self, packager_pid: Option<u32>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let Some(pid) = packager_pid else { return false };
        let open = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .map(|entries| {
                let targets = entries.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
                targets
                    .filter(|target| target.extension().is_some_and(|kind| kind == "ts" || kind == "mp4"))
                    .count()
            })
            .unwrap_or(0);
        if open < self.0.len() {
            return false;
        }
        self.0.clear();
        true
    }

    /// Lets go at once: one of the children is gone.
    pub(super) fn release(&mut self) {
        self.0.clear();
    }
}

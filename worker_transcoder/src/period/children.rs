//! ffmpeg and packager of one period: started, heard, ended.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_media::exit::{self, Ending};
use ez_media::layout::OutputLayout;
use ez_media::log::Source;
use ez_media::{package, transcode};
use ez_origin::ClosedFile;
use ez_service::child;
use ez_service::latest::Latest as _;
use nix::sys::signal::Signal;
use nix::sys::statvfs::statvfs;
use tokio::process::Child;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::watcher::Watcher;
use super::{Broken, Event, Setup, feed, fifo, key, lines};

/// Between two looks for files that the kernel did not report.
const RESCAN: Duration = Duration::from_secs(2);
/// How long the children may go without a finished file once their input ended. On a busy machine they
/// may be far behind; as long as files come, they are waited for.
const FINISH_GRACE: Duration = Duration::from_secs(10);

/// How long the children may take after SIGTERM.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// Bytes of free space below which no segment can be written.
const LEAST_DISK: u64 = 1 << 20;

/// Both processes.
#[derive(Debug)]
pub(super) struct Children {
    ffmpeg: Child,
    packager: Child,
}

impl Children {
    /// The process ids of both; none of one that has ended.
    pub(super) fn processes(&self) -> Vec<u32> {
        [self.ffmpeg.id(), self.packager.id()].into_iter().flatten().collect()
    }

    /// Packager first: it waits for media, ffmpeg waits for nobody.
    pub(super) async fn start(setup: &Setup) -> Result<Self> {
        let packaging = package::Plan { spec: &setup.spec, fragments: package::Fragments::Whole };
        let packager = child::spawn(spec(setup, Source::Packager, package::argv(&packaging).into_vec()))
            .await
            .context("start packager")?;
        let transcoding = transcode::Plan {
            spec: &setup.spec,
            frame_rate: setup.frame_rate,
            preroll_ms: u32::try_from(setup.preroll.as_millis()).unwrap_or(0),
        };
        let ffmpeg = child::spawn(spec(setup, Source::Ffmpeg, transcode::argv(&transcoding).into_vec()))
            .await
            .context("start ffmpeg")?;
        tracing::info!(
            period = setup.local,
            ffmpeg = ffmpeg.id(),
            packager = packager.id(),
            frame_rate = %setup.frame_rate,
            "period started"
        );
        Ok(Self { ffmpeg, packager })
    }
}

fn spec(setup: &Setup, source: Source, arguments: Vec<String>) -> child::Spec {
    let is_ffmpeg = matches!(source, Source::Ffmpeg);
    child::Spec {
        program: if is_ffmpeg { setup.ffmpeg.clone() } else { setup.packager.clone() },
        arguments: arguments.into_iter().map(OsString::from).collect(),
        environment: Vec::new(),
        folder: setup.folder.clone(),
        stdin: if is_ffmpeg { Stdio::piped() } else { Stdio::null() },
        stdout: if is_ffmpeg { Stdio::piped() } else { Stdio::null() },
        stderr: Stdio::piped(),
        dies_with_parent: true,
    }
}

/// Everything that one supervisor task needs.
#[derive(Debug)]
pub(super) struct Supervision {
    pub(super) setup: Setup,
    pub(super) layout: OutputLayout,
    pub(super) fifo: fifo::Held,
    pub(super) key: Option<key::Handed>,
    pub(super) kill: CancellationToken,
    pub(super) finishing: watch::Receiver<bool>,
}

impl Supervision {
    /// Sees the period through; answers why it ended, when nobody had asked for it.
    pub(super) async fn run(
        mut self,
        mut children: Children,
        stdin: feed::Stdin,
        mut watcher: Watcher,
        events: &mpsc::Sender<(u32, Event)>,
    ) -> Option<Broken> {
        let local = self.setup.local;
        let mut readers = tokio::task::JoinSet::new();
        if let Some(pipe) = children.ffmpeg.stdin.take() {
            readers.spawn(async move {
                stdin.pump(pipe).await;
                None
            });
        }
        if let Some(output) = children.ffmpeg.stdout.take() {
            let events = events.clone();
            readers.spawn(async move {
                lines::progress(local, output, events).await;
                None
            });
        }
        if let Some(output) = children.ffmpeg.stderr.take() {
            readers.spawn(async move { Some((Source::Ffmpeg, lines::log(Source::Ffmpeg, output).await)) });
        }
        if let Some(output) = children.packager.stderr.take() {
            readers
                .spawn(async move { Some((Source::Packager, lines::log(Source::Packager, output).await)) });
        }

        let failure = self.until_both_ended(&mut children, &mut watcher, events).await;
        let mut logs = Vec::new();
        while let Some(read) = readers.join_next().await {
            logs.extend(read.ok().flatten());
        }
        while let Some(path) = watcher.pending() {
            let file = watcher.take(&self.setup.folder, &self.layout, path);
            self.tell(events, file).await;
        }
        let missed = watcher.rescan(&self.setup.folder, &self.layout, true).await;
        self.tell(events, missed).await;
        failure.map(|(culprit, ending)| {
            // Packager does not always say why it could not write.
            let is_disk_full = logs.iter().any(|(_, log)| log.is_disk_full) || self.is_disk_full();
            let line = logs.into_iter().find(|(source, _)| *source == culprit).and_then(|(_, log)| log.line);
            let why = match line {
                Some(line) => format!("{ending}; its last line was: {line}"),
                None => ending,
            };
            Broken { why, is_disk_full }
        })
    }

    fn is_disk_full(&self) -> bool {
        statvfs(&self.setup.folder)
            .is_ok_and(|disk| disk.blocks_available().saturating_mul(disk.fragment_size()) < LEAST_DISK)
    }

    async fn until_both_ended(
        &mut self,
        children: &mut Children,
        watcher: &mut Watcher,
        events: &mpsc::Sender<(u32, Event)>,
    ) -> Option<(Source, String)> {
        let mut failure = None;
        let (mut ffmpeg_ended, mut packager_ended) = (false, false);
        let mut rescan = tokio::time::interval(RESCAN);
        rescan.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut grace = std::pin::pin!(far_future());
        let (mut is_finishing, mut is_asked, mut is_killed) = (false, false, false);
        let mut has_released = false;
        let patience = FINISH_GRACE.max(Duration::from_secs(self.setup.spec.segment_seconds.into()) * 4);
        while !(ffmpeg_ended && packager_ended) {
            // Also when it was said while an arm was busy: no other deadline ends a child that hangs.
            if !is_finishing && self.finishing.latest() {
                is_finishing = true;
                grace.set(tokio::time::sleep(patience));
            }
            tokio::select! {
                status = children.ffmpeg.wait(), if !ffmpeg_ended => {
                    ffmpeg_ended = true;
                    self.fifo.release();
                    has_released = true;
                    failure = failure.or_else(|| self.judge(Source::Ffmpeg, status, is_asked || is_killed));
                    if !is_asked {
                        grace.set(tokio::time::sleep(patience));
                    }
                }
                status = children.packager.wait(), if !packager_ended => {
                    packager_ended = true;
                    self.fifo.release();
                    has_released = true;
                    let asked = is_asked || is_killed || ffmpeg_ended;
                    failure = failure.or_else(|| self.judge(Source::Packager, status, asked));
                    if !ffmpeg_ended {
                        child::signal_group(&children.ffmpeg, Signal::SIGKILL);
                    }
                }
                path = watcher.next() => {
                    if path.as_os_str().is_empty() {
                        rescan.reset_immediately();
                    }
                    let file = watcher.take(&self.setup.folder, &self.layout, path);
                    if file.is_some() && (ffmpeg_ended || is_finishing) && !is_asked && !is_killed {
                        grace.set(tokio::time::sleep(patience));
                    }
                    self.tell(events, file).await;
                }
                _ = rescan.tick() => {
                    if !has_released {
                        has_released = self.release_when_ready(children);
                    }
                    let missed = watcher.rescan(&self.setup.folder, &self.layout, false).await;
                    self.tell(events, missed).await;
                }
                () = self.kill.cancelled(), if !is_killed => {
                    is_killed = true;
                    self.fifo.release();
                    child::signal_group(&children.ffmpeg, Signal::SIGKILL);
                    child::signal_group(&children.packager, Signal::SIGKILL);
                }
                Ok(()) = self.finishing.changed(), if !is_finishing => {}
                () = &mut grace => {
                    // The end of their input was the first rung; both finish what they have on the second.
                    let (signal, next) = if is_asked {
                        (Signal::SIGKILL, far_future())
                    } else {
                        (Signal::SIGTERM, tokio::time::sleep(TERM_GRACE))
                    };
                    is_killed |= is_asked;
                    is_asked = true;
                    tracing::warn!(
                        period = self.setup.local,
                        %signal,
                        ffmpeg_ended,
                        packager_ended,
                        "children did not end in time"
                    );
                    child::signal_group(&children.ffmpeg, signal);
                    child::signal_group(&children.packager, signal);
                    grace.set(next);
                }
            }
        }
        failure
    }

    /// The hold on the FIFOs may go once ffmpeg writes and packager reads by themselves.
    fn release_when_ready(&mut self, children: &Children) -> bool {
        let ffmpeg_writes = children.ffmpeg.id().is_some_and(|pid| {
            std::fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|entries| {
                entries
                    .flatten()
                    .filter_map(|entry| std::fs::read_link(entry.path()).ok())
                    .any(|target| target.starts_with(&self.setup.folder))
            })
        });
        ffmpeg_writes && self.fifo.release_to(children.packager.id())
    }

    /// Why a child ended, unless that was wanted.
    fn judge(
        &self,
        source: Source,
        status: std::io::Result<ExitStatus>,
        asked: bool,
    ) -> Option<(Source, String)> {
        let asked = asked || self.finishing.latest();
        let name = match source {
            Source::Ffmpeg => "ffmpeg",
            Source::Packager => "packager",
        };
        let status = match status {
            Ok(status) => status,
            Err(error) => return Some((source, format!("the end of {name} could not be read: {error}"))),
        };
        let ending = exit::classify(source, exit_status(status), asked);
        tracing::info!(period = self.setup.local, child = name, %ending, %status, asked, "child ended");
        match ending {
            Ending::Clean if !asked => Some((source, format!("{name} ended though its input had not"))),
            _ if asked => None,
            other => Some((source, format!("{name} ended: {other}"))),
        }
    }

    async fn tell(
        &mut self,
        events: &mpsc::Sender<(u32, Event)>,
        files: impl IntoIterator<Item = ClosedFile>,
    ) {
        for file in files {
            // Packager has read its flags.
            self.key = None;
            drop(events.send((self.setup.local, Event::Closed(file))).await);
        }
    }
}

fn exit_status(status: ExitStatus) -> exit::ExitStatus {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => exit::ExitStatus::Code(code),
        (None, signal) => exit::ExitStatus::Signal(signal.unwrap_or(0)),
    }
}

fn far_future() -> tokio::time::Sleep {
    tokio::time::sleep(Duration::from_secs(365 * 24 * 3600))
}

//! A process of a run: its origin, and a feeder that closes files and says so, as the transcoder does.

use std::path::PathBuf;
use std::time::Duration;

use ez_domain::spec::RenditionName;
use ez_origin::{ClosedFile, FileKind, Message, Origin, Playlists, Progress, Settings, Stopped, Tail};
use ez_service::latest::Latest as _;
use ez_testkit::wait::eventually;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::media::Media;
use super::stage::{BEGIN_MS, Stage, frame_rate};

/// Longest wait, on a clock that jumps.
pub(crate) const LONG: Duration = Duration::from_secs(600);

pub(crate) struct Process<'stage> {
    stage: &'stage Stage,
    epoch: u64,
    pub(crate) to_origin: mpsc::Sender<Message>,
    pub(crate) progress: watch::Receiver<Progress>,
    origin: JoinSet<Result<(), Stopped>>,
}

impl<'stage> Process<'stage> {
    pub(crate) fn start(stage: &'stage Stage, epoch: u64) -> Self {
        Self::start_with(stage, stage.settings(epoch))
    }

    pub(crate) fn start_with(stage: &'stage Stage, settings: Settings) -> Self {
        let epoch = settings.epoch.number();
        let (to_origin, messages) = mpsc::channel(1024);
        let (told, progress) = watch::channel(Progress::default());
        let mut origin = JoinSet::new();
        let store = std::sync::Arc::clone(&stage.store);
        origin.spawn(Origin::run(settings, stage.spool(epoch), store, messages, told));
        Self { stage, epoch, to_origin, progress, origin }
    }

    /// Begins a period, with init segments.
    pub(crate) async fn begin(&self, local: u32, offset_ms: i64) {
        let work_folder = self.folder(local);
        for name in self.stage.names() {
            std::fs::create_dir_all(work_folder.join(name)).unwrap();
        }
        let wall_ms = BEGIN_MS + offset_ms;
        self.say(Message::PeriodBegan { local, work_folder, frame_rate: frame_rate(), wall_ms }).await;
        for name in self.stage.names() {
            let path = self.folder(local).join(name).join("init.mp4");
            std::fs::write(&path, Media::get().init(name)).unwrap();
            self.closed(local, name, path, FileKind::Init).await;
        }
    }

    /// Closes the n-th segment of a rendition and says so.
    pub(crate) async fn close(&self, local: u32, name: &str, n: usize) {
        let path = self.write(local, name, n);
        self.closed(local, name, path, FileKind::Segment { time: Media::get().times(name)[n] }).await;
    }

    /// Closes a segment of which nobody is told.
    pub(crate) fn write(&self, local: u32, name: &str, n: usize) -> PathBuf {
        let time = Media::get().times(name)[n];
        let path = self.folder(local).join(name).join(format!("{time}.m4s"));
        std::fs::write(&path, Media::get().segment(name, time)).unwrap();
        path
    }

    /// Closes these segments of every rendition.
    pub(crate) async fn slots(&self, local: u32, slots: std::ops::Range<usize>) {
        for n in slots {
            for name in self.stage.names() {
                self.close(local, name, n).await;
            }
        }
    }

    /// Says what the publisher sends.
    pub(crate) async fn describe(&self, json: &str) {
        self.say(Message::InputKnown { json: json.to_owned().into() }).await;
    }

    pub(crate) async fn end(&self, local: u32, tail: Tail) -> Duration {
        let (length, ended) = oneshot::channel();
        self.say(Message::PeriodEnded { local, tail, length }).await;
        tokio::time::timeout(Duration::from_secs(1), ended).await.expect("never waits for the store").unwrap()
    }

    /// Leaves and waits until everything is published.
    pub(crate) async fn leave(mut self, playlists: Playlists) {
        let (done, published) = oneshot::channel();
        self.say(Message::Leave { playlists, done }).await;
        tokio::time::timeout(LONG, published).await.expect("published in time").unwrap();
        let Self { to_origin, origin, .. } = &mut self;
        drop(std::mem::replace(to_origin, mpsc::channel(1).0));
        assert_eq!(origin.join_next().await.unwrap().unwrap(), Ok(()));
    }

    /// Waits until the origin has ended by itself.
    pub(crate) async fn stopped(&mut self) -> Stopped {
        let ended = tokio::time::timeout(LONG, self.origin.join_next()).await.expect("it ends by itself");
        ended.unwrap().unwrap().unwrap_err()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.to_origin.capacity() > 0 && !self.to_origin.is_closed()
    }

    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Progress) -> bool) -> Progress {
        let progress = self.progress.clone();
        let look = || async {
            let now = progress.latest();
            if wanted(&now) { Ok(now) } else { Err(format!("{now:?}")) }
        };
        eventually(LONG, what, look).await.unwrap()
    }

    /// Waits until the origin has taken everything that it was told.
    pub(crate) async fn taken(&self) {
        let capacity = self.to_origin.max_capacity();
        let look =
            || async { if self.to_origin.capacity() == capacity { Ok(()) } else { Err("messages wait") } };
        eventually(LONG, "messages to be taken", look).await.unwrap();
        // The last one is being handled: one more is taken only behind it.
        self.end(u32::MAX, Tail::Keep).await;
    }

    async fn closed(&self, local: u32, name: &str, path: PathBuf, kind: FileKind) {
        let file = ClosedFile { path, rendition: RenditionName::new(name).unwrap(), kind };
        self.say(Message::Closed { local, file }).await;
    }

    async fn say(&self, message: Message) {
        // An origin that has ended is noticed by whoever waits for it.
        drop(self.to_origin.send(message).await);
    }

    fn folder(&self, local: u32) -> PathBuf {
        self.stage.work_folder(&format!("{}-{local}", self.epoch))
    }
}

//! Plays the worker for one run.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use ez_api::internal::{
    FromTranscoder, RunDescription, StoreAccess, StreamKeyVerifier, ToTranscoder, ToolPaths,
};
use ez_api::job::Statistics;
use ez_domain::content_key::{ContentKey, KeyBytes, KeyId};
use ez_domain::id::{Epoch, JobId};
use ez_domain::lifecycle::RunState;
use ez_domain::secret::Secret;
use ez_domain::spec::{
    AudioCodec, AudioRendition, BucketName, Delivery, JobSpec, Preset, Protection, RenditionName, VideoCodec,
    VideoRendition,
};
use ez_domain::units::{Bitrate, FrameRate};
use ez_manifest::watch::Watch;
use ez_service::latest::Latest as _;
use ez_testkit::media::Media;
use ez_testkit::media::counter::analysis::{Analysis, Cadence, analyse};
use ez_testkit::media::counter::read_frames;
use ez_testkit::media::hls::HlsClient;
use ez_testkit::media::source::{Contribution, FrameRate as TestRate};
use ez_testkit::tools::{Tool, free_port};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const BUCKET: &str = "live";
const KEY: &str = "the-stream-key";
/// A run that encodes needs the machine for itself: two at once would fall behind real time.
static MACHINE: Mutex<()> = Mutex::const_new(());

/// A rendition of the test ladder.
pub(crate) fn video(name: &str, width: u32, height: u32, kbps: u64) -> VideoRendition {
    VideoRendition {
        name: RenditionName::new(name).unwrap(),
        codec: VideoCodec::H264,
        width,
        height,
        frame_rate: FrameRate::new(30, 1),
        bitrate: Bitrate::from_kbps(kbps),
        max_bitrate: Bitrate::from_kbps(kbps * 12 / 10),
        buffer_bits: Bitrate::from_kbps(kbps * 2),
        preset: Preset::Veryfast,
        crf: None,
        threads: 1,
    }
}

/// Two small rungs and sound, 2 s segments.
pub(crate) fn spec() -> JobSpec {
    JobSpec {
        delivery: Delivery::HlsAndDash,
        segment_seconds: 2,
        gop_seconds: 1,
        low_latency: false,
        window_seconds: 60,
        reconnect_seconds: 60,
        protection: None,
        bucket: BucketName::new(BUCKET).unwrap(),
        video: vec![video("low", 320, 180, 300), video("high", 640, 360, 800)],
        audio: vec![AudioRendition {
            name: RenditionName::new("sound").unwrap(),
            codec: AudioCodec::Aac,
            bitrate: Bitrate::from_kbps(96),
        }],
    }
}

/// As [`spec`], encrypted with [`content_key`].
pub(crate) fn protected() -> JobSpec {
    JobSpec { protection: Some(Protection::CbcsClearKey), ..spec() }
}

/// The key of protected channels.
pub(crate) fn content_key() -> ContentKey {
    let key = Secret::new(KeyBytes::from_bytes([0xab; 16]));
    ContentKey { id: KeyId::from_bytes([0x11; 16]), key }
}

/// The bucket of one channel.
pub(crate) struct Bucket {
    pub(crate) endpoint: String,
    _folder: tempfile::TempDir,
    _server: JoinSet<()>,
    _machine: MutexGuard<'static, ()>,
}

impl Bucket {
    pub(crate) async fn start() -> Self {
        let machine = MACHINE.lock().await;
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let options = ez_local::s3::Options {
            root: folder.path().to_owned(),
            buckets: vec![BUCKET.to_owned()],
            access_key: "test".to_owned(),
            secret_key: "secret".to_owned(),
        };
        let mut server = JoinSet::new();
        server.spawn(async move {
            ez_local::s3::serve(listener, options, CancellationToken::new()).await.unwrap();
        });
        Self { endpoint, _folder: folder, _server: server, _machine: machine }
    }
}

/// What a worker keeps for a run, whatever becomes of its process.
pub(crate) struct Seat {
    description: RunDescription,
    socket: UnixListener,
    base_url: String,
    /// Size in MiB of the disk that the run's folder is on, if it has one of its own.
    disk_mib: Option<u32>,
    folder: tempfile::TempDir,
}

impl Seat {
    fn new(bucket: &Bucket, job: JobId, epoch: u64, spec: JobSpec) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let control_socket = folder.path().join("control.sock");
        let socket = UnixListener::bind(&control_socket)?;
        let salted = [b"salt".as_slice(), &[0], KEY.as_bytes()].concat();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &salted);
        let sha256 = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let content_key = spec.protection.map(|_| content_key());
        let description = RunDescription {
            job,
            epoch: Epoch::new(epoch),
            spec,
            stream_key: StreamKeyVerifier { salt: "salt".to_owned(), sha256 },
            content_key,
            rtmp_bind: "127.0.0.1".to_owned(),
            rtmp_port: free_port()?,
            public_host: "127.0.0.1".to_owned(),
            folder: folder.path().to_owned(),
            control_socket,
            tools: ToolPaths { ffmpeg: tool(Tool::Ffmpeg)?, packager: tool(Tool::Packager)? },
            store: StoreAccess {
                region: "us-east-1".to_owned(),
                endpoint: Some(bucket.endpoint.clone()),
                required_checksums_only: false,
                keys: Some(("test".to_owned(), Secret::new("secret".to_owned()))),
            },
            time_url: None,
            longest_period_seconds: None,
        };
        let base_url = format!("{}/{BUCKET}/output_{job}/", bucket.endpoint);
        Ok(Self { description, socket, base_url, disk_mib: None, folder })
    }

    /// The run's private folder.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// A transcoder in a process of its own. Killed when dropped.
struct Process(std::process::Child);

impl Process {
    fn start(seat: &Seat) -> Result<Self> {
        let log = std::fs::File::options().create(true).append(true).open(seat.folder().join("log"))?;
        let program = env!("CARGO_BIN_EXE_worker_transcoder");
        let mut command = match seat.disk_mib {
            None => std::process::Command::new(program),
            Some(mib) => on_small_disk(mib, &seat.description.folder, program),
        };
        let mut child = command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut stdin = child.stdin.take().context("no stdin")?;
        stdin.write_all(&serde_json::to_vec(&seat.description)?)?;
        Ok(Self(child))
    }
}

/// A command that runs `program` where `folder` is a disk of its own. Only that process and its
/// children see the disk; it goes with them.
fn on_small_disk(mib: u32, folder: &std::path::Path, program: &str) -> std::process::Command {
    // Nothing may show outside. Where / is no mount of its own, as in a chroot, this cannot be said, and
    // need not be.
    let script = "mount --make-rprivate / 2>/dev/null || true
        mount -t tmpfs -o size=\"$1\"m,mode=0700 tmpfs \"$2\" && exec \"$3\"";
    let mut command = std::process::Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--mount", "--propagation", "unchanged", "sh", "-c", script, "sh"])
        .arg(mib.to_string())
        .arg(folder)
        .arg(program);
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A run and the worker's side of its socket.
pub(crate) struct Running {
    pub(crate) ingest_url: String,
    states: watch::Receiver<Option<(RunState, Statistics)>>,
    orders: OwnedWriteHalf,
    process: Option<Process>,
    seat: Seat,
    _tasks: JoinSet<()>,
}

impl Running {
    /// Starts the run `epoch` of the job in this process and waits until it listens.
    pub(crate) async fn start(bucket: &Bucket, job: JobId, epoch: u64, spec: JobSpec) -> Result<Self> {
        let seat = Seat::new(bucket, job, epoch, spec)?;
        let description = seat.description.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            worker_transcoder::run(description, CancellationToken::new()).await.unwrap();
        });
        Self::hear(seat, None, tasks).await
    }

    /// As [`Self::start`], in a process of its own, as `worker_app` does it.
    pub(crate) async fn start_process(
        bucket: &Bucket,
        job: JobId,
        epoch: u64,
        spec: JobSpec,
    ) -> Result<Self> {
        Self::restart_process(Seat::new(bucket, job, epoch, spec)?).await
    }

    /// As [`Self::start_process`], with periods that last no longer than this.
    pub(crate) async fn start_with_short_periods(
        bucket: &Bucket,
        job: JobId,
        spec: JobSpec,
        seconds: u64,
    ) -> Result<Self> {
        let mut seat = Seat::new(bucket, job, 1, spec)?;
        seat.description.longest_period_seconds = Some(seconds);
        Self::restart_process(seat).await
    }

    /// As [`Self::start_process`], with a disk of so many MiB.
    pub(crate) async fn start_on_small_disk(
        bucket: &Bucket,
        job: JobId,
        spec: JobSpec,
        mib: u32,
    ) -> Result<Self> {
        let mut seat = Seat::new(bucket, job, 1, spec)?;
        seat.description.folder = seat.folder().join("disk");
        std::fs::create_dir(&seat.description.folder)?;
        seat.disk_mib = Some(mib);
        Self::restart_process(seat).await
    }

    /// As [`Self::start`], with a shell script in the place of a tool, whose path `script` is told.
    pub(crate) async fn start_with_script(
        bucket: &Bucket,
        job: JobId,
        spec: JobSpec,
        tool: fn(&mut ToolPaths) -> &mut PathBuf,
        script: impl FnOnce(&std::path::Path) -> String,
    ) -> Result<Self> {
        let mut seat = Seat::new(bucket, job, 1, spec)?;
        let path = seat.folder().join("tool");
        let tool = tool(&mut seat.description.tools);
        std::fs::write(&path, script(tool))?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        *tool = path;
        Self::restart_process(seat).await
    }

    /// Writes to its disk until there is no room left.
    pub(crate) fn fill_disk(&self) -> Result<()> {
        let process = self.process.as_ref().context("a process of its own")?;
        // The way into the mount namespace of another process (proc_pid_root(5)).
        let root = PathBuf::from(format!("/proc/{}/root", process.0.id()));
        let folder = root.join(self.seat.description.folder.strip_prefix("/")?);
        let mut file = std::fs::File::create(folder.join("something else"))?;
        let block = vec![1; 64 * 1024];
        loop {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Starts the same run again.
    pub(crate) async fn restart_process(seat: Seat) -> Result<Self> {
        let process = Process::start(&seat)?;
        Self::hear(seat, Some(process), JoinSet::new()).await
    }

    /// Kills its process (SIGKILL), and nothing else.
    pub(crate) fn kill(self) -> Seat {
        drop(self.process);
        self.seat
    }

    async fn hear(seat: Seat, process: Option<Process>, mut tasks: JoinSet<()>) -> Result<Self> {
        let rtmp_port = seat.description.rtmp_port;
        let (stream, _) = tokio::time::timeout(Duration::from_secs(10), seat.socket.accept()).await??;
        let (read, orders) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let hello = lines.next_line().await?.context("no hello")?;
        ensure!(
            matches!(serde_json::from_str(&hello)?, FromTranscoder::Hello { rtmp_port: port, .. } if port == rtmp_port),
            "unexpected first line: {hello}"
        );
        let (told, states) = watch::channel(None);
        tasks.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let FromTranscoder::Status { state, statistics } = serde_json::from_str(&line).unwrap() {
                    told.send_replace(Some((state, *statistics)));
                }
            }
        });
        let mut running = Self {
            ingest_url: format!("rtmp://127.0.0.1:{rtmp_port}/live/{KEY}"),
            states,
            orders,
            process,
            seat,
            _tasks: tasks,
        };
        running
            .until("it listens", 10, |state, _| {
                matches!(state, RunState::Listening { .. } | RunState::Interrupted { .. })
            })
            .await?;
        Ok(running)
    }

    /// The run's private folder.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.seat.folder()
    }

    /// Waits for a report.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        seconds: u64,
        wanted: impl Fn(&RunState, &Statistics) -> bool,
    ) -> Result<(RunState, Statistics)> {
        let reported = self
            .states
            .wait_for(|report| report.as_ref().is_some_and(|(state, statistics)| wanted(state, statistics)));
        let answer = match tokio::time::timeout(Duration::from_secs(seconds), reported).await {
            Ok(Ok(report)) => return report.clone().context("a report"),
            Ok(Err(_)) => "the run closed its connection before",
            Err(_) => "not in time",
        };
        let last = self.states.latest();
        bail!("{answer}: {what}; the last report was {last:?}")
    }

    /// Orders the end and waits for the report of it.
    pub(crate) async fn stop(&mut self) -> Result<RunState> {
        self.end(&ToTranscoder::Stop).await
    }

    /// Gives an order that ends the run and waits for the report of it.
    pub(crate) async fn end(&mut self, order: &ToTranscoder) -> Result<RunState> {
        let order = format!("{}\n", serde_json::to_string(order)?);
        self.orders.write_all(order.as_bytes()).await?;
        let exited =
            self.until("it has exited", 30, |state, _| matches!(state, RunState::Exited { .. })).await?;
        Ok(exited.0)
    }

    /// The URL of an object of the channel.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}{name}", self.seat.base_url)
    }

    /// An object as a viewer gets it; `None` when it is not there.
    pub(crate) async fn fetch(&self, name: &str) -> Result<Option<String>> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        let response = client.get(self.url(name)).send().await?;
        if response.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(response.error_for_status()?.text().await?))
    }
}

fn tool(tool: Tool) -> Result<PathBuf> {
    tool.path()
}

/// The job with this number.
pub(crate) fn job(number: u8) -> JobId {
    format!("00000000-0000-4000-8000-0000000000{number:02x}").parse().unwrap()
}

/// 640x360 at 30 fps without B-frames, its frames numbered from `first_counter` on.
pub(crate) fn contribution(seconds: u32, first_counter: u16) -> Contribution {
    Contribution {
        width: 640,
        height: 360,
        frame_rate: TestRate::whole(30),
        seconds,
        gop_seconds: 1.0,
        b_frames: 0,
        kilobits_per_second: 1500,
        first_counter,
        ..Contribution::default()
    }
}

/// Keeps every media playlist of a channel and fails at the first fault.
pub(crate) struct Viewer {
    watches: Vec<(String, Watch)>,
}

impl Viewer {
    pub(crate) fn new(spec: &JobSpec) -> Self {
        Self { watches: spec.rendition_names().map(|name| (name.to_string(), Watch::new())).collect() }
    }

    /// The next playlists may begin anew behind an ENDLIST.
    pub(crate) fn expect_resume(&mut self) {
        for (_, watch) in &mut self.watches {
            watch.expect_resume();
        }
    }

    /// Looks at every playlist once; answers the text of the first rendition's.
    pub(crate) async fn look(&mut self, run: &Running) -> Result<String> {
        let mut first = None;
        for (name, watch) in &mut self.watches {
            let text = run.fetch(&format!("{name}/playlist.m3u8")).await?.unwrap_or_default();
            if !text.is_empty() {
                let violations = watch.observe(&text);
                ensure!(violations.is_empty(), "{name}: {violations:?}\n{text}");
            }
            first.get_or_insert(text);
        }
        Ok(first.unwrap_or_default())
    }

    /// Looks until `wanted` holds for the first rendition's playlist.
    pub(crate) async fn until(
        &mut self,
        run: &Running,
        what: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let text = self.look(run).await?;
            if wanted(&text) {
                return Ok(text);
            }
            ensure!(tokio::time::Instant::now() < deadline, "not in time: {what}\n{text}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Segments that a playlist lists.
pub(crate) fn segments(playlist: &str) -> usize {
    playlist.matches("#EXTINF").count()
}

/// Decodes each period of a rendition by itself: what was read of each, and its decode errors.
pub(crate) async fn decode_periods(run: &Running, rendition: &str) -> Result<Vec<Analysis>> {
    let client = HlsClient::new()?;
    let presentation = client.presentation(&run.url("master.m3u8")).await?;
    let mut analyses = Vec::new();
    for period in presentation.rendition(rendition)?.periods() {
        let mut media = Media::bytes(&client.download(&period).await?)?;
        if run.seat.description.content_key.is_some() {
            media = media.decrypted_with(&content_key().key.expose().to_hex());
        }
        let decoded = read_frames(&media).await?;
        ensure!(decoded.errors.is_empty(), "{rendition}: {:?}", decoded.errors);
        analyses.push(analyse(&decoded.frames, Cadence::SAME_RATE));
    }
    Ok(analyses)
}

//! `--demo`: a channel made from the sample job, and a test pattern pushed to it.
//!
//! It is one channel: stopped when the demo ends, gone on with by the next one.
//!
//! The stream key stands on the command line of the pushing ffmpeg, which takes an output address
//! from nowhere else. It opens a channel of this demo on loopback and nothing more.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use ez_service::child;
use ez_service::tasks::{OnFailure, TaskGroup};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::console::say;
use crate::launch::{Endpoints, Layout};

/// Longest time until the channel waits for a publisher.
const UNTIL_LISTENING: Duration = Duration::from_secs(60);
/// Longest time until the first segment can be played.
const UNTIL_PLAYING: Duration = Duration::from_secs(60);
/// Time between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// Pause before a pusher that ended is started again.
const PUSH_AGAIN: Duration = Duration::from_secs(1);
/// Longest time for the pusher to end in order.
const GRACE: Duration = Duration::from_secs(5);

/// Makes the channel, starts the pusher in `tasks`, and waits until it plays.
pub(super) async fn start(
    endpoints: &Endpoints,
    tools: &Path,
    sample: &Path,
    layout: &Layout,
    tasks: &TaskGroup,
) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let api = Api { client, base: endpoints.api.clone() };
    let id = channel(&api, &job(sample, &endpoints.bucket)?, &layout.demo()).await?;
    say(format!("demo: channel {id} waits for a worker"));
    let job = api.listening(&id).await?;
    let (console, playback) = (&endpoints.console, playback_urls(&job));
    say(format!("demo: pushing a test pattern\n  Watch     {console}#/channels/{id}"));
    for url in &playback {
        say(format!("  Playback  {url}"));
    }
    let began = Instant::now();
    let pusher = Pusher {
        api: api.clone(),
        id: id.clone(),
        ffmpeg: tools.join("ffmpeg"),
        folder: layout.root().to_path_buf(),
        log: layout.log("demo"),
        shutdown: tasks.shutdown().clone(),
    };
    tasks.spawn("demo pusher", OnFailure::Log, pusher.run());
    let manifest = playback.first().context("the job has no playback address")?;
    api.streaming(&id).await?;
    api.playing(manifest).await.with_context(|| format!("see {}", layout.logs().display()))?;
    say(format!("demo: playing after {:.1} s\n", began.elapsed().as_secs_f32()));
    Ok(())
}

/// The channel of the last demo, with the sample as it is now, or a new one. Its id is kept in `memory`.
async fn channel(api: &Api, job: &Value, memory: &Path) -> Result<String> {
    let last = std::fs::read_to_string(memory).unwrap_or_default();
    let last = last.trim();
    if !last.is_empty() && api.goes_on(last, job).await? {
        return Ok(last.to_owned());
    }
    let id = api.create(job).await?;
    std::fs::write(memory, format!("{id}\n")).with_context(|| format!("write {}", memory.display()))?;
    Ok(id)
}

fn job(sample: &Path, bucket: &str) -> Result<Value> {
    let text = std::fs::read_to_string(sample).with_context(|| format!("read {}", sample.display()))?;
    let mut job: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", sample.display()))?;
    let place = job.pointer_mut("/Output/S3_output/Bucket");
    *place.with_context(|| format!("{} has no /Output/S3_output/Bucket", sample.display()))? = json!(bucket);
    Ok(job)
}

fn playback_urls(job: &Value) -> Vec<String> {
    let texts = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let mut urls: Vec<String> = job.get("Playback_url").and_then(texts).into_iter().collect();
    let others = job.get("Playback_urls").and_then(Value::as_object);
    for url in others.into_iter().flat_map(|object| object.values()).filter_map(texts) {
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

#[derive(Clone)]
struct Api {
    client: reqwest::Client,
    base: String,
}

impl Api {
    async fn create(&self, job: &Value) -> Result<String> {
        let url = format!("{}/jobs", self.base);
        let answer = self.client.post(url).json(job).send().await.context("make the demo's job")?;
        let (status, text) = (answer.status(), answer.text().await.context("read the answer to the job")?);
        ensure!(status.is_success(), "the API refused the sample job: {status} {text}");
        let made: Value = serde_json::from_str(&text).context("the API's answer is not JSON")?;
        Ok(made.get("Id").and_then(Value::as_str).context("the API's answer has no Id")?.to_owned())
    }

    /// Starts a job again that was made before. `false` when there is none any more, or none that can go on.
    async fn goes_on(&self, id: &str, spec: &Value) -> Result<bool> {
        let url = format!("{}/jobs/{id}", self.base);
        let found = self.client.get(&url).send().await.context("look for the last demo")?;
        if found.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        let found: Value = found.error_for_status().context("look for the last demo")?.json().await?;
        if found.get("State").and_then(Value::as_str) == Some("stopped") {
            let replaced =
                self.client.put(&url).json(spec).send().await.context("bring the demo up to date")?;
            if !replaced.status().is_success() {
                return Ok(false);
            }
        }
        // Of a launcher that was killed it may run still, or be about to stop.
        let resumed = self.client.put(format!("{url}/resume")).send().await.context("resume the demo")?;
        Ok(resumed.status().is_success())
    }

    async fn stop(&self, id: &str) -> Result<()> {
        let url = format!("{}/jobs/{id}/stop", self.base);
        self.client.put(url).send().await.and_then(reqwest::Response::error_for_status)?;
        Ok(())
    }

    async fn job(&self, id: &str) -> Result<Value> {
        let url = format!("{}/jobs/{id}", self.base);
        let answer = self.client.get(url).send().await.context("look at the demo's job")?;
        Ok(answer.error_for_status().context("look at the demo's job")?.json().await?)
    }

    /// Waits until a listener is bound: then the job has an ingest address.
    async fn listening(&self, id: &str) -> Result<Value> {
        let deadline = Instant::now() + UNTIL_LISTENING;
        loop {
            let job = self.job(id).await?;
            if ingest_url(&job).is_some() {
                return Ok(job);
            }
            if Instant::now() >= deadline {
                let told = |key: &str| job.get(key).map(ToString::to_string).unwrap_or_default();
                bail!(
                    "no worker took the channel: State {}, Phase {}, Reason {}",
                    told("State"),
                    told("Phase"),
                    told("Reason")
                );
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Waits until what is pushed is published: a channel that goes on has older segments to play.
    async fn streaming(&self, id: &str) -> Result<()> {
        let deadline = Instant::now() + UNTIL_PLAYING;
        loop {
            let job = self.job(id).await?;
            if job.get("State").and_then(Value::as_str) == Some("streaming") {
                return Ok(());
            }
            let reason = job.get("Reason").map(ToString::to_string).unwrap_or_default();
            ensure!(Instant::now() < deadline, "nothing was published within {UNTIL_PLAYING:?}: {reason}");
            sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Waits until there is a segment to play.
    async fn playing(&self, manifest: &str) -> Result<()> {
        let deadline = Instant::now() + UNTIL_PLAYING;
        loop {
            let missing = match self.has_segment(manifest).await {
                Ok(()) => return Ok(()),
                Err(missing) => missing,
            };
            ensure!(Instant::now() < deadline, "nothing to play within {UNTIL_PLAYING:?}: {missing:#}");
            sleep(BETWEEN_LOOKS).await;
        }
    }

    async fn has_segment(&self, manifest: &str) -> Result<()> {
        let text = self.text(manifest).await?;
        let Some(first) = text.lines().find(|line| !line.is_empty() && !line.starts_with('#')) else {
            bail!("{manifest} names no playlist");
        };
        if !text.starts_with("#EXTM3U") {
            // A DASH manifest is written with its first segments.
            return Ok(());
        }
        let playlist =
            Url::parse(manifest).and_then(|base| base.join(first)).context("address of a playlist")?;
        let text = self.text(playlist.as_str()).await?;
        ensure!(text.contains("#EXTINF"), "{playlist} names no segment");
        Ok(())
    }

    async fn text(&self, url: &str) -> Result<String> {
        let answer = self.client.get(url).send().await?;
        ensure!(answer.status().is_success(), "{url}: {}", answer.status());
        Ok(answer.text().await?)
    }
}

fn ingest_url(job: &Value) -> Option<&str> {
    job.get("RtmpIngestUrl").and_then(Value::as_str).filter(|url| !url.is_empty())
}

/// Pushes the pattern, again and again.
struct Pusher {
    api: Api,
    id: String,
    ffmpeg: PathBuf,
    folder: PathBuf,
    log: PathBuf,
    shutdown: CancellationToken,
}

impl Pusher {
    async fn run(self) -> Result<()> {
        while !self.shutdown.is_cancelled() {
            // Asked each time: after a move the channel has another address.
            let job = self.api.job(&self.id).await.unwrap_or_default();
            if let Some(url) = ingest_url(&job) {
                let mut pushing = child::spawn(self.spec(url)?).await?;
                let exit = tokio::select! {
                    exit = pushing.wait() => exit?,
                    () = self.shutdown.cancelled() => {
                        child::stop(&mut pushing, GRACE).await?;
                        break;
                    }
                };
                say(format!("demo: the pusher ended ({exit}); starting it again"));
            }
            tokio::select! {
                () = sleep(PUSH_AGAIN) => {}
                () = self.shutdown.cancelled() => {}
            }
        }
        // Or it would wait for a publisher whenever the stack is up.
        self.api.stop(&self.id).await.context("stop the demo's channel")
    }

    fn spec(&self, url: &str) -> Result<child::Spec> {
        let log = std::fs::File::create(&self.log).context("make the log of the demo")?;
        let arguments = [
            &["-nostdin", "-hide_banner", "-nostats", "-loglevel", "warning"][..],
            &["-re", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"],
            &["-re", "-f", "lavfi", "-i", "sine=frequency=440:beep_factor=2:sample_rate=48000"],
            &["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"],
            // A key frame every two seconds, as encoders are told to send.
            &["-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k", "-g", "60", "-sc_threshold", "0"],
            &[
                "-c:a",
                "aac",
                "-b:a",
                "128k",
                "-ac",
                "2",
                "-f",
                "flv",
                "-flvflags",
                "no_duration_filesize",
                url,
            ],
        ];
        Ok(child::Spec {
            program: self.ffmpeg.clone(),
            arguments: arguments.concat().into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            folder: self.folder.clone(),
            stdin: Stdio::null(),
            stdout: Stdio::null(),
            stderr: Stdio::from(OwnedFd::from(log)),
            dies_with_parent: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_of_the_sample_is_replaced() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let written = json!({"Output": {"S3_output": {"Bucket": "theirs"}, "Video_outputs": []}});
        std::io::Write::write_all(&mut file, written.to_string().as_bytes()).unwrap();
        let job = job(file.path(), "ours").unwrap();
        assert_eq!(job, json!({"Output": {"S3_output": {"Bucket": "ours"}, "Video_outputs": []}}));
        std::fs::write(file.path(), "{}").unwrap();
        assert!(super::job(file.path(), "ours").unwrap_err().to_string().contains("S3_output"));
    }

    #[test]
    fn every_playback_address_is_told_once() {
        let job = json!({
            "Playback_url": "http://s/master.m3u8",
            "Playback_urls": {"Hls": "http://s/master.m3u8", "Dash": "http://s/master.mpd", "Other": ""},
        });
        assert_eq!(playback_urls(&job), ["http://s/master.m3u8", "http://s/master.mpd"]);
        assert!(playback_urls(&json!({})).is_empty());
    }
}

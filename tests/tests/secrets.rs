//! While a channel runs, and after it, no secret shows anywhere.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_api::keys::KeyDocument;
use ez_e2e::installation::{Installation, text};
use ez_e2e::processes::{find, residents};
use ez_e2e::secrets::places::{in_files, in_processes, in_redis};
use ez_e2e::secrets::{Forbidden, Search};
use ez_testkit::machine::undisturbed;
use ez_testkit::media::publisher::{Publisher, Repeat};
use ez_testkit::media::source::Contribution;
use ez_testkit::redis::RedisServer;
use ez_testkit::wait::eventually;
use reqwest::Method;
use serde_json::json;

const PLANTED: &str = "9f86d081884c7d659a2feaa0c55ad015";

/// The content key of a job, as the key server tells it to services.
async fn content_key(installation: &Installation, key_id: &str) -> Result<String> {
    let endpoints = installation.stack.endpoints();
    let token = std::fs::read_to_string(installation.stack.layout().secrets().join("key_token"))?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/keys/{key_id}", endpoints.key_server);
    let answer = http.get(url).bearer_auth(token.trim()).send().await?.error_for_status()?;
    let key: KeyDocument = answer.json().await?;
    Ok(key.key.expose().to_hex())
}

/// What must show nowhere.
fn secrets(installation: &Installation, stream_key: &str, content_key: &str) -> Result<Vec<Forbidden>> {
    let folder = installation.stack.layout().secrets();
    let kept = |name: &str| std::fs::read_to_string(folder.join(name)).with_context(|| name.to_owned());
    Ok(vec![
        Forbidden::new("the stream key", stream_key),
        // In clear-key mode it is given to whoever may read the playlists.
        Forbidden::new("the content key", content_key).but_in("/key.bin"),
        Forbidden::new("the service token", kept("service_token")?.trim()),
        Forbidden::new("the key server's token", kept("key_token")?.trim()),
        Forbidden::new("the master key", kept("master_key")?.trim()),
        // The launcher gives it to the services that open the bucket; their children get it otherwise.
        ["environ of worker_app", "environ of scheduler", "environ of ez_local"]
            .into_iter()
            .fold(Forbidden::new("the bucket's key", kept("s3_secret_key")?.trim()), Forbidden::but_in),
    ])
}

/// Looks everywhere; answers how many places of each kind there were: processes, files, Redis, objects.
async fn look_everywhere(search: &mut Search, installation: &Installation) -> Result<[usize; 4]> {
    let layout = installation.stack.layout();
    let mut counted = [0; 4];
    let mut before = search.looked();
    let mut count = |at: usize, looked: usize| {
        counted[at] = looked - before;
        before = looked;
    };
    in_processes(search, layout.root())?;
    count(0, search.looked());
    // Logs, configuration, what workers keep, Redis' own files: all but where the secrets are kept.
    in_files(search, layout.root(), &[layout.secrets(), layout.s3()])?;
    count(1, search.looked());
    in_redis(search, &installation.stack.endpoints().redis).await?;
    count(2, search.looked());
    in_files(search, &layout.s3(), &[])?;
    count(3, search.looked());
    Ok(counted)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_shows_no_secret() -> Result<()> {
    undisturbed(async || {
        let flv =
            Contribution { seconds: 12, kilobits_per_second: 1500, ..Contribution::default() }.flv().await?;
        // Whoever looks for a fault at night turns the logs up.
        let installation = Installation::start_talkative(1, "debug").await?;
        let mut job = installation.sample_job()?;
        job["Output"]["Drm"] = json!({"Protection_system": "FairPlay", "Protection_scheme": "cbcs"});
        let created = installation.create(&job).await?;
        let (id, stream_key) = (text(&created, "Id").to_owned(), text(&created, "StreamKey").to_owned());
        let listens = |job: &serde_json::Value| !text(job, "RtmpIngestUrl").is_empty();
        let job = installation.until(&id, "a worker listens", 15, listens).await?;
        let content_key = content_key(&installation, text(&job["DrmEncryptionKeyInfo"], "Key_id")).await?;
        let mut search = Search::new(secrets(&installation, &stream_key, &content_key)?);

        // Somebody with a wrong key, which is nearly the right one, comes first.
        let url = text(&job, "RtmpIngestUrl").to_owned();
        let mut stranger = Publisher::start(&flv, &format!("{url}0"), Repeat::Once)?;
        ensure!(!stranger.wait(Duration::from_secs(20)).await?.success(), "a wrong key was taken");
        let mut publisher = Publisher::start(&flv, &url, Repeat::Once)?;
        installation.until(&id, "it streams", 20, |job| text(job, "State") == "streaming").await?;
        for program in ["api_server", "scheduler", "worker_app", "worker_transcoder", "ffmpeg", "packager"] {
            ensure!(find(installation.stack.layout().root(), program)?.as_raw() > 1, "{program}");
        }
        let counted = look_everywhere(&mut search, &installation).await?;
        // Eight services and three children, two looks each; a look that saw nothing would prove nothing.
        let [processes, files, values, objects] = counted;
        ensure!(processes >= 2 * 9 && files >= 12 && values >= 30 && objects >= 10, "only {counted:?}");

        publisher.wait(Duration::from_secs(60)).await?;
        installation.ask(Method::PUT, &format!("/jobs/{id}/stop"), None).await?;
        installation.until(&id, "it stopped", 40, |job| text(job, "State") == "stopped").await?;
        look_everywhere(&mut search, &installation).await?;
        ensure!(search.found().is_empty(), "{:#?}", search.found());
        Ok(())
    })
    .await
}

/// A process in `folder`, to look at.
fn waits(folder: &Path, change: impl FnOnce(&mut Command)) -> Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "read x"]).current_dir(folder).stdin(Stdio::piped());
    change(&mut command);
    command.spawn().context("start a shell")
}

fn with_argument(command: &mut Command) {
    command.arg(PLANTED);
}

fn with_variable(command: &mut Command) {
    command.env("KEY", PLANTED);
}

fn search() -> Search {
    Search::new(vec![Forbidden::new("a planted key", PLANTED)])
}

#[tokio::test]
async fn a_planted_secret_is_found_in_processes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (kind, change) in [("cmdline", with_argument as fn(&mut Command)), ("environ", with_variable)] {
        let mut child = waits(folder.path(), change)?;
        let found = eventually(Duration::from_secs(10), "the planted secret", || async {
            ensure!(!residents(folder.path())?.is_empty(), "the shell is not there yet");
            let mut search = search();
            in_processes(&mut search, folder.path())?;
            let found = search.found().to_vec();
            ensure!(!found.is_empty(), "nothing was found in {} places", search.looked());
            Ok(found)
        })
        .await;
        child.kill()?;
        child.wait()?;
        let found = found?;
        ensure!(found.len() == 1 && found[0].contains(kind), "{kind}: {found:?}");
    }
    Ok(())
}

#[test]
fn a_planted_secret_is_found_in_logs_and_in_the_bucket() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (logs, kept) = (folder.path().join("workers/0/runs/logs"), folder.path().join("secrets"));
    std::fs::create_dir_all(&logs)?;
    std::fs::create_dir_all(&kept)?;
    std::fs::write(logs.join("ffmpeg.log"), format!("opening rtmp://127.0.0.1/live/{PLANTED}\n"))?;
    std::fs::write(folder.path().join(format!("object-{PLANTED}.m4s")), b"")?;
    std::fs::write(kept.join("key"), PLANTED)?;
    let mut search = search();
    in_files(&mut search, folder.path(), &[kept])?;
    let mut found = search.found().to_vec();
    found.sort();
    ensure!(found.len() == 2 && found[0].contains("m4s") && found[1].contains("ffmpeg.log"), "{found:?}");
    Ok(())
}

#[tokio::test]
async fn a_planted_secret_is_found_in_every_kind_of_key() -> Result<()> {
    let redis = RedisServer::start().await?;
    let mut connection = redis.connection().await?;
    // So much of the same that a dump would hold it compressed.
    let long = format!("{}{PLANTED}", "the same ".repeat(200));
    let plants: [(&str, &[&str]); 9] = [
        ("SET", &["string", &long]),
        ("HSET", &["hash", "field", &long]),
        ("HSET", &["hash of names", &long, "value"]),
        ("SADD", &["set", &long]),
        ("ZADD", &["zset", "1", &long]),
        ("RPUSH", &["list", &long]),
        ("XADD", &["stream", "*", "field", &long]),
        ("SET", &[PLANTED, "a key's name"]),
        ("SET", &["clean", "nothing"]),
    ];
    for (command, arguments) in plants {
        let _: redis::Value = redis::cmd(command).arg(arguments).query_async(&mut connection).await?;
    }
    let mut search = search();
    in_redis(&mut search, &redis.url()).await?;
    for (_, arguments) in plants {
        let shows =
            search.found().iter().any(|found| found.ends_with(&format!("redis key {}", arguments[0])));
        ensure!(shows == (arguments[0] != "clean"), "{}: {:#?}", arguments[0], search.found());
    }
    Ok(())
}

//! Jobs that are stopped while no worker holds them, after they had published.

use std::sync::Arc;

use bytes::Bytes;
use ez_api::internal::Heartbeat;
use ez_domain::fault::{Failure, Fault};
use ez_domain::id::{Epoch, JobId};
use ez_domain::job::{Job, Phase, PhaseName};
use ez_domain::lifecycle::{Event, RunOutcome, RunState};
use ez_domain::placement::Standing;
use ez_domain::spec::{AudioCodec, AudioRendition, JobSpec, RenditionName};
use ez_domain::units::Bitrate;
use ez_manifest::hls;
use ez_manifest::timeline::{Kind, Rendition, Segment, Settings, Slot, Timeline, TrackInfo};
use ez_objects::memory::MemoryStore;
use ez_objects::unreliable::{Faults, Unreliable};
use ez_objects::{Body, ObjectStore as _, PutOptions};
use ez_store::Store as _;
use ez_testkit::wait::eventually;

use super::cluster::{Cluster, SOON, Scheduler, quick, spec};
use super::worker::{Worker, status, streaming};

const SOUND: &str = "sound";

fn sound_only() -> JobSpec {
    let sound = AudioRendition {
        name: RenditionName::new(SOUND).unwrap(),
        codec: AudioCodec::Aac,
        bitrate: Bitrate::from_kbps(96),
    };
    JobSpec { audio: vec![sound], ..spec() }
}

/// A channel that has published three segments.
fn timeline(epoch: u64) -> Timeline {
    let settings = Settings {
        target_duration_s: 2,
        segment_ms: 2000,
        window_s: 60,
        presentation_delay_ms: 6000,
        frame_rate: None,
    };
    let kind = Kind::Audio { sample_rate: None, channels: None, language: None };
    let mut timeline = Timeline::new(settings, vec![Rendition::new(SOUND, kind, 96_000)]).unwrap();
    timeline.begin_run(epoch).unwrap();
    timeline.open_period(1_795_000_000_000).unwrap();
    let codec = "mp4a.40.2".to_owned();
    let track =
        TrackInfo { timescale: 48_000, codec, audio: Some((48_000, 2)), keys: Vec::new(), protection: None };
    timeline.set_track(SOUND, track).unwrap();
    for n in 0..3 {
        let segment = Segment { t: n * 96_000, d: 96_000, bytes: 24_000 };
        timeline.append(&Slot::from([(SOUND.to_owned(), segment)]), 1_795_000_000_000).unwrap();
    }
    timeline
}

fn failed() -> RunState {
    let failure = Failure::retryable(Fault::Worker, "a test".to_owned());
    RunState::Exited { outcome: RunOutcome::Failed { failure }, committed_segments: 3 }
}

struct Channel {
    cluster: Cluster,
    scheduler: Scheduler,
    worker: Worker,
    job: JobId,
}

impl Channel {
    /// A job on air, with its playlists in the bucket.
    async fn on_air() -> Self {
        let cluster = Cluster::start().await;
        let scheduler = cluster.scheduler(quick()).await;
        let worker = Worker::join(&scheduler.url).await;
        let job = cluster.create_of(sound_only(), 500).await;
        cluster.announce(job).await;
        let order = worker.until_ordered(job).await;
        worker.beat(vec![status(job, order.epoch, streaming())]).await;
        let channel = Self { cluster, scheduler, worker, job };
        let published = timeline(order.epoch.number());
        channel.put("timeline.json", published.to_json().unwrap()).await;
        let playlist = hls::media_playlist(&published, SOUND).unwrap();
        channel.put(&format!("{SOUND}/playlist.m3u8"), playlist.into_bytes()).await;
        channel
    }

    /// Its run fails, so that it waits for the next one.
    async fn fails(&self) {
        let epoch = self.cluster.job(self.job).await.last_epoch;
        // It takes nothing new for the time being, or the pause would soon be over.
        let beat = self.worker.heartbeat(vec![status(self.job, epoch, failed())]);
        self.worker.post("/heartbeat", &Heartbeat { standing: Standing::Draining, ..beat }).await;
        self.until("the pause", |phase| matches!(phase, Phase::Backoff { .. })).await;
    }

    async fn until(&self, what: &str, holds: impl Fn(&Phase) -> bool) -> Job {
        self.cluster.until(self.job, what, |job| holds(&job.phase)).await
    }

    fn bucket(&self) -> Arc<Unreliable<MemoryStore>> {
        self.cluster.buckets.bucket(&spec().bucket)
    }

    fn key(&self, name: &str) -> String {
        format!("output_{}/{name}", self.job)
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) {
        let body = Body::from(Bytes::from(bytes));
        self.bucket().inner().put(&self.key(name), &body, &PutOptions::default()).await.unwrap();
    }

    async fn text(&self, name: &str) -> String {
        let found = self.bucket().inner().get(&self.key(name)).await.unwrap();
        found.map(|(bytes, _)| String::from_utf8(bytes.to_vec()).unwrap()).unwrap_or_default()
    }

    async fn has_ended(&self) -> bool {
        self.text("sound/playlist.m3u8").await.contains("#EXT-X-ENDLIST\n")
    }

    async fn stopped(&self) -> Job {
        self.until("the stop", |phase| matches!(phase, Phase::Stopped { .. })).await
    }

    /// Takes the bucket away, stops the job, and waits until the chore has tried it.
    async fn stop_without_bucket(&self) {
        self.bucket().set(Faults { lose_request: 1000, ..Faults::default() });
        let before = self.bucket().requests();
        self.cluster.wish(self.job, Event::StopRequested).await;
        eventually(SOON, "a try at the bucket", || async {
            let requests = self.bucket().requests();
            if requests > before + 1 { Ok(()) } else { Err(requests) }
        })
        .await
        .unwrap();
        let phase = self.cluster.job(self.job).await.phase;
        assert!(matches!(phase, Phase::Finishing { .. }), "{phase:?}");
    }

    /// Deletes a job that has nothing in the bucket, and waits until it is gone.
    async fn delete_another(&self) {
        let other = self.cluster.create(1).await;
        self.cluster.wish(other, Event::StopRequested).await;
        self.cluster.wish(other, Event::DeleteRequested { keep_media: true }).await;
        eventually(SOON, "the chore of another job", || async {
            match self.cluster.store.load(other).await.unwrap() {
                None => Ok(()),
                Some(stored) => Err(format!("{:?}", stored.job.phase)),
            }
        })
        .await
        .unwrap();
    }

    async fn close(self) {
        self.cluster.audit().await;
        self.scheduler.stop().await.unwrap();
    }
}

#[tokio::test]
async fn playlists_of_a_job_that_pauses_are_ended_before_it_is_stopped() {
    let channel = Channel::on_air().await;
    channel.fails().await;
    assert!(!channel.has_ended().await);
    channel.cluster.wish(channel.job, Event::StopRequested).await;
    let stopped = channel.stopped().await;
    assert!(channel.has_ended().await, "the playlists end before the state says so");
    let phases: Vec<_> = stopped.history.iter().map(|transition| transition.phase).collect();
    assert_eq!(&phases[phases.len() - 2..], [PhaseName::Finishing, PhaseName::Stopped], "{phases:?}");
    assert_eq!(stopped.last_epoch, Epoch::new(2), "ended under an epoch of its own");
    assert!(channel.text("sound/playlist.m3u8").await.contains("# epoch 2"));
    channel.close().await;
}

#[tokio::test]
async fn playlists_of_a_job_that_waits_for_a_worker_are_ended() {
    let channel = Channel::on_air().await;
    // Its worker falls silent for good, and there is no other one.
    channel.until("the run to be given up", |phase| matches!(phase, Phase::Pending { .. })).await;
    assert!(!channel.has_ended().await);
    channel.cluster.wish(channel.job, Event::StopRequested).await;
    channel.stopped().await;
    assert!(channel.has_ended().await);
    channel.close().await;
}

#[tokio::test]
async fn a_job_without_anything_published_is_stopped_all_the_same() {
    let channel = Channel::on_air().await;
    channel.fails().await;
    let keys = ["timeline.json", "sound/playlist.m3u8"].map(|name| channel.key(name));
    channel.bucket().inner().delete_batch(&keys).await.unwrap();
    channel.cluster.wish(channel.job, Event::StopRequested).await;
    channel.stopped().await;
    assert_eq!(channel.text("sound/playlist.m3u8").await, "");
    channel.close().await;
}

#[tokio::test]
async fn a_bucket_that_is_away_is_waited_for() {
    let channel = Channel::on_air().await;
    channel.fails().await;
    channel.stop_without_bucket().await;
    channel.bucket().heal();
    let stopped = channel.stopped().await;
    assert!(channel.has_ended().await);
    assert_eq!(stopped.reason(), "stopped by the user");
    channel.close().await;
}

/// Each of them would hold up the chores behind it for ten seconds, and again and again.
#[tokio::test]
async fn jobs_whose_bucket_hangs_do_not_hold_up_the_others() {
    let channel = Channel::on_air().await;
    channel.fails().await;
    channel.bucket().set(Faults { lose_request: 1000, ..Faults::default() });
    channel.cluster.wish(channel.job, Event::StopRequested).await;
    let Worker { id: worker, incarnation, .. } = channel.worker;
    for _ in 0..5 {
        let hanging = channel.cluster.create(1).await;
        let epoch = Epoch::new(1);
        for event in [
            Event::Admitted { generation: 1 },
            Event::Placed { worker, incarnation },
            Event::Reported { epoch, state: streaming() },
            Event::Reported { epoch, state: failed() },
            Event::StopRequested,
        ] {
            channel.cluster.wish(hanging, event).await;
        }
    }
    channel.delete_another().await;
    channel.bucket().heal();
    channel.stopped().await;
    channel.close().await;
}

#[tokio::test]
async fn a_bucket_that_refuses_does_not_keep_a_job_on() {
    let channel = Channel::on_air().await;
    channel.fails().await;
    channel.bucket().set(Faults { refuse: 1000, ..Faults::default() });
    channel.cluster.wish(channel.job, Event::StopRequested).await;
    let stopped = channel.stopped().await;
    assert!(stopped.reason().contains("the playlists could not be ended"), "{}", stopped.reason());
    assert_eq!(stopped.last_failure.map(|dated| dated.failure.fault), Some(Fault::Destination));
    assert!(!channel.has_ended().await);
    channel.close().await;
}

#[tokio::test]
async fn a_resume_goes_before_the_end_of_the_playlists() {
    let channel = Channel::on_air().await;
    channel.fails().await;
    channel.stop_without_bucket().await;
    channel.cluster.wish(channel.job, Event::StartRequested).await;
    channel.cluster.announce(channel.job).await;
    let order = channel.worker.until_ordered(channel.job).await;
    assert_eq!(order.epoch, Epoch::new(3));
    // The new run takes the channel over.
    channel.put("timeline.json", timeline(3).to_json().unwrap()).await;
    channel.worker.beat(vec![status(channel.job, order.epoch, streaming())]).await;
    channel.bucket().heal();
    // The chores go on to the next job, and this one stays on air.
    let other = channel.cluster.create(1).await;
    channel.cluster.wish(other, Event::StopRequested).await;
    channel.cluster.wish(other, Event::DeleteRequested { keep_media: true }).await;
    eventually(SOON, "the chore behind it", || async {
        channel.worker.beat(vec![status(channel.job, order.epoch, streaming())]).await;
        if channel.cluster.store.load(other).await.unwrap().is_none() { Ok(()) } else { Err("still there") }
    })
    .await
    .unwrap();
    let phase = channel.cluster.job(channel.job).await.phase;
    assert!(matches!(phase, Phase::Streaming { .. }), "{phase:?}");
    assert!(!channel.has_ended().await);
    channel.close().await;
}

#[tokio::test]
async fn a_delete_goes_before_the_end_of_the_playlists() {
    let channel = Channel::on_air().await;
    channel.fails().await;
    channel.stop_without_bucket().await;
    channel.cluster.wish(channel.job, Event::DeleteRequested { keep_media: false }).await;
    channel.bucket().heal();
    eventually(SOON, "the record to be gone", || async {
        match channel.cluster.store.load(channel.job).await.unwrap() {
            None => Ok(()),
            Some(stored) => Err(format!("{:?}", stored.job.phase)),
        }
    })
    .await
    .unwrap();
    let left = channel.bucket().inner().list(&channel.key(""), None).await.unwrap();
    assert!(left.objects.is_empty(), "{left:?}");
    channel.close().await;
}

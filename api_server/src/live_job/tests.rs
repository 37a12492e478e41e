use ez_domain::content_key::{KeyId, SealedContentKey};
use ez_domain::fault::{Failure as Cause, Fault};
use ez_domain::id::{Epoch, Incarnation, WorkerId};
use ez_domain::job::{Credentials, Phase, PhaseName, Run};
use ez_domain::lifecycle::{Event, Outcome, RunOutcome, RunState, step};
use ez_domain::spec::{JobSpec, Protection};
use ez_domain::units::Timestamp;
use ez_store::Totals;
use uuid::Uuid;

use super::*;
use crate::playback::PlaybackConfig;

const KEY: &str = "5eed5eed5eed5eed5eed5eed5eed5eed";
const FIGURES: &str = r#"{"Ingress_kbps": 2500, "Video_fps": 30.0, "Video_width": 1280, "Video_height": 720,
    "Video_codec": "h264", "Audio_codec": "aac", "Key_frame_interval_seconds": 2.0, "Bytes_ingested": 1000,
    "Up_seconds": 9, "Active_seconds": 7, "Encode_speed": 1.0, "Dropped_frames": 3, "Duplicated_frames": 4,
    "Upload_backlog": 1, "Newest_segment_age_seconds": 1.5}"#;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn master_key() -> MasterKey {
    MasterKey::from_bytes(&[1; 32]).unwrap()
}

fn new_job() -> Job {
    let body =
        br#"{"Output": {"Stream_type": "hls+dash", "S3_output": {"Bucket": "my-bucket"}, "Video_outputs":
        [{"Codec": "h264", "Width": 640, "Height": 360, "Bitrate": "500k"}]}}"#;
    let spec = ez_api::create_job::parse(body).unwrap().spec;
    let id = JobId::from_uuid(Uuid::from_u128(1));
    let credentials = Credentials {
        sealed_stream_key: master_key().seal(KEY, &stream_key_context(id)).unwrap(),
        stream_key_index: String::new(),
    };
    Job::new(
        id,
        spec,
        vec!["/Output: unwise".to_owned(), "/Input: ignored: really".to_owned()],
        1,
        credentials,
        at(1),
    )
}

fn after(job: &Job, event: &Event) -> Job {
    match step(job, event, at(1000)) {
        Outcome::Moved(job, _) => *job,
        other => panic!("{event:?} answered {other:?}"),
    }
}

fn placed(job: &Job) -> Job {
    let worker = WorkerId::from_uuid(Uuid::from_u128(2));
    let incarnation = Incarnation::from_uuid(Uuid::from_u128(3));
    after(
        &after(job, &Event::Admitted { generation: job.generation }),
        &Event::Placed { worker, incarnation },
    )
}

fn report(job: &Job, state: RunState) -> Job {
    after(job, &Event::Reported { epoch: job.last_epoch, state })
}

fn listening(job: &Job, host: &str) -> Job {
    let ingest = Ingest { host: host.to_owned(), port: 1936 };
    report(job, RunState::Listening { ingest, reason: "waits for a publisher".to_owned(), fault: None })
}

/// What the job's runs counted, those before the present one too.
const TOTALS: Totals = Totals { bytes_ingested: 5000, up_seconds: 90, active_seconds: 70 };

fn shown_with(job: &Job, statistics: Option<(Timestamp, &str)>, now: u64) -> LiveJob {
    let statistics = statistics.map(|(at, json)| (at, json.to_owned()));
    let stored = Stored { job: job.clone(), version: 1, statistics, totals: TOTALS, now: at(now) };
    live_job(&stored, &master_key(), &Playback::new(&PlaybackConfig::default()).unwrap())
}

fn shown(job: &Job) -> LiveJob {
    shown_with(job, None, 2000)
}

#[test]
fn a_content_key_is_named_and_never_told() {
    let job = new_job();
    assert_eq!(shown(&job).drm_encryption_key_info, DrmEncryptionKeyInfo::default(), "in clear");
    let spec = JobSpec { protection: Some(Protection::CbcsClearKey), ..job.spec.clone() };
    let job = Job { spec, ..job };
    assert_eq!(shown(&job).drm_encryption_key_info, DrmEncryptionKeyInfo::default(), "no key yet");
    let sealed = master_key().seal("00112233445566778899aabbccddeeff", "content-key").unwrap();
    let key = SealedContentKey { id: KeyId::from_bytes([0xa0; 16]), sealed, created_at: at(77) };
    let info = shown(&after(&job, &Event::KeyGranted { key })).drm_encryption_key_info;
    assert_eq!((info.key_id, info.key), ("a0".repeat(16), "*".repeat(32)));
    assert_eq!((info.content_id, info.time_created), (job.id.to_string(), Some(at(77))));
}

#[test]
fn every_phase_has_a_word_of_the_original() {
    let run = || Run {
        epoch: Epoch::new(4),
        worker: WorkerId::from_uuid(Uuid::from_u128(2)),
        incarnation: Incarnation::from_uuid(Uuid::from_u128(3)),
        ingest: None,
    };
    let (since, deadline, until) = (at(1), at(2), at(3));
    let phases = [
        (Phase::Pending { since, waiting_for: None }, State::Created),
        (Phase::Assigned { run: run(), deadline }, State::Created),
        (Phase::Listening { run: run(), since }, State::Running),
        (Phase::Streaming { run: run(), since }, State::Streaming),
        (Phase::Interrupted { run: run(), since }, State::Running),
        (Phase::Stopping { run: run(), deadline }, State::Running),
        (Phase::Finishing { epoch: Epoch::new(4), since }, State::Running),
        (Phase::Backoff { until }, State::Created),
        (Phase::Stopped { since }, State::Stopped),
        (Phase::Failed { since }, State::Stopped),
        (Phase::Deleting { keep_media: false, since }, State::Stopped),
    ];
    assert_eq!(phases.each_ref().map(|(phase, _)| phase.name()), PhaseName::ALL, "in that order");
    for (phase, word) in phases {
        let job = Job { phase, ..new_job() };
        let answer = shown(&job);
        assert_eq!(answer.state, word, "{}", answer.phase);
        assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
        assert_eq!(answer.phase, job.phase.name().as_str());
        assert_eq!(answer.assigned_worker_id.is_empty(), job.phase.run().is_none());
    }
}

#[test]
fn a_new_job_has_its_key_and_no_ingest() {
    let answer = shown(&new_job());
    assert_eq!((answer.stream_key.expose().as_str(), answer.rtmp_ingest_url.expose().as_str()), (KEY, ""));
    assert_eq!((answer.rtmp_ingest_port, answer.epoch), (0, Epoch::new(0)));
    assert_eq!(answer.job_validation_warnings, "Warnings: 0: /Output: unwise; 1: /Input: ignored: really");
    assert_eq!(answer.playback_url, answer.playback_urls.hls);
    assert!(answer.playback_urls.dash.ends_with("/master.mpd"), "{:?}", answer.playback_urls);
    assert_eq!(answer.statistics, Default::default());
}

#[test]
fn the_address_to_publish_to_appears_with_the_listener_and_goes_with_the_run() {
    let assigned = placed(&new_job());
    assert_eq!(shown(&assigned).rtmp_ingest_url.expose(), "");
    for (host, shown_host) in
        [("203.0.113.7", "203.0.113.7"), ("2001:db8::7", "[2001:db8::7]"), ("[::1]", "[::1]")]
    {
        let listening = shown(&listening(&assigned, host));
        assert_eq!(*listening.rtmp_ingest_url.expose(), format!("rtmp://{shown_host}:1936/live/{KEY}"));
        assert_eq!(listening.rtmp_ingest_port, 1936);
        assert!(!serde_json::to_string(&listening.masked()).unwrap().contains(KEY));
    }
    let stopping = after(&listening(&assigned, "h"), &Event::StopRequested);
    assert!(shown(&stopping).stop);
    assert_eq!((stopping.phase.name(), shown(&stopping).fault), (PhaseName::Stopping, None));
    let stopped = report(&stopping, RunState::Exited { outcome: RunOutcome::Stopped, committed_segments: 1 });
    let answer = shown(&stopped);
    assert_eq!(
        (answer.rtmp_ingest_url.expose().as_str(), answer.rtmp_ingest_port, answer.stop),
        ("", 0, false)
    );
    assert_eq!(answer.epoch, Epoch::new(1), "the number of the last run stays");
}

#[test]
fn a_stop_is_told_until_it_is_done() {
    let listening = listening(&placed(&new_job()), "h");
    let lost = after(&listening, &Event::LeaseLapsed { epoch: listening.last_epoch });
    assert!(!shown(&lost).stop);
    // Nobody holds it, and its playlists have yet to be ended.
    let finishing = after(&lost, &Event::StopRequested);
    assert_eq!((finishing.phase.name(), finishing.phase.run()), (PhaseName::Finishing, None));
    assert!(shown(&finishing).stop);
    let stopped = after(&finishing, &Event::PlaylistsEnded { epoch: finishing.last_epoch, failure: None });
    assert_eq!((stopped.phase.name(), shown(&stopped).stop), (PhaseName::Stopped, false));
}

#[test]
fn who_has_to_act_is_told_as_long_as_somebody_has_to() {
    let assigned = placed(&new_job());
    let ingest = || Ingest { host: "h".to_owned(), port: 1936 };
    let state = RunState::Listening {
        ingest: ingest(),
        reason: "the publisher is connected but sends no picture".to_owned(),
        fault: Some(Fault::Contribution),
    };
    let blind = report(&assigned, state);
    assert_eq!(shown(&blind).fault.as_deref(), Some("contribution"));
    let streaming = report(&blind, RunState::Streaming { ingest: ingest(), trouble: None });
    assert_eq!(shown(&streaming).fault, None);
    let refused = after(&new_job(), &Event::Unplaced { why: "every worker is full".to_owned() });
    assert_eq!((shown(&refused).fault, shown(&refused).reason.as_str()), (None, "every worker is full"));
}

#[test]
fn a_job_whose_key_does_not_open_is_shown_without_it() {
    let mut job = listening(&placed(&new_job()), "h");
    job.credentials.sealed_stream_key = "v1.AAAA".to_owned();
    let answer = shown(&job);
    assert_eq!((answer.stream_key.expose().as_str(), answer.rtmp_ingest_url.expose().as_str()), ("", ""));
    assert_eq!(answer.phase, "listening");
}

#[test]
fn figures_are_shown_while_they_mean_something() {
    let running = listening(&placed(&new_job()), "h");
    for (job, now, has_rates) in
        [(&running, 15_000, true), (&running, 15_001, false), (&new_job(), 6_000, false)]
    {
        let answer = shown_with(job, Some((at(5_000), FIGURES)), now);
        assert_eq!(
            (answer.statistics.ingress_kbps, answer.statistics.video_fps) != (0, 0.0),
            has_rates,
            "{now}"
        );
        assert_eq!(answer.ingress_bandwidth_kbps, answer.statistics.ingress_kbps);
        assert_eq!(answer.statistics.encode_speed > 0.0, has_rates);
        let totals = (answer.total_bytes_ingested, answer.total_up_seconds, answer.total_active_seconds);
        assert_eq!(totals, (5000, 90, 70));
        assert_eq!((answer.statistics.dropped_frames, answer.statistics.duplicated_frames), (3, 4));
        assert_eq!(answer.time_last_worker_report_ms, 5_000);
    }
    let described = FIGURES.replace("{\"Ingress", "{\"Input_info_stored\": true, \"Ingress");
    for job in [&running, &new_job()] {
        let answer = shown_with(job, Some((at(5_000), &described)), 60_000);
        let expected = format!("https://my-bucket.s3.amazonaws.com/output_{}/input_info.json", job.id);
        assert_eq!(answer.input_info_url, expected, "it stays when the run has ended");
    }
    assert_eq!(shown_with(&running, Some((at(5_000), FIGURES)), 6_000).input_info_url, "");
    let damaged = shown_with(&running, Some((at(5_000), "{")), 6_000);
    assert_eq!(damaged.statistics, Default::default());
}

#[test]
fn a_failure_is_told_with_its_fault_and_time() {
    const REASON: &str = "the bucket refuses writes";
    let failure = || Cause::final_(Fault::Destination, REASON);
    let exited =
        || RunState::Exited { outcome: RunOutcome::Failed { failure: failure() }, committed_segments: 0 };
    let refused_once = report(&placed(&new_job()), exited());
    let again = after(&refused_once, &Event::Tick);
    let elsewhere = WorkerId::from_uuid(Uuid::from_u128(9));
    let incarnation = Incarnation::from_uuid(Uuid::from_u128(3));
    let failed = report(&after(&again, &Event::Placed { worker: elsewhere, incarnation }), exited());
    for (job, phase, state) in [(refused_once, "backoff", State::Created), (failed, "failed", State::Stopped)]
    {
        let answer = shown(&job);
        let told = answer.failure.unwrap();
        assert_eq!((told.fault.as_str(), told.reason.as_str()), ("destination", REASON));
        assert_eq!((told.at, answer.phase.as_str(), answer.state), (Some(at(1000)), phase, state));
        assert_eq!((answer.reason.as_str(), answer.fault.as_deref()), (REASON, Some("destination")));
    }
}

//! The record of a new job: an identity, a sealed stream key and an estimate of its cost.

use ez_api::create_job::CreateJob;
use ez_domain::id::JobId;
use ez_domain::job::{Credentials, Job};
use ez_domain::units::Timestamp;
use ez_store::{MasterKey, SealError, random_stream_key};
use uuid::Uuid;

use crate::live_job::{stream_key_context, warning_line};
use crate::routes::jobs::cost::cost_millicores;

/// A job that nobody has stored yet.
pub(super) fn from(request: CreateJob, master_key: &MasterKey, now: Timestamp) -> Result<Job, SealError> {
    // Version 7 begins with the time, so identities sort by age wherever they are listed.
    let id = JobId::from_uuid(Uuid::now_v7());
    let stream_key = random_stream_key();
    let credentials = Credentials {
        sealed_stream_key: master_key.seal(stream_key.expose(), &stream_key_context(id))?,
        stream_key_index: master_key.index(stream_key.expose()),
    };
    let warnings = request.warnings.iter().map(warning_line).collect();
    let cost = cost_millicores(&request.spec);
    Ok(Job::new(id, request.spec, warnings, cost, credentials, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> CreateJob {
        let body =
            br#"{"Output": {"Stream_type": "hls", "S3_output": {"Bucket": "my-bucket"}, "Video_outputs":
            [{"Codec": "h264", "Width": 640, "Height": 360, "Bitrate": "500k"}]}}"#;
        ez_api::create_job::parse(body).unwrap()
    }

    #[test]
    fn the_record_holds_no_secret_in_clear() {
        let master_key = MasterKey::from_bytes(&[7; 32]).unwrap();
        let job = from(request(), &master_key, Timestamp::from_millis(5)).unwrap();
        let key = master_key.open(&job.credentials.sealed_stream_key, &stream_key_context(job.id)).unwrap();
        assert_eq!(key.expose().len(), 32);
        assert!(!serde_json::to_string(&job).unwrap().contains(key.expose()));
        assert_eq!(job.credentials.stream_key_index, master_key.index(key.expose()));
        let other = from(request(), &master_key, Timestamp::from_millis(5)).unwrap();
        assert!(master_key.open(&job.credentials.sealed_stream_key, &stream_key_context(other.id)).is_err());
        assert_ne!(job.credentials.stream_key_index, other.credentials.stream_key_index);
    }
}

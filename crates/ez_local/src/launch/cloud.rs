//! SQS and S3 that somebody else runs, in the place of the Redis stream and the local S3.

use std::ffi::OsString;

/// Where they are and how they are reached.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// URL of the server that speaks S3.
    pub s3_endpoint: String,
    /// The bucket, which exists.
    pub bucket: String,
    /// URL of the server that speaks SQS.
    pub sqs_endpoint: String,
    /// The queue, which exists.
    pub queue: String,
    /// Region of both.
    pub region: String,
    /// Access key id and secret key of both.
    pub access_key: (String, String),
}

impl Cloud {
    /// What a service is told that sends or takes commands.
    pub(super) fn queue_environment(&self) -> [(OsString, OsString); 5] {
        let (id, secret) = &self.access_key;
        [
            ("EZ_SQS_QUEUE_NAME", &self.queue),
            ("EZ_SQS_ENDPOINT", &self.sqs_endpoint),
            ("EZ_SQS_REGION", &self.region),
            ("EZ_SQS_ACCESS_KEY_ID", id),
            ("EZ_SQS_SECRET_ACCESS_KEY", secret),
        ]
        .map(|(name, value)| (name.into(), value.into()))
    }
}

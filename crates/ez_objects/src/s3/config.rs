//! Where the bucket is and how to speak to it.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{
    Builder, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use ez_aws::{AccessKey, CONNECT_TIMEOUT};
use serde::{Deserialize, Serialize};

/// The settings of one bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The bucket.
    pub bucket: String,
    /// The region, also needed (for signatures) by stores that have none. Default `us-east-1`.
    #[serde(default = "default_region")]
    pub region: String,
    /// The URL of a store other than AWS; its buckets are then addressed by path.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Which checksums go along. Default `auto`.
    #[serde(default)]
    pub checksums: Checksums,
    /// The access key; without one the usual AWS chain is asked (environment, profile, role).
    #[serde(default)]
    pub access_key: Option<AccessKey>,
    /// How long a connection may take, in milliseconds. Default 3100 ([`CONNECT_TIMEOUT`]).
    #[serde(default = "default_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// How long one request with its bodies may take at most, in milliseconds. Default 60 000: a
    /// backstop; uploads of a channel have shorter limits of their own.
    #[serde(default = "default_attempt_timeout_ms")]
    pub attempt_timeout_ms: u64,
}

/// Checksums beside the signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checksums {
    /// A CRC with each upload, and each download checked: AWS and most others.
    #[default]
    Auto,
    /// Only where the protocol demands one: stores that refuse trailing checksums (Google Cloud
    /// Storage, Cloudflare R2, older appliances).
    RequiredOnly,
}

impl Config {
    /// The settings for this bucket with everything else as by default.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            region: default_region(),
            endpoint: None,
            checksums: Checksums::default(),
            access_key: None,
            connect_timeout_ms: default_connect_timeout_ms(),
            attempt_timeout_ms: default_attempt_timeout_ms(),
        }
    }

    pub(super) async fn client(&self) -> Client {
        let connect_timeout = Duration::from_millis(self.connect_timeout_ms);
        let shared = ez_aws::sdk_config(&self.region, self.access_key.as_ref(), connect_timeout).await;
        let mut builder = Builder::from(&shared)
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.endpoint_url(endpoint).force_path_style(true);
        }
        builder = match self.checksums {
            Checksums::Auto => builder
                .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
                .response_checksum_validation(ResponseChecksumValidation::WhenSupported),
            Checksums::RequiredOnly => builder
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired),
        };
        Client::from_conf(builder.build())
    }
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

fn default_connect_timeout_ms() -> u64 {
    u64::try_from(CONNECT_TIMEOUT.as_millis()).unwrap_or(u64::MAX)
}

const fn default_attempt_timeout_ms() -> u64 {
    60_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_enough_and_a_typing_error_is_told() {
        assert_eq!(serde_json::from_str::<Config>(r#"{"bucket":"media"}"#).unwrap(), Config::new("media"));
        let error = serde_json::from_str::<Config>(r#"{"bucket":"media","end_point":"x"}"#).unwrap_err();
        assert!(error.to_string().contains("end_point"), "{error}");
    }
}

//! One way to AWS, and to servers that speak like it, for the command queue and the buckets.
//!
//! Who asks, in which region, and how long a connection may take; endpoints, retries and what else differs
//! between services are their users' matter.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use ez_domain::secret::Secret;
use serde::{Deserialize, Serialize};

/// How long a connection may take unless told otherwise.
///
/// A little over the 3 s after which TCP repeats a lost SYN for the second time.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// An explicit access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: Secret<String>,
}

/// What all clients have in common.
///
/// Without an access key the usual AWS chain is asked (environment, profile, role); with one nothing of the
/// chain is loaded, as it would ask the instance metadata service.
pub async fn sdk_config(
    region: &str,
    access_key: Option<&AccessKey>,
    connect_timeout: Duration,
) -> SdkConfig {
    let behavior = BehaviorVersion::v2026_01_12();
    let region = Region::new(region.to_owned());
    let timeouts = TimeoutConfig::builder().connect_timeout(connect_timeout).build();
    let Some(key) = access_key else {
        return aws_config::defaults(behavior).region(region).timeout_config(timeouts).load().await;
    };
    let credentials =
        Credentials::new(key.id.clone(), key.secret.expose().clone(), None, None, "configuration");
    SdkConfig::builder()
        .behavior_version(behavior)
        .region(region)
        .timeout_config(timeouts)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::ProvideCredentials as _;

    use super::*;

    #[tokio::test]
    async fn a_key_is_used_as_it_is_and_nothing_of_the_environment_with_it() {
        let key = AccessKey { id: "AKIDTEST".to_owned(), secret: Secret::new("hunter2".to_owned()) };
        let config = sdk_config("eu-north-1", Some(&key), CONNECT_TIMEOUT).await;
        let used = config.credentials_provider().unwrap().provide_credentials().await.unwrap();
        assert_eq!((used.access_key_id(), used.secret_access_key()), ("AKIDTEST", "hunter2"));
        assert_eq!(config.region().map(Region::as_ref), Some("eu-north-1"));
        assert_eq!(config.timeout_config().and_then(TimeoutConfig::connect_timeout), Some(CONNECT_TIMEOUT));
        assert_eq!(config.endpoint_url(), None);
    }

    #[test]
    fn debug_output_hides_the_secret_half() {
        let key: AccessKey = serde_json::from_str(r#"{"id": "AKIDTEST", "secret": "hunter2"}"#).unwrap();
        let text = format!("{key:?}");
        assert!(text.contains("AKIDTEST") && !text.contains("hunter2"), "{text}");
    }
}

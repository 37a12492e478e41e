//! `Sqs` of a service's configuration.

use ez_aws::AccessKey;
use ez_domain::secret::Secret;
use serde::{Deserialize, Serialize};

use super::Config;

/// What stands in the file; without a queue's name the queue is a Redis stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// Name of the queue, as the original has it. Default empty: no SQS.
    #[serde(rename = "Queue_name")]
    pub queue_name: String,
    /// Name of the queue for messages that were put aside. Default: the queue's with `_parked` behind it.
    #[serde(rename = "Parked_queue_name")]
    pub parked_queue_name: String,
    /// Region. Default `us-east-1`.
    #[serde(rename = "Region")]
    pub region: String,
    /// URL of a server other than AWS.
    #[serde(rename = "Endpoint")]
    pub endpoint: String,
    /// Access key id; without one the usual AWS chain is asked.
    #[serde(rename = "Access_key_id")]
    pub access_key_id: String,
    /// Secret half of the access key; prefer the environment or the chain.
    #[serde(rename = "Secret_access_key")]
    pub secret_access_key: Secret<String>,
}

/// Half an access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Sqs.Access_key_id and Sqs.Secret_access_key belong together: give both or none")]
pub struct HalfAccessKey;

impl Default for Keys {
    fn default() -> Self {
        Self {
            queue_name: String::new(),
            parked_queue_name: String::new(),
            region: "us-east-1".to_owned(),
            endpoint: String::new(),
            access_key_id: String::new(),
            secret_access_key: Secret::new(String::new()),
        }
    }
}

impl Keys {
    /// How SQS is reached; `None` when it is not to be used.
    ///
    /// # Errors
    /// When one half of the access key is missing.
    pub fn config(&self) -> Result<Option<Config>, HalfAccessKey> {
        if self.queue_name.is_empty() {
            return Ok(None);
        }
        let access_key = match (self.access_key_id.as_str(), self.secret_access_key.expose().as_str()) {
            ("", "") => None,
            ("", _) | (_, "") => return Err(HalfAccessKey),
            (id, secret) => Some(AccessKey { id: id.to_owned(), secret: Secret::new(secret.to_owned()) }),
        };
        Ok(Some(Config {
            queue_name: self.queue_name.clone(),
            parked_queue_name: self.parked_queue_name.clone(),
            region: self.region.clone(),
            endpoint: (!self.endpoint.is_empty()).then(|| self.endpoint.clone()),
            access_key,
            ..Config::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_chooses_sqs_and_half_a_key_is_told() {
        let keys: Keys = serde_json::from_str(r#"{"Queue_name": "jobs.fifo"}"#).unwrap();
        let config = keys.config().unwrap().unwrap();
        assert_eq!(
            (config.queue_name.as_str(), &config.access_key, config.endpoint),
            ("jobs.fifo", &None, None)
        );
        assert_eq!(Keys::default().config(), Ok(None));
        for half in [r#""Access_key_id": "x""#, r#""Secret_access_key": "x""#] {
            let keys: Keys = serde_json::from_str(&format!(r#"{{"Queue_name": "jobs", {half}}}"#)).unwrap();
            assert_eq!(keys.config(), Err(HalfAccessKey));
        }
    }
}

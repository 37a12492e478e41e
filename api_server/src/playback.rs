//! Where viewers find a job's manifests, and the origins that the console may load them from.
//!
//! Only addresses are made here; nothing is looked up or fetched.

use ez_api::job::PlaybackUrls;
use ez_domain::id::JobId;
use ez_domain::spec::{BucketName, JobSpec};
use serde::{Deserialize, Serialize};
use url::Url;

/// The original's address: the bucket in the host name, in AWS.
const AWS: &str = "https://{bucket}.s3.amazonaws.com/output_{id}";
/// Stands for the bucket while the template is checked; no real label looks like it.
const PROBE: &str = "ez-probe";

/// `Playback` of the configuration.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlaybackConfig {
    /// Base URL of an S3-compatible store with the bucket in the path. Default empty: AWS.
    #[serde(rename = "Endpoint")]
    pub endpoint: String,
    /// Address of a job's folder with `{id}` and, where needed, `{bucket}` in it, for a CDN or
    /// another shape; wins over `Endpoint`. Default empty.
    #[serde(rename = "Url_template")]
    pub url_template: String,
}

/// Why addresses cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    /// The template has no place for the job.
    #[error("Playback.Url_template {0:?} has no {{id}}: every job needs an address of its own")]
    NoId(String),
    /// The address is none that a browser loads.
    #[error("{template:?} (Playback) is no http or https address")]
    NotAnAddress {
        /// The address with its place-holders.
        template: String,
        /// The cause, where the text is no address at all.
        #[source]
        source: Option<url::ParseError>,
    },
}

/// Makes playback addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playback {
    template: String,
    origin: String,
}

impl Playback {
    /// Checks the configured addresses.
    ///
    /// # Errors
    /// See [`PlaybackError`].
    pub fn new(config: &PlaybackConfig) -> Result<Self, PlaybackError> {
        let template = match (config.url_template.as_str(), config.endpoint.as_str()) {
            ("", "") => AWS.to_owned(),
            ("", endpoint) => format!("{}/{{bucket}}/output_{{id}}", endpoint.trim_end_matches('/')),
            (template, _) => template.trim_end_matches('/').to_owned(),
        };
        if !template.contains("{id}") {
            return Err(PlaybackError::NoId(template));
        }
        let origin = origin(&template)?;
        Ok(Self { template, origin })
    }

    /// The manifests of a job.
    pub fn urls(&self, id: JobId, spec: &JobSpec) -> PlaybackUrls {
        let folder = self.folder(id, &spec.bucket);
        let manifest =
            |wanted: bool, name: &str| if wanted { format!("{folder}/{name}") } else { String::new() };
        PlaybackUrls {
            hls: manifest(spec.delivery.has_hls(), "master.m3u8"),
            dash: manifest(spec.delivery.has_dash(), "master.mpd"),
        }
    }

    /// Where the description of the contribution lies, once there is one.
    pub fn input_info(&self, id: JobId, spec: &JobSpec) -> String {
        format!("{}/input_info.json", self.folder(id, &spec.bucket))
    }

    fn folder(&self, id: JobId, bucket: &BucketName) -> String {
        self.template.replace("{bucket}", &bucket.to_string()).replace("{id}", &id.to_string())
    }

    /// The origin of all media as a source expression of a Content-Security-Policy; a bucket in the
    /// host name becomes `*`.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

fn origin(template: &str) -> Result<String, PlaybackError> {
    let not_an_address = |source| PlaybackError::NotAnAddress { template: template.to_owned(), source };
    let probe = template.replace("{bucket}", PROBE).replace("{id}", PROBE);
    let url = Url::parse(&probe).map_err(|source| not_an_address(Some(source)))?;
    let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else {
        return Err(not_an_address(None));
    };
    let labels: Vec<&str> = host.split('.').collect();
    // A policy knows `*` only as the whole left part of a host.
    let host = match labels.iter().rposition(|label| label.contains(PROBE)) {
        Some(last) if last + 1 == labels.len() => "*".to_owned(),
        Some(last) => format!("*.{}", labels[last + 1..].join(".")),
        None => host.to_owned(),
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{}://{host}{port}", url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playback(endpoint: &str, url_template: &str) -> Result<Playback, PlaybackError> {
        Playback::new(&PlaybackConfig {
            endpoint: endpoint.to_owned(),
            url_template: url_template.to_owned(),
        })
    }

    #[test]
    fn addresses_and_origins() {
        let id: JobId = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f".parse().unwrap();
        for (endpoint, template, folder, origin) in [
            ("", "", "https://my-bucket.s3.amazonaws.com/output_ID", "https://*.s3.amazonaws.com"),
            (
                "http://127.0.0.1:9000",
                "",
                "http://127.0.0.1:9000/my-bucket/output_ID",
                "http://127.0.0.1:9000",
            ),
            ("http://[::1]:9000/", "", "http://[::1]:9000/my-bucket/output_ID", "http://[::1]:9000"),
            (
                "x",
                "https://cdn.example.com/o_{id}/",
                "https://cdn.example.com/o_ID",
                "https://cdn.example.com",
            ),
            ("", "https://a.{bucket}.x.org:8/{id}", "https://a.my-bucket.x.org:8/ID", "https://*.x.org:8"),
        ] {
            let playback = playback(endpoint, template).unwrap();
            let made = playback.folder(id, &BucketName::new("my-bucket").unwrap());
            assert_eq!(made, folder.replace("ID", &id.to_string()));
            assert_eq!(playback.origin(), origin);
        }
    }

    #[test]
    fn unusable_addresses_are_refused() {
        for (endpoint, template) in [
            ("", "https://cdn.example.com/x"),
            ("127.0.0.1:9000", ""),
            ("ftp://x", ""),
            ("", "{id}"),
            ("", "data:{id}"),
        ] {
            assert!(playback(endpoint, template).is_err(), "{endpoint} {template}");
        }
    }
}

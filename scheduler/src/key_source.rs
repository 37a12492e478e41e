//! Where content keys come from: the key server of the installation.

use std::time::Duration;

use async_trait::async_trait;
use ez_api::keys::{KeyDocument, KeyInfo, NewKey};
use ez_domain::content_key::{ContentKey, KeyId};
use ez_domain::id::JobId;
use ez_domain::secret::Secret;
use ez_domain::units::Timestamp;
use ez_service::telemetry::chain;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

/// Longest time for one request; the key server only looks into Redis.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A content key and when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The key.
    pub key: ContentKey,
    /// When the key server made it.
    pub created_at: Timestamp,
    /// Whether it was made for this request.
    pub is_new: bool,
}

/// Why there is no key. The words are shown to the user as what the job waits for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// The scheduler knows no key server.
    #[error("no key server is configured: give the scheduler Drm_key_server_url (or EZ_KEY_SERVER_URL)")]
    NotConfigured,
    /// It cannot be reached, or not in time.
    #[error("the key server does not answer ({0})")]
    Away(String),
    /// It refuses, or answers what is no key.
    #[error("the key server gives no key ({0})")]
    Refused(String),
}

fn away(error: reqwest::Error) -> NoKey {
    NoKey::Away(chain(&error.without_url()))
}

/// Gives content keys.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The key of a job; the same one whenever it is asked for.
    ///
    /// # Errors
    /// Why there is none now.
    async fn key(&self, job: JobId) -> Result<Granted, NoKey>;

    /// Has a key removed for good; one that is not there is no error.
    ///
    /// # Errors
    /// Why it may still be there.
    async fn forget(&self, key: KeyId) -> Result<(), NoKey>;
}

/// For an installation without a key server.
#[derive(Debug)]
pub struct NoKeyServer;

#[async_trait]
impl KeySource for NoKeyServer {
    async fn key(&self, _job: JobId) -> Result<Granted, NoKey> {
        Err(NoKey::NotConfigured)
    }

    async fn forget(&self, _key: KeyId) -> Result<(), NoKey> {
        Err(NoKey::NotConfigured)
    }
}

/// A key server over HTTP.
#[derive(Debug)]
pub struct KeyServer {
    client: Client,
    /// `…/keys`.
    keys: Url,
    token: Secret<String>,
}

impl KeyServer {
    /// Prepares the client; nothing is sent.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(mut keys: Url, token: Secret<String>) -> Result<Self, reqwest::Error> {
        // The original's address ends in `/keys/`; one that ends before it means the same.
        let path = keys.path().trim_end_matches('/').trim_end_matches("/keys").to_owned();
        keys.set_path(&format!("{path}/keys"));
        let client = Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, keys, token })
    }

    /// The address of one key.
    fn key_url(&self, key: KeyId) -> Url {
        let mut url = self.keys.clone();
        url.set_path(&format!("{}/{key}", self.keys.path()));
        url
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, NoKey> {
        let response = request.bearer_auth(self.token.expose()).send().await.map_err(away)?;
        let status = response.status();
        if status.is_server_error() {
            return Err(NoKey::Away(format!("it answers {status}")));
        }
        if !status.is_success() {
            return Err(NoKey::Refused(format!("it answers {status}")));
        }
        Ok(response)
    }

    /// The document of an answer, and whether something was made.
    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<(T, bool), NoKey> {
        let response = self.send(request).await?;
        let is_new = response.status() == StatusCode::CREATED;
        let body = response.bytes().await.map_err(away)?;
        // The cause could quote the body, which holds the key.
        let document = serde_json::from_slice(&body);
        let document = document.map_err(|_| NoKey::Refused("its answer is no key".to_owned()))?;
        Ok((document, is_new))
    }
}

#[async_trait]
impl KeySource for KeyServer {
    async fn key(&self, job: JobId) -> Result<Granted, NoKey> {
        let new = NewKey { content_id: job.to_string() };
        let (info, is_new): (KeyInfo, bool) =
            self.ask(self.client.post(self.keys.clone()).json(&new)).await?;
        let (document, _): (KeyDocument, bool) = self.ask(self.client.get(self.key_url(info.key_id))).await?;
        if document.key_id != info.key_id || document.content_id != new.content_id {
            return Err(NoKey::Refused("it gave the key of something else".to_owned()));
        }
        let key = ContentKey { id: document.key_id, key: document.key };
        Ok(Granted { key, created_at: document.time_created.unwrap_or_default(), is_new })
    }
    async fn forget(&self, key: KeyId) -> Result<(), NoKey> {
        self.send(self.client.delete(self.key_url(key))).await.map(drop)
    }
}

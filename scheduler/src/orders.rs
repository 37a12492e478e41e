//! What a worker is told about each of its runs.
//!
//! A run's stream-key verifier is made from the sealed key when it is first needed and kept, so that
//! the same scheduler gives the same one again. It is only a cache: another scheduler's verifier has
//! another salt and checks the same key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ez_api::internal::{RunAction, RunOrder, StreamKeyVerifier};
use ez_domain::content_key::{ContentKey, SealedContentKey};
use ez_domain::id::{Epoch, JobId};
use ez_domain::job::{Job, Phase, Run};
use ez_domain::secret::Secret;
use ez_store::{MasterKey, SealError, stream_key_verifier};

use crate::keys;

/// Verifiers kept at most; beyond it, all are forgotten and made again.
const MOST: usize = 10_000;

/// Makes orders.
pub(crate) struct Orders {
    master_key: Arc<MasterKey>,
    verifiers: Mutex<HashMap<(JobId, Epoch), StreamKeyVerifier>>,
}

impl Orders {
    pub(crate) fn new(master_key: Arc<MasterKey>) -> Self {
        Self { master_key, verifiers: Mutex::default() }
    }

    /// The order for the present run of a job.
    ///
    /// # Errors
    /// When a key was sealed under another master key.
    pub(crate) fn order(&self, job: &Job, run: &Run) -> Result<RunOrder, SealError> {
        let action = match &job.phase {
            Phase::Stopping { .. } => RunAction::Stop,
            Phase::Pending { .. }
            | Phase::Assigned { .. }
            | Phase::Listening { .. }
            | Phase::Streaming { .. }
            | Phase::Interrupted { .. }
            | Phase::Finishing { .. }
            | Phase::Backoff { .. }
            | Phase::Stopped { .. }
            | Phase::Failed { .. }
            | Phase::Deleting { .. } => RunAction::Run {
                spec: Box::new(job.spec.clone()),
                stream_key: self.verifier(job, run.epoch)?,
                content_key: self.content_key(job)?,
            },
        };
        Ok(RunOrder { job: job.id, epoch: run.epoch, action })
    }

    fn content_key(&self, job: &Job) -> Result<Option<ContentKey>, SealError> {
        let Some(SealedContentKey { id, sealed, .. }) = &job.content_key else { return Ok(None) };
        let key = self.master_key.open(sealed, &keys::context(job.id))?;
        let key = key.expose().parse().map_err(|_| SealError::Malformed)?;
        Ok(Some(ContentKey { id: *id, key: Secret::new(key) }))
    }

    fn verifier(&self, job: &Job, epoch: Epoch) -> Result<StreamKeyVerifier, SealError> {
        if let Some(made) = self.lock().get(&(job.id, epoch)) {
            return Ok(made.clone());
        }
        let context = format!("stream-key:{}", job.id);
        let stream_key = self.master_key.open(&job.credentials.sealed_stream_key, &context)?;
        let (salt, sha256) = stream_key_verifier(stream_key.expose());
        let made = StreamKeyVerifier { salt, sha256 };
        let mut verifiers = self.lock();
        if verifiers.len() >= MOST {
            verifiers.clear();
        }
        Ok(verifiers.entry((job.id, epoch)).or_insert(made).clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(JobId, Epoch), StreamKeyVerifier>> {
        self.verifiers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

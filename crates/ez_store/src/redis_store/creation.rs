//! New jobs, and what was made with a client's key.

use ez_domain::id::JobId;
use ez_domain::job::Job;

use super::RedisStore;
use super::jobs::{phase_of, record_of};
use super::records;
use crate::index_changes::index_changes;
use crate::once::{Created, Once, REMEMBERED_MS};
use crate::store::CreateError;

impl RedisStore {
    pub(super) async fn create_job(&self, job: &Job, once: Option<&Once>) -> Result<Created, CreateError> {
        let record = record_of(job)?;
        let mut extra = Vec::new();
        let changes = records::encode(&index_changes(None, Some(job)), &self.inner.keys, &mut extra);
        let body = once.map_or_else(String::new, |once| once.body.clone());
        let mut arguments = vec![
            job.id.to_string(),
            record.clone(),
            job.credentials.stream_key_index.clone(),
            phase_of(job),
            body,
            REMEMBERED_MS.to_string(),
        ];
        arguments.extend(changes);
        extra.extend(once.map(|once| self.inner.keys.made_with(&once.key)));
        let (answer, detail): (u8, String) =
            self.run("create a job", &self.inner.scripts.create, &extra, &arguments).await?;
        match answer {
            1 => Ok(Created::New),
            2 if detail == record || is_descendant(&detail, job) => Ok(Created::New),
            3 => Err(CreateError::OtherBody),
            4 => records::job_id(&detail).map(Created::Before).ok_or(CreateError::Exists),
            _ => Err(CreateError::Exists),
        }
    }

    pub(super) async fn made_with(&self, once: &Once) -> Result<Option<JobId>, CreateError> {
        let key = &self.inner.keys.made_with(&once.key);
        let kept: Option<String> = self
            .inner
            .connection
            .query("read what was made with a key", |mut manager| async move {
                redis::cmd("GET").arg(key).query_async(&mut manager).await
            })
            .await?;
        match kept.as_deref().and_then(|kept| kept.split_once('|')) {
            None => Ok(None),
            Some((body, _)) if body != once.body => Err(CreateError::OtherBody),
            Some((_, id)) => Ok(records::job_id(id)),
        }
    }
}

/// Whether the record `present` came from creating `job`: somebody was quick to change it before the
/// creator, whose answer was lost, tried again. The sealed stream key is unique to one creation.
fn is_descendant(present: &str, job: &Job) -> bool {
    serde_json::from_str::<Job>(present).is_ok_and(|present| {
        present.id == job.id
            && present.created_at == job.created_at
            && present.credentials == job.credentials
            && job.generation <= present.generation
    })
}

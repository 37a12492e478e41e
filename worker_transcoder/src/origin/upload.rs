//! Uploads of init segments and segments: immutable names, tried until they are stored.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use ez_domain::id::Epoch;
use ez_domain::spec::RenditionName;
use ez_manifest::timeline::{PeriodId, Segment};
use ez_media::layout::{Objects, PeriodName};
use ez_objects::dice::Dice;
use ez_objects::immutable::{Immutable, put_immutable};
use ez_objects::retry::Policy;
use ez_objects::{Body, Error, ObjectStore};

/// Tries at a store that refuses, before the refusal is believed.
const REFUSALS: u32 = 3;

/// What was uploaded.
#[derive(Debug, Clone)]
pub(crate) enum Stored {
    Init(RenditionName),
    Segment(RenditionName, Segment),
}

/// A file to be uploaded.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Bytes,
    pub(crate) what: Stored,
    pub(crate) period: PeriodId,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Uploaded {
    pub(crate) local: u32,
    pub(crate) what: Stored,
    pub(crate) result: Result<(), Error>,
}

/// The means of one upload.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) objects: Objects,
    pub(crate) epoch: Epoch,
    pub(crate) conditional: bool,
    pub(crate) policy: Policy,
    pub(crate) dice: Dice,
}

impl Upload {
    /// Uploads one file and removes it locally.
    pub(crate) async fn run(mut self, local: u32, job: Job) -> Uploaded {
        let period = PeriodName { epoch: Epoch::new(job.period.epoch), number: job.period.number };
        let object = match &job.what {
            Stored::Init(rendition) => self.objects.init(period, rendition),
            Stored::Segment(rendition, segment) => self.objects.segment(period, rendition, segment.t),
        };
        let immutable = Immutable {
            content_type: object.kind.content_type().to_owned(),
            cache_control: object.kind.cache_control().to_owned(),
            epoch: self.epoch,
            conditional: self.conditional,
        };
        let body = Body::Bytes(job.bytes);
        let mut refusals = 0;
        let result = loop {
            let put = put_immutable(
                self.store.as_ref(),
                &object.key,
                &body,
                &immutable,
                &self.policy,
                &mut self.dice,
            );
            match put.await {
                Ok(_) => break Ok(()),
                Err(error) => {
                    refusals += 1;
                    if refusals >= REFUSALS {
                        break Err(error);
                    }
                    tokio::time::sleep(self.policy.pause(refusals, &mut self.dice)).await;
                }
            }
        };
        if result.is_ok() {
            super::discard(job.path).await;
        }
        Uploaded { local, what: job.what, result }
    }
}

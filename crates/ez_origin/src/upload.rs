//! Uploads of init segments and segments: immutable names, tried until they are stored.

use std::sync::Arc;
use std::time::Duration;

use ez_domain::id::Epoch;
use ez_manifest::timeline::PeriodId;
use ez_media::layout::{Objects, PeriodName};
use ez_objects::dice::Dice;
use ez_objects::immutable::{Immutable, put_immutable};
use ez_objects::retry::Policy;
use ez_objects::{Body, Error, ObjectStore};
use tokio::time::Instant;

use crate::period::What;
use crate::refusals::Refusals;

/// The means of every upload of a run.
#[derive(Debug, Clone)]
pub(crate) struct Uploader {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) objects: Objects,
    pub(crate) epoch: Epoch,
    pub(crate) policy: Policy,
}

/// How an upload went.
#[derive(Debug)]
pub(crate) struct Uploaded {
    pub(crate) period: PeriodId,
    pub(crate) what: What,
    /// How long it took, with all tries.
    pub(crate) took: Duration,
    pub(crate) result: Result<(), Error>,
}

impl Uploader {
    /// Uploads one thing. A file is read when it is sent, so that waiting costs no memory.
    pub(crate) async fn run(self, body: Body, period: PeriodId, what: What, mut dice: Dice) -> Uploaded {
        let name = PeriodName { epoch: Epoch::new(period.epoch), number: period.number };
        let object = match &what {
            What::Key => self.objects.content_key(name),
            What::Init(rendition) => self.objects.init(name, rendition),
            What::Segment(rendition, segment) => self.objects.segment(name, rendition, segment.t),
        };
        let immutable = Immutable {
            content_type: object.kind.content_type().to_owned(),
            cache_control: object.kind.cache_control().to_owned(),
            epoch: self.epoch,
            conditional: true,
        };
        let policy = self.policy.for_large_bodies();
        let began = Instant::now();
        let mut refusals = Refusals::new(self.policy, dice.fork());
        let result = loop {
            let store = self.store.as_ref();
            let put = put_immutable(store, &object.key, &body, &immutable, &policy, &mut dice);
            match put.await {
                Ok(_) => break Ok(()),
                Err(error) => {
                    if let Err(believed) = refusals.doubt(error).await {
                        break Err(believed);
                    }
                }
            }
        };
        Uploaded { period, what, took: began.elapsed(), result }
    }
}

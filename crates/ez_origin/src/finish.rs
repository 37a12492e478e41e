//! Ends a channel that has no run any more.
//!
//! A job can be stopped while no worker holds it: it waits for one, or its worker is gone. Its
//! playlists must end all the same, or players would wait for the next segment for ever.

use std::sync::Arc;

use ez_objects::ObjectStore;

use crate::takeover::{Claim, adopt, probe};
use crate::{Settings, Stopped};

/// Ends the playlists under an epoch of its own; answers whether there were any.
///
/// Repeating it is harmless, also from several places at once: the store decides.
///
/// # Errors
/// When a higher epoch owns the channel, or the store refuses.
pub async fn end_channel(settings: &Settings, store: &Arc<dyn ObjectStore>) -> Result<bool, Stopped> {
    // Most jobs that are stopped without a run never had one. Only what is written needs a fence.
    if Claim::new(settings, store).published_epoch().await?.is_none() {
        return Ok(false);
    }
    // Whoever published here has raced in full; a store that is slow or far is asked for no more than is needed.
    let mut claim = probe(settings, store, 1).await?;
    let ended = adopt(settings, &mut claim, |timeline| {
        timeline.begin_run(settings.epoch.number())?;
        timeline.end();
        Ok(())
    });
    let Some(timeline) = ended.await? else { return Ok(false) };
    claim.manifests.store_projections(&timeline).await?;
    Ok(true)
}

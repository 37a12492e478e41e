//! A process that takes over from one of the same run that died.
//!
//! The publisher has lost its connection too and needs a moment to come back. Until then the channel
//! shows the end of what was published, so that its playlists go on.

use std::path::PathBuf;
use std::time::Duration;

use ez_contribution::timeline::{Contribution, Still};
use ez_origin::LastMedia;
use ez_service::latest::LatestSeen as _;

use super::periods::period_folder;
use super::state::Remark;
use super::{Over, Run, still};

const REMARK: &str = "the transcoder was restarted: waiting for the publisher";

impl Run {
    /// Once the store was taken over: tidies up after the earlier process, and begins to make a still of
    /// what it left.
    pub(super) fn on_progress(&mut self) {
        let progress = self.progress.latest_seen();
        self.meter.published(&progress);
        if !progress.ready || self.has_taken_over {
            return;
        }
        self.has_taken_over = true;
        self.tasks.spawn(remove_old_periods(self.description.folder.clone()));
        if let Some(media) = progress.unfinished.filter(|_| self.spec.reconnect_seconds > 0) {
            self.order_still_of(media);
        }
    }

    fn order_still_of(&self, media: LastMedia) {
        let rate = self.frame_rate().as_f64();
        let pictures = (f64::from(self.spec.segment_seconds) * rate).round();
        // A rate is below 240 and a segment below 30 s.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let pictures = pictures as usize;
        let (tools, folder) = (self.description.tools.clone(), self.description.folder.clone());
        let key = self.description.content_key.clone();
        let bridges = self.bridges.clone();
        self.tasks.spawn(async move {
            match still::of_media(tools, folder, &media, key.as_ref(), pictures).await {
                Ok(still) => drop(bridges.send(still).await),
                Err(error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "the channel rests until the publisher is back"
                    );
                }
            }
        });
    }

    /// Begins a period that shows the still, unless the publisher was quicker.
    pub(super) async fn on_bridge(&mut self, still: Still) -> Option<Over> {
        if self.leaving.is_some() || self.contribution.is_some() || self.period.is_some() {
            return None;
        }
        tracing::info!("the channel goes on with its last picture until the publisher is back");
        let now = self.clock.now();
        self.contribution = Some(Contribution::new(self.contribution_settings()));
        if let Err(failure) = self.open_period(Duration::ZERO).await {
            self.give_up(failure).await;
            return None;
        }
        self.remark = Some(Remark::worker(REMARK));
        self.interrupted_at = Some(now);
        let output = self.contribution.as_mut()?.begin_with_still(still, now);
        self.put_out(output).await
    }
}

/// Removes the folders in which children of an earlier process worked: what is of use in them lies in the
/// spool by now.
async fn remove_old_periods(folder: PathBuf) {
    let own = period_folder("");
    let Ok(mut entries) = tokio::fs::read_dir(&folder).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let name = entry.file_name();
        let is_old = name.to_str().is_some_and(|name| name.starts_with("period-") && !name.starts_with(&own));
        if is_old && let Err(error) = tokio::fs::remove_dir_all(entry.path()).await {
            tracing::warn!(%error, folder = %entry.path().display(), "an old period's folder could not be removed");
        }
    }
}

//! When the next call of `tick` is wanted.

use std::time::Duration;

use super::time::{Nanos, duration, nanos};
use super::tracks::audio_frames;
use super::{Contribution, Phase};

impl Contribution {
    /// The moment on the run's clock when [`Contribution::tick`] has something to do, if nothing else
    /// happens before. `None`: nothing until the next push.
    pub fn next_wakeup(&self) -> Option<Duration> {
        let mut due = Vec::with_capacity(6);
        if let Phase::Settling(hold) = &self.phase {
            due.push(hold.began + nanos(self.settings.settle));
        } else if self.writer.origin().is_some() {
            let is_live = matches!(self.phase, Phase::Live);
            if is_live {
                self.stalls_due(&mut due);
            } else if self.settings.fill_gaps && self.now < self.fill_from {
                due.push(self.fill_from);
            }
            // Silence for a contribution without audio does not hang on the filling of gaps.
            if is_live || self.settings.fill_gaps {
                self.fillers_due(&mut due);
            }
        }
        due.into_iter().min().map(|due| duration(due.max(self.now)))
    }

    fn fillers_due(&self, due: &mut Vec<Nanos>) {
        if let Some(slots) = self.video.filling {
            due.push(slots.origin + self.settings.frame_duration.times(slots.next));
        }
        if let Some(slots) = self.audio.filling {
            due.push(slots.origin + audio_frames(&self.audio.config, slots.next));
        }
    }

    fn stalls_due(&self, due: &mut Vec<Nanos>) {
        let stall = self.stall();
        let lone = nanos(self.settings.lone_stall_after).max(stall);
        let has_audio = self.publisher.audio.is_some();
        if has_audio && !self.audio.has_joined && self.audio.filling.is_none() {
            due.push(self.audio.heard + stall);
        }
        if !self.settings.fill_gaps {
            return;
        }
        let last_heard = if has_audio { self.video.heard.max(self.audio.heard) } else { self.video.heard };
        if !self.has_asked_for_still && self.still.is_none() {
            due.push(last_heard + stall / 2);
        }
        due.push(last_heard + stall);
        // Where there is nothing to fill with, there is nothing to do but to ask for it once.
        if self.video.filling.is_none() && (self.has_filler() || !self.has_asked_for_still) {
            due.push(self.video.heard + lone);
        }
        if has_audio && self.audio.has_joined {
            due.push(self.audio.heard + lone);
        }
    }
}

//! What is wanted of a run. It only tightens: a run that was left, stopped or abandoned is never
//! held again; the scheduler gives the next run a new epoch.

use crate::runs::record::Plan;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Will {
    #[default]
    Hold,
    Leave,
    Stop,
    Abandon,
}

/// The will, and how the run is started if that is known.
#[derive(Debug, Default, Clone)]
pub(crate) struct Wanted {
    will: Will,
    /// The worker itself is going.
    is_urgent: bool,
    plan: Option<Plan>,
}

impl Wanted {
    /// To be held.
    pub(crate) const fn hold(plan: Option<Plan>) -> Self {
        Self { will: Will::Hold, is_urgent: false, plan }
    }

    /// To be ended in order and soon, its playlists left to the next run; tells whether that is news.
    pub(crate) fn leave(&mut self) -> bool {
        let news = self.will < Will::Leave || !self.is_urgent;
        self.will = self.will.max(Will::Leave);
        self.is_urgent = true;
        news
    }

    /// To be ended in order, with its playlists; tells whether that is news.
    pub(crate) fn stop(&mut self) -> bool {
        let news = self.will < Will::Stop;
        self.will = self.will.max(Will::Stop);
        news
    }

    /// To be ended without a trace.
    pub(crate) fn abandon(&mut self) {
        self.will = Will::Abandon;
    }

    /// Fills in the plan unless there is one by which the run can be started; tells whether that is news.
    pub(crate) fn learn(&mut self, plan: impl FnOnce() -> Plan) -> bool {
        let news = self.plan().is_none();
        if news {
            self.plan = Some(plan());
        }
        news
    }

    /// The plan, if the run can be started by it.
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref().filter(|plan| plan.is_whole())
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.will == Will::Stop
    }

    /// Whether it ends in order, in whichever way.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.will, Will::Leave | Will::Stop)
    }

    /// Whether the worker cannot wait long for it.
    pub(crate) const fn is_urgent(&self) -> bool {
        self.is_urgent
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.will == Will::Abandon
    }

    /// The will in one word.
    pub(crate) const fn word(&self) -> &'static str {
        match self.will {
            Will::Hold => "hold",
            Will::Leave => "leave",
            Will::Stop => "stop",
            Will::Abandon => "abandon",
        }
    }
}

#[cfg(test)]
mod tests {
    use ez_api::internal::StreamKeyVerifier;
    use ez_domain::content_key::{ContentKey, KeyBytes, KeyId};
    use ez_domain::secret::Secret;
    use ez_domain::spec::{JobSpec, Protection};

    use super::*;

    fn plan(content_key: Option<ContentKey>) -> Plan {
        let body = br#"{"Output": {"Stream_type": "hls", "S3_output": {"Bucket": "a-bucket"},
            "Audio_outputs": [{"Codec": "aac", "Bitrate": "64k"}]}}"#;
        let spec = ez_api::create_job::parse(body).unwrap().spec;
        let spec = JobSpec { protection: Some(Protection::CbcsClearKey), ..spec };
        let stream_key = StreamKeyVerifier { salt: String::new(), sha256: String::new() };
        Plan { spec, stream_key, content_key }
    }

    fn key(byte: u8) -> ContentKey {
        let key = Secret::new(KeyBytes::from_bytes([byte; 16]));
        ContentKey { id: KeyId::from_bytes([byte; 16]), key }
    }

    #[test]
    fn a_plan_without_the_key_that_it_needs_is_none_until_it_is_learnt() {
        let mut wanted = Wanted::hold(Some(plan(None)));
        assert_eq!(wanted.plan(), None, "it would start in clear, or not at all");
        assert!(wanted.learn(|| plan(Some(key(1)))));
        assert!(!wanted.learn(|| plan(Some(key(2)))), "a run keeps what it was started with");
        assert_eq!(wanted.plan().and_then(|plan| plan.content_key.clone()), Some(key(1)));
    }

    #[test]
    fn a_content_key_never_lies_on_the_disk() {
        let text = serde_json::to_string(&plan(Some(key(0xab)))).unwrap();
        assert!(!text.contains(&"ab".repeat(16)) && !text.contains("content_key"), "{text}");
        let read: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(read, plan(None));
    }
}

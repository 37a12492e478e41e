//! The console of a whole installation, as its user goes through it: in a browser, with real media.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_e2e::console::{Journey, Said};
use ez_e2e::installation::Installation;
use ez_testkit::machine::undisturbed;
use ez_testkit::media::publisher::{Publisher, Repeat};
use ez_testkit::media::source::{Contribution, FrameRate};

/// Longer than the browser's own limits add up to when it goes well.
const DEADLINE: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread")]
async fn a_user_takes_a_channel_from_the_form_on_air_and_to_its_end() -> Result<()> {
    undisturbed(async || {
        let contribution = Contribution {
            width: 1280,
            height: 720,
            frame_rate: FrameRate::whole(30),
            seconds: 10,
            gop_seconds: 2.0,
            b_frames: 0,
            kilobits_per_second: 2500,
            ..Contribution::default()
        };
        let flv = contribution.flv().await?;
        let installation = Installation::start(1).await?;
        let mut journey = Journey::start(&installation.stack.endpoints().console)?;
        // Both are kept until the end; a stopped channel sends its publisher away.
        let mut publishers = Vec::new();
        let mut steps = Vec::new();
        let whole = async {
            while let Some(said) = journey.next().await.with_context(|| format!("after {steps:?}"))? {
                match said {
                    Said::Publish(url) => publishers.push(Publisher::start(&flv, &url, Repeat::Forever)?),
                    Said::Step(words) => steps.push(words),
                }
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(DEADLINE, whole).await.context("the browser hangs")??;
        assert_eq!(publishers.len(), 3, "{steps:?}");
        Ok(())
    })
    .await
}

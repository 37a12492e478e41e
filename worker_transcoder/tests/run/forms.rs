//! Forms of a channel beside the usual one: a single kind of manifest, low latency, the contribution's own
//! frame rate.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_domain::lifecycle::RunState;
use ez_domain::spec::{Delivery, JobSpec, VideoRendition};
use ez_testkit::machine::undisturbed;
use ez_testkit::media::Media;
use ez_testkit::media::counter::analysis::{Cadence, analyse};
use ez_testkit::media::counter::read_frames;
use ez_testkit::media::publisher::{Introduction, Publisher, Repeat};
use ez_testkit::media::source::{Contribution, FrameRate};

use super::harness::{Bucket, Running, contribution, decode_periods, job, spec, video};

/// Its renditions keep the rate of the contribution.
fn as_it_comes(rendition: VideoRendition) -> VideoRendition {
    VideoRendition { frame_rate: None, ..rendition }
}

async fn on_air(run: &mut Running) -> Result<()> {
    run.until("it streams", 15, |state, _| matches!(state, RunState::Streaming { .. })).await?;
    Ok(())
}

/// An encoder that says nothing of its media sends 25 pictures a second, and 25 come out.
#[tokio::test(flavor = "multi_thread")]
async fn hls_alone_with_low_latency_keeps_a_frame_rate_that_nobody_named() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let spec = JobSpec {
            delivery: Delivery::Hls,
            low_latency: true,
            video: vec![as_it_comes(video("low", 320, 180, 300)), as_it_comes(video("high", 640, 360, 800))],
            ..spec()
        };
        let mut run = Running::start(&bucket, job(1), 1, spec).await?;
        let source = Contribution { frame_rate: FrameRate::whole(25), ..contribution(8, 0) };
        let flv = source.flv().await?;
        let mut publisher = Publisher::introduced(&flv, &run.ingest_url, Repeat::Once, Introduction::None)?;
        on_air(&mut run).await?;
        publisher.wait(Duration::from_secs(20)).await?;
        run.stop().await?;

        ensure!(run.fetch("master.mpd").await?.is_none(), "nobody asked for DASH");
        let master = run.fetch("master.m3u8").await?.context("no multivariant playlist")?;
        ensure!(master.contains("FRAME-RATE=25.000"), "{master}");
        for name in ["low", "high"] {
            let periods = decode_periods(&run, name).await?;
            assert_eq!(periods.len(), 1, "{name}");
            let read = &periods[0];
            assert_eq!((read.first, read.last), (Some(0), Some(199)), "{name}: {read:?}");
            assert_eq!((read.dropped, read.out_of_order, read.unreadable), (0, 0, 0), "{name}: {read:?}");
            // Behind them the last picture stands until the stop.
            assert!(read.readable - read.doubled == 200, "{name}: {read:?}");
            assert_eq!(read.times_not_rising, 0, "{name}: {read:?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn dash_alone_is_a_whole_channel() -> Result<()> {
    undisturbed(async || {
        let bucket = Bucket::start().await;
        let mut run =
            Running::start(&bucket, job(1), 1, JobSpec { delivery: Delivery::Dash, ..spec() }).await?;
        let flv = contribution(7, 0).flv().await?;
        let mut publisher = Publisher::start(&flv, &run.ingest_url, Repeat::Once)?;
        on_air(&mut run).await?;
        let live = run.fetch("master.mpd").await?.context("no manifest")?;
        ensure!(live.contains("type=\"dynamic\""), "{live}");
        publisher.wait(Duration::from_secs(20)).await?;
        run.stop().await?;

        let ended = run.fetch("master.mpd").await?.context("no manifest")?;
        ensure!(ended.contains("type=\"static\""), "{ended}");
        for playlist in ["master.m3u8", "low/playlist.m3u8", "sound/playlist.m3u8"] {
            ensure!(run.fetch(playlist).await?.is_none(), "nobody asked for {playlist}");
        }
        for name in ["low", "high"] {
            let mut media = Vec::new();
            for object in objects(&ended, name).with_context(|| format!("{name} in {ended}"))? {
                let response = reqwest::get(run.url(&object)).await?.error_for_status()?;
                media.extend(response.bytes().await?);
            }
            let decoded = read_frames(&Media::bytes(&media)?).await?;
            let read = analyse(&decoded.frames, Cadence::SAME_RATE);
            ensure!(decoded.errors.is_empty(), "{name}: {:?}", decoded.errors);
            assert_eq!((read.first, read.last), (Some(0), Some(209)), "{name}: {read:?}");
            assert_eq!((read.dropped, read.out_of_order, read.unreadable), (0, 0, 0), "{name}: {read:?}");
        }
        Ok(())
    })
    .await
}

/// Init segment and segments of a rendition in a manifest of one period, in order (`SegmentTemplate` with
/// `SegmentTimeline`, ISO/IEC 23009-1 5.3.9.6).
fn objects(manifest: &str, name: &str) -> Option<Vec<String>> {
    let attribute = |element: &str, name: &str| -> Option<String> {
        let value = element.split(&format!(" {name}=\"")).nth(1)?;
        value.split('"').next().map(str::to_owned)
    };
    let base = manifest.split("<BaseURL>").nth(1)?.split('<').next()?;
    let representation =
        manifest.split("<Representation").find(|text| attribute(text, "id").as_deref() == Some(name))?;
    let template = representation.split("<SegmentTemplate").nth(1)?;
    let (init, media) = (attribute(template, "initialization")?, attribute(template, "media")?);
    let mut objects = vec![format!("{base}{init}")];
    let mut time = 0;
    for segment in template.split("</SegmentTimeline>").next()?.split("<S ").skip(1) {
        let element = format!(" {segment}");
        let number = |name| attribute(&element, name).and_then(|text| text.parse::<u64>().ok());
        time = number("t").unwrap_or(time);
        for _ in 0..=number("r").unwrap_or(0) {
            objects.push(format!("{base}{}", media.replace("$Time$", &time.to_string())));
            time += number("d")?;
        }
    }
    Some(objects)
}

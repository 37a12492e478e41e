//! Reads `Output`: delivery, timing, origin and the lists of renditions.

use ez_domain::cut_grid::CutGrid;
use ez_domain::spec::{AudioRendition, BucketName, Delivery, JobSpec, VideoRendition, rules};

use super::field::Field;
use super::findings::Findings;
use super::names::Names;
use super::node::Node;
use super::object::Object;
use super::{audio, keys, protection, refused, video};
use crate::fault::pointer_below;

const STREAM_TYPES: [(&str, Delivery); 3] =
    [("hls", Delivery::Hls), ("dash", Delivery::Dash), ("hls+dash", Delivery::HlsAndDash)];

pub(super) fn read(output: &Object<'_>, findings: &mut Findings) -> Option<JobSpec> {
    let delivery = read_delivery(&output.field("Stream_type"), findings);
    let format = read_segment_format(&output.field("Segment_format"), findings);
    let timing = read_timing(output, findings);
    let low_latency = output.field("Low_latency_mode").boolean(findings).or(false);
    let window_seconds = read_window(&output.field("Time_shift_buffer_depth"), timing, findings);
    let reconnect_seconds = output
        .field("Reconnect_window")
        .whole_number(&rules::RECONNECT_SECONDS, " seconds", findings)
        .or(rules::DEFAULT_RECONNECT_SECONDS);
    let protection = protection::read(&output.field("Drm"), findings);
    let detection = refused::read_detection(&output.field("Detection"), findings);
    let bucket = read_bucket(&output.field("S3_output"), findings);
    let (video, audio) = read_renditions(output, findings);
    let ((), ()) = (format?, detection?);
    let Timing { segment_seconds, gop_seconds } = timing?;
    Some(JobSpec {
        delivery: delivery?,
        segment_seconds,
        gop_seconds,
        low_latency: low_latency?,
        window_seconds: window_seconds?,
        reconnect_seconds: reconnect_seconds?,
        protection: protection?,
        bucket: bucket?,
        video: video?,
        audio: audio?,
    })
}

fn read_delivery(field: &Field<'_>, findings: &mut Findings) -> Option<Delivery> {
    let mend = "give \"hls\", \"dash\" or \"hls+dash\"";
    field.word(&STREAM_TYPES, findings).required(field, mend, findings)
}

/// Only fragmented MP4: its segments serve HLS and DASH alike.
fn read_segment_format(field: &Field<'_>, findings: &mut Findings) -> Option<()> {
    let reading = field.custom(findings, |node| match node {
        Node::Text(text) if matches!(text.as_str(), "fmp4" | "cmaf") => Ok(()),
        Node::Text(text) if matches!(text.as_str(), "mpegts" | "ts") => Err(format!(
            "{node} is not offered: HLS and DASH share the same fMP4 segments here; use \"fmp4\", or leave it out"
        )),
        Node::Null | Node::Boolean(_) | Node::Number(_) | Node::Text(_) | Node::List(_) | Node::Object(_) => {
            Err(format!("{node} is no segment format known here; use \"fmp4\", or leave it out"))
        }
    });
    reading.or(())
}

#[derive(Debug, Clone, Copy)]
struct Timing {
    segment_seconds: u32,
    gop_seconds: u32,
}

fn read_timing(output: &Object<'_>, findings: &mut Findings) -> Option<Timing> {
    let segment_seconds = output
        .field("Segment_duration")
        .whole_number(&rules::SEGMENT_SECONDS, " seconds", findings)
        .or(rules::DEFAULT_SEGMENT_SECONDS);
    let field = output.field("Fragment_duration");
    let gop_seconds =
        field.whole_number(&rules::GOP_SECONDS, " seconds", findings).or(rules::DEFAULT_GOP_SECONDS);
    let (segment_seconds, gop_seconds) = (segment_seconds?, gop_seconds?);
    if !segment_seconds.is_multiple_of(gop_seconds) {
        let fitting: Vec<String> = rules::GOP_SECONDS
            .filter(|seconds| u64::from(segment_seconds).is_multiple_of(*seconds))
            .map(|seconds| seconds.to_string())
            .collect();
        let detail = format!(
            "{gop_seconds} s between key frames does not divide the Segment_duration of {segment_seconds} s, \
             and segments begin with a key frame; give one of {}",
            fitting.join(", ")
        );
        findings.fault(field.pointer(), detail);
        return None;
    }
    Some(Timing { segment_seconds, gop_seconds })
}

fn read_window(field: &Field<'_>, timing: Option<Timing>, findings: &mut Findings) -> Option<u32> {
    let window =
        field.whole_number(&rules::WINDOW_SECONDS, " seconds", findings).or(rules::DEFAULT_WINDOW_SECONDS)?;
    if let Some(Timing { segment_seconds, .. }) = timing
        && window > 0
        && window < segment_seconds * rules::WISE_WINDOW_SEGMENTS
    {
        let detail = format!(
            "{window} s hold fewer than {} segments of {segment_seconds} s: players start that far from the end \
             and will stall; give 0 for the smallest window that plays",
            rules::WISE_WINDOW_SEGMENTS
        );
        findings.warn(field.pointer(), detail);
    }
    Some(window)
}

fn read_bucket(field: &Field<'_>, findings: &mut Findings) -> Option<BucketName> {
    let mend = "give {\"Bucket\": \"name\"}, the bucket that viewers are served from";
    let s3 = field.object(&keys::S3_OUTPUT, findings).required(field, mend, findings)?;
    let bucket = s3.field("Bucket");
    bucket.name(BucketName::new, findings).required(
        &bucket,
        "give the name of the bucket that viewers are served from",
        findings,
    )
}

type Renditions = (Option<Vec<VideoRendition>>, Option<Vec<AudioRendition>>);

fn read_renditions(output: &Object<'_>, findings: &mut Findings) -> Renditions {
    let mut names = Names::default();
    let video_field = output.field("Video_outputs");
    let video =
        read_list(&video_field, &keys::VIDEO, rules::MAX_VIDEO_RENDITIONS, findings, |object, findings| {
            video::read(object, &mut names, findings)
        });
    let audio_field = output.field("Audio_outputs");
    let audio =
        read_list(&audio_field, &keys::AUDIO, rules::MAX_AUDIO_RENDITIONS, findings, |object, findings| {
            audio::read(object, &mut names, findings)
        });
    if let (Some(video), Some(audio)) = (&video, &audio) {
        if video.is_empty() && audio.is_empty() {
            let detail =
                "there is nothing to put out; give at least one rendition in Video_outputs or Audio_outputs";
            findings.fault(output.pointer(), detail);
        } else if video.is_empty() {
            let detail = "no video rendition: the channel is sound alone, but the encoder must send pictures too, or it \
                          does not go on air";
            findings.warn(video_field.pointer(), detail);
        } else if audio.is_empty() {
            let detail = "no audio rendition: the channel will be silent; give one in Audio_outputs if the feed has sound";
            findings.warn(audio_field.pointer(), detail);
        }
        warn_of_twins(&video_field, video, findings);
        warn_of_rates(&video_field, video, findings);
    }
    (video, audio)
}

/// All elements of a list of at most `most` objects; absent counts as empty.
fn read_list<T>(
    field: &Field<'_>,
    known: &[&'static str],
    most: usize,
    findings: &mut Findings,
    mut read: impl FnMut(&Object<'_>, &mut Findings) -> Option<T>,
) -> Option<Vec<T>> {
    let elements = field.list(findings).or(&[])?;
    if elements.len() > most {
        let detail = format!("{} renditions are too many; give at most {most}", elements.len());
        findings.fault(field.pointer(), detail);
    }
    // Not collected in one go: an element that is refused must not hide the faults of the next.
    let read: Vec<Option<T>> = elements
        .iter()
        .enumerate()
        .map(|(index, element)| {
            let pointer = pointer_below(field.pointer(), &index.to_string());
            Object::open(element, pointer, known, findings).and_then(|object| read(&object, findings))
        })
        .collect();
    read.into_iter().collect()
}

fn warn_of_twins(field: &Field<'_>, video: &[VideoRendition], findings: &mut Findings) {
    let shape = |rendition: &VideoRendition| (rendition.width, rendition.height, rendition.bitrate);
    for (index, rendition) in video.iter().enumerate() {
        let twin = video.iter().take(index).position(|earlier| shape(earlier) == shape(rendition));
        if let Some(earlier) = twin {
            let detail = format!(
                "size and bit rate are those of rendition {earlier}: players gain no choice, the worker encodes twice; \
                 remove one or change it"
            );
            findings.warn(&pointer_below(field.pointer(), &index.to_string()), detail);
        }
    }
}

/// Renditions that follow the contribution are left out: their rate is not known yet.
fn warn_of_rates(field: &Field<'_>, video: &[VideoRendition], findings: &mut Findings) {
    let mut rates = Vec::new();
    for (index, rendition) in video.iter().enumerate() {
        let Some(rate) = rendition.frame_rate else { continue };
        rates.push(rate);
        if CutGrid::of(rates.iter().copied()).is_some_and(|grid| !grid.is_common()) {
            let detail = "this frame rate and those before have no common grid: segments of the renditions begin up to a \
                          frame apart, and a player that switches may show one twice; give rates of one family (30 and \
                          60, 29.97 and 59.94)";
            findings.warn(
                &pointer_below(&pointer_below(field.pointer(), &index.to_string()), "Framerate"),
                detail,
            );
            return;
        }
    }
}

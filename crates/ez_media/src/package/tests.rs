use ez_domain::content_key::{ContentKey, KeyBytes, KeyId};
use ez_domain::secret::Secret;
use ez_domain::spec::{Protection, VideoCodec};
use proptest::prelude::*;

use super::*;
use crate::samples;

fn lines(plan: &Plan<'_>) -> String {
    argv(plan).as_slice().join("\n")
}

fn clear(spec: &JobSpec) -> Plan<'_> {
    Plan { spec, fragments: Fragments::Whole }
}

#[test]
fn the_sample_job_in_clear() {
    insta::assert_snapshot!(lines(&clear(&samples::sample_job())));
}

#[test]
fn the_sample_job_encrypted() {
    let spec = JobSpec { protection: Some(Protection::CbcsClearKey), ..samples::sample_job() };
    insta::assert_snapshot!(lines(&clear(&spec)));
}

#[test]
fn low_latency_with_av1_in_the_middle_of_the_ladder() {
    let mut spec = samples::ladder();
    spec.video[1].codec = VideoCodec::Av1;
    insta::assert_snapshot!(lines(&Plan { fragments: Fragments::PerFrame, ..clear(&spec) }));
}

#[test]
fn audio_only() {
    let mut spec = samples::ladder();
    spec.video.clear();
    insta::assert_snapshot!(lines(&clear(&spec)));
}

#[test]
fn a_key_goes_through_the_flag_file_alone() {
    let key = Secret::new(KeyBytes::from_bytes([0xab; 16]));
    let key = ContentKey { id: KeyId::from_bytes([0x11; 16]), key };
    assert_eq!(
        key_flags(&key).expose(),
        "--keys=label=:key_id=11111111111111111111111111111111:key=abababababababababababababababab\n"
    );
    assert!(!format!("{key:?}").contains("ab"), "a key must not be printed");
    let spec = JobSpec { protection: Some(Protection::CbcsClearKey), ..samples::sample_job() };
    assert!(!lines(&clear(&spec)).contains("key_id"));
}

proptest! {
    #[test]
    fn every_rendition_has_one_descriptor_and_one_stream(spec in crate::transcode::tests::any_spec()) {
        let argv = argv(&clear(&spec));
        prop_assert!(argv.as_slice().iter().all(|argument| !argument.is_empty() && !argument.contains('\0')));
        let descriptors: Vec<&String> = argv.as_slice().iter().filter(|argument| argument.starts_with("in=")).collect();
        prop_assert_eq!(descriptors.len(), spec.rendition_names().count());
        for name in spec.rendition_names() {
            let init = format!(",init_segment={name}/init.mp4,");
            prop_assert_eq!(descriptors.iter().filter(|descriptor| descriptor.contains(&init)).count(), 1);
            let playlist = format!(",playlist_name=packager.{name}.m3u8");
            prop_assert_eq!(descriptors.iter().filter(|descriptor| descriptor.ends_with(&playlist)).count(), 1);
        }
        // A stream of a FIFO is taken once.
        let mut streams: Vec<&str> =
            descriptors.iter().map(|descriptor| descriptor.split(",init_segment").next().unwrap()).collect();
        streams.sort_unstable();
        streams.dedup();
        prop_assert_eq!(streams.len(), descriptors.len());
    }
}

//! The request that makes a job: bytes to a checked specification, all faults at once.
//!
//! Keys are matched without regard to ASCII case and reported as the client spelled
//! them. Nothing is mended silently: a value outside its limits is a fault, never
//! clamped, and an unknown key is a fault, so a misspelt setting cannot be lost. JSON
//! `null` and the original's "unset" texts (`""`) count as absent.
//!
//! Invariant: `Err` holds at least one fault, and every specification in `Ok` keeps all
//! limits of [`ez_domain::spec::rules`].

mod audio;
mod bitrate;
mod codecs;
mod field;
mod findings;
pub(crate) mod keys;
mod names;
mod node;
mod object;
mod output;
pub(crate) mod protection;
mod refused;
mod video;

use ez_domain::spec::JobSpec;

pub(crate) use self::codecs::{audio_codecs, video_codecs};
use self::findings::Findings;
use self::node::Node;
use self::object::Object;
use crate::fault::{Fault, Warning};

/// A checked request to make a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateJob {
    /// What the job puts out.
    pub spec: JobSpec,
    /// What is allowed but unwise in it.
    pub warnings: Vec<Warning>,
    /// `Api_test`: answer with the warnings and make nothing.
    pub dry_run: bool,
}

/// Reads the body of a `POST /jobs`.
///
/// # Errors
/// Every fault of the document, in the order of its keys in the reference; the first
/// hundred where there are more.
pub fn parse(body: &[u8]) -> Result<CreateJob, Vec<Fault>> {
    let root = Node::parse(body).map_err(|fault| vec![fault])?;
    let mut findings = Findings::default();
    let request = read_root(&root, &mut findings);
    findings.conclude(request).map(|((spec, dry_run), warnings)| CreateJob { spec, warnings, dry_run })
}

fn read_root(root: &Node, findings: &mut Findings) -> Option<(JobSpec, bool)> {
    let root = Object::open(root, String::new(), &keys::ROOT, findings)?;
    let dry_run = root.field("Api_test").boolean(findings).or(false);
    let input = root.field("Input");
    if input.is_given() {
        findings.warn(
            input.pointer(),
            "Input is ignored: the address to publish to is chosen by the platform and given as RtmpIngestUrl",
        );
    }
    let spec = root
        .field("Output")
        .object(&keys::OUTPUT, findings)
        .required(
            &root.field("Output"),
            "give an object with Stream_type, S3_output and the renditions",
            findings,
        )
        .and_then(|output| output::read(&output, findings));
    Some((spec?, dry_run?))
}

#[cfg(test)]
mod tests;

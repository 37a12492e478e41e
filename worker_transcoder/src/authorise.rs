//! Lets in the publisher that shows the job's stream key.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use ez_api::internal::StreamKeyVerifier;
use ez_ingest::{Authorise, PublishRequest, Refusal};

/// The application name of every ingest URL (`rtmp://host:port/live/<key>`).
const APPLICATION: &str = "live";

/// Compares hashes in constant time; the key itself is not known here.
#[derive(Debug)]
pub(crate) struct StreamKeyGate(pub(crate) StreamKeyVerifier);

impl Authorise for StreamKeyGate {
    fn authorise(&self, request: &PublishRequest) -> Result<(), Refusal> {
        if request.app != APPLICATION {
            return Err(Refusal::App);
        }
        let salted = [self.0.salt.as_bytes(), &[0], request.stream_key.as_bytes()].concat();
        let presented = hexadecimal(digest(&SHA256, &salted).as_ref());
        verify_slices_are_equal(presented.as_bytes(), self.0.sha256.as_bytes()).map_err(|_| Refusal::Key)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_in_the_right_application_passes() {
        let sha256 = hexadecimal(digest(&SHA256, b"salt\0key").as_ref());
        let gate = StreamKeyGate(StreamKeyVerifier { salt: "salt".into(), sha256 });
        let ask = |app: &str, key: &str| {
            gate.authorise(&PublishRequest {
                app: app.into(),
                stream_key: key.into(),
                query: None,
                peer: "127.0.0.1:1".parse().unwrap(),
            })
        };
        assert_eq!(ask("live", "key"), Ok(()));
        assert_eq!(ask("live", "Key"), Err(Refusal::Key));
        assert_eq!(ask("live", ""), Err(Refusal::Key));
        assert_eq!(ask("other", "key"), Err(Refusal::App));
    }
}

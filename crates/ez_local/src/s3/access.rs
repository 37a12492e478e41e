//! Who may do what.

use async_trait::async_trait;
use s3s::access::{S3Access, S3AccessContext};
use s3s::path::S3Path;
use s3s::{S3Result, s3_error};

/// What the keys of everything that players read begin with.
const PUBLIC_PREFIX: &str = "output_";

/// The access key may do everything; anybody may read single objects below `output_…`.
pub(super) struct PlayersReadOutputs;

#[async_trait]
impl S3Access for PlayersReadOutputs {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if context.credentials().is_some() || is_public(context.s3_op().name(), context.s3_path()) {
            return Ok(());
        }
        Err(s3_error!(AccessDenied, "an access key is needed"))
    }
}

fn is_public(operation: &str, path: &S3Path) -> bool {
    match path {
        S3Path::Object { key, .. } => {
            matches!(operation, "GetObject" | "HeadObject") && key.starts_with(PUBLIC_PREFIX)
        }
        S3Path::Bucket { .. } | S3Path::Root => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_outputs_are_public() {
        let object = |key: &str| S3Path::Object { bucket: "media".into(), key: key.into() };
        let bucket = || S3Path::Bucket { bucket: "media".into() };
        for (operation, path, expected) in [
            ("GetObject", object("output_1/master.m3u8"), true),
            ("HeadObject", object("output_1/master.mpd"), true),
            ("PutObject", object("output_1/master.mpd"), false),
            ("DeleteObject", object("output_1/master.mpd"), false),
            ("GetObjectAcl", object("output_1/master.mpd"), false),
            ("GetObject", object("control/1.json"), false),
            ("GetObject", object("x/output_1"), false),
            ("ListObjectsV2", bucket(), false),
            ("HeadBucket", bucket(), false),
            ("ListBuckets", S3Path::Root, false),
        ] {
            assert_eq!(is_public(operation, &path), expected, "{operation} {path:?}");
        }
    }
}

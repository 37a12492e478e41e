//! The web console: its files, built into the binary, and the policy that browsers hold them to.
//!
//! Paths are looked up in a table made at compile time, so no path reaches the disk.

use axum::http::HeaderValue;
use rust_embed::{EmbeddedFile, RustEmbed};

/// Everything in `demo/`.
#[derive(RustEmbed)]
#[folder = "../demo"]
struct Files;

/// A file of the console.
pub(crate) struct ConsoleFile {
    /// What it says.
    pub(crate) content: EmbeddedFile,
    /// Its media type.
    pub(crate) media_type: &'static str,
}

/// The file with this path below `demo/`.
pub(crate) fn file(path: &str) -> Option<ConsoleFile> {
    Files::get(path).map(|content| ConsoleFile { content, media_type: media_type(path) })
}

fn media_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "txt" | "md" | "LICENSE" => "text/plain; charset=utf-8",
        _ => UNKNOWN,
    }
}

/// What a browser only ever saves.
const UNKNOWN: &str = "application/octet-stream";

/// The Content-Security-Policy of the console: nothing from elsewhere but media from `origin`.
pub(crate) fn policy(origin: &str) -> HeaderValue {
    let text = [
        "default-src 'self'".to_owned(),
        format!("media-src 'self' blob: {origin}"),
        format!("connect-src 'self' {origin}"),
        "img-src 'self' data:".to_owned(),
        "style-src 'self'".to_owned(),
        "script-src 'self'".to_owned(),
        "worker-src 'self' blob:".to_owned(),
        "object-src 'none'".to_owned(),
        "base-uri 'none'".to_owned(),
        "form-action 'self'".to_owned(),
        "frame-ancestors 'none'".to_owned(),
    ]
    .join("; ");
    // An origin comes out of a URL parser and has visible ASCII only; without it, nothing plays but
    // nothing is opened either.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'self'"))
}

/// The policy of the API reference: nothing from elsewhere at all. Its viewer writes style elements; the one
/// document that it shows is ours.
pub(crate) const REFERENCE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_media_type() {
        let unknown: Vec<_> = Files::iter().filter(|path| media_type(path) == UNKNOWN).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(Files::iter().count() > 10, "the console is embedded");
        assert_eq!(media_type("js/x.exe"), UNKNOWN);
    }

    #[test]
    fn nothing_outside_the_folder_is_found() {
        for path in ["../Cargo.toml", "/etc/passwd", "js/../../Cargo.toml", "", "."] {
            assert!(file(path).is_none(), "{path}");
        }
    }
}

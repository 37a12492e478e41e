//! A thin HLS client: fetches playlists and segments, so that they can be probed and decoded.
//!
//! It believes what it reads and checks only that every address answers 200; the strict reader
//! of playlists is `ez_manifest`. It does not decrypt (see [`crate::media::Media::decrypted_with`]).

mod parse;

use anyhow::{Context, Result, anyhow, ensure};
use reqwest::{Client, Url};

pub use parse::{MediaPlaylist, Rendition, Segment, parse_media, parse_multivariant};

/// The longest time that one request may take.
const REQUEST_DEADLINE: std::time::Duration = std::time::Duration::from_secs(10);

/// A multivariant playlist with all of its media playlists, fetched one after the other.
#[derive(Debug, Clone)]
pub struct Presentation {
    /// The text of the multivariant playlist.
    pub text: String,
    /// Each media playlist once, in the order in which they are named.
    pub renditions: Vec<(Rendition, MediaPlaylist)>,
}

impl Presentation {
    /// The media playlist whose address contains a text, for example `video_720`.
    pub fn rendition(&self, part: &str) -> Result<&MediaPlaylist> {
        self.renditions
            .iter()
            .find(|(rendition, _)| rendition.url.path().contains(part))
            .map(|(_, playlist)| playlist)
            .ok_or_else(|| anyhow!("no rendition with {part:?} in its address:\n{}", self.text))
    }
}

/// Fetches playlists and segments.
#[derive(Debug, Clone)]
pub struct HlsClient {
    http: Client,
}

impl HlsClient {
    /// A client that asks servers directly, whatever proxy the environment names.
    pub fn new() -> Result<Self> {
        let http =
            Client::builder().no_proxy().timeout(REQUEST_DEADLINE).build().context("make an HTTP client")?;
        Ok(Self { http })
    }

    /// Fetches a multivariant playlist and every media playlist that it names.
    pub async fn presentation(&self, url: &str) -> Result<Presentation> {
        let url = Url::parse(url).with_context(|| format!("read the address {url}"))?;
        let text = self.text(&url).await?;
        let mut renditions: Vec<(Rendition, MediaPlaylist)> = Vec::new();
        for rendition in parse_multivariant(&url, &text)? {
            if renditions.iter().all(|(known, _)| known.url != rendition.url) {
                let playlist = self.media_playlist(&rendition.url).await?;
                renditions.push((rendition, playlist));
            }
        }
        ensure!(!renditions.is_empty(), "{url} names no media playlist:\n{text}");
        Ok(Presentation { text, renditions })
    }

    /// Fetches one media playlist.
    pub async fn media_playlist(&self, url: &Url) -> Result<MediaPlaylist> {
        let text = self.text(url).await?;
        parse_media(url, &text)
    }

    /// Fetches init segment and segments that belong together, as one file.
    ///
    /// All of them must have the same init segment: take one period of
    /// [`MediaPlaylist::periods`], or a part of it.
    pub async fn download(&self, segments: &[Segment]) -> Result<Vec<u8>> {
        let first = segments.first().ok_or_else(|| anyhow!("no segment to download"))?;
        let mut media = match &first.init {
            Some(init) => self.bytes(init, first.init_range).await?,
            None => Vec::new(),
        };
        for segment in segments {
            let same = segment.init == first.init && segment.init_range == first.init_range;
            ensure!(same, "{} has another init segment than {}", segment.url, first.url);
            media.extend(self.bytes(&segment.url, segment.byte_range).await?);
        }
        Ok(media)
    }

    /// Fetches one address, or `(length, offset)` of it.
    pub async fn bytes(&self, url: &Url, range: Option<(u64, u64)>) -> Result<Vec<u8>> {
        let mut request = self.http.get(url.clone());
        if let Some((length, offset)) = range {
            ensure!(length > 0, "an empty byte range of {url}");
            request = request.header("Range", format!("bytes={offset}-{}", offset + length - 1));
        }
        let response = request.send().await.with_context(|| format!("fetch {url}"))?;
        let expected = if range.is_some() { 206 } else { 200 };
        ensure!(response.status().as_u16() == expected, "{url} answered {}", response.status());
        Ok(response.bytes().await.with_context(|| format!("fetch the body of {url}"))?.to_vec())
    }

    async fn text(&self, url: &Url) -> Result<String> {
        String::from_utf8(self.bytes(url, None).await?).with_context(|| format!("{url} is not UTF-8"))
    }
}

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::media::Media;
use crate::media::counter::analysis::{Cadence, analyse};
use crate::media::counter::read_frames;
use crate::media::source::Contribution;
use crate::tools::{Tool, run};

/// Serves a folder, one request per connection; only what this client asks for.
async fn serve(listener: &TcpListener, folder: &Path) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        let path = request.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
        let range = request.to_lowercase().split("range: bytes=").nth(1).map(|rest| {
            let (from, to) = rest.split("\r\n").next().unwrap().split_once('-').unwrap();
            from.parse::<usize>().unwrap()..to.parse::<usize>().unwrap() + 1
        });
        let (status, body) = match (std::fs::read(folder.join(path)), range) {
            (Ok(body), Some(range)) => ("206 Partial Content", body[range].to_vec()),
            (Ok(body), None) => ("200 OK", body),
            (Err(_), _) => ("404 Not Found", Vec::new()),
        };
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
    }
}

/// Packages a contribution with ffmpeg: two renditions, 1 s segments, one file each or one in all.
async fn packaged(folder: &Path, flags: &str) -> PathBuf {
    let small = Contribution { width: 320, height: 180, kilobits_per_second: 300, ..Contribution::default() };
    let source = Contribution { gop_seconds: 1.0, ..small }.flv().await.unwrap();
    let mut command = Tool::Ffmpeg.command().unwrap();
    command.args(["-v", "error", "-i"]).arg(source).args(["-map", "0:v", "-map", "0:a", "-c", "copy"]);
    command.args(["-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"]);
    command.args(["-hls_flags", flags, "-master_pl_name", "master.m3u8"]);
    command.args(["-var_stream_map", "v:0,agroup:a a:0,agroup:a,default:yes"]);
    command.arg(folder.join("out_%v.m3u8"));
    run(command).await.unwrap();
    folder.join("master.m3u8")
}

#[tokio::test]
async fn playlists_are_followed_and_segments_joined() {
    for flags in ["independent_segments", "single_file"] {
        let folder = tempfile::tempdir().unwrap();
        packaged(folder.path(), flags).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let client = HlsClient::new().unwrap();
        let check = async {
            let presentation = client.presentation(&format!("{base}/master.m3u8")).await.unwrap();
            assert_eq!(presentation.renditions.len(), 2, "{}", presentation.text);
            let playlist = presentation.rendition("out_0").unwrap();
            assert!(playlist.is_ended && playlist.segments.len() == 4, "{}", playlist.text);
            let period = playlist.periods().remove(0);
            let media = Media::bytes(&client.download(&period).await.unwrap()).unwrap();
            let analysis = analyse(&read_frames(&media).await.unwrap().frames, Cadence::SAME_RATE);
            assert!(analysis.is_clean() && analysis.readable == 120, "{flags} {analysis:?}");
            let holed = [&period[..1], &period[2..]].concat();
            let media = Media::bytes(&client.download(&holed).await.unwrap()).unwrap();
            let analysis = analyse(&read_frames(&media).await.unwrap().frames, Cadence::SAME_RATE);
            assert_eq!(analysis.dropped, 30, "a segment left out must show: {analysis:?}");
            assert!(client.presentation(&format!("{base}/nothing.m3u8")).await.is_err());
        };
        tokio::select! {
            () = serve(&listener, folder.path()) => unreachable!("the server does not end"),
            () = check => {}
        }
    }
}

#[test]
fn tags_of_a_live_playlist_are_read() {
    let url = Url::parse("http://host/channel/video/playlist.m3u8").unwrap();
    let text = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:40\n\
        #EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXT-X-MAP:URI=\"../1-1/init.mp4\"\n\
        #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"key.bin\"\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n\
        #EXTINF:2.000,\n../1-1/0.m4s\n#EXTINF:2.000,\n#EXT-X-GAP\n../1-1/1.m4s\n#EXT-X-DISCONTINUITY\n\
        #EXT-X-KEY:METHOD=NONE\n#EXT-X-MAP:URI=\"../2-1/init.mp4\",BYTERANGE=\"10@5\"\n#EXTINF:1.5,title\n\
        #EXT-X-BYTERANGE:100@20\n../2-1/all.mp4\n#EXTINF:1.5,\n#EXT-X-BYTERANGE:30\n../2-1/all.mp4\n";
    let playlist = parse_media(&url, text).unwrap();
    assert_eq!((playlist.media_sequence, playlist.discontinuity_sequence, playlist.is_ended), (40, 3, false));
    let all: Vec<_> = playlist.segments.iter().map(|s| (s.sequence, s.is_gap, s.is_discontinuous)).collect();
    assert_eq!(all, [(40, false, false), (41, true, false), (42, false, true), (43, false, false)]);
    let periods = playlist.periods();
    assert_eq!(periods.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(periods[0][0].url.as_str(), "http://host/channel/1-1/0.m4s");
    assert!(periods[0][0].key.is_some() && periods[1][0].key.is_none());
    assert!(periods[0][0].program_date_time.is_some() && periods[1][0].program_date_time.is_none());
    assert_eq!((periods[1][0].init_range, periods[1][0].byte_range), (Some((10, 5)), Some((100, 20))));
    assert_eq!(periods[1][1].byte_range, Some((30, 120)));
    assert!(parse_media(&url, "<html>").is_err());
    assert!(parse_media(&url, "#EXTM3U\n#EXTINF:two,\na.m4s\n").is_err());
}

#[test]
fn attributes_keep_commas_inside_quotes() {
    let url = Url::parse("http://host/c/master.m3u8").unwrap();
    let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x,y\",URI=\"audio/p.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=640x360,AUDIO=\"a\"\nv/p.m3u8\n";
    let renditions = parse_multivariant(&url, text).unwrap();
    assert_eq!(renditions[0].attribute("NAME"), Some("x,y"));
    assert_eq!(renditions[1].attribute("CODECS"), Some("avc1.64001f,mp4a.40.2"));
    assert_eq!((renditions[1].url.path(), renditions[1].is_variant_stream), ("/c/v/p.m3u8", true));
}

//! The console's files and what every answer has for browsers.

use serde_json::json;

use crate::support::{Answer, Api, repository_file};

#[tokio::test]
async fn the_page_and_all_it_names_are_served() {
    let api = Api::start().await;
    let page = api.get("/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.text, repository_file("demo/demo.html"));
    for path in ["/demo", "/demo/", "/demo/demo.html"] {
        assert_eq!(api.get(path).await.text, page.text, "{path}");
    }
    let named: Vec<&str> =
        page.text.split('"').filter(|text| text.starts_with("/demo/") && text.contains('.')).collect();
    assert!(named.len() > 5, "{named:?}");
    for path in named {
        let answer = api.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let extension = path.rsplit('.').next().unwrap();
        let media_type = answer.header("content-type");
        let expected = match extension {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "woff2" => "font/woff2",
            other => panic!("{path}: {other}"),
        };
        assert_eq!((media_type, answer.header("cache-control")), (expected, "no-cache"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn browsers_keep_files_until_they_change() {
    let api = Api::start().await;
    let answer = api.get("/demo/js/main.js").await;
    let tag = answer.header("etag").to_owned();
    assert!(tag.len() > 10, "{tag}");
    let strong = tag.trim_start_matches("W/").to_owned();
    for (known, status) in [
        (tag.clone(), 304),
        (strong, 304),
        (format!("\"x\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
    ] {
        let request = api.request("GET", "/demo/js/main.js").header("if-none-match", &known);
        let again = Answer::of(request.send().await.unwrap()).await;
        assert_eq!((again.status.as_u16(), again.text.is_empty()), (status, status == 304), "{known}");
        assert_eq!(again.header("etag"), tag);
    }
    let request = api.request("GET", "/demo/js/main.js").header("accept-encoding", "gzip");
    assert_eq!(Answer::of(request.send().await.unwrap()).await.header("content-encoding"), "gzip");
}

#[tokio::test]
async fn the_policy_lets_media_in_from_the_configured_origin_only() {
    let local = Api::start().await;
    let aws = Api::start_with(|config| config.playback.endpoint.clear()).await;
    for (api, origin) in [(&local, "http://127.0.0.1:9000"), (&aws, "https://*.s3.amazonaws.com")] {
        let page = api.get("/").await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains(&format!("media-src 'self' blob: {origin};")), "{policy}");
        assert!(policy.contains(&format!("connect-src 'self' {origin};")), "{policy}");
        assert!(
            policy.contains("default-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    let url = aws.create().await["Playback_url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://ezlive.s3.amazonaws.com/output_"), "{url}");
}

#[tokio::test]
async fn the_console_is_told_about_the_installation() {
    let api = Api::start().await;
    let answer = api.get("/console.json").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let expected = json!({
        "bucket": "ezlive",
        "version": env!("CARGO_PKG_VERSION"),
        "features": {"drm": true, "events": true},
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn any_page_may_use_the_api() {
    let api = Api::start().await;
    for path in ["/jobs", "/jobs/x", "/time", "/nowhere", "/demo/js/main.js"] {
        let request = api.request("GET", path).header("origin", "https://example.com");
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        assert!(
            ["link", "location", "retry-after", "date"].iter().all(|name| exposed.contains(name)),
            "{exposed}"
        );
    }
    for (path, method) in
        [("/jobs", "POST"), ("/jobs/x/stop", "PUT"), ("/jobs/x", "DELETE"), ("/jobs/", "POST")]
    {
        let request = api
            .request("OPTIONS", path)
            .header("origin", "https://example.com")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "content-type");
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("access-control-allow-methods").contains(method));
        assert_eq!(answer.header("access-control-allow-headers"), "*");
    }
    assert_eq!(api.send("OPTIONS", "/jobs").await.status, 200, "as the original answers any");
}

//! The console's files and what every answer has for browsers.

use serde_json::json;

use crate::support::{self, Answer, Api, repository_file};

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

/// What a browser tells of a page's request for `path`, and how it is answered.
async fn asked_by_a_page(api: &Api, origin: &str, method: &str, path: &str) -> Answer {
    let request = api.request(method, path).header("origin", origin);
    // As a form or a script sends it that does not ask the browser for leave first.
    Answer::of(request.body(support::spec().to_string()).send().await.unwrap()).await
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_only_where_they_are_named() {
    let api = Api::start_with(|config| config.allowed_origins = "https://ours.example.com".to_owned()).await;
    let own = api.base.clone();
    for (origin, is_let_in) in [
        (own.as_str(), true),
        ("https://ours.example.com", true),
        ("https://example.com", false),
        ("null", false),
    ] {
        let created = asked_by_a_page(&api, origin, "POST", "/jobs").await;
        assert_eq!(created.status, if is_let_in { 201 } else { 403 }, "{origin}: {}", created.text);
        if !is_let_in {
            let problem = created.problem(403);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(origin) && detail.contains("EZ_ALLOWED_ORIGINS"), "{detail}");
        }
        let preflight = api
            .request("OPTIONS", "/jobs/x/stop")
            .header("origin", origin)
            .header("access-control-request-method", "PUT");
        let preflight = Answer::of(preflight.send().await.unwrap()).await;
        let is_named = origin == "https://ours.example.com";
        assert_eq!(preflight.header("access-control-allow-origin") == origin, is_named, "{origin}");
        let read = asked_by_a_page(&api, origin, "GET", "/jobs").await;
        assert_eq!(read.header("access-control-allow-origin") == origin, is_named, "{origin}");
        // Players take the time from it, on whatever page they are.
        let time = asked_by_a_page(&api, origin, "GET", "/time").await;
        assert_eq!((time.status.as_u16(), time.header("access-control-allow-origin")), (200, origin));
        assert!(time.header("access-control-expose-headers").to_ascii_lowercase().contains("date"));
    }
    assert_eq!(api.get("/jobs").await.json().as_array().unwrap().len(), 2);
    assert_eq!(api.send("OPTIONS", "/jobs").await.status, 200, "as the original answers any");
}

#[tokio::test]
async fn any_page_may_use_the_api_of_an_installation_that_wants_it() {
    let api = Api::start_with(|config| config.allowed_origins = "*".to_owned()).await;
    let created = asked_by_a_page(&api, "https://example.com", "POST", "/jobs").await;
    let told = created.header("access-control-allow-origin");
    assert_eq!((created.status.as_u16(), told), (201, "https://example.com"));
    let exposed = created.header("access-control-expose-headers").to_ascii_lowercase();
    assert!(
        ["link", "location", "retry-after", "date"].iter().all(|name| exposed.contains(name)),
        "{exposed}"
    );
}

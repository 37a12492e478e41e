//! What is refused, with which status, and where the fault is said to be.

use serde_json::{Value, json};

use crate::support::{Answer, Api, NOBODY, spec};

/// The pointers of the faults.
fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

/// The sample with one value replaced; `null` takes it away.
fn with(pointer: &str, value: Value) -> String {
    let mut document = spec();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => other[key] = value,
    }
    document.to_string()
}

#[tokio::test]
async fn each_bad_document_is_refused_at_its_place() {
    let api = Api::start().await;
    let video = "/Output/Video_outputs/0";
    let cases: Vec<(String, &str)> = vec![
        (String::new(), ""),
        ("{".to_owned(), ""),
        ("[]".to_owned(), ""),
        ("null".to_owned(), ""),
        ("\"text\"".to_owned(), ""),
        ("{} {}".to_owned(), ""),
        ("\u{feff}{}".to_owned(), ""),
        ("{}".to_owned(), "/Output"),
        (json!({"Output": []}).to_string(), "/Output"),
        (json!({"Output": {}}).to_string(), "/Output/Stream_type"),
        (with("/Output/Stream_type", json!("rtsp")), "/Output/Stream_type"),
        (with("/Output/Stream_type", json!(7)), "/Output/Stream_type"),
        (with("/Output/Segment_duration", json!(31)), "/Output/Segment_duration"),
        (with("/Output/Segment_duration", json!(-1)), "/Output/Segment_duration"),
        (with("/Output/Segment_duration", json!("2")), "/Output/Segment_duration"),
        (with("/Output/S3_output", Value::Null), "/Output/S3_output"),
        (with("/Output/S3_output", json!({})), "/Output/S3_output/Bucket"),
        (with("/Output/S3_output/Bucket", json!("../etc")), "/Output/S3_output/Bucket"),
        (with("/Output/S3_output/Bucket", json!("b/prefix")), "/Output/S3_output/Bucket"),
        (with("/Output/Time_shift_buffer_depth", json!(14_401)), "/Output/Time_shift_buffer_depth"),
        (with("/Output/Video_outputs", json!({})), "/Output/Video_outputs"),
        (with("/Output/Segmnt_duration", json!(2)), "/Output/Segmnt_duration"),
        (with("/Outptu", json!(2)), "/Outptu"),
        (with(&format!("{video}/Codec"), json!("vp9")), "/Output/Video_outputs/0/Codec"),
        (with(&format!("{video}/Bitrate"), json!("600")), "/Output/Video_outputs/0/Bitrate"),
        (with(&format!("{video}/Bitrate"), json!("NaNk")), "/Output/Video_outputs/0/Bitrate"),
        (with(&format!("{video}/Bitrate"), Value::Null), "/Output/Video_outputs/0/Bitrate"),
        (with(&format!("{video}/Width"), json!(0)), "/Output/Video_outputs/0/Width"),
        (with(&format!("{video}/Height"), json!(100_000)), "/Output/Video_outputs/0/Height"),
        (with(&format!("{video}/Framerate"), json!(1e9)), "/Output/Video_outputs/0/Framerate"),
        (with(&format!("{video}/Preset"), json!("warp")), "/Output/Video_outputs/0/Preset"),
        (with(&format!("{video}/Label"), json!("a/b")), "/Output/Video_outputs/0/Label"),
        (with(&format!("{video}/Label"), json!("..")), "/Output/Video_outputs/0/Label"),
        (with("/Output/Audio_outputs/0/Codec", json!("opus")), "/Output/Audio_outputs/0/Codec"),
        (with("/Output/Audio_outputs/0/Bitrate", json!("loud")), "/Output/Audio_outputs/0/Bitrate"),
    ];
    for (body, pointer) in cases {
        let problem = api.post(body.clone()).await.problem(400);
        assert_eq!(problem["type"], "/problems/invalid-job", "{body}");
        assert!(pointers(&problem).contains(&pointer), "{body}: {problem}");
    }
    assert_eq!(api.get("/jobs").await.json(), json!([]), "nothing was made");
    assert_eq!(api.commands().await, []);
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let api = Api::start().await;
    let mut document = spec();
    document["Output"]["Stream_type"] = json!("x");
    document["Output"]["Video_outputs"][0]["Codec"] = json!("x");
    document["Output"]["Audio_outputs"][0]["Codec"] = json!("x");
    let problem = api.post(document.to_string()).await.problem(400);
    let expected = ["/Output/Stream_type", "/Output/Video_outputs/0/Codec", "/Output/Audio_outputs/0/Codec"];
    assert_eq!(pointers(&problem), expected);
}

#[tokio::test]
async fn what_is_no_json_is_refused_before_it_is_read() {
    let api = Api::start().await;
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", ""]
    {
        let request =
            api.request("POST", "/jobs").header("content-type", content_type).body(spec().to_string());
        Answer::of(request.send().await.unwrap()).await.problem(415);
    }
    let not_text = reqwest::header::HeaderValue::from_bytes(b"application/json\xff").unwrap();
    let request = api.request("POST", "/jobs").header("content-type", not_text).body(spec().to_string());
    Answer::of(request.send().await.unwrap()).await.problem(415);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let api = Api::start().await;
    let limit = 256 * 1024;
    let padded = |length: usize| format!("{}{}", spec(), " ".repeat(length - spec().to_string().len()));
    assert_eq!(api.post(padded(limit)).await.status, 201, "the limit itself is allowed");
    let problem = api.post(padded(limit + 1)).await.problem(413);
    assert!(problem["detail"].as_str().unwrap().contains("262144"), "{problem}");
}

#[tokio::test]
async fn addresses_that_name_no_job() {
    let api = Api::start().await;
    for id in
        [NOBODY, "x", "..", "%2e%2e%2fetc", "%ff", "0191E7C6-7D4E-7C3A-9B1F-2A3B4C5D6E7F", "{}", "a%00b"]
    {
        for (method, rest) in
            [("GET", ""), ("GET", "/events"), ("PUT", "/stop"), ("PUT", "/resume"), ("DELETE", "")]
        {
            if id == ".." {
                continue;
            }
            let problem = api.send(method, &format!("/jobs/{id}{rest}")).await.problem(404);
            assert!(problem["detail"].as_str().unwrap().contains("GET /jobs"), "{problem}");
        }
    }
    for path in [
        "/job",
        "/jobs/active/x",
        &format!("/jobs/{NOBODY}/start"),
        "/workers/x",
        "/demo/../Cargo.toml",
        "/v1/jobs",
    ] {
        api.get(path).await.problem(404);
    }
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let api = Api::start().await;
    for (method, path, allow) in [
        ("PUT", "/jobs".to_owned(), "GET, HEAD, POST"),
        ("DELETE", "/jobs".to_owned(), "GET, HEAD, POST"),
        ("PATCH", "/jobs/".to_owned(), "GET, HEAD, POST"),
        ("POST", "/jobs/active".to_owned(), "GET, HEAD"),
        ("POST", format!("/jobs/{NOBODY}"), "GET, HEAD, PUT, DELETE"),
        ("GET", format!("/jobs/{NOBODY}/stop"), "PUT"),
        ("POST", format!("/jobs/{NOBODY}/resume"), "PUT"),
        ("DELETE", format!("/jobs/{NOBODY}/events"), "GET, HEAD"),
        ("POST", "/time".to_owned(), "GET, HEAD"),
        ("POST", "/".to_owned(), "GET, HEAD"),
        ("BREW", "/jobs".to_owned(), "GET, HEAD, POST"),
    ] {
        let answer = api.send(method, &path).await;
        let problem = answer.problem(405);
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        assert_eq!(problem["allow"], json!(allow.split(", ").collect::<Vec<_>>()), "{method} {path}");
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn a_bare_put_names_stop_and_resume() {
    let api = Api::start().await;
    let id = api.create_id().await;
    let problem = api.send("PUT", &format!("/jobs/{id}")).await.problem(400);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("/jobs/{id}/stop")) && detail.contains("/resume"), "{detail}");
    api.send("PUT", "/jobs/x").await.problem(404);
}

#[tokio::test]
async fn bad_queries_are_refused() {
    let api = Api::start().await;
    for query in [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=many",
        "limit=",
        "after=",
        "after=1",
        "after=../x",
        "cursor=1",
        "phase=",
        "phase=running",
        "phase=Listening",
        "worker=",
        "worker=7",
        "worker=0191E7C6-7D4E-7C3A-9B1F-2A3B4C5D6E7F",
        "state=",
        "state=Running",
        "state=listening",
        "stat=running",
        "limit=1&limit=2",
    ] {
        let problem = api.get(&format!("/jobs?{query}")).await.problem(400);
        assert_eq!(problem["type"], "/problems/invalid-request");
    }
    let problem = api.get("/jobs?stat=running").await.problem(400);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("limit, after, state, phase, worker"), "{detail}");
    let problem = api.get("/jobs?phase=x").await.problem(400);
    assert!(problem["detail"].as_str().unwrap().contains("listening"), "{problem}");
    api.get("/jobs/active?state=running").await.problem(400);
}

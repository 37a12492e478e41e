//! The description of the API against the API: what it says is served, and what is served it says.

use std::collections::BTreeSet;

use ez_store::{RunFigures, Store as _, Totals};
use serde_json::{Value, json};

use crate::support::{Answer, Api, NOBODY, id_of, spec};

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

async fn description(api: &Api) -> Value {
    let answer = api.get("/openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    answer.json()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// What a schema says in the end, behind its references.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').unwrap();
            document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
        None => schema,
    }
}

fn is_of_type(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("{other} is no type of JSON Schema"),
    }
}

/// Every place where `value` is not as the schema says; an unknown member is one.
fn faults(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let schema = resolved(document, schema);
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let fits = choices.iter().any(|one| faults(document, one, value, at).is_empty());
            return if fits { Vec::new() } else { vec![format!("{at} is none of the choices: {value}")] };
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_of_type(value, kind)) {
        return vec![format!("{at} is no {kinds:?}: {value}")];
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return vec![format!("{at} is none of {allowed:?}: {value}")];
    }
    let mut found = Vec::new();
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            found.extend(faults(document, &schema["items"], item, &format!("{at}/{index}")));
        }
    }
    if let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let lacking = required.iter().filter(|key| !members.contains_key(key.as_str().unwrap()));
        found.extend(lacking.map(|key| format!("{at} lacks {key}")));
        for (key, member) in members {
            match properties.get(key) {
                Some(schema) => found.extend(faults(document, schema, member, &format!("{at}/{key}"))),
                None => found.push(format!("{at} has {key}, which the description does not know")),
            }
        }
    }
    found
}

/// The answer is described: its status, its media type and its body.
fn assert_described(document: &Value, path: &str, method: &str, answer: &Answer) {
    let status = answer.status.as_u16().to_string();
    let response = &document["paths"][path][method]["responses"][&status];
    assert!(response.is_object(), "{method} {path} answers {status}, which is not described");
    let media_type = answer.header("content-type").split(';').next().unwrap();
    let schema = &response["content"][media_type]["schema"];
    assert!(schema.is_object(), "{method} {path} {status}: {media_type} is not described: {response}");
    if media_type != "text/plain" {
        let found = faults(document, schema, &answer.json(), "");
        assert!(found.is_empty(), "{method} {path} {status}: {found:#?}");
    }
}

#[tokio::test]
async fn every_described_route_is_served_and_no_other_method() {
    let api = Api::start().await;
    let document = description(&api).await;
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 9, "{:?}", paths.keys().collect::<Vec<_>>());
    for (path, item) in paths {
        let address = path.replace("{id}", NOBODY);
        for method in METHODS {
            let answer = api.send(&method.to_ascii_uppercase(), &address).await;
            if item[method].is_object() {
                assert_ne!(answer.status, 405, "{method} {path} is described and not served");
                if answer.status == 404 {
                    assert_eq!(answer.json()["type"], "/problems/job-not-found", "{method} {path}");
                }
            } else {
                answer.problem(405);
                let told: BTreeSet<_> =
                    answer.header("allow").split(", ").map(str::to_ascii_lowercase).collect();
                let mut described: BTreeSet<_> =
                    keys(item).into_iter().filter(|key| METHODS.contains(key)).map(str::to_owned).collect();
                if described.contains("get") {
                    described.insert("head".to_owned());
                }
                assert_eq!(told, described, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn every_answer_is_as_described() {
    let api = Api::start().await;
    let document = description(&api).await;
    let made = api.post(spec().to_string()).await;
    assert_described(&document, "/jobs", "post", &made);
    let id = id_of(&made.json());
    let epoch = api.listen(id).await;
    let figures = ez_api::job::Statistics { ingress_kbps: 7, ..Default::default() };
    let json = serde_json::to_string(&figures).unwrap();
    let figures = RunFigures { job: id, epoch, counted: Totals::default(), json };
    api.store.put_statistics(&[figures]).await.unwrap();
    for (path, method, address) in [
        ("/jobs", "get", "/jobs".to_owned()),
        ("/jobs/active", "get", "/jobs/active".to_owned()),
        ("/jobs/{id}", "get", format!("/jobs/{id}")),
        ("/jobs/{id}/events", "get", format!("/jobs/{id}/events")),
        ("/workers", "get", "/workers".to_owned()),
        ("/time", "get", "/time".to_owned()),
        ("/jobs/{id}", "delete", format!("/jobs/{id}")),
        ("/jobs/{id}/stop", "put", format!("/jobs/{id}/stop")),
        ("/jobs/{id}", "get", format!("/jobs/{NOBODY}")),
        ("/jobs/{id}/logs", "get", format!("/jobs/{NOBODY}/logs")),
        ("/jobs/{id}", "put", format!("/jobs/{id}")),
        ("/jobs/{id}/resume", "put", format!("/jobs/{id}/resume")),
        ("/jobs", "get", "/jobs?limit=0".to_owned()),
    ] {
        let answer = api.send(&method.to_ascii_uppercase(), &address).await;
        assert_described(&document, path, method, &answer);
    }
    let mut dry = spec();
    dry["Api_test"] = json!(1);
    assert_described(&document, "/jobs", "post", &api.post(dry.to_string()).await);
    assert_described(&document, "/jobs", "post", &api.post("{}").await);
    assert_described(&document, "/jobs", "post", &api.post("x".repeat(300_000)).await);
    let stopped = api.create_id().await;
    api.send("PUT", &format!("/jobs/{stopped}/stop")).await;
    let put = api.request("PUT", &format!("/jobs/{stopped}")).body(spec().to_string());
    let put = Answer::of(put.send().await.unwrap()).await;
    assert_described(&document, "/jobs/{id}", "put", &put);
}

/// Every member that is described is there in what is answered: nothing is described that is gone.
#[tokio::test]
async fn no_described_field_is_missing_from_a_job() {
    let api = Api::start().await;
    let document = description(&api).await;
    let job = api.create().await;
    let schemas = &document["components"]["schemas"];
    for (name, value) in [
        ("LiveJob", &job),
        ("PlaybackUrls", &job["Playback_urls"]),
        ("Statistics", &job["Statistics"]),
        ("DrmEncryptionKeyInfo", &job["DrmEncryptionKeyInfo"]),
        ("OutputDocument", &job["Spec"]["Output"]),
        ("VideoDocument", &job["Spec"]["Output"]["Video_outputs"][0]),
        ("AudioDocument", &job["Spec"]["Output"]["Audio_outputs"][0]),
    ] {
        assert_eq!(keys(&schemas[name]["properties"]), keys(value), "{name}");
    }
}

/// The sample is a job by the description, too; a wrong one is not (negative control).
#[tokio::test]
async fn requests_are_described() {
    let api = Api::start().await;
    let document = description(&api).await;
    let schema = &document["paths"]["/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let sample: Value =
        serde_json::from_str(&crate::support::repository_file("sample_live_job.json")).unwrap();
    for good in [&sample, &spec()] {
        assert_eq!(faults(&document, schema, good, ""), Vec::<String>::new());
    }
    for (bad, word) in [
        (json!({}), "lacks"),
        (json!({"Output": 7}), "no [\"object\"]"),
        (json!({"Output": sample["Output"], "Outptu": 1}), "does not know"),
    ] {
        let found = faults(&document, schema, &bad, "");
        assert!(found.iter().any(|fault| fault.contains(word)), "{bad}: {found:?}");
    }
}

#[tokio::test]
async fn the_reference_page_and_all_it_names_are_served_from_here() {
    let api = Api::start().await;
    let page = api.get("/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    let named: Vec<&str> = page.text.split('"').filter(|text| text.starts_with('/')).collect();
    assert!(named.len() >= 5, "{named:?}");
    for path in named {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
    assert!(!page.text.contains("http"), "nothing comes from elsewhere");
}

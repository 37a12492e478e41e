//! The Postman collection: a way through the API, made from its description.
//!
//! Each step is an operation of the description with what is sent and what must be answered. The steps
//! go in the order of a job's life, so the collection runs from top to bottom on an empty installation.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};

/// Where the collection lies in the repository.
pub const FILE: &str = "postman_collection.json";
/// A job's life.
const STEPS: [Step; 15] = [
    Step::Ask("createJob"),
    Step::Ask("listJobs"),
    Step::Ask("listActiveJobs"),
    Step::Ask("getJob"),
    Step::Ask("listJobEvents"),
    Step::Ask("listJobLogs"),
    Step::Ask("stopJob"),
    Step::UntilStopped("Wait until the job is stopped"),
    Step::Ask("replaceJob"),
    Step::Ask("resumeJob"),
    Step::Ask("stopJob"),
    Step::UntilStopped("Wait until the job is stopped again"),
    Step::Ask("deleteJob"),
    Step::Ask("listWorkers"),
    Step::Ask("getTime"),
];
/// What the collection asks again and again when it waits.
const LOOK: &str = "getJob";
/// How often it looks, and the pause between two looks.
const LOOKS: (u32, u32) = (120, 500);

/// One request of the collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// An operation of the description.
    Ask(&'static str),
    /// Looks at the job until it is stopped; a worker takes its time for what is under way. The name leads back
    /// to it, so it is its own.
    UntilStopped(&'static str),
}

/// How many requests there are in the collection.
#[must_use]
pub const fn steps() -> usize {
    STEPS.len()
}

/// An operation of the description.
struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    said: &'a Value,
}

/// The collection for a description, with `job` as the document that is sent.
///
/// # Errors
/// When a step is not described, or an operation is no step.
pub fn collection(description: &Value, job: &Value) -> Result<Value> {
    let operations = operations(description)?;
    for operation in &operations {
        let id = operation.said["operationId"].as_str().context("an operation without operationId")?;
        let is_step = STEPS.iter().any(|step| matches!(step, Step::Ask(asked) if *asked == id));
        ensure!(is_step, "{id} is no step of the collection: give it a place in STEPS");
    }
    let mut items = Vec::new();
    for step in STEPS {
        let (id, name) = match step {
            Step::Ask(id) => (id, None),
            Step::UntilStopped(name) => (LOOK, Some(name)),
        };
        let operation = operations
            .iter()
            .find(|operation| operation.said["operationId"] == id)
            .with_context(|| format!("{id} is not described"))?;
        let mut item = item(description, operation, job)?;
        if let Some(name) = name {
            item["name"] = name.into();
            item["event"] = listen(&until_stopped(name));
        }
        items.push(item);
    }
    Ok(json!({
        "info": {
            "name": description["info"]["title"],
            "description": "Made from the API's description by `cargo run -p ez_e2e --bin postman`; not written by hand.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "variable": [
            {"key": "base", "value": "http://127.0.0.1:1080"},
            {"key": "id", "value": ""},
        ],
        "item": items,
    }))
}

fn operations(description: &Value) -> Result<Vec<Operation<'_>>> {
    let paths = description["paths"].as_object().context("the description has no paths")?;
    let of = |(path, item)| {
        let item: &Value = item;
        let members = item.as_object().into_iter().flatten();
        members
            .filter(|(method, _)| ["get", "post", "put", "delete"].contains(&method.as_str()))
            .map(move |(method, said)| Operation { path, method, said })
    };
    Ok(paths.iter().flat_map(|(path, item)| of((path.as_str(), item))).collect())
}

fn item(description: &Value, operation: &Operation<'_>, job: &Value) -> Result<Value> {
    let Operation { path, method, said } = operation;
    let address = path.replace("{id}", "{{id}}");
    let segments: Vec<&str> = address.trim_start_matches('/').split('/').collect();
    let parameters = said["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let described = |place: &'static str| parameters.iter().filter(move |parameter| parameter["in"] == place);
    let query: Vec<_> = described("query").map(|parameter| optional(parameter, "")).collect();
    let mut headers: Vec<_> = described("header")
        .map(|parameter| json!({"key": parameter["name"], "value": "{{$guid}}"}))
        .collect();
    let mut request = json!({
        "method": method.to_ascii_uppercase(),
        "description": said["summary"],
        "url": {"raw": format!("{{{{base}}}}{address}"), "host": ["{{base}}"], "path": segments, "query": query},
    });
    if said["requestBody"].is_object() {
        headers.push(json!({"key": "Content-Type", "value": "application/json"}));
        let text = serde_json::to_string_pretty(job).context("write the job")?;
        request["body"] = json!({"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}});
    }
    request["header"] = headers.into();
    let lines = assertions(description, operation)?;
    Ok(json!({
        "name": said["summary"],
        "event": listen(&lines),
        "request": request,
    }))
}

/// A script that runs after the answer.
fn listen(lines: &[String]) -> Value {
    json!([{"listen": "test", "script": {"type": "text/javascript", "exec": lines}}])
}

/// Comes back to the request `name` until the job is stopped.
fn until_stopped(name: &str) -> Vec<String> {
    let (looks, pause_ms) = LOOKS;
    [
        "const phase = pm.response.json().Phase;".to_owned(),
        "const looks = Number(pm.collectionVariables.get(\"looks\") || 0) + 1;".to_owned(),
        format!("const again = phase !== \"stopped\" && looks < {looks};"),
        "pm.collectionVariables.set(\"looks\", again ? looks : 0);".to_owned(),
        format!(
            "if (again) {{ pm.execution.setNextRequest(\"{name}\"); setTimeout(() => {{}}, {pause_ms}); }}"
        ),
        "else pm.test(\"the job is stopped\", () => pm.expect(phase).to.equal(\"stopped\"));".to_owned(),
    ]
    .to_vec()
}

/// A parameter that is there to be filled in.
fn optional(parameter: &Value, value: &str) -> Value {
    json!({"key": parameter["name"], "value": value, "description": parameter["description"], "disabled": true})
}

/// What Postman asks of the answer: the first described success, with every member that it must have.
fn assertions(description: &Value, operation: &Operation<'_>) -> Result<Vec<String>> {
    let said = operation.said;
    let responses = said["responses"].as_object().context("an operation without responses")?;
    let success = if responses.contains_key("201") { Some("201") } else { None };
    let success =
        success.or_else(|| responses.keys().map(String::as_str).find(|status| status.starts_with('2')));
    let status = success.with_context(|| format!("{} never succeeds", said["operationId"]))?;
    let mut lines =
        vec![format!("pm.test(\"answers {status}\", () => pm.response.to.have.status({status}));")];
    let content = &responses[status]["content"]["application/json"]["schema"];
    if content.is_object() {
        let is_list = content["type"] == "array";
        let schema = resolved(description, if is_list { &content["items"] } else { content });
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let required = serde_json::to_string(&required).context("write the members")?;
        lines.push("const answer = pm.response.json();".to_owned());
        lines.push(format!(
            "pm.test(\"has what is described\", () => {{ for (const one of {}) pm.expect(one).to.include.all.keys({required}); }});",
            if is_list { "answer" } else { "[answer]" }
        ));
    }
    if said["operationId"] == "createJob" {
        lines.push("pm.collectionVariables.set(\"id\", answer.Id);".to_owned());
    }
    Ok(lines)
}

/// The schema behind a reference.
fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| description.pointer(pointer)).unwrap_or(schema)
}

/// The text of the file: what the repository must hold for this description.
///
/// # Errors
/// When the description or the sample job cannot be read.
pub fn text() -> Result<String> {
    let description = serde_json::to_value(api_server::description()).context("write the description")?;
    let sample = std::fs::read_to_string(ez_testkit::tools::workspace_root().join("sample_live_job.json"))
        .context("read sample_live_job.json")?;
    let job: Map<String, Value> = serde_json::from_str(&sample).context("read the sample job")?;
    let collection = collection(&description, &job.into())?;
    Ok(serde_json::to_string_pretty(&collection).context("write the collection")? + "\n")
}

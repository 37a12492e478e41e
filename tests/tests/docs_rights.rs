//! The policies of docs/deploy-aws.md allow each program what it does on each queue and in the bucket, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::documents::{Document, read};
use ez_testkit::tools::workspace_root;
use serde_json::Value;

/// Requests to S3 and SQS, and the right that each takes.
const RIGHTS: [(&str, &str); 10] = [
    ("put_object", "s3:PutObject"),
    ("get_object", "s3:GetObject"),
    ("head_object", "s3:GetObject"),
    ("delete_objects", "s3:DeleteObject"),
    ("list_objects_v2", "s3:ListBucket"),
    ("get_queue_url", "sqs:GetQueueUrl"),
    ("send_message", "sqs:SendMessage"),
    ("receive_message", "sqs:ReceiveMessage"),
    ("delete_message", "sqs:DeleteMessage"),
    ("get_queue_attributes", "sqs:GetQueueAttributes"),
];

/// Calls without arguments that name such a thing and ask for nothing.
const NO_REQUESTS: [&str; 3] = ["queue", "parked_queue", "parked_queue_name"];

/// What of a `CommandQueue` the programs use.
const API_SERVER: [&str; 1] = ["send"];
const SCHEDULER: [&str; 5] = ["receive", "acknowledge", "park", "waiting", "parked"];

const BUCKET: &str = "my-live-bucket";
const OBJECTS: &str = "my-live-bucket/output_*";
const QUEUE: &str = "ezlive_job_queue";
const PARKED: &str = "ezlive_job_queue_parked";

/// Rights, each with what it is a right on.
type Rights = BTreeSet<(String, String)>;

/// A source without its tests and without line breaks in its chains of calls.
fn source(file: &str) -> Result<String> {
    let text = std::fs::read_to_string(workspace_root().join(file))?;
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    Ok(lines.fold(String::new(), |joined, line| {
        let gap = if line.starts_with('.') { "" } else { "\n" };
        joined + gap + line
    }))
}

/// What the sources below a folder call on a queue.
fn called_on_queue(folder: &Path, called: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            called_on_queue(&path, called)?;
            continue;
        }
        let text = source(path.to_str().context("a path")?)?;
        let calls = text.split("queue.").skip(1).filter_map(|piece| piece.split_once('('));
        called.extend(calls.map(|(name, _)| name.to_owned()));
    }
    Ok(())
}

/// The requests that a piece of source makes, as the rights that they take.
fn requests(text: &str) -> Result<BTreeSet<&'static str>> {
    let calls = text.split('.').filter_map(|piece| piece.split_once("()")).map(|(name, _)| name);
    let requests = calls.filter(|name| {
        let is_name = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        is_name
            && !NO_REQUESTS.contains(name)
            && ["object", "queue", "message", "upload", "bucket"].iter().any(|noun| name.contains(noun))
    });
    requests
        .map(|request| {
            let right = RIGHTS.iter().find(|(name, _)| *name == request).map(|(_, right)| *right);
            right.with_context(|| format!("there is a request {request}: say which right it takes"))
        })
        .collect()
}

/// The functions of a source by name.
fn functions(text: &str) -> BTreeMap<&str, &str> {
    let pieces = text.split("fn ").skip(1);
    pieces.filter_map(|piece| Some((piece.split(['(', '<']).next()?, piece))).collect()
}

/// What the function `name` takes, and those that it calls; `queue` is that of its caller.
fn visit(
    functions: &BTreeMap<&str, &str>,
    name: &str,
    queue: Option<&'static str>,
    found: &mut Rights,
) -> Result<()> {
    let body = functions.get(name).with_context(|| format!("no function {name}"))?;
    let named = [("self.queue()", QUEUE), ("self.parked_queue()", PARKED)];
    let own = named.iter().find(|(accessor, _)| body.contains(accessor)).map(|(_, queue)| *queue);
    if own.is_some() {
        visit(functions, "url", own, found)?;
    }
    let queue = own.or(queue);
    for right in requests(body)? {
        let queue = queue.with_context(|| format!("{name} makes a request to no queue"))?;
        found.insert((queue.to_owned(), right.to_owned()));
    }
    let called = body.split("self.").skip(1).filter_map(|piece| piece.split('(').next());
    for called in called.filter(|called| functions.contains_key(called)) {
        if !["queue", "parked_queue", "client", name].contains(&called) {
            visit(functions, called, queue, found)?;
        }
    }
    Ok(())
}

/// The rights on queues that these functions of `CommandQueue` take.
fn on_queues(text: &str, used: &[&str]) -> Result<Rights> {
    let functions = functions(text);
    let mut found = Rights::new();
    for name in used {
        visit(&functions, name, None, &mut found)?;
    }
    Ok(found)
}

/// The rights on the bucket and its objects that a source takes.
fn on_bucket(text: &str) -> Result<Rights> {
    let place = |right| if right == "s3:ListBucket" { BUCKET } else { OBJECTS };
    Ok(requests(text)?.into_iter().map(|right| (place(right).to_owned(), right.to_owned())).collect())
}

/// The actions that a policy allows, with what it allows them on.
fn allowed(document: &Document, name: &str) -> Result<Rights> {
    let info = format!("json policy {name}");
    let blocks = document.blocks();
    let block = blocks.iter().find(|block| block.is(&info)).with_context(|| format!("no block {info}"))?;
    let policy: Value = serde_json::from_str(&block.text)?;
    ensure!(policy["Version"] == "2012-10-17", "{name}: {policy}");
    let mut allowed = Rights::new();
    for statement in policy["Statement"].as_array().context("Statement")? {
        ensure!(statement["Effect"] == "Allow", "{name}: {statement}");
        let resource = statement["Resource"].as_str().context("Resource")?;
        let place = resource.rsplit(':').next().unwrap_or_default();
        for action in statement["Action"].as_array().context("Action")? {
            let action = action.as_str().context("an action")?;
            allowed.insert((place.to_owned(), action.to_owned()));
        }
    }
    Ok(allowed)
}

#[test]
fn each_program_may_do_what_it_does_and_nothing_else() -> Result<()> {
    let page = read(&workspace_root(), "docs/deploy-aws.md")?;
    let (s3, sqs) = (source("crates/ez_objects/src/s3.rs")?, source("crates/ez_queue/src/sqs.rs")?);
    let media = on_bucket(&s3)?;
    ensure!(media.len() == 4, "the requests to S3 were not found: {media:?}");
    assert_eq!(allowed(&page, "worker_app")?, media);
    let taking = on_queues(&sqs, &SCHEDULER)?;
    ensure!(taking.len() == 7, "the requests to SQS were not found: {taking:?}");
    assert_eq!(allowed(&page, "scheduler")?, media.union(&taking).cloned().collect());
    assert_eq!(allowed(&page, "api_server")?, on_queues(&sqs, &API_SERVER)?);
    let reading = (OBJECTS.to_owned(), "s3:GetObject".to_owned());
    assert_eq!(allowed(&page, "cloudfront")?, BTreeSet::from([reading]));
    Ok(())
}

/// The programs use what they are said to use, and nothing of the queue is left out.
#[test]
fn the_programs_use_all_of_the_queue() -> Result<()> {
    for (program, said) in [("api_server", &API_SERVER[..]), ("scheduler", &SCHEDULER[..])] {
        let mut called = BTreeSet::new();
        called_on_queue(&workspace_root().join(program).join("src"), &mut called)?;
        let said: BTreeSet<String> = said.iter().map(|name| (*name).to_owned()).collect();
        let offered = |name: &String| API_SERVER.iter().chain(&SCHEDULER).any(|one| one == name);
        called.retain(offered);
        assert_eq!(called, said, "{program}");
    }
    let sqs = source("crates/ez_queue/src/sqs.rs")?;
    let (_, offered) = sqs.split_once("impl CommandQueue for SqsQueue").context("the implementation")?;
    let offered: BTreeSet<&str> = functions(offered).into_keys().collect();
    assert_eq!(offered, API_SERVER.into_iter().chain(SCHEDULER).collect());
    Ok(())
}

#[test]
fn a_right_on_the_wrong_queue_is_seen() -> Result<()> {
    let text = "fn url(&self) { self.client().get_queue_url() }
        async fn parked(&self) { self.count(self.parked_queue()) }
        async fn waiting(&self) { self.count(self.queue()) }
        async fn count(&self, url: &str) { self.client().get_queue_attributes() }";
    let right = |queue: &str, right: &str| (queue.to_owned(), right.to_owned());
    let both = on_queues(text, &["parked", "waiting"])?;
    assert_eq!(both.len(), 4);
    let one = on_queues(text, &["parked"])?;
    let expected = [right(PARKED, "sqs:GetQueueAttributes"), right(PARKED, "sqs:GetQueueUrl")];
    assert_eq!(one, BTreeSet::from(expected));
    ensure!(requests("x.purge_queue().send()").is_err() && requests("self.queue().await?")?.is_empty());
    Ok(())
}

//! What the documents tell the reader to do can be done: commands, links, configuration keys.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::containers::compose::Compose;
use ez_e2e::documents::commands::{Known, faults};
use ez_e2e::documents::{Document, all, read};
use ez_testkit::tools::workspace_root;
use serde_json::{Value, json};

fn gather(folder: &Path, all: &mut String) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, all)?;
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            all.push_str(&text);
        }
    }
    Ok(())
}

/// Everything that may read a variable.
fn sources() -> Result<String> {
    let root = workspace_root();
    let mut all = String::new();
    for top in
        ["crates", "api_server/src", "scheduler/src", "worker_app/src", "key_server/src", "script", "docker"]
    {
        gather(&root.join(top), &mut all)?;
    }
    for file in ["compose.yaml", "compose.aws.yaml"] {
        all.push_str(&std::fs::read_to_string(root.join(file))?);
    }
    Ok(all)
}

/// The routes of the API: those that it describes, its pages, and those that all services have.
fn routes() -> Result<Vec<String>> {
    let description = serde_json::to_value(api_server::description())?;
    let mut routes: Vec<String> =
        description["paths"].as_object().into_iter().flatten().map(|(path, _)| path.clone()).collect();
    let text = std::fs::read_to_string(workspace_root().join("api_server/src/router.rs"))?;
    let pages = text.split("\"/").skip(1).filter_map(|rest| rest.split('"').next());
    routes.extend(pages.map(|path| format!("/{path}")));
    routes.extend(["/healthz", "/readyz", "/metrics"].map(str::to_owned));
    ensure!(routes.contains(&"/jobs/{id}/stop".to_owned()), "the routes were not found: {routes:?}");
    Ok(routes)
}

fn compose() -> Result<Compose> {
    Compose::parse(&std::fs::read_to_string(workspace_root().join("compose.yaml"))?)
}

#[test]
fn commands_name_what_there_is() -> Result<()> {
    let (root, sources, compose) = (workspace_root(), sources()?, compose()?);
    let known = Known { root: &root, routes: routes()?, compose: &compose, sources: &sources };
    let documents = all(&root)?;
    let commands: usize =
        documents.iter().flat_map(Document::blocks).filter(|block| block.info.starts_with("sh ")).count();
    ensure!(commands > 20, "the blocks were not found");
    let found: Vec<String> = documents.iter().flat_map(|document| faults(document, &known)).collect();
    ensure!(found.is_empty(), "{found:#?}");
    for (text, word) in [
        ("```\nscript/up\n```", "say who can run it"),
        ("```sh\nls\n```", "say who can run it"),
        ("```sh somebody\nls\n```", "say who can run it"),
        ("```sh local\nscript/uo\n```", "there is no script/uo"),
        ("```sh local\nscript/up --detached-ly\n```", "has no --detached-ly"),
        ("```sh local\ncurl http://127.0.0.1:1080/job\n```", "the API has no /job"),
        ("```sh local\ncurl http://127.0.0.1:1080/jobs -d @no.json\n```", "there is no no.json"),
        ("```sh local\ndocker compose up\n```", "needs a container engine"),
        ("```sh engine\ndocker compose logs schedular\n```", "no service schedular"),
        ("```sh engine\ndocker compose up --scale workers=2\n```", "no service workers"),
        ("```sh engine\ndocker compose -f compose.yml up\n```", "there is no compose.yml"),
        ("```sh engine\ndocker compose start\n```", "is not known here"),
        ("```sh engine\naws s3 ls\n```", "needs a cloud account"),
        ("```json\n{,}\n```", "x.md:1"),
        ("set `EZ_NOBODY_READS_THIS`", "nobody reads EZ_NOBODY_READS_THIS"),
    ] {
        let document = Document { path: "x.md".to_owned(), text: text.to_owned() };
        let found = faults(&document, &known);
        ensure!(found.iter().any(|fault| fault.contains(word)), "{text}: {found:?}");
    }
    Ok(())
}

/// Links between documents that lead nowhere.
fn dead_links(documents: &[Document]) -> Vec<String> {
    let mut dead = Vec::new();
    for document in documents {
        for link in document.links().into_iter().filter(|link| !link.starts_with("http")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(&document.path).parent().unwrap_or(Path::new(""));
            let path =
                if file.is_empty() { document.path.clone() } else { folder.join(file).display().to_string() };
            let path = path.replace("docs/../", "");
            let other = documents.iter().find(|document| document.path == path);
            let is_dead = match other {
                Some(other) => !anchor.is_empty() && !other.anchors().iter().any(|known| known == anchor),
                None => !workspace_root().join(&path).exists(),
            };
            if is_dead {
                dead.push(format!("{}: {link}", document.path));
            }
        }
    }
    dead
}

#[test]
fn links_lead_somewhere() -> Result<()> {
    let mut documents = all(&workspace_root())?;
    ensure!(
        documents.iter().map(|document| document.links().len()).sum::<usize>() > 20,
        "no links were found"
    );
    assert_eq!(dead_links(&documents), Vec::<String>::new());
    for document in documents.iter().filter(|document| document.path.starts_with("docs/")) {
        let name = document.path.trim_start_matches("docs/");
        let mut others = documents.iter().filter(|other| other.path != document.path);
        ensure!(
            others.any(|other| other.links().iter().any(|link| link.contains(name))),
            "nothing leads to {name}"
        );
    }
    let text = "[a](no.md) [b](README.md#no-such-heading) [c](#nowhere)".to_owned();
    documents.push(Document { path: "x.md".to_owned(), text });
    ensure!(dead_links(&documents).len() == 3, "dead links were not seen");
    Ok(())
}

/// The configuration files that the original ships.
fn originals() -> [(&'static str, Value); 4] {
    let redis = json!({"RedisIp": "redis", "RedisPort": "6379"});
    let sqs = json!({"Queue_name": "ezlive_job_queue.fifo"});
    [
        (
            "api_server",
            json!({"Api_server_hostname": "0.0.0.0", "Api_server_port": "1080",
                "Log_path": "/home/streamer/log/api_server.log",
                "Drm_key_server_url": "http://key_server:5080/keys/", "Sqs": sqs, "Redis": redis}),
        ),
        (
            "scheduler",
            json!({"Server_hostname": "0.0.0.0", "Server_port": "3080", "Sqs": sqs, "Redis": redis}),
        ),
        ("key_server", json!({"Server_hostname": "0.0.0.0", "Server_port": "5080", "Redis": redis})),
        (
            "worker_app",
            json!({"SchedulerUrl": "http://scheduler:3080", "GetPublicIpUrl": "https://api.ipify.org?format=json",
                "MyPublicIP": "203.0.113.7", "WorkerPort": "2080", "WorkerUdpPortBase": 10001,
                "CpuCapacity": 5000, "BandwidthCapacity": 100_000}),
        ),
    ]
}

fn check_config(program: &str, config: &Value) -> Result<(bool, String)> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), config.to_string())?;
    // Tests lie in `deps`, beside which the programs are.
    let tests = std::env::current_exe()?;
    let path = tests.ancestors().nth(2).context("a target folder")?.join(program);
    let output =
        Command::new(path).env_clear().arg("--config").arg(file.path()).arg("--check-config").output()?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// What docs/migrating.md says of each key of the original is what the programs do.
#[test]
fn configurations_of_the_original_are_read_as_told() -> Result<()> {
    let page = read(&workspace_root(), "docs/migrating.md")?;
    let verdict = |key: &str| {
        let quoted = format!("`{key}");
        let row = page.prose().find(|line| line.starts_with('|') && line.contains(&quoted));
        let verdict = row.and_then(|row| row.rsplit('|').nth(1)).map(str::trim);
        verdict.with_context(|| format!("docs/migrating.md does not speak of {key}"))
    };
    for (program, original) in originals() {
        let mut kept = original.clone();
        for (key, value) in original.as_object().context("an object")? {
            let says = verdict(key)?;
            let (accepted, said) = check_config(program, &json!({ key: value }))?;
            if says.starts_with("remove it") {
                ensure!(!accepted && said.contains(key), "{program} takes {key}: {said}");
                kept.as_object_mut().context("an object")?.remove(key);
            } else {
                ensure!(says.starts_with("same") && accepted, "{program}: {key} is told as {says:?}: {said}");
            }
        }
        let (accepted, said) = check_config(program, &kept)?;
        ensure!(accepted, "{program}: {said}");
    }
    Ok(())
}

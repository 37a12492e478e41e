//! Requests that a machine makes up from the API's description: none is answered with a fault of ours.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::served::Served;
use ez_testkit::tools::Tool;

/// The same requests each time, so that a failure can be looked at.
const SEED: &str = "1795000000";
/// Requests for each operation and kind of test.
const EXAMPLES: &str = "60";

/// Asks the API at `base`; answers whether all went well, and what was said.
async fn run(base: &str, examples: &str) -> Result<(bool, String)> {
    let output = Tool::Schemathesis
        .command()?
        .args(["run", &format!("{base}/openapi.json")])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance"])
        .args(["--checks", "response_schema_conformance"])
        .args(["--max-examples", examples, "--seed", SEED, "--no-color"])
        .stdin(Stdio::null())
        .output()
        .await
        .context("run schemathesis")?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.success(), format!("{out}{err}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_made_up_request_is_answered_with_a_server_error() -> Result<()> {
    let served = Served::start().await?;
    // Something for the requests that name a job.
    let sample = std::fs::read_to_string(ez_testkit::tools::workspace_root().join("sample_live_job.json"))?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let made = client.post(format!("{}/jobs", served.base)).body(sample).send().await?;
    ensure!(made.status() == 201, "{made:?}");

    let (passed, said) = run(&served.base, EXAMPLES).await?;
    ensure!(passed, "{said}");
    let alive = client.get(format!("{}/readyz", served.base)).send().await?;
    ensure!(alive.status() == 200, "the server is well afterwards: {alive:?}");
    Ok(())
}

/// Negative control: an API that answers everything with a fault of its own is found out.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_error_is_noticed() -> Result<()> {
    let description = axum::Json(serde_json::to_value(api_server::description())?);
    let broken = axum::Router::new()
        .route("/openapi.json", axum::routing::get(move || std::future::ready(description.clone())))
        .fallback(|| std::future::ready(axum::http::StatusCode::INTERNAL_SERVER_ERROR));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let base = format!("http://{}", listener.local_addr()?);
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, broken).await });
    let (passed, said) = run(&base, "1").await?;
    ensure!(!passed && said.contains("Server error"), "{said}");
    Ok(())
}

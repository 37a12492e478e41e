//! The real programs on a Redis that speaks TLS.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::control::service::Service;
use ez_testkit::redis::RedisServer;
use ez_testkit::tools::free_port;
use reqwest::StatusCode;
use serde_json::json;

/// Makes a certificate for 127.0.0.1 that nobody but who is given it trusts.
fn certify(folder: &Path) -> Result<()> {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem", "-days", "2", "-subj", "/CN=redis"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(folder)
        .output()
        .context("start openssl")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Opens a port with TLS on a server that runs.
async fn encrypt(server: &RedisServer, folder: &Path) -> Result<u16> {
    let port = free_port()?;
    let mut connection = server.connection().await?;
    for (setting, value) in [
        ("tls-auth-clients", "no".to_owned()),
        ("tls-key-file", folder.join("key.pem").display().to_string()),
        ("tls-cert-file", folder.join("certificate.pem").display().to_string()),
        ("tls-port", port.to_string()),
    ] {
        let set = redis::cmd("CONFIG").arg("SET").arg(setting).arg(value).query_async(&mut connection).await;
        let () = set.with_context(|| setting.to_owned())?;
    }
    Ok(port)
}

fn api_server(folder: &Path, redis: &str) -> Result<Service> {
    let service = Service::new("api_server", "api_server", folder, free_port()?)?;
    let port = service.url().rsplit_once(':').context("a port")?.1.to_owned();
    Ok(service
        .with("EZ_API_PORT", port)
        .with("EZ_MASTER_KEY", "07".repeat(32))
        .with("EZ_PLAYBACK_ENDPOINT", "http://127.0.0.1:9")
        .with("EZ_REDIS_URL", redis))
}

#[tokio::test]
async fn an_encrypted_redis_is_used_if_its_certificate_is_trusted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    certify(folder.path())?;
    let server = RedisServer::start().await?;
    let address = format!("rediss://127.0.0.1:{}/", encrypt(&server, folder.path()).await?);

    let mut stranger = api_server(folder.path(), &address)?;
    stranger.start().await?;
    stranger.until_up().await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let answer = http.get(format!("{}/readyz", stranger.url())).send().await?;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let reason = answer.text().await?;
    ensure!(reason.to_ascii_lowercase().contains("certificate"), "nobody learns why: {reason}");
    stranger.kill().await?;

    let trusted = folder.path().join("certificate.pem");
    let mut api = api_server(folder.path(), &address)?.with("SSL_CERT_FILE", &trusted);
    api.start().await?;
    api.until_ready().await?;
    let body = json!({"Output": {"Stream_type": "hls", "S3_output": {"Bucket": "a-bucket"},
        "Audio_outputs": [{"Codec": "aac", "Bitrate": "128k"}]}});
    let answer = http.post(format!("{}/jobs", api.url())).json(&body).send().await?;
    assert_eq!(answer.status(), StatusCode::CREATED, "{}", api.last_words());
    let mut connection = server.connection().await?;
    let jobs: u64 = redis::cmd("HLEN").arg("jobs").query_async(&mut connection).await?;
    assert_eq!(jobs, 1);
    Ok(())
}

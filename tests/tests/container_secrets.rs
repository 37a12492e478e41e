//! docker/init makes the secrets that compose.yaml mounts, once and for their owner alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use ez_e2e::containers::compose::Compose;
use ez_testkit::tools::workspace_root;
use tempfile::TempDir;

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// A copy of what docker/init needs, to be run in.
fn checkout() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for file in ["docker/init", "script/lib/common.sh"] {
        let copy = folder.path().join(file);
        fs::create_dir_all(copy.parent().context("a folder")?)?;
        fs::copy(workspace_root().join(file), copy)?;
    }
    Ok(folder)
}

fn init(checkout: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(Command::new("bash")
        .arg(checkout.join("docker/init"))
        .args(arguments)
        .current_dir(checkout)
        .output()?)
}

#[test]
fn secrets_are_made_once_for_their_owner_only() -> Result<()> {
    let checkout = checkout()?;
    let folder = checkout.path().join("docker/secrets");
    let output = init(checkout.path(), &[])?;
    ensure!(output.status.success(), "{}", said(&output));
    let text = fs::read_to_string(workspace_root().join("compose.yaml"))?;
    let compose = Compose::parse(&text)?;
    let mut first = Vec::new();
    for name in compose.defined("secrets") {
        let file = compose.secret_file(name).context("no file")?;
        let path = checkout.path().join(file);
        let secret =
            fs::read_to_string(&path).with_context(|| format!("docker/init does not make {file}"))?;
        ensure!(
            secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{file}: {secret}"
        );
        ensure!(fs::metadata(&path)?.permissions().mode() & 0o777 == 0o600, "{file} is open");
        ensure!(!said(&output).contains(&secret), "the secret was printed");
        first.push(secret);
    }
    ensure!(
        fs::read_dir(&folder)?.count() == first.len(),
        "more secrets than compose.yaml knows, or left-overs"
    );
    ensure!(fs::metadata(&folder)?.permissions().mode() & 0o777 == 0o700, "the folder is open");
    first.sort();
    first.dedup();
    ensure!(first.len() == compose.defined("secrets").len(), "two secrets are the same");

    fs::set_permissions(folder.join("master_key"), Permissions::from_mode(0o644))?;
    let key = fs::read_to_string(folder.join("master_key"))?;
    let output = init(checkout.path(), &["--public-host", "live.example"])?;
    ensure!(output.status.success(), "{}", said(&output));
    ensure!(fs::read_to_string(folder.join("master_key"))? == key, "the key was replaced");
    ensure!(fs::metadata(folder.join("master_key"))?.permissions().mode() & 0o777 == 0o600, "it stays open");
    let settings = fs::read_to_string(checkout.path().join(".env"))?;
    for line in ["EZ_UID=", "EZ_GID=", "EZ_PUBLIC_HOST=live.example"] {
        ensure!(settings.matches(line).count() == 1, "{line}: {settings}");
    }
    ensure!(!settings.contains("EZ_UID=0\n"), "the containers would run as root");

    fs::write(folder.join("master_key"), "short")?;
    let output = init(checkout.path(), &[])?;
    ensure!(!output.status.success() && said(&output).contains("64 hexadecimal digits"), "{}", said(&output));
    ensure!(fs::read_to_string(folder.join("master_key"))? == "short", "a damaged secret is kept");
    Ok(())
}

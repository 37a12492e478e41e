//! Which environment variables the program of an image reads.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::dockerfile::Dockerfile;

/// Every program of ours reads these (`ez_service::telemetry`).
const LOGS: [&str; 2] = ["EZ_LOG", "EZ_LOG_FORMAT"];

/// The variables of a service's configuration; none for other programs.
fn bindings(program: &str) -> Vec<&'static str> {
    let table: &[(&str, &str)] = match program {
        "api_server" => api_server::config::BINDINGS,
        "scheduler" => &scheduler::config::BINDINGS,
        "key_server" => key_server::config::BINDINGS,
        "worker_app" => worker_app::config::BINDINGS,
        _ => &[],
    };
    table.iter().map(|(variable, _)| *variable).collect()
}

/// What a container of this target reads: the configuration of its programs, and what its scripts name.
///
/// # Errors
/// When a script cannot be read.
pub fn read_by(images: &Dockerfile, target: &str, root: &Path) -> Result<Vec<String>> {
    let mut variables: Vec<String> = LOGS.map(str::to_owned).to_vec();
    for program in images.brought(target, "/src/target/release/") {
        variables.extend(bindings(&program).into_iter().map(str::to_owned));
    }
    for script in images.brought(target, "docker/bin/") {
        let path = root.join("docker/bin").join(&script);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        variables.extend(named(&text));
    }
    Ok(variables)
}

/// Every word of a script that begins with `EZ_`.
fn named(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| word.starts_with("EZ_"))
        .map(str::to_owned)
}

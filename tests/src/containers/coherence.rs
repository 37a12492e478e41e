//! Whether a compose file agrees with itself, with the images and with the programs in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::compose::{Compose, entries, texts};
use super::dockerfile::{Dockerfile, is_pinned};
use super::variables::read_by;

/// Services whose ports everybody may reach: players.
const OPEN: [&str; 1] = ["s3"];
/// What stands where a server checks no key.
const UNCHECKED: &str = "unchecked";
/// Where secrets are mounted.
const SECRETS: &str = "/run/secrets/";

/// Everything that does not hold together. The compose file is resolved.
///
/// # Errors
/// When a file that an image brings cannot be read.
pub fn faults(compose: &Compose, images: &Dockerfile, root: &Path) -> Result<Vec<String>> {
    let mut check = Check { compose, images, root, faults: Vec::new() };
    for (name, service) in compose.services() {
        check.image(name, service)?;
        check.dependencies(name, service);
        check.references(name, service);
        check.environment(name, service)?;
        check.secrets(name, service)?;
        check.hardening(name, service);
    }
    check.unused();
    check.ports();
    Ok(check.faults)
}

/// The build target of a service; none for a foreign image.
pub fn target(service: &Value) -> Option<&str> {
    service["build"]["target"].as_str()
}

/// The configuration file that a service starts with, as it lies in the repository.
pub fn config_file(service: &Value, images: &Dockerfile) -> Option<String> {
    let path = words(service, images).into_iter().skip_while(|word| word != "--config").nth(1)?;
    Some(path.replace("/etc/ezlivestreaming/", "docker/config/"))
}

/// What a service is started with: `command`, or the image's own.
pub fn words(service: &Value, images: &Dockerfile) -> Vec<String> {
    let own = texts(&service["command"]);
    if !own.is_empty() {
        return own.into_iter().map(str::to_owned).collect();
    }
    let inherited = target(service).and_then(|target| images.last(target, "CMD"));
    inherited.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

struct Check<'a> {
    compose: &'a Compose,
    images: &'a Dockerfile,
    root: &'a Path,
    faults: Vec<String>,
}

impl Check<'_> {
    fn fault(&mut self, service: &str, what: impl AsRef<str>) {
        self.faults.push(format!("{service}: {}", what.as_ref()));
    }

    fn image(&mut self, name: &str, service: &Value) -> Result<()> {
        let Some(target) = target(service) else {
            let image = service["image"].as_str().unwrap_or_default();
            if !is_pinned(image) {
                self.fault(name, format!("{image} is not pinned to an exact version"));
            }
            return Ok(());
        };
        if self.images.chain(target).is_empty() {
            self.fault(name, format!("there is no target {target}"));
            return Ok(());
        }
        let entry: Vec<String> =
            serde_json::from_str(self.images.last(target, "ENTRYPOINT").unwrap_or_default())
                .with_context(|| format!("the ENTRYPOINT of {target}"))?;
        let mut programs = self.images.brought(target, "/src/target/release/");
        programs.extend(self.images.brought(target, "docker/bin/"));
        if entry.first().map(String::as_str) != Some("tini") || !programs.contains(&entry[entry.len() - 1]) {
            self.fault(name, format!("starts {entry:?}, which is not tini and a program of the image"));
        }
        if self
            .images
            .last(target, "USER")
            .is_none_or(|user| user.starts_with("root") || user.starts_with('0'))
        {
            self.fault(name, "runs as root");
        }
        if let Some(file) = config_file(service, self.images) {
            let brought = self.images.brought(target, "docker/config/");
            if !brought.iter().any(|known| file.ends_with(&format!("/{known}"))) {
                self.fault(name, format!("{file} is not in its image"));
            }
        }
        Ok(())
    }

    fn dependencies(&mut self, name: &str, service: &Value) {
        for (needed, how) in entries(&service["depends_on"]) {
            let Ok(other) = self.compose.service(needed) else {
                self.fault(name, format!("depends on {needed}, which is not started"));
                continue;
            };
            match how["condition"].as_str() {
                Some("service_healthy") if !self.tells_health(other) => {
                    self.fault(name, format!("waits for the health of {needed}, which tells none"));
                }
                Some("service_completed_successfully") if other["restart"] != "no" => {
                    self.fault(name, format!("waits for the end of {needed}, which is started again"));
                }
                Some("service_healthy" | "service_completed_successfully" | "service_started") => {}
                other => self.fault(name, format!("depends on {needed} with the condition {other:?}")),
            }
        }
    }

    fn tells_health(&self, service: &Value) -> bool {
        let own = &service["healthcheck"];
        let inherited = target(service).and_then(|target| self.images.last(target, "HEALTHCHECK"));
        own["disable"] != true && (!own["test"].is_null() || inherited.is_some())
    }

    fn references(&mut self, name: &str, service: &Value) {
        for key in ["networks", "secrets"] {
            for used in texts(&service[key]) {
                if !self.compose.defined(key).contains(&used) {
                    self.fault(name, format!("{used} is not among the {key}"));
                }
            }
        }
        for volume in texts(&service["volumes"]) {
            let source = volume.split(':').next().unwrap_or_default();
            let is_there = match source.strip_prefix("./") {
                Some(file) => self.root.join(file).exists(),
                None => self.compose.defined("volumes").contains(&source),
            };
            if !is_there {
                self.fault(name, format!("there is no volume or file {source}"));
            }
        }
        if service["network_mode"] == "host" && !(service["networks"].is_null() && service["ports"].is_null())
        {
            self.fault(name, "is in the host's network and can have no networks or ports of its own");
        }
    }

    fn environment(&mut self, name: &str, service: &Value) -> Result<()> {
        let Some(target) = target(service) else { return Ok(()) };
        let known = read_by(self.images, target, self.root)?;
        for (variable, value) in entries(&service["environment"]) {
            if !known.iter().any(|one| one == variable) {
                self.fault(name, format!("nothing in the image reads {variable}"));
            }
            let is_secret =
                ["SECRET", "TOKEN", "PASSWORD", "MASTER_KEY"].iter().any(|word| variable.contains(word));
            let is_harmless = value == "" || value == UNCHECKED;
            if is_secret && !variable.ends_with("_FILE") && !is_harmless {
                self.fault(name, format!("{variable} holds a secret: give it as a file"));
            }
        }
        Ok(())
    }

    /// A secret is mounted where something reads it, and only there.
    fn secrets(&mut self, name: &str, service: &Value) -> Result<()> {
        let mut text = words(service, self.images).join(" ");
        for (_, value) in entries(&service["environment"]) {
            text.push(' ');
            text.push_str(value.as_str().unwrap_or_default());
        }
        if let Some(file) = config_file(service, self.images) {
            let path = self.root.join(&file);
            if path.exists() {
                text.push_str(&std::fs::read_to_string(&path).context(file)?);
            }
        }
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let read: BTreeSet<&str> = text
            .split(SECRETS)
            .skip(1)
            .map(|rest| rest.split(|letter| !is_name(letter)).next().unwrap_or_default())
            .collect();
        let mounted: BTreeSet<&str> = texts(&service["secrets"]).into_iter().collect();
        for secret in read.symmetric_difference(&mounted) {
            self.fault(name, format!("the secret {secret} is read or mounted, but not both"));
        }
        Ok(())
    }

    fn hardening(&mut self, name: &str, service: &Value) {
        let drops_all = texts(&service["cap_drop"]) == ["ALL"] && service["cap_add"].is_null();
        let gains_nothing = texts(&service["security_opt"]).contains(&"no-new-privileges:true");
        if !drops_all || !gains_nothing || !service["privileged"].is_null() {
            self.fault(name, "may have or gain privileges");
        }
        if target(service).is_some() && service["read_only"] != true {
            self.fault(name, "can write to its root file system");
        }
        if service["restart"].is_null() {
            self.fault(name, "says nothing about restarts");
        }
    }

    fn unused(&mut self) {
        for key in ["secrets", "networks", "volumes"] {
            let used: BTreeSet<String> = self
                .compose
                .services()
                .flat_map(|(_, service)| texts(&service[key]))
                .map(|text| text.split(':').next().unwrap_or_default().to_owned())
                .collect();
            for name in self.compose.defined(key) {
                // An override file cannot take away what a base file defines.
                let is_left_over = self.compose.has_idle_services();
                if !used.contains(name) && !is_left_over {
                    self.faults.push(format!("{name} is among the {key}, and nobody uses it"));
                }
            }
        }
    }

    /// Published ports and those of the workers' slots, each once.
    fn ports(&mut self) {
        let mut taken: BTreeMap<u16, &str> = BTreeMap::new();
        for (name, service) in self.compose.services() {
            let mut ports = slots(&service["environment"]);
            for port in texts(&service["ports"]) {
                let parts: Vec<&str> = port.split(':').collect();
                let (is_open, published, inside) = match parts.as_slice() {
                    [published, inside] => (true, *published, *inside),
                    ["127.0.0.1", published, inside] => (false, *published, *inside),
                    _ => (true, "", ""),
                };
                if is_open && !OPEN.contains(&name) {
                    self.fault(name, format!("{port} is published beyond this host"));
                }
                let exposed = target(service).and_then(|target| self.images.last(target, "EXPOSE"));
                if exposed.is_some_and(|exposed| exposed != inside) {
                    self.fault(name, format!("publishes {inside}, but the image serves {exposed:?}"));
                }
                match published.parse() {
                    Ok(published) => ports.push(published),
                    Err(_) => self.fault(name, format!("{port} is no port")),
                }
            }
            for port in ports {
                if let Some(other) = taken.insert(port, name) {
                    self.fault(name, format!("port {port} is also {other}'s"));
                }
            }
        }
    }
}

/// The ports of all slots of a worker, as docker/bin/worker counts them.
fn slots(environment: &Value) -> Vec<u16> {
    let number = |name: &str| environment[name].as_str().and_then(|text| text.parse::<u16>().ok());
    let (Some(control), Some(rtmp), Some(slots)) =
        (number("EZ_WORKER_PORT_BASE"), number("EZ_RTMP_PORT_BASE"), number("EZ_WORKER_SLOTS"))
    else {
        return Vec::new();
    };
    (control..control + slots).chain(rtmp..rtmp + 16 * slots).collect()
}

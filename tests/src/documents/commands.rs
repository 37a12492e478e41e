//! Whether the commands of a document name what there is: scripts and their options, files, addresses of the API,
//! compose files and services.

use std::path::Path;

use super::{Block, Document};
use crate::containers::compose::Compose;

/// Who can run the commands of a block: anybody, anybody with a channel to push to, whoever has a camera, a
/// container engine, a cloud account.
const KINDS: [&str; 5] = ["local", "publish", "device", "engine", "cloud"];
/// What begins a line that is a command, in blocks that do not say so.
const COMMANDS: [&str; 8] =
    ["script/", "docker/", "curl ", "ffmpeg ", "cargo ", "docker ", "aws ", "export "];
/// Where the API listens in all documents.
const API: &str = "http://127.0.0.1:1080";

/// What commands may name.
#[derive(Debug)]
pub struct Known<'a> {
    /// The root of the repository.
    pub root: &'a Path,
    /// The routes of the API, with `{…}` for what varies.
    pub routes: Vec<String>,
    /// The services of compose.yaml.
    pub compose: &'a Compose,
    /// All sources, scripts and compose files in one text: where variables are read.
    pub sources: &'a str,
}

/// Everything in a document that leads nowhere.
pub fn faults(document: &Document, known: &Known<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for block in document.blocks() {
        let kind = block.info.strip_prefix("sh ").filter(|kind| KINDS.contains(kind));
        let is_shell = block.info.split(' ').next() == Some("sh");
        let has_commands =
            block.commands().iter().any(|line| COMMANDS.iter().any(|word| line.starts_with(word)));
        if kind.is_none() && (is_shell || has_commands) {
            faults.push(format!("{}: say who can run it: sh and one of {KINDS:?}", block.place));
        }
        for command in block.commands().iter().filter(|_| kind.is_some()) {
            let mut found = check(command, known);
            if kind.is_some_and(|kind| kind != "engine" && kind != "cloud") && command.starts_with("docker") {
                found.push("needs a container engine".to_owned());
            }
            if kind != Some("cloud") && command.starts_with("aws ") {
                found.push("needs a cloud account".to_owned());
            }
            faults.extend(found.into_iter().map(|fault| format!("{}: {command}: {fault}", block.place)));
        }
        check_json(&block, &mut faults);
    }
    faults.extend(unread_variables(document, known));
    faults
}

fn check_json(block: &Block, faults: &mut Vec<String>) {
    if block.info.split(' ').next() == Some("json")
        && let Err(error) = serde_json::from_str::<serde_json::Value>(&block.text)
    {
        faults.push(format!("{}: {error}", block.place));
    }
}

fn check(command: &str, known: &Known<'_>) -> Vec<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut faults = Vec::new();
    match words.first() {
        Some(script) if script.starts_with("script/") || script.starts_with("docker/") => {
            check_script(script, &words[1..], known, &mut faults);
        }
        Some(&"docker") if words.get(1) == Some(&"compose") => check_compose(&words[2..], known, &mut faults),
        _ => {}
    }
    for (index, word) in words.iter().enumerate() {
        let word = word.trim_matches(['"', '\'', ')', '(']);
        if let Some(address) = word.strip_prefix(API) {
            let path = address.split(['?', '|']).next().unwrap_or_default();
            if !known.routes.iter().any(|route| leads_to(path, route)) {
                faults.push(format!("the API has no {path}"));
            }
        }
        let file = word.strip_prefix('@').filter(|_| index > 0 && words[index - 1] == "-d");
        if let Some(file) = file.filter(|file| !known.root.join(file).exists()) {
            faults.push(format!("there is no {file}"));
        }
    }
    faults
}

/// The script is there and says its options itself.
fn check_script(script: &str, arguments: &[&str], known: &Known<'_>, faults: &mut Vec<String>) {
    let Ok(text) = std::fs::read_to_string(known.root.join(script)) else {
        faults.push(format!("there is no {script}"));
        return;
    };
    for option in arguments.iter().filter(|word| word.starts_with("--")) {
        let option = option.split('=').next().unwrap_or_default();
        if !text.contains(option) {
            faults.push(format!("{script} has no {option}"));
        }
    }
}

fn check_compose(arguments: &[&str], known: &Known<'_>, faults: &mut Vec<String>) {
    let mut words = arguments.iter();
    let mut subcommand = None;
    while let Some(&word) = words.next() {
        match word {
            "-f" => {
                let file = words.next().copied().unwrap_or_default();
                if !known.root.join(file).exists() {
                    faults.push(format!("there is no {file}"));
                }
            }
            "--scale" => {
                let service =
                    words.next().and_then(|scale| scale.split_once('=')).map(|(service, _)| service);
                check_service(service.unwrap_or_default(), known, faults);
            }
            option if option.starts_with('-') => {}
            word if subcommand.is_none() => subcommand = Some(word),
            service => check_service(service, known, faults),
        }
    }
    if !subcommand.is_some_and(|word| ["up", "down", "ps", "logs"].contains(&word)) {
        faults.push(format!("the subcommand {subcommand:?} is not known here"));
    }
}

fn check_service(service: &str, known: &Known<'_>, faults: &mut Vec<String>) {
    if known.compose.service(service).is_err() {
        faults.push(format!("there is no service {service}"));
    }
}

/// `/jobs/$ID/stop` leads to `/jobs/{id}/stop`.
fn leads_to(path: &str, route: &str) -> bool {
    let (path, route): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), route.split('/').collect());
    path.len() == route.len()
        && path
            .iter()
            .zip(route)
            .all(|(part, wanted)| *part == wanted || (wanted.starts_with('{') && part.starts_with('$')))
}

/// Variables of ours that the document names and nobody reads.
fn unread_variables(document: &Document, known: &Known<'_>) -> Vec<String> {
    let is_part = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    let words = document.text.split(|letter: char| !is_part(letter));
    let variables = words.filter(|word| word.starts_with("EZ_") && word.len() > 3 && !word.ends_with('_'));
    variables
        .filter(|variable| !known.sources.contains(*variable))
        .map(|variable| format!("{}: nobody reads {variable}", document.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_routes() {
        for (path, route, leads) in [
            ("/jobs", "/jobs", true),
            ("/jobs/$ID/stop", "/jobs/{id}/stop", true),
            ("/jobs/stop", "/jobs/{id}", false),
            ("/jobs/$ID", "/jobs", false),
            ("/job", "/jobs", false),
        ] {
            assert_eq!(leads_to(path, route), leads, "{path} {route}");
        }
    }
}

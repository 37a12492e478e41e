//! A Dockerfile, read as far as ours goes: stages, and what each brings.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Where the programs of the workspace are built.
const BUILT: &str = "/src/target/release/";

/// One line, continuations joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The word that begins it.
    pub name: String,
    /// All that follows.
    pub rest: String,
}

/// A build stage.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    /// What it begins with: an image, or another stage.
    pub from: String,
    /// Its lines after `FROM`.
    pub instructions: Vec<Instruction>,
}

/// A whole file, its stages by name.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    stages: BTreeMap<String, Stage>,
}

impl Dockerfile {
    /// Reads a file.
    ///
    /// # Errors
    /// When a stage has no name, or there is none.
    pub fn parse(text: &str) -> Result<Self> {
        let mut stages = BTreeMap::new();
        let mut current = String::new();
        for instruction in instructions(text) {
            if instruction.name == "FROM" {
                let (from, name) =
                    instruction.rest.split_once(" AS ").with_context(|| format!("name {instruction:?}"))?;
                current = name.trim().to_owned();
                stages.insert(
                    current.clone(),
                    Stage { from: from.trim().to_owned(), instructions: Vec::new() },
                );
            } else {
                stages.get_mut(&current).context("a line before FROM")?.instructions.push(instruction);
            }
        }
        Ok(Self { stages })
    }

    /// All stages.
    pub fn stages(&self) -> impl Iterator<Item = (&str, &Stage)> {
        self.stages.iter().map(|(name, stage)| (name.as_str(), stage))
    }

    /// A stage and what it is built on, the lowest first.
    pub fn chain(&self, target: &str) -> Vec<&Stage> {
        let mut chain = Vec::new();
        let mut name = target;
        while let Some(stage) = self.stages.get(name) {
            chain.push(stage);
            name = &stage.from;
        }
        chain.reverse();
        chain
    }

    /// The last instruction of a kind in a target, inherited ones included.
    pub fn last(&self, target: &str, name: &str) -> Option<&str> {
        let all = self.chain(target).into_iter().flat_map(|stage| &stage.instructions);
        all.rev().find(|instruction| instruction.name == name).map(|instruction| instruction.rest.as_str())
    }

    /// The names of the files that a target copies from a place that begins with `prefix`.
    pub fn brought(&self, target: &str, prefix: &str) -> Vec<String> {
        let all = self.chain(target).into_iter().flat_map(|stage| &stage.instructions);
        all.filter(|instruction| instruction.name == "COPY")
            .flat_map(|instruction| copied(&instruction.rest).1)
            .filter_map(|source| source.strip_prefix(prefix).map(str::to_owned))
            .collect()
    }

    /// Everything that does not hold together. `programs` are the binaries of the workspace.
    pub fn faults(&self, root: &Path, programs: &[String]) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, stage) in self.stages() {
            if !self.stages.contains_key(&stage.from) && !is_pinned(&stage.from) {
                faults.push(format!("{name}: {} is not pinned to an exact version", stage.from));
            }
            for instruction in &stage.instructions {
                match instruction.name.as_str() {
                    "COPY" => self.check_copy(name, &instruction.rest, root, programs, &mut faults),
                    "ADD" => faults.push(format!("{name}: ADD may fetch anything; use COPY")),
                    "ENV" | "ARG" if is_secret(&instruction.rest) => {
                        faults.push(format!("{name}: {} is baked in", instruction.rest));
                    }
                    "RUN" => check_run(name, &instruction.rest, programs, &mut faults),
                    _ => {}
                }
            }
        }
        faults
    }

    fn check_copy(
        &self,
        stage: &str,
        rest: &str,
        root: &Path,
        programs: &[String],
        faults: &mut Vec<String>,
    ) {
        let (from, sources) = copied(rest);
        for source in sources {
            match from {
                None if !root.join(source).exists() => {
                    faults.push(format!("{stage}: COPY {source}: there is no such file"));
                }
                Some(from) if !self.stages.contains_key(from) => {
                    faults.push(format!("{stage}: COPY --from={from}: there is no such stage"));
                }
                Some(_) => {
                    let program = source.strip_prefix(BUILT);
                    if program.is_some_and(|program| !programs.iter().any(|known| known == program)) {
                        faults.push(format!("{stage}: {source} is no program of the workspace"));
                    }
                }
                None => {}
            }
        }
    }
}

fn is_secret(setting: &str) -> bool {
    ["SECRET", "TOKEN", "PASSWORD", "_KEY"].iter().any(|word| setting.contains(word))
}

/// The stage that a COPY takes from, and its sources.
fn copied(rest: &str) -> (Option<&str>, Vec<&str>) {
    let from = rest.split_whitespace().find_map(|word| word.strip_prefix("--from="));
    let mut words: Vec<&str> = rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
    words.pop();
    (from, words)
}

/// Packages that are built exist, downloads are left to scripts that check sums.
fn check_run(stage: &str, rest: &str, programs: &[String], faults: &mut Vec<String>) {
    let mut words = rest.split_whitespace();
    while let Some(word) = words.next() {
        if word == "--package"
            && let Some(package) = words.next()
            && !programs.iter().any(|known| known == package)
        {
            faults.push(format!("{stage}: {package} is no program of the workspace"));
        }
        if ["wget", "git"].contains(&word) || word.starts_with("http") {
            faults.push(format!("{stage}: RUN {word} fetches what nobody checks"));
        }
    }
}

/// `name:1.2`, `name:1.2.3-suffix` or a digest; never a tag that moves.
pub fn is_pinned(image: &str) -> bool {
    if let Some((_, digest)) = image.split_once("@sha256:") {
        return digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let Some((_, tag)) = image.rsplit_once(':') else { return false };
    let version = tag.split('-').next().unwrap_or_default();
    let parts: Vec<&str> = version.split('.').collect();
    parts.len() >= 2
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn instructions(text: &str) -> Vec<Instruction> {
    let mut found = Vec::new();
    let mut open = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_suffix('\\') {
            Some(part) => open.push_str(part),
            None => {
                open.push_str(line);
                let (name, rest) = open.split_once(' ').unwrap_or((&open, ""));
                found.push(Instruction { name: name.to_owned(), rest: rest.trim().to_owned() });
                open.clear();
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_versions_are_pins() {
        let digest = format!("redis@sha256:{}", "a".repeat(64));
        for (image, pinned) in [
            ("redis:8.2.10", true),
            ("debian:12.12-slim", true),
            (digest.as_str(), true),
            ("redis", false),
            ("redis:latest", false),
            ("redis:8", false),
            ("redis:8.x", false),
            ("debian:bookworm-slim", false),
            ("localhost:5000/redis", false),
            ("redis@sha256:abc", false),
        ] {
            assert_eq!(is_pinned(image), pinned, "{image}");
        }
    }

    #[test]
    fn a_target_has_what_it_inherits() {
        let file =
            Dockerfile::parse("FROM a:1.2 AS x\nUSER 1\nCOPY docker/bin/q /\nFROM x AS y\nRUN a \\\n  b\n")
                .unwrap();
        assert_eq!(file.last("y", "USER"), Some("1"));
        assert_eq!(file.last("y", "RUN"), Some("a b"));
        assert_eq!(file.brought("y", "docker/bin/"), ["q"]);
        assert!(Dockerfile::parse("FROM a:1.2\n").is_err(), "a stage without a name");
    }
}

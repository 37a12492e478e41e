//! What the documents quote is what the programs say.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use ez_testkit::tools::workspace_root;

/// All Rust text of the product, with string continuations joined.
fn sources() -> Result<String> {
    let mut all = String::new();
    for top in ["crates", "api_server", "scheduler", "worker_app", "worker_transcoder", "key_server"] {
        gather(&workspace_root().join(top), &mut all)?;
    }
    Ok(joined(&all))
}

fn gather(folder: &Path, all: &mut String) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, all)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// A backslash at the end of a line continues a string without the indentation.
fn joined(text: &str) -> String {
    let mut parts = text.split("\\\n");
    let mut joined = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        joined.push_str(part.trim_start());
    }
    joined
}

/// What the first column of each table quotes, cut at each `…`.
fn quotes(document: &str) -> Vec<&str> {
    document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .flat_map(|(quote, _)| quote.split('…'))
        .map(str::trim)
        .filter(|piece| piece.len() > 3)
        .collect()
}

/// The pieces that no program says.
fn unsaid<'text>(document: &'text str, sources: &str) -> Vec<&'text str> {
    quotes(document).into_iter().filter(|piece| !sources.contains(piece)).collect()
}

#[test]
fn troubles_are_quoted_as_they_are_told() -> Result<()> {
    let document = std::fs::read_to_string(workspace_root().join("docs/troubleshooting.md"))?;
    let sources = sources()?;
    ensure!(quotes(&document).len() > 15, "the tables were not found");
    let unsaid = unsaid(&document, &sources);
    ensure!(unsaid.is_empty(), "docs/troubleshooting.md quotes what nobody says: {unsaid:#?}");
    Ok(())
}

#[test]
fn a_quote_that_nobody_says_is_found() {
    let sources = joined("let a = \"the bucket is \\\n        away\";");
    let document = "| `Reason` | x |\n|---|---|\n| `the bucket is away` | y |\n| `… the moon is …` | z |\n";
    assert_eq!(unsaid(document, &sources), ["Reason", "the moon is"]);
}

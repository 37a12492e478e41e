//! The documents of the repository, and the fenced blocks in them.

pub mod commands;

use std::path::Path;

use anyhow::{Context as _, Result};

/// One document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its path from the root of the repository.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Where it begins: document and line.
    pub place: String,
    /// What stands behind the opening fence.
    pub info: String,
    /// Its lines.
    pub text: String,
}

/// README.md and its like, and all of docs/.
///
/// # Errors
/// When one cannot be read.
pub fn all(root: &Path) -> Result<Vec<Document>> {
    let mut paths: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned).to_vec();
    for entry in std::fs::read_dir(root.join("docs")).context("docs")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            paths.push(format!("docs/{name}"));
        }
    }
    paths.sort();
    paths.into_iter().map(|path| read(root, &path)).collect()
}

/// One document.
///
/// # Errors
/// When it cannot be read.
pub fn read(root: &Path, path: &str) -> Result<Document> {
    let text = std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned())?;
    Ok(Document { path: path.to_owned(), text })
}

impl Document {
    /// All fenced blocks, also those in lists.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (number, line) in self.text.lines().enumerate() {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(info)) => {
                    let place = format!("{}:{}", self.path, number + 1);
                    open = Some(Block { place, info: info.trim().to_owned(), text: String::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        blocks
    }

    /// The lines that are in no block.
    pub fn prose(&self) -> impl Iterator<Item = &str> {
        let mut is_code = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        })
    }

    /// The anchors of its headings, as they are made from their words.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter_map(|line| line.strip_prefix('#'));
        headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
    }

    /// The targets of its links.
    pub fn links(&self) -> Vec<&str> {
        self.prose()
            .flat_map(|line| line.split("](").skip(1))
            .filter_map(|rest| rest.split(')').next())
            .collect()
    }
}

impl Block {
    /// Its commands: comments left out, continued lines joined.
    pub fn commands(&self) -> Vec<String> {
        let joined = self.text.replace("\\\n", " ");
        let lines =
            joined.lines().map(|line| line.split_once(" # ").map_or(line, |(command, _)| command).trim());
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    }

    /// Whether it is a block of this kind.
    pub fn is(&self, info: &str) -> bool {
        self.info == info
    }
}

fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            letter if letter.is_alphanumeric() || matches!(letter, '-' | '_') => Some(letter),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_links_and_anchors_are_found() {
        let text = "# A `b` c, d\n\n[x](y.md#z) and [u](v)\n\n- q\n  ```sh local\n  a \\\n    b # why\n  # c\n  ```\n";
        let document = Document { path: "x.md".to_owned(), text: text.to_owned() };
        assert_eq!(document.anchors(), ["a-b-c-d"]);
        assert_eq!(document.links(), ["y.md#z", "v"]);
        let blocks = document.blocks();
        assert_eq!(blocks.len(), 1);
        assert!(blocks[0].is("sh local") && blocks[0].place == "x.md:6");
        assert_eq!(blocks[0].commands(), ["a      b"]);
    }
}

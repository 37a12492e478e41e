//! A strict reader of OpenMetrics text, and the comparison with the table in `docs/metrics.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};

use crate::tools::workspace_root;

/// A set of labels.
type Labels = BTreeMap<String, String>;

/// One family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: String,
    /// What it means.
    pub help: String,
}

/// What a service told.
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    families: BTreeMap<String, Family>,
    samples: BTreeMap<(String, Labels), f64>,
}

impl Exposition {
    /// Reads a text.
    ///
    /// # Errors
    /// When a family has no help or no type, or is told twice; when a name is not ours or has not the
    /// suffix of its type; when a series is told twice or outside of its family; when a histogram does
    /// not add up; when the end is missing.
    pub fn parse(text: &str) -> Result<Self> {
        let mut read = Self::default();
        let mut help: Option<(String, String)> = None;
        let mut present: Option<String> = None;
        let mut lines = text.lines();
        for line in lines.by_ref() {
            if line == "# EOF" {
                break;
            }
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, words) = rest.split_once(' ').with_context(|| format!("no help in {line:?}"))?;
                ensure!(!words.trim().is_empty(), "{name} has no help");
                help = Some((name.to_owned(), words.to_owned()));
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').with_context(|| format!("no type in {line:?}"))?;
                ensure!(is_ours(name), "{name} is no name of ours");
                ensure!(["counter", "gauge", "histogram", "info"].contains(&kind), "{name}: type {kind:?}");
                let (described, words) = help.take().with_context(|| format!("{name} has no help"))?;
                ensure!(described == name, "the help of {described} stands before the type of {name}");
                let family = Family { kind: kind.to_owned(), help: words };
                ensure!(read.families.insert(name.to_owned(), family).is_none(), "{name} is told twice");
                present = Some(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# UNIT ") {
                let (name, unit) = rest.split_once(' ').with_context(|| format!("no unit in {line:?}"))?;
                ensure!(name.ends_with(&format!("_{unit}")), "{name} does not end with its unit {unit}");
            } else {
                let family = present.as_deref().with_context(|| format!("{line:?} has no family"))?;
                read.take_sample(family, line)?;
            }
        }
        ensure!(text.ends_with("# EOF\n") && lines.next().is_none(), "the end is missing or not the end");
        read.check_histograms()?;
        Ok(read)
    }

    fn take_sample(&mut self, family: &str, line: &str) -> Result<()> {
        let (series, value) = line.rsplit_once(' ').with_context(|| format!("no value in {line:?}"))?;
        let value: f64 = value.parse().with_context(|| format!("no number in {line:?}"))?;
        let (name, labels) = match series.split_once('{') {
            Some((name, rest)) => {
                (name, labels(rest.strip_suffix('}').with_context(|| format!("labels of {line:?}"))?)?)
            }
            None => (series, Labels::new()),
        };
        let kind = &self.families[family].kind;
        let suffixes: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => &[""],
        };
        let suffix = name.strip_prefix(family).with_context(|| format!("{name} stands under {family}"))?;
        ensure!(suffixes.contains(&suffix), "{name} is no sample of the {kind} {family}");
        ensure!(kind != "counter" || value >= 0.0, "{line:?}: a counter below zero");
        let known = self.samples.insert((name.to_owned(), labels), value);
        ensure!(known.is_none(), "the series {series} is told twice");
        Ok(())
    }

    fn check_histograms(&self) -> Result<()> {
        for (name, _) in self.families.iter().filter(|(_, family)| family.kind == "histogram") {
            for (labels, count) in self.series(&format!("{name}_count")) {
                let mut infinite = labels.clone();
                infinite.insert("le".to_owned(), "+Inf".to_owned());
                let last = self.samples.get(&(format!("{name}_bucket"), infinite));
                ensure!(
                    last == Some(&count),
                    "{name}{labels:?}: {count} observed, {last:?} in the last bucket"
                );
            }
        }
        Ok(())
    }

    /// The value of the series with exactly these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.samples.get(&(name.to_owned(), labels)).copied()
    }

    /// All series of one sample name.
    pub fn series(&self, name: &str) -> Vec<(&Labels, f64)> {
        let own = self.samples.iter().filter(|((sample, _), _)| sample == name);
        own.map(|((_, labels), value)| (labels, *value)).collect()
    }

    /// The families, by the name in their `TYPE` line.
    pub fn families(&self) -> impl Iterator<Item = (&str, &Family)> {
        self.families.iter().map(|(name, family)| (name.as_str(), family))
    }

    /// What is told by `service` but not listed for it in `docs/metrics.md`, or listed otherwise.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn undocumented(&self, service: &str) -> Result<Vec<String>> {
        let table = documented()?;
        let mut faults = Vec::new();
        for (name, family) in &self.families {
            let listed = match family.kind.as_str() {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.clone(),
            };
            match table.get(&listed) {
                None => faults.push(format!("{listed} is not in docs/metrics.md")),
                Some(row) => {
                    let mut differs = String::new();
                    if row.kind != family.kind {
                        write!(differs, " type {} instead of {}", row.kind, family.kind)?;
                    }
                    if !row.services.iter().any(|listed| listed == service || listed == "all") {
                        write!(differs, " not listed for {service}")?;
                    }
                    let told: Vec<&String> = self.labels_of(name).into_iter().collect();
                    if let Some(unlisted) = told.iter().find(|label| !row.labels.contains(**label)) {
                        write!(differs, " label {unlisted} not listed")?;
                    }
                    if !differs.is_empty() {
                        faults.push(format!("{listed} in docs/metrics.md:{differs}"));
                    }
                }
            }
        }
        Ok(faults)
    }

    /// Names of the labels of a family.
    fn labels_of(&self, family: &str) -> std::collections::BTreeSet<&String> {
        let own = self.samples.keys().filter(|(name, _)| {
            name.strip_prefix(family)
                .is_some_and(|suffix| ["", "_total", "_info", "_bucket", "_sum", "_count"].contains(&suffix))
        });
        own.flat_map(|(_, labels)| labels.keys()).filter(|label| *label != "le").collect()
    }
}

/// A row of the table.
struct Row {
    kind: String,
    labels: Vec<String>,
    services: Vec<String>,
}

/// Rows of the form `` | `name` | type | labels | services | meaning | ``.
fn documented() -> Result<BTreeMap<String, Row>> {
    let path = workspace_root().join("docs/metrics.md");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let words = |cell: &str| {
        let words = cell.split(',').map(|word| word.trim().trim_matches('`').to_owned());
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>()
    };
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `ezls_")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, services, meaning] = cells.as_slice() else {
            bail!("{line:?} has not five cells");
        };
        ensure!(!meaning.is_empty(), "{name} has no meaning");
        let row = Row { kind: (*kind).to_owned(), labels: words(labels), services: words(services) };
        ensure!(rows.insert(name.trim_matches('`').to_owned(), row).is_none(), "{name} has two rows");
    }
    Ok(rows)
}

fn is_ours(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    name.starts_with("ezls_") && plain && !name.ends_with("_total") && !name.ends_with('_')
}

/// Labels as they stand between braces. Escaped quotes are refused: no label of ours holds one.
fn labels(text: &str) -> Result<Labels> {
    let mut found = Labels::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").with_context(|| format!("labels {text:?}"))?;
        let (value, after) = after.split_once('"').with_context(|| format!("labels {text:?}"))?;
        ensure!(!value.contains('\\'), "an escaped value in {text:?}");
        ensure!(found.insert(name.to_owned(), value.to_owned()).is_none(), "{name} twice in {text:?}");
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Ok(found)
}

#[cfg(test)]
mod tests;

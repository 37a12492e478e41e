//! Compose files, read as Docker Compose reads them as far as ours go: merge keys, override files, `!override`,
//! variables with defaults.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

/// How a tagged value is kept until files are merged.
const OVERRIDE: &str = "!override";
/// Lists that a later file replaces; all others grow.
const REPLACED_LISTS: [&str; 3] = ["command", "entrypoint", "test"];

/// One or several compose files, merged.
#[derive(Debug, Clone)]
pub struct Compose(Value);

impl Compose {
    /// Reads one file.
    ///
    /// # Errors
    /// When it is no YAML, or uses a tag that is not known here.
    pub fn parse(text: &str) -> Result<Self> {
        let mut document: yaml_serde::Value = yaml_serde::from_str(text).context("read YAML")?;
        document.apply_merge().context("apply merge keys")?;
        Ok(Self(json(document)?))
    }

    /// What comes out when `above` is given after this file.
    #[must_use]
    pub fn overridden(mut self, above: Self) -> Self {
        merge(&mut self.0, above.0, "");
        self
    }

    /// Puts in the values of variables.
    ///
    /// # Errors
    /// When one has neither a value nor a default; the message names it.
    pub fn resolved(mut self, variables: &BTreeMap<String, String>) -> Result<Self> {
        resolve(&mut self.0, variables)?;
        Ok(self)
    }

    /// The services that `up` starts: those without a profile.
    pub fn services(&self) -> impl Iterator<Item = (&str, &Value)> {
        entries(&self.0["services"]).filter(|(_, service)| service["profiles"].is_null())
    }

    /// One of the services that `up` starts.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn service(&self, name: &str) -> Result<&Value> {
        let mut services = self.services();
        services.find(|(found, _)| *found == name).map(|(_, service)| service).context(format!("no {name}"))
    }

    /// Whether there are services that `up` does not start.
    pub fn has_idle_services(&self) -> bool {
        entries(&self.0["services"]).any(|(_, service)| !service["profiles"].is_null())
    }

    /// The names below a top-level key such as `volumes`.
    pub fn defined(&self, key: &str) -> Vec<&str> {
        entries(&self.0[key]).map(|(name, _)| name).collect()
    }

    /// The file of a secret.
    pub fn secret_file(&self, name: &str) -> Option<&str> {
        self.0["secrets"][name]["file"].as_str()
    }
}

/// The entries of an object; none of anything else.
pub fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// The texts of a list; of an object its keys, as in the long form of `depends_on` and `networks`.
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Object(_) => entries(value).map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}

fn json(value: yaml_serde::Value) -> Result<Value> {
    Ok(match value {
        yaml_serde::Value::Mapping(mapping) => {
            let mut object = Map::new();
            for (key, value) in mapping {
                let key = key.as_str().context("a key that is no text")?.to_owned();
                object.insert(key, json(value)?);
            }
            Value::Object(object)
        }
        yaml_serde::Value::Sequence(items) => {
            Value::Array(items.into_iter().map(json).collect::<Result<_>>()?)
        }
        yaml_serde::Value::Tagged(tagged) if tagged.tag == OVERRIDE => {
            Value::Object(Map::from_iter([(OVERRIDE.to_owned(), json(tagged.value)?)]))
        }
        yaml_serde::Value::Tagged(tagged) => bail!("the tag {} is not known here", tagged.tag),
        scalar => serde_json::to_value(scalar).context("a scalar that JSON does not have")?,
    })
}

fn merge(below: &mut Value, above: Value, key: &str) {
    match (below, above) {
        (below, Value::Object(mut above)) if above.contains_key(OVERRIDE) => {
            *below = above.remove(OVERRIDE).unwrap_or_default();
        }
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key.clone()).or_insert(Value::Null), value, &key);
            }
        }
        (Value::Array(below), Value::Array(above)) if !REPLACED_LISTS.contains(&key) => {
            for item in above {
                if !below.contains(&item) {
                    below.push(item);
                }
            }
        }
        (below, above) => *below = above,
    }
}

fn resolve(value: &mut Value, variables: &BTreeMap<String, String>) -> Result<()> {
    match value {
        Value::Object(object) => object.values_mut().try_for_each(|value| resolve(value, variables)),
        Value::Array(items) => items.iter_mut().try_for_each(|value| resolve(value, variables)),
        Value::String(text) => {
            *text = interpolated(text, variables)?;
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// `${NAME:-default}` and `${NAME:?why}`; an empty value counts as none.
fn interpolated(text: &str, variables: &BTreeMap<String, String>) -> Result<String> {
    let mut parts = text.split("${");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once('}').with_context(|| format!("{text}: a ${{ without }}"))?;
        let (name, otherwise) =
            expression.split_once(':').with_context(|| format!("{text}: give {expression} a default"))?;
        match variables.get(name).filter(|value| !value.is_empty()) {
            Some(value) => whole.push_str(value),
            None => match otherwise.strip_prefix('-') {
                Some(default) => whole.push_str(default),
                None => bail!("{name} is not set: {}", otherwise.trim_start_matches('?')),
            },
        }
        whole.push_str(rest);
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_are_merged_as_compose_does() {
        let below =
            "x: &x {a: 1}\nservices:\n  s: {<<: *x, command: [a], ports: [p], secrets: [t, u], b: 1}\n";
        let above = "services:\n  s: {command: [b], ports: [q], secrets: !override [t], b: 2}\n";
        let both = Compose::parse(below).unwrap().overridden(Compose::parse(above).unwrap());
        let expected = json!({"a": 1, "command": ["b"], "ports": ["p", "q"], "secrets": ["t"], "b": 2});
        assert_eq!(both.service("s").unwrap(), &expected);
        assert!(Compose::parse("a: !reset null").is_err(), "a tag that nobody handles");
    }

    #[test]
    fn variables_have_a_value_or_a_default_or_are_missed() {
        let variables = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("E".to_owned(), String::new())]);
        let text = |text: &str| interpolated(text, &variables);
        assert_eq!(text("x-${A:-2}-${B:-3}-${E:-4}").unwrap(), "x-1-3-4");
        assert!(text("${B:?say it}").unwrap_err().to_string().contains("B is not set: say it"));
        for broken in ["${A", "${A}"] {
            assert!(text(broken).is_err(), "{broken}");
        }
    }
}

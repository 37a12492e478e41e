//! Configuration: defaults < JSON file < environment (`EZ_…`) < command line.
//!
//! A service describes its keys by one `serde` struct with `#[serde(default,
//! deny_unknown_fields)]` whose `Default` holds the defaults, and names the environment variable
//! of each key in a table. An unknown key is an error that names the file; `--check-config` prints
//! what is in force and exits.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Exit status for a bad configuration (`EX_USAGE` of sysexits).
pub const EXIT_USAGE: i32 = 64;

/// An environment variable and the key it sets, as a path of keys joined by dots.
pub type Binding = (&'static str, &'static str);

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The command line cannot be understood, or asked for help.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file is no JSON object.
    #[error("the configuration file {path} is not a JSON object")]
    NotJson {
        /// Which file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// A key is unknown or has a wrong type.
    #[error("the configuration ({origin}) cannot be used")]
    Invalid {
        /// Where the value came from.
        origin: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// `--set` without a value.
    #[error("--set {0:?}: write KEY=VALUE, for example --set Api_server_port=1081")]
    Setting(String),
}

/// A usable configuration.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// What is in force.
    pub config: T,
    /// `--check-config` was given: print it and exit.
    pub check_only: bool,
}

#[derive(Parser)]
struct Options {
    /// JSON file with the service's keys.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key over file and environment; the value is JSON or plain text.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Prints the configuration in force and exits.
    #[arg(long)]
    check_config: bool,
}

/// Puts the layers together.
///
/// # Errors
/// See [`ConfigError`]; the message names the layer at fault.
pub fn load<T: Serialize + DeserializeOwned + Default>(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<String>,
    bindings: &[Binding],
) -> Result<Loaded<T>, ConfigError> {
    let options = Options::try_parse_from(arguments)?;
    let invalid = |origin: String| move |source| ConfigError::Invalid { origin, source };
    let mut layers = serde_json::to_value(T::default()).map_err(invalid("defaults".to_owned()))?;

    if let Some(path) = options.config {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let file: serde_json::Map<String, Value> = serde_json::from_str(&text)
            .map_err(|source| ConfigError::NotJson { path: path.clone(), source })?;
        merge(&mut layers, Value::Object(file));
        check::<T>(&layers).map_err(invalid(format!("file {}", path.display())))?;
    }
    for (variable, key) in bindings {
        if let Some(text) = environment(variable) {
            set(&mut layers, key, &text);
            check::<T>(&layers)
                .map_err(invalid(format!("environment variable {variable}, which sets {key}")))?;
        }
    }
    for setting in &options.settings {
        let Some((key, text)) = setting.split_once('=') else {
            return Err(ConfigError::Setting(setting.clone()));
        };
        set(&mut layers, key, text);
        check::<T>(&layers).map_err(invalid(format!("--set {key}")))?;
    }
    let config = serde_json::from_value(layers).map_err(invalid("all layers".to_owned()))?;
    Ok(Loaded { config, check_only: options.check_config })
}

fn check<T: DeserializeOwned>(layers: &Value) -> Result<(), serde_json::Error> {
    serde_json::from_value::<T>(layers.clone()).map(drop)
}

/// Objects are merged key by key, anything else is replaced.
fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// Sets the value at a path of keys. The text is taken as JSON where the present value is not a
/// text, so that `8080` and `true` work, and ports that are texts in the file stay texts.
fn set(layers: &mut Value, path: &str, text: &str) {
    let mut place = layers;
    for key in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(serde_json::Map::new());
        }
        let Value::Object(object) = place else { return };
        place = object.entry(key).or_insert(Value::Null);
    }
    *place = if place.is_string() {
        Value::String(text.to_owned())
    } else {
        serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
    };
}

/// Loads the configuration of a process, or ends it with a message that says what to do.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "talks to the operator before logs exist"
)]
pub fn load_or_exit<T: Serialize + DeserializeOwned + Default>(bindings: &[Binding]) -> T {
    match load::<T>(std::env::args_os(), |name| std::env::var(name).ok(), bindings) {
        Ok(Loaded { config, check_only: false }) => config,
        Ok(Loaded { config, check_only: true }) => {
            println!("{}", redacted(&config));
            std::process::exit(0);
        }
        Err(ConfigError::CommandLine(error)) => {
            let status = if error.use_stderr() { EXIT_USAGE } else { 0 };
            drop(error.print());
            std::process::exit(status);
        }
        Err(error) => {
            eprintln!("{}", crate::telemetry::chain(&error));
            std::process::exit(EXIT_USAGE);
        }
    }
}

/// The configuration as JSON, with whatever sounds like a secret hidden.
fn redacted<T: Serialize>(config: &T) -> String {
    fn hide(value: &mut Value) {
        match value {
            Value::Object(object) => {
                for (key, value) in object.iter_mut() {
                    let key = key.to_ascii_lowercase();
                    let secret =
                        ["secret", "password", "token", "master_key"].iter().any(|word| key.contains(word));
                    if secret
                        && value.as_str().is_some_and(|text| !text.is_empty())
                        && !key.ends_with("_file")
                    {
                        *value = Value::String("***".to_owned());
                    } else {
                        hide(value);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(hide),
            Value::String(text) => {
                if let Some(masked) = without_user_info(text) {
                    *text = masked;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut value = serde_json::to_value(config).unwrap_or_default();
    hide(&mut value);
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

/// A URL whose user and password are hidden; `None` for a text that has none.
fn without_user_info(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (_, host) = authority.rsplit_once('@')?;
    Some(format!("{scheme}://***@{host}{path}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Example {
        port: String,
        limit: u32,
        redis: Redis,
    }

    #[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Redis {
        url: String,
        password: String,
    }

    impl Default for Example {
        fn default() -> Self {
            Self { port: "1080".into(), limit: 5, redis: Redis::default() }
        }
    }

    fn load_with(
        file: &str,
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Example, ConfigError> {
        let mut written = tempfile::NamedTempFile::new().unwrap();
        written.write_all(file.as_bytes()).unwrap();
        let path = written.path().to_str().unwrap().to_owned();
        let mut line = vec!["service".to_owned(), "--config".to_owned(), path];
        line.extend(arguments.iter().map(ToString::to_string));
        load::<Example>(
            line.into_iter().map(OsString::from),
            |name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
            &[("EZ_PORT", "port"), ("EZ_REDIS", "redis.url")],
        )
        .map(|loaded| loaded.config)
    }

    #[test]
    fn later_layers_win() {
        let file = r#"{"port": "2", "limit": 7, "redis": {"url": "file"}}"#;
        let config = load_with(file, &[("EZ_PORT", "3")], &["--set", "limit=9"]).unwrap();
        assert_eq!((config.port.as_str(), config.limit, config.redis.url.as_str()), ("3", 9, "file"));
        let config = load_with(file, &[("EZ_PORT", "3"), ("EZ_REDIS", "e")], &["--set", "port=4"]).unwrap();
        assert_eq!((config.port.as_str(), config.limit, config.redis.url.as_str()), ("4", 7, "e"));
    }

    #[test]
    fn faults_name_their_layer_and_key() {
        let message = |result: Result<Example, ConfigError>| crate::telemetry::chain(&result.unwrap_err());
        let text = message(load_with(r#"{"prot": "2"}"#, &[], &[]));
        assert!(text.contains("file") && text.contains("prot") && text.contains("port"), "{text}");
        let text = message(load_with("{}", &[], &["--set", "limit=many"]));
        assert!(text.contains("--set limit"), "{text}");
        let text = message(load_with("[]", &[], &[]));
        assert!(text.contains("not a JSON object"), "{text}");
        let text = message(load_with("{}", &[], &["--set", "limit"]));
        assert!(text.contains("KEY=VALUE"), "{text}");
    }

    #[test]
    fn printed_configuration_hides_secrets() {
        let config = Example {
            redis: Redis { url: "redis://user:swordfish@localhost/0".into(), password: "hunter2".into() },
            ..Example::default()
        };
        let text = redacted(&config);
        assert!(!text.contains("hunter2") && !text.contains("swordfish"), "{text}");
        assert!(text.contains("redis://***@localhost/0"), "{text}");
    }
}

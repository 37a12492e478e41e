//! How Redis is reached, in the original's keys.

use serde::{Deserialize, Serialize, Serializer};

use super::port;

/// `Redis` of the configuration.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    /// Host name or address. Default `127.0.0.1`.
    #[serde(rename = "RedisIp")]
    pub host: String,
    /// Port, as a text or a number. Default `"6379"`.
    #[serde(rename = "RedisPort", with = "port")]
    pub port: u16,
    /// User of Redis' access lists; empty for the default user.
    #[serde(rename = "RedisUsername")]
    pub username: String,
    /// Password; empty for none.
    #[serde(rename = "RedisPassword")]
    pub password: String,
    /// A whole address, such as `redis://user:password@host:6379/0`; wins over the keys above.
    #[serde(rename = "Url", serialize_with = "without_password")]
    pub url: String,
    /// Stands before each key name. Default empty; `{ez}:` keeps all keys in one slot of a cluster.
    #[serde(rename = "Prefix")]
    pub prefix: String,
    /// Limit of one call in milliseconds, reconnecting included. Default 2000.
    #[serde(rename = "Command_timeout_ms")]
    pub command_timeout_ms: u64,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 6379,
            username: String::new(),
            password: String::new(),
            url: String::new(),
            prefix: String::new(),
            command_timeout_ms: 2_000,
        }
    }
}

impl RedisConfig {
    /// The address with its credentials.
    pub fn address(&self) -> String {
        if !self.url.is_empty() {
            return self.url.clone();
        }
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let credentials = match (self.username.as_str(), self.password.as_str()) {
            ("", "") => String::new(),
            (username, password) => format!("{}:{}@", percent_encoded(username), percent_encoded(password)),
        };
        format!("redis://{credentials}{host}:{}/", self.port)
    }
}

/// All but unreserved characters (RFC 3986 section 2.3) escaped.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// The configuration in force is printed by `--check-config`; only reading takes the password.
fn without_password<S: Serializer>(address: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let masked = address.split_once("://").and_then(|(scheme, rest)| {
        let (_, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://***@{host}"))
    });
    serializer.serialize_str(masked.as_deref().unwrap_or(address))
}

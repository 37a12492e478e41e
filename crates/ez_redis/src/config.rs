//! How Redis is reached, in the keys of the services' configuration files (the original's, and ours).

use std::fmt;

use ez_api::port;
use serde::{Deserialize, Serialize, Serializer};

use crate::Access;

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
    /// Whether the server speaks TLS. Its certificate must come from an authority that the host trusts. Default false.
    #[serde(rename = "Tls")]
    pub tls: bool,
    /// A whole address, such as `redis://user:password@host:6379/0`, or `rediss://…` for TLS. Wins over the keys above, but
    /// for `Tls`, which makes the one of the other.
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
            tls: false,
            url: String::new(),
            prefix: String::new(),
            command_timeout_ms: 2_000,
        }
    }
}

impl fmt::Debug for RedisConfig {
    /// Leaves the password out, and the whole address, which may hold one.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RedisConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("prefix", &self.prefix)
            .field("command_timeout_ms", &self.command_timeout_ms)
            .finish_non_exhaustive()
    }
}

impl RedisConfig {
    /// The address with its credentials.
    pub fn address(&self) -> String {
        if !self.url.is_empty() {
            return if self.tls { with_tls(&self.url) } else { self.url.clone() };
        }
        let is_bare_ipv6 = self.host.contains(':') && !self.host.starts_with('[');
        let host = if is_bare_ipv6 { format!("[{}]", self.host) } else { self.host.clone() };
        let credentials = match (self.username.as_str(), self.password.as_str()) {
            ("", "") => String::new(),
            (username, password) => format!("{}:{}@", percent_encoded(username), percent_encoded(password)),
        };
        let scheme = if self.tls { "rediss" } else { "redis" };
        format!("{scheme}://{credentials}{host}:{}/", self.port)
    }

    /// What a connection is told.
    pub fn access(&self) -> Access {
        Access {
            url: self.address(),
            prefix: self.prefix.clone(),
            command_timeout_ms: self.command_timeout_ms,
            ..Access::default()
        }
    }
}

/// The address with the scheme for TLS; one of a socket on this host stays as it is.
fn with_tls(address: &str) -> String {
    let plain = ["redis", "valkey"].into_iter().find_map(|scheme| {
        let rest = address.strip_prefix(scheme)?;
        rest.starts_with("://").then(|| format!("{scheme}s{rest}"))
    });
    plain.unwrap_or_else(|| address.to_owned())
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

/// Writes an address with `***` for its user and password: the configuration in force is printed by
/// `--check-config`, and only reading takes the password.
///
/// # Errors
/// Those of the serializer.
pub fn without_password<S: Serializer>(address: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let masked = address.split_once("://").and_then(|(scheme, rest)| {
        let (_, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://***@{host}"))
    });
    serializer.serialize_str(masked.as_deref().unwrap_or(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(document: &str) -> String {
        serde_json::from_str::<RedisConfig>(document).unwrap().address()
    }

    #[test]
    fn addresses_are_put_together() {
        for (document, expected) in [
            ("{}", "redis://127.0.0.1:6379/"),
            (r#"{"RedisIp": "redis", "RedisPort": 6380}"#, "redis://redis:6380/"),
            (r#"{"RedisIp": "::1", "RedisPort": "1"}"#, "redis://[::1]:1/"),
            (r#"{"RedisIp": "[::1]"}"#, "redis://[::1]:6379/"),
            (r#"{"RedisPassword": "p@ss/word"}"#, "redis://:p%40ss%2Fword@127.0.0.1:6379/"),
            (r#"{"RedisUsername": "u", "RedisPassword": "p"}"#, "redis://u:p@127.0.0.1:6379/"),
            (r#"{"RedisIp": "x", "Tls": true}"#, "rediss://x:6379/"),
            (r#"{"RedisIp": "x", "Url": "redis://y:1/2"}"#, "redis://y:1/2"),
            (r#"{"Tls": true, "Url": "redis://:p@y:1/2"}"#, "rediss://:p@y:1/2"),
            (r#"{"Tls": true, "Url": "rediss://y:1/2"}"#, "rediss://y:1/2"),
            (r#"{"Tls": true, "Url": "valkey://y"}"#, "valkeys://y"),
            (r#"{"Tls": true, "Url": "unix:///run/redis.sock"}"#, "unix:///run/redis.sock"),
            (r#"{"Tls": true, "Url": "é"}"#, "é"),
        ] {
            assert_eq!(address(document), expected, "{document}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let document = r#"{"RedisPassword": "hunter2", "Url": "redis://u:swordfish@h:1/0"}"#;
        let config: RedisConfig = serde_json::from_str(document).unwrap();
        let shown = format!("{config:?} {:?}", config.access());
        assert!(!shown.contains("hunter2") && !shown.contains("swordfish"), "{shown}");
        let written = serde_json::to_string(&config).unwrap();
        assert!(!written.contains("swordfish") && written.contains("redis://***@h:1/0"), "{written}");
    }
}

//! A secret comes from the configuration or from a file, never from both.

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// None was given.
    #[error("{key} is not configured: set {variable}, or {key}_file to a file that holds it")]
    Missing {
        /// The key of the configuration.
        key: &'static str,
        /// The environment variable that sets it.
        variable: &'static str,
    },
    /// Two were given.
    #[error("both {key} and {key}_file are set: keep one")]
    Ambiguous {
        /// The key of the configuration.
        key: &'static str,
    },
    /// The file cannot be read.
    #[error("{key}_file {path} cannot be read")]
    Unreadable {
        /// The key of the configuration.
        key: &'static str,
        /// Which file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// The secret without white space around it.
pub(super) fn read(
    key: &'static str,
    variable: &'static str,
    value: &str,
    file: &str,
) -> Result<String, SecretError> {
    let text = match (value.is_empty(), file.is_empty()) {
        (true, true) => return Err(SecretError::Missing { key, variable }),
        (false, false) => return Err(SecretError::Ambiguous { key }),
        (false, true) => value.to_owned(),
        (true, false) => std::fs::read_to_string(file).map_err(|source| SecretError::Unreadable {
            key,
            path: file.to_owned(),
            source,
        })?,
    };
    Ok(text.trim().to_owned())
}

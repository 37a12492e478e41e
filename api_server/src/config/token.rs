//! The token by which this service proves itself to workers, from its key or its file.

use ez_domain::secret::Secret;

/// Why the token cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Two were given.
    #[error("both Service_token and Service_token_file are set: keep one")]
    Ambiguous,
    /// The file cannot be read.
    #[error("the service token file {path} cannot be read")]
    Unreadable {
        /// Which file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file holds nothing.
    #[error(
        "the service token file {0} is empty: give the file that the workers are given, or leave the key out"
    )]
    Empty(String),
}

/// The token without white space around it; `None` when none is configured.
pub(super) fn read(token: &str, file: &str) -> Result<Option<Secret<String>>, TokenError> {
    let text = match (token.is_empty(), file.is_empty()) {
        (true, true) => return Ok(None),
        (false, false) => return Err(TokenError::Ambiguous),
        (false, true) => token.to_owned(),
        (true, false) => std::fs::read_to_string(file)
            .map_err(|source| TokenError::Unreadable { path: file.to_owned(), source })?,
    };
    match text.trim() {
        "" => Err(TokenError::Empty(file.to_owned())),
        token => Ok(Some(Secret::new(token.to_owned()))),
    }
}

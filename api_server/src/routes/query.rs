//! The query of a request: known keys, each once.
//!
//! A misspelt key is refused like one in a body: `?keep_medai=true` must not remove media.

use ez_api::problem::Problem;

use crate::refusal::Refusal;

/// The values of `known` keys in the query, by the place of the key.
pub(crate) fn read<const KEYS: usize>(
    query: Option<&str>,
    known: [&str; KEYS],
) -> Result<[Option<String>; KEYS], Refusal> {
    let mut values = [const { None }; KEYS];
    for (key, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let Some(place) = known.iter().position(|name| *name == key) else {
            let detail = format!("the query has no key {key:?} here; {}", usable(&known));
            return Err(Problem::invalid_request(detail).into());
        };
        if values[place].replace(value.into_owned()).is_some() {
            return Err(Problem::invalid_request(format!("the query has {key} twice; give it once")).into());
        }
    }
    Ok(values)
}

fn usable(known: &[&str]) -> String {
    if known.is_empty() { "it takes none".to_owned() } else { format!("it takes {}", known.join(", ")) }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn known_keys_once() {
        assert_eq!(read(None, ["a", "b"]).unwrap(), [None, None]);
        assert_eq!(
            read(Some("b=1%20x&a="), ["a", "b"]).unwrap(),
            [Some(String::new()), Some("1 x".to_owned())]
        );
        for bad in ["c=1", "a=1&a=1", "A=1", "%ff=1", "a=1&="] {
            assert_eq!(read(Some(bad), ["a", "b"]).unwrap_err().into_response().status(), 400, "{bad}");
        }
    }
}

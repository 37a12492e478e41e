//! Application and stream key out of what encoders put into `connect` and `publish`.
//!
//! People paste `rtmp://host/live`, `rtmp://host/live/`, or the whole `rtmp://host/live/KEY` with an empty
//! key into their encoder; signatures hang on the key as a query. All of it means the same publish.

/// What an encoder named, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Name {
    pub(crate) app: String,
    pub(crate) stream_key: String,
    pub(crate) query: Option<String>,
}

/// Joins `connect`'s `app` and `tcUrl` with `publish`'s stream name.
pub(crate) fn resolve(app: &str, tc_url: Option<&str>, stream_name: &str) -> Name {
    let (app, app_query) = without_query(app);
    let (key, key_query) = without_query(stream_name);
    let query = key_query.or(app_query).map(str::to_owned);
    if !key.is_empty() {
        return Name { app: app.to_owned(), stream_key: key.to_owned(), query };
    }
    // No stream name: the key is the last part of the application or of the URL's path.
    let path = tc_url.and_then(path_of);
    let (url, url_query) = path.map_or(("", None), without_query);
    let whole = if app.contains('/') { app } else { url };
    let (app, key) = whole.rsplit_once('/').unwrap_or((app, ""));
    Name {
        app: trim(app).to_owned(),
        stream_key: key.to_owned(),
        query: query.or(url_query.map(str::to_owned)),
    }
}

fn without_query(text: &str) -> (&str, Option<&str>) {
    match text.split_once('?') {
        Some((name, query)) => (trim(name), Some(query)),
        None => (trim(text), None),
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c == '/' || c.is_ascii_whitespace())
}

fn path_of(url: &str) -> Option<&str> {
    let (_scheme, rest) = url.split_once("://")?;
    rest.split_once('/').map(|(_host, path)| path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_dialect_means_the_same_publish() {
        let url = Some("rtmp://host:1935/live");
        let whole = Some("rtmp://host:1935/live/KEY");
        // (app, tcUrl, stream name) -> (app, key, query)
        let cases = [
            (("live", url, "KEY"), ("live", "KEY", None)),
            (("live/", url, "KEY"), ("live", "KEY", None)),
            (("/live", None, "/KEY"), ("live", "KEY", None)),
            (("live", url, "KEY?a=b&c=d"), ("live", "KEY", Some("a=b&c=d"))),
            (("live", url, "KEY?a=b?c"), ("live", "KEY", Some("a=b?c"))),
            (("live?a=b", url, "KEY"), ("live", "KEY", Some("a=b"))),
            (("live", url, " KEY\n"), ("live", "KEY", None)),
            (("live/KEY", whole, ""), ("live", "KEY", None)),
            (("live/KEY?a=b", whole, ""), ("live", "KEY", Some("a=b"))),
            (("live", whole, ""), ("live", "KEY", None)),
            (("live", Some("rtmp://host/live/KEY?a=b"), ""), ("live", "KEY", Some("a=b"))),
            (("live", whole, "?a=b"), ("live", "KEY", Some("a=b"))),
            // Nothing that could be a key.
            (("live", url, ""), ("live", "", None)),
            (("", None, ""), ("", "", None)),
            (("live", Some("nonsense"), ""), ("live", "", None)),
            // A deeper application is another application.
            (("live/other", url, "KEY"), ("live/other", "KEY", None)),
        ];
        for ((app, tc_url, stream_name), (want_app, want_key, want_query)) in cases {
            let want = Name {
                app: want_app.to_owned(),
                stream_key: want_key.to_owned(),
                query: want_query.map(str::to_owned),
            };
            assert_eq!(resolve(app, tc_url, stream_name), want, "{app} {tc_url:?} {stream_name}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(app in "\\PC{0,20}", url in prop::option::of("\\PC{0,30}"), name in "\\PC{0,20}") {
            let _ = resolve(&app, url.as_deref(), &name);
        }
    }
}

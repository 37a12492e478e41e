use std::ffi::OsString;
use std::io::Write as _;

use ez_service::config::{ConfigError, Loaded, load};

use super::super::BINDINGS;
use super::*;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn loaded(environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let Loaded { config, .. } = load::<Config>(
        ["scheduler"].map(OsString::from),
        |name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
        &BINDINGS,
    )?;
    Ok(config)
}

fn config(environment: &[(&str, &str)]) -> Config {
    loaded(environment).unwrap()
}

/// What is wrong, as soon as it is seen: some faults by reading the keys, some by checking them.
fn fault(environment: &[(&str, &str)]) -> String {
    match loaded(environment) {
        Ok(config) => ez_service::telemetry::chain(&config.settings().unwrap_err()),
        Err(error) => ez_service::telemetry::chain(&error),
    }
}

#[test]
fn every_binding_reaches_its_key() {
    let sample = |name: &str| match name.rsplit_once('_') {
        Some((_, "PORT")) => "4711",
        Some((_, "TLS")) => "true",
        _ => "some-text",
    };
    let environment: Vec<_> = BINDINGS.iter().map(|(name, _)| (*name, sample(name))).collect();
    let value = serde_json::to_value(config(&environment)).unwrap();
    for (name, key) in BINDINGS {
        let found = value.pointer(&format!("/{}", key.replace('.', "/"))).map(ToString::to_string);
        let found = found.as_deref().map(|text| text.trim_matches('"'));
        assert_eq!(found, Some(sample(name)), "{name} {key}");
    }
}

#[test]
fn the_key_server_is_asked_with_its_own_token_or_the_service_s() {
    let url = ("EZ_KEY_SERVER_URL", "http://keys:5080/keys/");
    let token = |environment: &[(&str, &str)]| {
        let settings = config(&[&[("EZ_MASTER_KEY", KEY), url], environment].concat()).settings().unwrap();
        settings.key_server.map(|(_, token)| token.expose().clone())
    };
    let (own, service) = (("EZ_KEY_TOKEN", "own"), ("EZ_SERVICE_TOKEN", "service"));
    assert_eq!(token(&[own, service]).as_deref(), Some("own"));
    assert_eq!(token(&[service]).as_deref(), Some("service"));
    assert!(fault(&[("EZ_MASTER_KEY", KEY), url]).contains("Drm_key_server_token_file"));
    for bad in ["keys:5080", "ftp://keys/", "nonsense"] {
        let fault = fault(&[("EZ_MASTER_KEY", KEY), ("EZ_KEY_SERVER_URL", bad), service]);
        assert!(fault.contains("give an http or https URL"), "{bad}: {fault}");
    }
}

#[test]
fn addresses_are_put_together() {
    let settings =
        config(&[("EZ_MASTER_KEY", KEY), ("EZ_REDIS_PORT", "7000"), ("EZ_REDIS_PASSWORD", "p@ss/word")])
            .settings()
            .unwrap();
    assert_eq!(settings.store.url, "redis://:p%40ss%2Fword@127.0.0.1:7000/");
    assert_eq!(settings.queue.url, settings.store.url);
    assert_eq!((settings.hostname.as_str(), settings.port), ("127.0.0.1", 3080));

    let settings =
        config(&[("EZ_MASTER_KEY", KEY), ("EZ_REDIS_URL", "redis://r:1/"), ("EZ_QUEUE_URL", "redis://q:1/")])
            .settings()
            .unwrap();
    assert_eq!((settings.store.url.as_str(), settings.queue.url.as_str()), ("redis://r:1/", "redis://q:1/"));
}

#[test]
fn faults_name_the_key_and_the_way_out() {
    type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);
    let cases: [Case; 8] = [
        (&[], &["Master_key_file", "openssl rand -hex 32"]),
        (&[("EZ_MASTER_KEY", "short")], &["master key", "64 hexadecimal digits"]),
        (&[("EZ_MASTER_KEY", KEY), ("EZ_MASTER_KEY_FILE", "/k")], &["Master_key_file", "keep one"]),
        (&[("EZ_MASTER_KEY_FILE", "/does/not/exist")], &["Master_key_file", "/does/not/exist"]),
        (&[("EZ_MASTER_KEY", KEY), ("EZ_SCHEDULER_PORT", "http")], &["Server_port", "http"]),
        (&[("EZ_MASTER_KEY", KEY), ("EZ_REDIS_PORT", "66000")], &["Redis.RedisPort", "66000"]),
        (&[("EZ_MASTER_KEY", KEY), ("EZ_S3_ACCESS_KEY_ID", "AKID")], &["Access_key_id", "both or none"]),
        (
            &[("EZ_MASTER_KEY", KEY), ("EZ_SCHEDULER_HOST", "0.0.0.0")],
            &["0.0.0.0", "Service_token_file", "127.0.0.1"],
        ),
    ];
    for (environment, words) in cases {
        let text = fault(environment);
        for word in words {
            assert!(text.contains(word), "{environment:?}: {word:?} is not in: {text}");
        }
        assert!(!text.contains(KEY), "{text}");
    }
}

#[test]
fn an_open_address_is_fine_with_a_token_from_a_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "  a-token-of-the-installation ").unwrap();
    let path = file.path().to_str().unwrap();
    let environment = [("EZ_MASTER_KEY", KEY), ("EZ_SCHEDULER_HOST", "::"), ("EZ_SERVICE_TOKEN_FILE", path)];
    let settings = config(&environment).settings().unwrap();
    assert_eq!(settings.service_token.as_ref().unwrap().expose(), "a-token-of-the-installation");
    let printed = format!("{:?} {:?}", config(&environment), settings);
    assert!(!printed.contains("a-token") && !printed.contains(KEY), "{printed}");
}

use std::ffi::OsString;

use ez_service::config::load;

use super::*;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn loaded(environment: &[(&str, &str)], settings: &[&str]) -> Result<Config, String> {
    let mut arguments = vec![OsString::from("api_server")];
    for setting in settings {
        arguments.extend([OsString::from("--set"), OsString::from(setting)]);
    }
    let from =
        |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    load::<Config>(arguments, from, BINDINGS)
        .map(|loaded| loaded.config)
        .map_err(|error| ez_service::telemetry::chain(&error))
}

#[test]
fn defaults_are_those_of_one_machine() {
    let config = loaded(&[], &[]).unwrap();
    assert!(config == Config::default());
    assert_eq!((config.hostname.as_str(), config.port), ("127.0.0.1", 1080));
    assert_eq!(config.redis.address(), "redis://127.0.0.1:6379/");
    assert_eq!(config.queue.redis_stream(&config.redis).url, "redis://127.0.0.1:6379/");
}

#[test]
fn the_configuration_file_of_the_original_is_read_as_far_as_it_applies() {
    let text = r#"{"Api_server_hostname": "0.0.0.0", "Api_server_port": "1080",
        "Redis": {"RedisIp": "redis", "RedisPort": "6380"}}"#;
    let config: Config = serde_json::from_str(text).unwrap();
    assert_eq!((config.hostname.as_str(), config.port), ("0.0.0.0", 1080));
    assert_eq!(config.redis.address(), "redis://redis:6380/");
    let number: Config = serde_json::from_str(r#"{"Api_server_port": 1081}"#).unwrap();
    assert_eq!(number.port, 1081);
}

#[test]
fn unknown_keys_and_wrong_values_are_named() {
    for (setting, word) in [
        ("Api_server_prot=1", "Api_server_prot"),
        ("Redis.RedisIP=x", "RedisIP"),
        ("Queue.Kind=sqs", "Kind"),
        ("Playback.Template=x", "Template"),
        ("Api_server_port=many", "many"),
        ("Api_server_port=65536", "65536"),
        ("Max_jobs=-1", "Max_jobs"),
    ] {
        let message = loaded(&[], &[setting]).map(|_| ()).unwrap_err();
        assert!(message.contains(word), "{setting}: {message}");
    }
}

#[test]
fn each_variable_sets_its_key() {
    let environment = [
        ("EZ_API_HOST", "::1"),
        ("EZ_API_PORT", "1090"),
        ("EZ_REDIS_PREFIX", "{ez}:"),
        ("EZ_REDIS_HOST", "::1"),
        ("EZ_REDIS_PORT", "7000"),
        ("EZ_REDIS_PASSWORD", "p@ss/word"),
        ("EZ_QUEUE_URL", "redis://queue/"),
        ("EZ_MASTER_KEY", KEY),
        ("EZ_SERVICE_TOKEN", "a-token-of-the-installation"),
        ("EZ_PLAYBACK_ENDPOINT", "http://127.0.0.1:9000"),
        ("EZ_CONSOLE_BUCKET", "ezlive"),
        ("EZ_MAX_JOBS", "7"),
        ("EZ_ALLOWED_ORIGINS", "https://example.com"),
        ("EZ_API_METRICS", "false"),
    ];
    let config = loaded(&environment, &[]).unwrap();
    assert_eq!((config.hostname.as_str(), config.port, config.max_jobs), ("::1", 1090, 7));
    assert_eq!(config.redis.address(), "redis://:p%40ss%2Fword@[::1]:7000/");
    assert_eq!((config.redis.access().prefix.as_str(), config.console.bucket.as_str()), ("{ez}:", "ezlive"));
    assert_eq!(config.queue.redis_stream(&config.redis).url, "redis://queue/");
    assert_eq!(config.playback.endpoint, "http://127.0.0.1:9000");
    assert!(config.master_key().is_ok() && !config.metrics);
    assert_eq!(config.allowed_origins, "https://example.com");
    assert_eq!(config.service_token().unwrap().unwrap().expose(), "a-token-of-the-installation");
    let config = loaded(&[("EZ_REDIS_URL", "redis://other:1/")], &[]).unwrap();
    assert_eq!(config.redis.address(), "redis://other:1/");
}

#[test]
fn a_printed_configuration_shows_no_password() {
    let environment =
        [("EZ_REDIS_URL", "redis://user:hunter2@host:1/0"), ("EZ_QUEUE_URL", "redis://:hunter2@q/")];
    let config = loaded(&environment, &[]).unwrap();
    assert_eq!(config.redis.address(), "redis://user:hunter2@host:1/0", "the password itself is kept");
    let text = serde_json::to_string(&config).unwrap();
    assert!(!text.contains("hunter2") && text.contains("redis://***@host:1/0"), "{text}");
}

#[test]
fn the_service_token_comes_from_one_place() {
    let with = |token: &str, file: &str| {
        let (service_token, service_token_file) = (token.to_owned(), file.to_owned());
        Config { service_token, service_token_file, ..Config::default() }.service_token()
    };
    assert!(with("", "").unwrap().is_none());
    assert!(matches!(with("x", "/x"), Err(TokenError::Ambiguous)));
    assert!(matches!(with("", "/nonexistent/token"), Err(TokenError::Unreadable { .. })));
    assert!(matches!(with("", "/dev/null"), Err(TokenError::Empty(_))));
}

#[test]
fn the_master_key_comes_from_one_place() {
    let with = |key: &str, file: &str| Config {
        master_key: key.to_owned(),
        master_key_file: file.to_owned(),
        ..Config::default()
    };
    assert!(matches!(with("", "").master_key(), Err(MasterKeyError::Missing)));
    assert!(matches!(with(KEY, "/x").master_key(), Err(MasterKeyError::Ambiguous)));
    assert!(matches!(with("", "/nonexistent/key").master_key(), Err(MasterKeyError::Unreadable { .. })));
    assert!(matches!(with("abc", "").master_key(), Err(MasterKeyError::Unusable(_))));
    let file = std::env::temp_dir().join(format!("ez-master-key-{}", uuid::Uuid::new_v4()));
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let read = with("", file.to_str().unwrap()).master_key();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(read.unwrap().index("x"), with(KEY, "").master_key().unwrap().index("x"));
}

use std::ffi::OsString;

use ez_service::config::load;

use super::*;

fn with(environment: &[(&str, &str)], settings: &[&str]) -> Result<Settings, String> {
    let mut line = vec![OsString::from("worker_app")];
    for setting in settings {
        line.extend([OsString::from("--set"), OsString::from(setting)]);
    }
    let look_up =
        |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned());
    load::<Config>(line, look_up, BINDINGS)
        .map_err(|error| ez_service::telemetry::chain(&error))?
        .config
        .resolve()
        .map_err(|error| ez_service::telemetry::chain(&error))
}

#[test]
fn defaults_stay_on_loopback() {
    let settings = with(&[], &[]).unwrap();
    assert_eq!((settings.bind_host.as_str(), settings.port), ("127.0.0.1", 2080));
    assert_eq!(
        (settings.rtmp_bind_host.as_str(), settings.rtmp_port_base, settings.rtmp_ports),
        ("127.0.0.1", 1935, 15)
    );
    assert_eq!((settings.capacity_millicores, settings.control_url, settings.store.keys), (None, None, None));
}

#[test]
fn every_binding_names_a_key() {
    for (variable, key) in BINDINGS {
        let text = match *key {
            "CpuCapacity" | "Rtmp_port_base" | "Rtmp_ports" | "Least_free_disk_mib" => "7",
            "Store.required_checksums_only" => "true",
            _ => "http://text",
        };
        let line = [OsString::from("worker_app")];
        let loaded = load::<Config>(line, |name| (name == *variable).then(|| text.to_owned()), BINDINGS);
        let mut value = serde_json::to_value(loaded.unwrap().config).unwrap();
        for part in key.split('.') {
            value =
                value.get(part).unwrap_or_else(|| panic!("{variable} sets {key}, which is no key")).clone();
        }
        assert_eq!(value.to_string().trim_matches('"'), text, "{variable}");
    }
}

#[test]
fn keys_of_the_store_come_in_pairs_and_stay_texts() {
    let both = with(&[("EZ_S3_ACCESS_KEY_ID", "17"), ("EZ_S3_SECRET_KEY", "0042")], &[]).unwrap();
    let (id, secret) = both.store.keys.clone().unwrap();
    assert_eq!((id.as_str(), secret.expose().as_str()), ("17", "0042"));
    assert!(!format!("{both:?}").contains("0042"));
    assert!(with(&[("EZ_S3_SECRET_KEY", "x")], &[]).unwrap_err().contains("Store.access_key_id"));
    assert!(with(&[("EZ_S3_ACCESS_KEY_ID", "x")], &[]).unwrap_err().contains("Store.secret_key"));
}

#[test]
fn what_makes_no_sense_is_named_with_its_remedy() {
    for (setting, key) in [
        ("WorkerPort=http", "WorkerPort"),
        ("Rtmp_ports=0", "Rtmp_ports"),
        ("Rtmp_port_base=65530", "Rtmp_ports"),
        ("SchedulerUrl=scheduler:3080", "SchedulerUrl"),
        ("SchedulerUrl=", "SchedulerUrl"),
        ("Control_url=ftp://host", "Control_url"),
        ("Store.endpoint=s3", "Store.endpoint"),
        ("MyPublicIP=", "MyPublicIP"),
        ("Service_token_file=/nonexistent/token", "Service_token_file"),
        ("WorkerUdpPortBase=10001", "WorkerUdpPortBase"),
        ("Store.bucket=b", "bucket"),
    ] {
        let message = with(&[], &[setting]).unwrap_err();
        assert!(message.contains(key), "{setting}: {message}");
    }
}

#[test]
fn the_token_file_is_trimmed_and_may_not_be_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let setting = format!("Service_token_file={}", path.display());
    std::fs::write(&path, "tok\n").unwrap();
    assert_eq!(with(&[], &[&setting]).unwrap().service_token.unwrap().expose(), "tok");
    let environment = [("EZ_SERVICE_TOKEN", "env")];
    assert_eq!(with(&environment, &[&setting]).unwrap().service_token.unwrap().expose(), "env");
    std::fs::write(&path, "\n").unwrap();
    assert!(with(&[], &[&setting]).unwrap_err().contains("empty"));
}

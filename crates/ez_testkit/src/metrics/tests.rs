use super::*;

const GOOD: &str = "# HELP ezls_jobs Jobs.\n# TYPE ezls_jobs gauge\nezls_jobs{phase=\"pending\"} 3\n\
    ezls_jobs{phase=\"failed\"} 0\n# HELP ezls_calls Calls.\n# TYPE ezls_calls counter\nezls_calls_total 7\n\
    # HELP ezls_wait_seconds Wait.\n# TYPE ezls_wait_seconds histogram\n# UNIT ezls_wait_seconds seconds\n\
    ezls_wait_seconds_sum 1.5\nezls_wait_seconds_count 2\nezls_wait_seconds_bucket{le=\"1.0\"} 1\n\
    ezls_wait_seconds_bucket{le=\"+Inf\"} 2\n# EOF\n";

#[test]
fn a_good_text_is_read() {
    let told = Exposition::parse(GOOD).unwrap();
    assert_eq!(told.value("ezls_jobs", &[("phase", "pending")]), Some(3.0));
    assert_eq!(told.value("ezls_jobs", &[]), None);
    assert_eq!(told.value("ezls_calls_total", &[]), Some(7.0));
    assert_eq!(told.families().count(), 3);
}

#[test]
fn each_fault_is_seen() {
    for (from, to, fault) in [
        ("# HELP ezls_jobs Jobs.\n", "", "no help"),
        ("ezls_jobs{phase=\"failed\"}", "ezls_jobs{phase=\"pending\"}", "told twice"),
        ("# TYPE ezls_calls counter", "# TYPE ezls_calls gauge", "no sample of the gauge"),
        ("ezls_calls_total 7", "ezls_calls 7", "no sample of the counter"),
        ("ezls_calls_total 7", "ezls_calls_total -7", "below zero"),
        ("ezls_calls_total 7", "ezls_other_total 7", "stands under"),
        ("ezls_calls_total 7", "ezls_calls_total many", "no number"),
        ("le=\"+Inf\"} 2", "le=\"+Inf\"} 1", "in the last bucket"),
        ("seconds seconds", "seconds bytes", "its unit"),
        ("# EOF\n", "", "the end"),
    ] {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "{from}");
        let error = format!("{:#}", Exposition::parse(&text).unwrap_err());
        assert!(error.contains(fault), "{from} -> {to}: {error}");
    }
    let foreign = GOOD.replace("ezls_calls", "calls");
    assert!(Exposition::parse(&foreign).unwrap_err().to_string().contains("no name of ours"));
}

#[test]
fn what_no_table_lists_is_seen() {
    let text = "# HELP ezls_invented It is not there.\n# TYPE ezls_invented gauge\nezls_invented 1\n# EOF\n";
    let faults = Exposition::parse(text).unwrap().undocumented("scheduler").unwrap();
    assert_eq!(faults, ["ezls_invented is not in docs/metrics.md"]);
}

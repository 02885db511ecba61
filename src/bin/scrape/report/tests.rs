//! Both files of one run, and a strict reader of the text format of Prometheus.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use scrape::model::{Counts, Culprit, HostCounts, Latency, Matched, Summary};
use scrape::{Ended, ErrorKind};
use serde_json::{Value, json};

use super::*;
use crate::exit::Exit;
use crate::resume::Resume;

fn end() -> End {
    let summary = Summary {
        read: 1012,
        ok: 993,
        failed: 7,
        skipped: 2,
        left: 10,
        passed_over: 3,
        kinds: [(ErrorKind::Timeout, 4), (ErrorKind::HttpStatus, 3)].into(),
        statuses: [(404, 3)].into(),
        answers: [(200, 993), (404, 3)].into(),
        hosts: vec![HostCounts { host: "a.example:443".into(), counts: Counts { ok: 993, failed: 3, bytes: 10 } }],
        other_hosts: Counts { ok: 0, failed: 4, bytes: 0 },
        fields: vec![Matched { field: "a \"b\"\\\nc".into(), matched: 900 }],
        latency: Latency { count: 996, sum: 2000, min: 1, p50: 2, p90: 3, p95: 4, p99: 5, max: 1500 },
        bytes: 10,
        received: 5,
        requests: 1100,
        robots: 1,
        retries: 99,
        redirects: 4,
        waits: [("rate", Duration::from_millis(1500))].into(),
        started: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)),
        elapsed: Duration::from_millis(83_200),
        ended: Ended::FirstFailure,
        ended_by: Some(Culprit { url: "https://a.example/x".into(), kind: ErrorKind::Timeout, message: "too late".into() }),
        input_complete: true,
        ..Summary::default()
    };
    let judged = ["failed > 5%", "failed>5%", "field:x = 0"]
        .map(|text| text.parse::<scrape::policy::Threshold>().unwrap().judge(&summary));
    let resume = Resume::Command { line: "scrape u -o o --resume".to_owned(), needs_list: false, is_redacted: false };
    End { summary, exit: Exit::SomeFailed, judged: judged.into(), resume: Some(resume), error: None }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_083_323)
}

#[test]
fn the_summary_is_one_object_with_all_that_was_counted() {
    let text = json::text(&end(), now());
    assert!(text.ends_with("}\n") && text.lines().count() == 1);
    let object: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": "2023-11-14T22:13:20.123Z",
        "ended_at": "2023-11-14T22:14:43.323Z",
        "elapsed_ms": 83_200,
        "ended": "first_failure",
        "ended_by": { "url": "https://a.example/x", "error": "timeout", "error_message": "too late" },
        "exit_code": 3,
        "error": null,
        "in": 1012, "ok": 993, "failed": 7, "skipped": 2, "left": 10, "passed_over": 3,
        "input_complete": true,
        "errors": { "timeout": 4, "http_status": 3 },
        "statuses": { "200": 993, "404": 3 },
        "requests": { "sent": 1100, "robots": 1, "retries": 99, "redirects": 4 },
        "bytes": { "decoded": 10, "received": 5 },
        "latency_ms": { "count": 996, "min": 1, "mean": 2.008, "p50": 2, "p90": 3, "p95": 4, "p99": 5, "max": 1500 },
        "waits_ms": { "rate": 1500 },
        "fields": [{ "name": "a \"b\"\\\nc", "matched": 900, "of": 993 }],
        "fail_if": [
            { "expression": "failed > 5%", "true": false, "count": 7, "of": 1000 },
            { "expression": "failed > 5%", "true": false, "count": 7, "of": 1000 },
            { "expression": "field:x = 0", "true": true, "count": 0, "of": 993 },
        ],
        "hosts": [{ "host": "a.example:443", "records": 996, "ok": 993, "failed": 3, "bytes": 10 }],
        "other_hosts": { "records": 4, "ok": 0, "failed": 4, "bytes": 0 },
        "slowed": [],
        "partial": [],
        "resume": "scrape u -o o --resume",
    });
    assert_eq!(object, expected);
}

#[test]
fn a_run_that_did_not_begin_has_all_members_too() {
    let keys = |end: &End| -> Vec<String> {
        let object: Value = serde_json::from_str(&json::text(end, now())).unwrap();
        object.as_object().unwrap().keys().cloned().collect()
    };
    let broken = Summary { ended: Ended::Broken, ..Summary::default() };
    let broken =
        End { summary: broken, exit: Exit::Broken, judged: vec![], resume: None, error: Some("no such file".to_owned()) };
    assert_eq!(keys(&broken), keys(&end()));
    let metrics = read(&prometheus::text(&broken, now(), "r"));
    assert_eq!(metrics["scrape_run_exit_code"].to_string(), "1");
}

/// A metric's name with its labels as they are meant, and its value; whatever a collector would refuse panics.
fn read(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n') && !text.contains("\n\n"));
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
    };
    let (mut samples, mut told): (BTreeMap<String, f64>, HashSet<String>) = Default::default();
    let (mut metric, mut kind) = (String::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a name and a help text");
            assert!(is_name(name) && name.starts_with("scrape_run_") && !help.is_empty(), "{line}");
            assert!(told.insert(name.to_owned()), "{name} in two places");
            let next = lines.next().expect("a TYPE after the HELP");
            kind = next.strip_prefix(&format!("# TYPE {name} ")).unwrap_or_else(|| panic!("{next}")).to_owned();
            assert!(["gauge", "summary"].contains(&kind.as_str()), "{next}");
            name.clone_into(&mut metric);
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let (name, labels) = series
            .split_once('{')
            .map_or((series, None), |(name, rest)| (name, Some(rest.strip_suffix('}').unwrap_or_else(|| panic!("{line}")))));
        let is_part = kind == "summary" && [format!("{metric}_sum"), format!("{metric}_count")].contains(&name.to_owned());
        assert!(is_name(name) && (name == metric || is_part), "{line} under {metric}");
        let mut key = name.to_owned();
        let mut names = HashSet::new();
        for (at, (label, value)) in read_labels(labels.unwrap_or_default()).into_iter().enumerate() {
            if at == 0 {
                assert!(label == "run" && ["r", "pri\"ces"].contains(&value.as_str()), "{line}");
                continue;
            }
            assert!(is_name(&label) && !label.contains(':') && names.insert(label.clone()), "{line}");
            key.extend([" ", &label, "=", &value]);
        }
        assert!(samples.insert(key, value.parse().unwrap_or_else(|_| panic!("{line}"))).is_none(), "{line} twice");
    }
    samples
}

fn read_labels(text: &str) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        let name: String = chars.by_ref().take_while(|c| *c != '=').collect();
        assert_eq!(chars.next(), Some('"'), "{text}");
        let mut value = String::new();
        loop {
            match chars.next().unwrap_or_else(|| panic!("an open value in {text}")) {
                '"' => break,
                '\\' => value.push(match chars.next() {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"')) => c,
                    other => panic!("\\{other:?} in {text}"),
                }),
                c => value.push(c),
            }
        }
        labels.push((name, value));
        assert!(matches!(chars.next(), None | Some(',')), "{text}");
    }
    labels
}

#[test]
fn the_metrics_are_what_a_collector_reads() {
    let metrics = read(&prometheus::text(&end(), now(), "pri\"ces"));
    for (name, value) in [
        (concat!("scrape_run_info version=", env!("CARGO_PKG_VERSION")), 1.0),
        ("scrape_run_start_time_seconds", 1_700_000_000.123),
        ("scrape_run_end_time_seconds", 1_700_000_083.323),
        ("scrape_run_duration_seconds", 83.2),
        ("scrape_run_exit_code", 3.0),
        ("scrape_run_ended reason=first_failure", 1.0),
        ("scrape_run_ended reason=finished", 0.0),
        ("scrape_run_input_targets", 1012.0),
        ("scrape_run_targets outcome=ok", 993.0),
        ("scrape_run_targets outcome=left", 10.0),
        ("scrape_run_input_complete", 1.0),
        ("scrape_run_input_passed_over_lines", 3.0),
        ("scrape_run_failures kind=timeout", 4.0),
        ("scrape_run_failures kind=dns", 0.0),
        ("scrape_run_responses status=404", 3.0),
        ("scrape_run_requests purpose=page", 1099.0),
        ("scrape_run_requests purpose=robots", 1.0),
        ("scrape_run_retries", 99.0),
        ("scrape_run_redirects", 4.0),
        ("scrape_run_body_bytes form=decoded", 10.0),
        ("scrape_run_body_bytes form=received", 5.0),
        ("scrape_run_wait_seconds reason=rate", 1.5),
        ("scrape_run_attempt_duration_seconds quantile=0.99", 0.005),
        ("scrape_run_attempt_duration_seconds quantile=1", 1.5),
        ("scrape_run_attempt_duration_seconds_sum", 2.0),
        ("scrape_run_attempt_duration_seconds_count", 996.0),
        ("scrape_run_host_records host=a.example:443 outcome=failed", 3.0),
        ("scrape_run_host_records host=other outcome=failed", 4.0),
        ("scrape_run_host_body_bytes host=a.example:443", 10.0),
        ("scrape_run_field_matched_records field=a \"b\"\\\nc", 900.0),
        ("scrape_run_fail_if expression=failed > 5%", 0.0),
        ("scrape_run_fail_if expression=field:x = 0", 1.0),
    ] {
        let found = metrics.get(name).unwrap_or_else(|| panic!("no {name} in {metrics:#?}"));
        assert!((found - value).abs() < 1e-6, "{name} is {found}");
    }
    let sum: f64 = metrics.iter().filter(|(name, _)| name.starts_with("scrape_run_targets ")).map(|(_, value)| value).sum();
    assert!((metrics["scrape_run_input_targets"] - sum).abs() < 0.5, "the identity");
}

#[test]
#[should_panic(expected = "twice")]
fn the_reader_refuses_what_a_collector_would() {
    read(
        "# HELP scrape_run_x X.\n# TYPE scrape_run_x gauge\nscrape_run_x{run=\"r\",a=\"1\"} 1\nscrape_run_x{run=\"r\",a=\"1\"} 2\n",
    );
}

//! The practice site: everything can be tried without a network.

use rustix::process::Signal;

use crate::harness::{field, scrape};

#[test]
fn the_demo_works_without_input_or_network_and_shows_a_failure() {
    let run = scrape("--demo").run().code(3);
    let records = run.records();
    assert!(records.len() > 2, "{}", run.text());
    assert!(records.iter().any(|record| field(record, "data").get("title").is_some_and(serde_json::Value::is_string)));
    assert!(records.iter().any(|record| field(record, "status") == 404 && field(record, "error") == "http_status"));
    assert!(records.iter().all(|record| field(record, "url").as_str().unwrap().starts_with("http://127.0.0.1:")));
    let summary = run.summary();
    assert_eq!((summary.total, summary.left), (records.len() as u64, 0));
}

#[test]
fn the_demo_obeys_the_other_options() {
    let run = scrape("--demo -f csv -s heading=h1 -q").run().code(3);
    assert!(run.text().lines().next().unwrap().ends_with(",heading"), "{}", run.text());
    assert_eq!(run.stderr, "");
}

#[test]
fn the_demo_can_be_served_until_it_is_interrupted() {
    let mut demo = scrape("--demo=serve").spawn();
    let url = demo.line();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let run = scrape("").stdin(&url).run();
    assert!(field(&run.record(), "status").is_u64());
    assert!(demo.is_running());
    demo.signal(Signal::INT);
    let run = demo.end().code(130);
    assert!(run.text().lines().all(|line| line.starts_with("http://127.0.0.1:")), "only a list of URLs:\n{}", run.text());
}

#[test]
fn the_demo_needs_no_proxy_whatever_the_environment_says() {
    // Nothing listens at port 9.
    let run = scrape("--demo -q").env("HTTP_PROXY", "http://127.0.0.1:9").env("http_proxy", "http://127.0.0.1:9").run().code(3);
    assert_eq!(
        run.records().iter().filter(|record| field(record, "error").is_string()).count(),
        1,
        "only the missing page fails"
    );
}

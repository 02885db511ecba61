//! A host that cannot be reached: left alone, probed, given up; and retries that do not become a storm.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{REFUSED, Reply, Run, Site, field, scrape};

/// So many misses in a row open the circuit.
const FAILURES: usize = 10;

fn kinds(run: &Run, kind: &str) -> usize {
    run.each("error").iter().filter(|error| *error == kind).count()
}

/// A list of pages of one of the hosts.
fn pages(site: &Site, host: usize, pages: usize) -> String {
    (0..pages).map(|page| site.url_of(host, &format!("/p/{page}")) + "\n").collect()
}

/// A first host that closes every connection without a word, and others that answer.
fn broken(hosts: u8) -> Site {
    let site = Site::hosts(hosts);
    let dead = site.host(0);
    site.on(
        "/p/*",
        move |request| {
            if request.header("host") == Some(&dead) { Reply::nothing().close() } else { Reply::title(&request.path) }
        },
    );
    site
}

#[test]
fn a_host_that_is_never_reached_is_given_up_after_ten_misses_and_three_probes() {
    let site = broken(1);
    let run = scrape("-c 1 --retries 0 --backoff 4ms --no-adapt").stdin(pages(&site, 0, 60)).run().code(3);
    assert_eq!(site.hits().len(), FAILURES + 3, "{}", run.stderr);
    assert_eq!((kinds(&run, "connect"), kinds(&run, "circuit_open")), (13, 47));
    let record = run.records().into_iter().find(|record| record["error"] == "circuit_open").unwrap();
    let message = field(&record, "error_message").as_str().unwrap();
    assert!(message.contains(&site.host(0)) && message.contains("--give-up"), "{message}");
    assert_eq!((field(&record, "attempts"), field(&record, "status")), (&json!(0), &json!(null)));
    assert_eq!(run.summary().failed, 60);
}

#[test]
fn pauses_between_probes_grow() {
    let site = broken(1);
    scrape("-c 1 --retries 0 --backoff 40ms --no-adapt").stdin(pages(&site, 0, 20)).run().code(3);
    let hits = site.hits();
    let gaps: Vec<_> = hits.windows(2).map(|pair| pair[1].arrived.duration_since(pair[0].arrived)).collect();
    for (gap, least) in gaps[FAILURES - 1..].iter().zip([200, 400, 800]) {
        assert!(*gap >= Duration::from_millis(least), "{gaps:?}");
    }
}

#[test]
fn probes_are_as_many_as_asked_for_and_one_at_a_time() {
    for give_up in [1, 2, 5] {
        let site = broken(1);
        let flags = format!("-c 8 --retries 0 --backoff 2ms --no-adapt --give-up {give_up}");
        scrape(&flags).stdin(pages(&site, 0, 60)).run().code(3);
        // What was on its way when the circuit opened has still arrived.
        let most = FAILURES + 7 + give_up;
        assert!((FAILURES + give_up..=most).contains(&site.hits().len()), "{give_up}: {}", site.hits().len());
    }
    scrape("--give-up 0").arg(REFUSED).run().code(2);
}

#[test]
fn other_hosts_go_on_meanwhile() {
    let site = broken(2);
    let list = pages(&site, 0, 100) + &pages(&site, 1, 100);
    // The pauses of the first would outlast the test.
    let live = scrape("-c 4 --retries 0 --backoff 20s").stdin(list).spawn();
    site.wait_until("all pages of the other host", |hits| {
        hits.iter().filter(|hit| hit.request.host() == "127.0.0.2").count() == 100
    });
    assert!(site.hits_at(0).len() <= FAILURES + 3, "{}", site.hits_at(0).len());
    drop(live);
}

#[test]
fn a_host_that_comes_back_is_fetched_to_its_end() {
    let site = Site::start();
    let start = Instant::now();
    // Gone for a while, in which it would have been asked hundreds of times.
    site.on("/p/*", move |request| {
        if start.elapsed() < Duration::from_millis(700) { Reply::nothing().close() } else { Reply::title(&request.path) }
    });
    let run = scrape("-c 1 --retries 0 --backoff 60ms --no-adapt").stdin(pages(&site, 0, 60)).run().code(3);
    assert_eq!((kinds(&run, "circuit_open"), run.summary().total), (0, 60));
    assert!(run.summary().ok >= 40 && run.summary().failed >= 10, "{:?}", run.summary());
}

#[test]
fn timeouts_open_it_and_answers_do_not() {
    for reply in [Reply::nothing().hang(), Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx").hang()] {
        let site = Site::start();
        site.page("/p/*", reply);
        let run = scrape("-c 20 --per-host 5 --retries 0 --timeout 100ms --backoff 2ms --no-adapt")
            .stdin(pages(&site, 0, 60))
            .run()
            .code(3);
        assert!(kinds(&run, "circuit_open") >= 30, "{}", run.text());
    }
    for reply in [
        Reply::status(500),
        Reply::status(404),
        Reply::redirect("/p/0"),
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx").close(),
    ] {
        let site = Site::start();
        site.page("/p/*", reply);
        let run = scrape("--retries 0 --no-adapt").stdin(pages(&site, 0, 40)).run().code(3);
        assert_eq!(kinds(&run, "circuit_open"), 0);
        assert!(site.hits().len() >= 40);
    }
}

#[test]
fn a_target_that_was_tried_keeps_its_attempts_when_its_host_is_given_up() {
    let site = broken(1);
    let run = scrape("-c 20 --retries 50 --retry-budget none --backoff 2ms --no-adapt").stdin(pages(&site, 0, 3)).run().code(3);
    assert_eq!(run.each("error"), ["circuit_open", "circuit_open", "circuit_open"]);
    let attempts: u64 = run.each("attempts").iter().map(|attempts| attempts.as_u64().unwrap()).sum();
    assert_eq!(attempts, site.hits().len() as u64);
    assert!(run.each("fetched_at").iter().all(serde_json::Value::is_string));
}

#[test]
fn what_happens_is_told() {
    let site = broken(1);
    let run = scrape("-v -c 1 --retries 0 --backoff 2ms --no-adapt").stdin(pages(&site, 0, 20)).run().code(3);
    for part in ["cannot be reached", "given up", &site.host(0)] {
        assert!(run.stderr.contains(part), "{part} in:\n{}", run.stderr);
    }
    let run = scrape("-q -c 1 --retries 0 --backoff 2ms --no-adapt").stdin(pages(&site, 0, 20)).run().code(3);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_deadline_before_the_next_probe_leaves_the_targets_at_once() {
    let site = broken(1);
    let run = scrape("-c 1 --retries 0 --backoff 1m --max-wait 1h --deadline 40s").stdin(pages(&site, 0, 30)).run().code(4);
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    let summary = run.summary();
    assert_eq!((summary.failed, summary.left, site.hits().len()), (10, 20, 10));
}

/// Retries are a fifth of the requests of the ten seconds before each of them, and ten that a short run may always have.
#[track_caller]
fn assert_retries_within_their_share(site: &Site) {
    let mut seen = std::collections::HashSet::new();
    let starts: Vec<_> = site.hits().into_iter().map(|hit| (hit.arrived, !seen.insert(hit.request.path))).collect();
    for (last, (end, _)) in starts.iter().enumerate().filter(|(_, (_, is_retry))| *is_retry) {
        // The window moves in steps of a second, and what has started takes its time to arrive; one at a time they arrive in order.
        let since =
            |seconds| starts[..=last].iter().filter(move |(at, _)| end.duration_since(*at) < Duration::from_secs(seconds));
        let (retries, all) = (since(8).filter(|(_, is_retry)| *is_retry).count(), since(11).count());
        assert!(retries <= 11 + all / 5, "{retries} retries of {all}");
    }
}

#[test]
fn a_storm_of_retries_is_held_to_its_share() {
    let site = Site::start();
    site.page("/p/*", Reply::status(500));
    let run = scrape("-c 1 --retries 5 --backoff 1ms").stdin(pages(&site, 0, 100)).run().code(3);
    assert_retries_within_their_share(&site);
    assert_eq!(run.summary().failed, 100);
    let message = run.each("error_message");
    assert!(message.iter().any(|message| message.as_str().unwrap().contains("--retry-budget")), "{message:?}");
    assert!(run.each("error").iter().all(|error| error == "http_status"));
}

#[test]
fn the_share_can_be_all_or_nothing() {
    for (share, requests) in [("none", 120), ("0", 40), ("100%", 120)] {
        let site = Site::start();
        site.page("/p/*", Reply::status(500));
        scrape("--retries 2 --backoff 1ms --retry-budget").arg(share).stdin(pages(&site, 0, 40)).run().code(3);
        assert_eq!(site.hits().len(), requests, "{share}");
    }
    for share in ["120%", "-1", "much", ""] {
        scrape("").arg(format!("--retry-budget={share}")).arg(REFUSED).run().code(2);
    }
}

#[test]
fn retries_that_help_are_held_to_the_share_too() {
    let site = Site::start();
    for page in 0..200 {
        site.pages(&format!("/p/{page}"), [Reply::status(500), Reply::title("x")]);
    }
    let run = scrape("-c 1 --backoff 1ms --max-backoff 1s --no-adapt").stdin(pages(&site, 0, 200)).run().code(3);
    assert_retries_within_their_share(&site);
    assert!((55..=75).contains(&run.summary().ok), "10 + 200 / 5 and their own fifth: {:?}", run.summary());
}

#[test]
fn retries_within_their_share_are_all_made() {
    let site = Site::start();
    for page in 0..120 {
        let replies =
            if page % 5 == 0 { [Reply::status(500), Reply::title("x")] } else { [Reply::title("x"), Reply::title("x")] };
        site.pages(&format!("/p/{page}"), replies);
    }
    scrape("--backoff 1ms --no-adapt").stdin(pages(&site, 0, 120)).run().code(0);
    assert_eq!(site.hits().len(), 144);
}

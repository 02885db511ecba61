//! Trying again: when, how often, and how long a server that asks for patience is left alone.

use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use crate::harness::{Hit, Reply, Site, field, scrape};

/// The times between the end of a reply and the next request.
fn gaps(hits: &[Hit]) -> Vec<Duration> {
    hits.windows(2).map(|pair| pair[1].arrived.duration_since(pair[0].ended.unwrap())).collect()
}

fn busy(retry_after: &str) -> Reply {
    Reply::status(503).header("Retry-After", retry_after)
}

#[test]
fn what_fails_twice_and_then_works_is_a_page() {
    for bad in
        [Reply::status(503), Reply::nothing().reset(), Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").close()]
    {
        let site = Site::start();
        site.pages("/x", [bad.clone(), bad, Reply::title("at last")]);
        let record = scrape("--backoff 1ms").arg(site.url("/x")).run().code(0).record();
        assert_eq!((field(&record, "attempts"), field(&record, "status")), (&json!(3), &json!(200)));
        assert_eq!((field(&record, "data.title"), site.count("/x")), (&json!("at last"), 3));
    }
}

#[test]
fn retries_are_as_many_as_asked_for() {
    for retries in [0, 1, 4] {
        let site = Site::start();
        site.page("/x", Reply::status(503));
        let record = scrape("--backoff 1ms --retries").arg(retries.to_string()).arg(site.url("/x")).run().code(3).record();
        assert_eq!((field(&record, "attempts"), site.count("/x")), (&json!(retries + 1), retries + 1));
    }
}

#[test]
fn the_backoff_has_an_upper_bound() {
    let site = Site::start();
    site.page("/x", Reply::status(503));
    scrape("--retries 5 --backoff 1h --max-backoff 2ms").arg(site.url("/x")).run().code(3);
    assert_eq!(site.count("/x"), 6);
}

#[test]
fn what_is_retried_can_be_said() {
    let site = Site::start();
    site.page("/418", Reply::status(418)).page("/503", Reply::status(503));
    let list = [site.url("/418"), site.url("/503")].join("\n");
    scrape("--backoff 1ms --retry-on 418").stdin(list).run().code(3);
    assert_eq!((site.count("/418"), site.count("/503")), (3, 1));
}

#[test]
fn retry_after_in_seconds_is_waited_for() {
    let site = Site::start();
    site.pages("/x", [busy("1"), Reply::title("x")]);
    scrape("--backoff 1ms").arg(site.url("/x")).run().code(0);
    assert!(gaps(&site.hits())[0] >= Duration::from_secs(1), "{:?}", gaps(&site.hits()));
}

#[test]
fn retry_after_as_a_date_is_waited_for_and_one_that_has_passed_is_not() {
    let (start, clock) = (Instant::now(), SystemTime::now());
    // Dates have whole seconds: two seconds ahead are at least one.
    let date = httpdate::fmt_http_date(clock + Duration::from_secs(2));
    let until = httpdate::parse_http_date(&date).unwrap().duration_since(clock).unwrap();
    let site = Site::start();
    site.pages("/x", [busy(&date), busy("Sun, 06 Nov 1994 08:49:37 GMT"), Reply::title("x")]);
    scrape("--backoff 1ms").arg(site.url("/x")).run().code(0);
    let waited = site.hits()[1].arrived.duration_since(start);
    assert!(waited >= until, "{waited:?} and not {until:?}");
    assert_eq!(site.count("/x"), 3);
}

#[test]
fn only_a_status_that_fails_the_target_asks_for_patience() {
    let site = Site::start();
    let cut = Reply::raw("HTTP/1.1 200 OK\r\nRetry-After: 3600\r\nContent-Length: 9\r\n\r\nhalf").close();
    site.pages("/x", [cut, Reply::title("x")]);
    scrape("--backoff 1ms --max-wait 1h").arg(site.url("/x")).run().code(0);
    assert_eq!(site.count("/x"), 2);
}

#[test]
fn two_retry_afters_that_differ_say_nothing() {
    let site = Site::start();
    // Obeyed, either would outlast every test.
    site.pages("/x", [busy("3000").header("Retry-After", "4000"), Reply::title("x")]);
    scrape("--backoff 1ms --max-wait 1h").arg(site.url("/x")).run().code(0);
}

#[test]
fn an_absurd_retry_after_is_harmless() {
    for value in ["-1", "1.5", "1e9", "soon", "", "0x10", "Thu, 99 Foo 2026 99:99:99 GMT", "\u{e9}"] {
        let site = Site::start();
        site.page("/x", busy(value));
        scrape("--backoff 1ms --max-wait 1h").arg(site.url("/x")).run().code(3);
        assert_eq!(site.count("/x"), 3, "{value:?}");
    }
}

#[test]
fn a_retry_after_beyond_the_cap_is_cut_to_it() {
    let cap = Duration::from_millis(150);
    for value in ["3600", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let site = Site::start();
        site.page("/x", busy(value));
        scrape("--backoff 1ms --max-wait 150ms").arg(site.url("/x")).run().code(3);
        let gaps = gaps(&site.hits());
        assert!(gaps.len() == 2 && gaps.iter().all(|gap| *gap >= cap), "{value}: {gaps:?}");
    }
}

#[test]
fn the_whole_host_waits_and_no_other() {
    let site = Site::hosts(2);
    site.pages("/limited", [busy("1"), Reply::title("x")]).on("/p/*", |request| Reply::title(&request.path));
    let mut list = vec![site.url("/limited")];
    list.extend((0..5).map(|page| site.url(&format!("/p/own{page}"))));
    list.extend((0..5).map(|page| site.url_of(1, &format!("/p/other{page}"))));
    scrape("-c 1").stdin(list.join("\n")).run().code(0);
    let hits = site.hits();
    let told = hits.iter().position(|hit| hit.request.path == "/limited").unwrap();
    let end = hits[told].ended.unwrap();
    let (own, other): (Vec<_>, Vec<_>) = hits[told + 1..].iter().partition(|hit| hit.request.host() == "127.0.0.1");
    assert!(own.iter().all(|hit| hit.arrived.duration_since(end) >= Duration::from_secs(1)), "{:?}", site.paths());
    assert!(!own.is_empty() && !other.is_empty());
    assert!(other.iter().all(|hit| hit.arrived < own[0].arrived), "waiting holds no slot: {:?}", site.paths());
}

#[test]
fn a_connection_that_the_server_closed_in_between_is_replaced_and_does_not_count() {
    let site = Site::start();
    site.on("/p/*", |request| Reply::title(&request.path).close());
    let run = scrape("-c 1 --retries 0").stdin(site.list(30)).run().code(0);
    assert!(run.each("attempts").iter().all(|attempts| attempts == 1));
    assert_eq!(site.hits().len(), 30);
}

#[test]
fn a_closed_connection_is_replaced_by_a_new_one_and_not_by_the_next_that_may_be_closed() {
    let site = Site::start();
    site.on("/first/*", |_| Reply::title("x").delay(Duration::from_millis(100)));
    site.pages("/then", [Reply::nothing().delay(Duration::from_millis(200)).close(), Reply::title("y")]);
    let first = (1..=3).map(|page| site.url(&format!("/first/{page}")) + "\n");
    let run = scrape("-c 3 --retries 0").stdin(first.collect::<String>() + &site.url("/then")).run().code(0);
    assert!(run.each("attempts").iter().all(|attempts| attempts == 1));
    assert_eq!((site.count("/then"), site.connections()), (2, 4), "three were kept and idle");
}

#[test]
fn connections_are_kept_alive() {
    let site = Site::of_pages();
    scrape("-c 1").stdin(site.list(20)).run().code(0);
    assert_eq!((site.hits().len(), site.connections()), (20, 1));
}

#[test]
fn a_host_that_closes_its_kept_connections_is_soon_asked_on_new_ones() {
    let site = Site::start();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    // It reads a further request of a connection, and closes: the client cannot know that before.
    site.on("/p/*", move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 3 {
        0 => Reply::title("x"),
        1 => Reply::nothing().close(),
        _ => Reply::title("x").close(),
    });
    scrape("-c 1 --retries 5 --backoff 1ms --no-adapt --retry-budget none").stdin(site.list(100)).run().code(0);
    let again = site.connections();
    assert!(again > 90, "{again} connections for 100 pages");
}

//! Politeness, as the site sees it: never more at a time, and never faster, than was asked for.

use std::time::Duration;

use crate::harness::{Gate, Hit, Reply, Site, scrape};

/// How late the site may notice a request on a busy machine, while it notices the next one in time.
pub(crate) const JITTER: Duration = Duration::from_millis(100);

/// No window of time saw more requests than the burst and what the rate adds to it.
#[track_caller]
pub(crate) fn assert_paced(hits: &[Hit], rate: f64, burst: usize) {
    for (first, hit) in hits.iter().enumerate() {
        for (last, other) in hits.iter().enumerate().skip(first + burst) {
            let window = other.arrived.duration_since(hit.arrived);
            let requests = last - first + 1;
            let least = Duration::from_secs_f64(u32::try_from(requests - burst).map_or(f64::MAX, f64::from) / rate);
            assert!(window + JITTER >= least, "{requests} requests in {window:?}, from the {first}th on");
        }
    }
}

/// A site where requests multiply: each page of `/p/` is redirected from `/from/` and fails once.
fn laborious() -> Site {
    let site = Site::start();
    site.on("/from/*", |request| Reply::redirect(&request.path.replace("/from/", "/p/")));
    for page in 1..=5 {
        site.pages(&format!("/p/{page}"), [Reply::status(503), Reply::title("x")]);
    }
    site
}

fn laborious_list(site: &Site) -> String {
    site.list(5).replace("/p/", "/from/")
}

#[test]
fn concurrency_is_reached_and_never_exceeded() {
    let site = Site::start();
    let gate = Gate::default();
    let held = gate.clone();
    site.on("/p/*", move |request| Reply::title(&request.path).behind(&held));
    let live = scrape("-c 4").stdin(site.list(40)).spawn();
    site.wait_for_hits(4);
    gate.open();
    live.end().code(0);
    assert_eq!((site.peak(), site.hits().len()), (4, 40));
}

#[test]
fn concurrency_includes_retries_and_redirects() {
    let site = laborious();
    let slow = Duration::from_millis(5);
    site.on("/from/*", move |request| Reply::redirect(&request.path.replace("/from/", "/p/")).delay(slow));
    scrape("-c 2 --backoff 1ms").stdin(laborious_list(&site)).run().code(0);
    assert_eq!(site.hits().len(), 20);
    assert!(site.peak() <= 2, "{}", site.peak());
}

#[test]
fn a_host_has_a_limit_of_its_own() {
    let site = Site::hosts(2);
    let gate = Gate::default();
    let held = gate.clone();
    site.on("/p/*", move |request| Reply::title(&request.path).behind(&held));
    let list: Vec<_> = (0..40).map(|page| site.url_of(page / 20, &format!("/p/{page}"))).collect();
    let live = scrape("-c 10 --per-host 3").stdin(list.join("\n")).spawn();
    site.wait_for_hits(6);
    gate.open();
    live.end().code(0);
    assert_eq!((site.peak_of_a_host(), site.hits().len()), (3, 40));
    assert!(site.peak() <= 6);
}

#[test]
fn the_rate_is_never_exceeded_in_any_window_retries_and_redirects_included() {
    for flags in ["--rps 20", "--rate-limit 1200/m", "--rps 20/s --burst 1", "--rps 2/100ms"] {
        let site = laborious();
        scrape(flags).arg("--backoff").arg("1ms").stdin(laborious_list(&site)).run().code(0);
        assert_eq!(site.hits().len(), 20, "{flags}");
        assert_paced(&site.hits(), 20.0, 1);
    }
}

#[test]
fn a_burst_is_allowed_and_no_more() {
    let site = Site::of_pages();
    scrape("--rps 10 --burst 5").stdin(site.list(15)).run().code(0);
    assert_paced(&site.hits(), 10.0, 5);
}

#[test]
fn each_host_has_a_rate_of_its_own() {
    let site = Site::hosts(2);
    site.on("/p/*", |request| Reply::title(&request.path));
    let list: Vec<_> = (0..16).map(|page| site.url_of(page / 8, &format!("/p/{page}"))).collect();
    scrape("--host-rps 10").stdin(list.join("\n")).run().code(0);
    for host in ["127.0.0.1", "127.0.0.2"] {
        let hits: Vec<_> = site.hits().into_iter().filter(|hit| hit.request.host() == host).collect();
        assert_eq!(hits.len(), 8);
        assert_paced(&hits, 10.0, 1);
    }
}

#[test]
fn a_rate_that_makes_no_sense_is_a_usage_error() {
    let site = Site::of_pages();
    for rate in ["0", "-1", "fast", "5/0s", "1/x", "inf", "nan", ""] {
        for flag in ["--rps", "--host-rps"] {
            scrape("").arg(format!("{flag}={rate}")).arg(site.url("/p/1")).run().code(2);
        }
    }
    for flag in ["-c=0", "--per-host=0", "--burst=0", "--timeout=0x", "--max-body=much", "--retries=-1"] {
        scrape(flag).arg(site.url("/p/1")).run().code(2);
    }
    assert!(site.hits().is_empty());
}

#[test]
fn the_window_is_measured_rightly() {
    let start = std::time::Instant::now();
    let hit = |millis| Hit { arrived: start + Duration::from_millis(millis), ..hit_at(start) };
    assert_paced(&[hit(0), hit(500), hit(1000)], 2.0, 1);
    assert_paced(&[hit(0), hit(0), hit(500)], 2.0, 2);
    let fails = |hits: &[Hit], burst| std::panic::catch_unwind(|| assert_paced(hits, 2.0, burst)).is_err();
    assert!(fails(&[hit(0), hit(300)], 1));
    assert!(fails(&[hit(0), hit(0), hit(0)], 2));
}

fn hit_at(arrived: std::time::Instant) -> Hit {
    Hit { request: crate::harness::Request::default(), arrived, ended: None, flying: 1, flying_of_host: 1 }
}

//! What is kept between runs, and shared by runs at one time: `--pace-state`.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Reply, Site, Work};
use crate::pace::assert_paced;

/// A site whose pages take some time.
fn slow(millis: u64) -> Site {
    let site = Site::start();
    site.on("/p/*", move |request| Reply::title(&request.path).delay(Duration::from_millis(millis)));
    site
}

#[test]
fn two_runs_at_once_share_a_hosts_rate() {
    let (site, work) = (slow(0), Work::new());
    let start = || work.scrape("--pace-state pace.db --host-rps 10").stdin(site.list(15)).spawn();
    for live in [start(), start()] {
        live.end().code(0);
    }
    assert_eq!(site.hits().len(), 30);
    assert_paced(&site.hits(), 10.0, 1);
}

#[test]
fn the_stricter_of_two_runs_counts_and_a_burst_is_not_doubled() {
    let (site, work) = (slow(0), Work::new());
    let start = |flags: &str, pages| work.scrape(flags).args(["--pace-state", "pace.db"]).stdin(site.list(pages)).spawn();
    for live in [start("--host-rps 8 --burst 3", 10), start("--host-rps 8 --burst 3", 10)] {
        live.end().code(0);
    }
    assert_paced(&site.hits(), 8.0, 3);
}

#[test]
fn the_rate_goes_on_from_one_run_to_the_next() {
    let (site, work) = (slow(0), Work::new());
    for _ in 0..4 {
        work.scrape("--pace-state pace.db --host-rps 2").arg(site.url("/p/1")).run().code(0);
    }
    assert_eq!(site.hits().len(), 4);
    assert_paced(&site.hits(), 2.0, 1);
}

#[test]
fn two_runs_at_once_share_the_places_of_a_host() {
    let (site, work) = (slow(40), Work::new());
    let start = || work.scrape("--pace-state pace.db --per-host 2 -c 10").stdin(site.list(12)).spawn();
    for live in [start(), start()] {
        live.end().code(0);
    }
    assert_eq!(site.hits().len(), 24);
    assert!(site.peak() <= 2, "{}", site.peak());
}

#[test]
fn a_wish_to_be_left_alone_outlives_the_run() {
    let (site, work) = (Site::start(), Work::new());
    site.pages("/x", [Reply::status(429).header("Retry-After", "2"), Reply::title("x")]);
    work.scrape("--pace-state pace.db --retries 0").arg(site.url("/x")).run().code(3);
    work.scrape("--pace-state pace.db").arg(site.url("/x")).run().code(0);
    let hits = site.hits();
    let gap = hits[1].arrived.duration_since(hits[0].ended.unwrap());
    assert!(gap + Duration::from_millis(50) >= Duration::from_secs(2), "{gap:?}");
}

#[test]
fn a_wish_that_passes_the_deadline_leaves_the_next_runs_targets_at_once() {
    let (site, work) = (Site::start(), Work::new());
    site.page("/x", Reply::status(429).header("Retry-After", "250"));
    work.scrape("--pace-state pace.db --retries 0").arg(site.url("/x")).run().code(3);
    let run = work.scrape("--pace-state pace.db --deadline 100s").arg(site.url("/x")).run().code(4);
    assert_eq!((run.summary().left, site.hits().len()), (1, 1));
}

#[test]
fn a_robots_txt_is_not_asked_for_again() {
    let (site, work) = (slow(0), Work::new());
    site.robots("User-agent: *\nDisallow: /p/1\nCrawl-delay: 0.25\n");
    for _ in 0..2 {
        let run = work.scrape("--pace-state pace.db --robots always --ordered").stdin(site.list(4)).run().code(3);
        assert_eq!(run.at(1)["error"], "robots");
    }
    assert_eq!((site.count("/robots.txt"), site.hits().len()), (1, 7));
    assert_paced(&site.hits()[1..], 4.0, 1);
}

#[test]
fn that_there_is_no_robots_txt_is_kept_and_that_it_cannot_be_had_is_not() {
    let (site, work) = (slow(0), Work::new());
    site.pages("/robots.txt", [Reply::status(500), Reply::status(404)]);
    let run = || work.scrape("--pace-state pace.db --robots always --retries 0").arg(site.url("/p/1")).run();
    run().code(3);
    run().code(0);
    run().code(0);
    assert_eq!(site.count("/robots.txt"), 2);
}

#[test]
fn a_damaged_file_is_a_warning_and_a_fresh_start() {
    let (site, work) = (slow(0), Work::new());
    let run = || work.scrape("--pace-state pace.db --host-rps 100").stdin(site.list(3)).run().code(0);
    run();
    let whole = std::fs::read(work.path("pace.db")).unwrap();
    let mut scrambled = whole.clone();
    for byte in &mut scrambled[100..] {
        *byte ^= 0x55;
    }
    for damaged in [b"not a database, but as long as one would be".repeat(100), whole[..whole.len() / 2].to_vec(), scrambled] {
        work.write("pace.db", damaged);
        let first = run();
        assert!(first.stderr.contains("pace.db"), "{}", first.stderr);
        let second = run();
        assert!(!second.stderr.contains("pace.db"), "{}", second.stderr);
    }
}

#[test]
fn an_empty_file_is_a_fresh_one() {
    let (site, work) = (slow(0), Work::new());
    work.write("pace.db", "");
    let run = work.scrape("--pace-state pace.db").arg(site.url("/p/1")).run().code(0);
    assert!(!run.stderr.contains("pace.db"), "{}", run.stderr);
}

#[test]
fn a_file_that_cannot_be_had_ends_the_run_before_any_request() {
    let (site, work) = (slow(0), Work::new());
    work.write("other.txt", "x");
    for path in ["nowhere/pace.db", ".", "other.txt/pace.db"] {
        let run = work.scrape("--pace-state").arg(path).arg(site.url("/p/1")).run();
        assert!(matches!(run.exit, Some(1 | 2)), "{:?}", run.exit);
        assert!(run.stderr.contains(path) && run.text().is_empty(), "{}", run.stderr);
    }
    assert!(site.hits().is_empty());
}

#[test]
fn a_run_that_was_killed_holds_nobody_up() {
    let (site, work) = (slow(0), Work::new());
    site.page("/hang", Reply::nothing().hang()).robots("");
    let killed = work.scrape("--pace-state pace.db --per-host 1 --host-rps 5 --robots always").arg(site.url("/hang")).spawn();
    site.wait_for("/hang");
    killed.signal(Signal::KILL);
    assert_eq!(killed.end().exit, None);
    let run = work.scrape("--pace-state pace.db --per-host 1 --host-rps 5 --robots always").stdin(site.list(3)).run().code(0);
    assert!(!run.stderr.contains("pace.db"), "{}", run.stderr);
    assert_eq!(site.count("/robots.txt"), 1);
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    assert_paced(&site.hits(), 5.0, 1);
}

#[test]
fn runs_that_are_killed_in_the_middle_leave_a_file_that_is_whole() {
    let (site, work) = (slow(0), Work::new());
    site.robots("");
    for round in 1..=4 {
        let killed = work.scrape("--pace-state pace.db --host-rps 200 --robots always").stdin(site.list(2000)).spawn();
        let seen = site.hits().len();
        site.wait_for_hits(seen + 10 * round);
        killed.signal(Signal::KILL);
        killed.end();
    }
    let run = work.scrape("--pace-state pace.db --host-rps 200 --robots always").stdin(site.list(5)).run().code(0);
    assert!(!run.stderr.contains("pace.db"), "{}", run.stderr);
}

#[test]
fn a_pace_that_a_host_taught_is_kept() {
    let (site, work) = (Site::start(), Work::new());
    let last = std::sync::Mutex::new(std::time::Instant::now());
    // It answers ten a second and refuses the rest.
    site.on("/p/*", move |request| {
        let mut last = last.lock().unwrap();
        if last.elapsed() < Duration::from_millis(100) {
            return Reply::status(429);
        }
        *last = std::time::Instant::now();
        Reply::title(&request.path)
    });
    let run = || {
        work.scrape("-v --pace-state pace.db --retries 20 --retry-budget none --backoff 50ms").stdin(site.list(12)).run().code(0)
    };
    run();
    let first = site.hits().len();
    run();
    let second = site.hits().len() - first;
    assert!(second < first, "{second} requests after {first}");
}

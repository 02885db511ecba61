//! One slow host does not hold the others back, also in a list that is sorted by host.

use std::time::Duration;

use crate::harness::{Gate, Reply, Site, scrape};

/// A sorted list: so many pages of the first host, then as many of the second.
fn sorted(site: &Site, pages: usize) -> String {
    let line = |host: usize, page| site.url_of(host, &format!("/{}/{page}", ["slow", "fast"][host])) + "\n";
    (0..2).flat_map(|host| (0..pages).map(move |page| (host, page))).map(|(host, page)| line(host, page)).collect()
}

fn is_fast(path: &str) -> bool {
    path.starts_with("/fast/")
}

#[test]
fn a_host_that_never_answers_keeps_only_its_own_share() {
    let site = Site::hosts(2);
    let gate = Gate::default();
    let held = gate.clone();
    site.on("/slow/*", move |_| Reply::title("x").behind(&held)).on("/fast/*", |_| Reply::title("x"));
    let live = scrape("-c 4 --per-host 2").stdin(sorted(&site, 20)).spawn();
    site.wait_until("all pages of the fast host", |hits| hits.iter().filter(|hit| is_fast(&hit.request.path)).count() == 20);
    assert!(site.paths().iter().filter(|path| !is_fast(path)).count() <= 2);
    gate.open();
    live.end().code(0);
}

#[test]
fn a_free_slot_goes_to_the_host_with_the_fewest_requests() {
    let site = Site::hosts(2);
    let slow = Duration::from_millis(60);
    site.on("/slow/*", move |_| Reply::title("x").delay(slow)).on("/fast/*", |_| Reply::title("x"));
    scrape("-c 4").stdin(sorted(&site, 40)).run().code(0);
    let paths = site.paths();
    let last = paths.iter().rposition(|path| is_fast(path)).unwrap();
    let slow = paths[..last].iter().filter(|path| !is_fast(path)).count();
    assert!(slow < 20, "{slow} of 40 slow pages went before the last fast one");
}

#[test]
fn a_host_that_waits_for_its_rate_lets_the_others_go_first() {
    let site = Site::hosts(2);
    site.on("/slow/*", |_| Reply::title("x")).on("/fast/*", |_| Reply::title("x"));
    scrape("-c 1 --host-rps 5").stdin(sorted(&site, 3)).run().code(0);
    let fast = site.paths().iter().position(|path| is_fast(path)).unwrap();
    assert_eq!(fast, 1, "{:?}", site.paths());
}

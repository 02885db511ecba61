//! One slow host does not hold the others back, also in a list that is sorted by host.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Gate, Hit, Reply, Site, Work, scrape};
use crate::pace::assert_paced;

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
    let slow = site.paths().iter().filter(|path| !is_fast(path)).count();
    assert!((1..=2).contains(&slow), "{slow}");
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

fn fast(hits: &[Hit]) -> usize {
    hits.iter().filter(|hit| is_fast(&hit.request.path)).count()
}

/// So many lines of the first host, and then some of the second.
fn long(site: &Site, slow: usize, quick: usize) -> String {
    let line = |host: usize, name: &str, page: usize| site.url_of(host, &format!("/{name}/{page}")) + "\n";
    let slow = (0..slow).map(|page| line(0, "slow", page));
    slow.chain((0..quick).map(|page| line(1, "fast", page))).collect()
}

#[test]
fn a_host_behind_a_list_longer_than_the_window_is_reached_at_once() {
    let (site, work) = (Site::hosts(2), Work::new());
    site.on("/*", |_| Reply::title("x"));
    work.write("c.toml", "[hosts.\"127.0.0.1\"]\nrps = 1\n").write("urls.txt", long(&site, 20_000, 50));
    let live = work.scrape("--config c.toml urls.txt").spawn();
    site.wait_until("all pages of the fast host", |hits| fast(hits) == 50);
    let hits = site.hits();
    assert_paced(&site.hits_at(0), 1.0, 1);
    let waited = hits[hits.len() - 1].arrived.duration_since(hits[0].arrived);
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    live.signal(Signal::INT);
    let run = live.end().code(130);
    let summary = run.summary();
    assert_eq!((summary.total, summary.failed), (20_050, 0));
    assert_eq!(summary.ok, site.hits().len() as u64);
}

#[test]
fn every_way_to_wait_lets_the_rest_of_a_long_list_by() {
    for (what, flags) in [
        ("refuses", "--max-wait 1h"),
        ("hangs", "--timeout 1h --read-timeout 1h"),
        ("is gone", "--backoff 1h --max-backoff 1h --max-wait 1h"),
    ] {
        let site = Site::hosts(2);
        site.on("/fast/*", |_| Reply::title("x")).on("/slow/*", move |_| match what {
            "refuses" => Reply::status(429).header("Retry-After", "3000"),
            "hangs" => Reply::nothing().hang(),
            _ => Reply::nothing().close(),
        });
        let work = Work::new();
        work.write("urls.txt", long(&site, 6000, 30));
        let live = work.scrape(flags).arg("urls.txt").spawn();
        site.wait_until(what, |hits| fast(hits) == 30);
        assert!(site.hits_at(0).len() <= 20, "{what}: {}", site.hits_at(0).len());
        drop(live);
    }
}

#[test]
fn parked_targets_come_back_each_once_and_in_their_order() {
    let (site, work) = (Site::hosts(2), Work::new());
    site.on("/*", |request| Reply::title(&request.path));
    work.write("c.toml", "[hosts.\"127.0.0.1\"]\nrps = 3000\nper-host = 1\n").write("urls.txt", long(&site, 6000, 500));
    let run = work.scrape("--config c.toml urls.txt --unique -o out.jsonl").run().code(0);
    assert_eq!((run.summary().total, run.summary().ok), (6500, 6500));
    let paths: Vec<_> = site.hits_at(0).into_iter().map(|hit| hit.request.path).collect();
    assert_eq!(paths, (0..6000).map(|page| format!("/slow/{page}")).collect::<Vec<_>>());
    assert_eq!(work.names(), ["c.toml", "out.jsonl", "urls.txt"], "nothing of what was parked is left behind");
}

#[test]
fn a_list_of_waiting_targets_does_not_show_in_memory() {
    let site = Site::hosts(2);
    site.on("/*", |_| Reply::title("x"));
    let peak = |lines: usize| {
        let (work, pad) = (Work::new(), "x".repeat(1000));
        let slow = (0..lines).map(|page| site.url_of(0, &format!("/slow/{pad}/{page}\n")));
        work.write("c.toml", "[hosts.\"127.0.0.1\"]\nrps = 0.1\n");
        work.write("urls.txt", slow.chain([site.url_of(1, &format!("/last/{lines}\n"))]).collect::<String>());
        let live = work.scrape("--config c.toml urls.txt").spawn();
        site.wait_for(&format!("/last/{lines}"));
        live.peak_memory()
    };
    let (short, long) = (peak(6_000), peak(40_000));
    assert!(long < short + (10 << 20), "{short} bytes for a short list, {long} for one that is 34 MB longer");
}

#[test]
fn ordered_records_of_a_waiting_host_hold_the_others_back_only_as_far_as_is_said() {
    let (site, work) = (Site::hosts(2), Work::new());
    site.on("/*", |_| Reply::title("x"));
    work.write("c.toml", "[hosts.\"127.0.0.1\"]\nrps = 4\n").write("urls.txt", long(&site, 3, 50));
    let run = work.scrape("--config c.toml urls.txt --ordered").run().code(0);
    assert_eq!(run.each("index"), (1..=53).collect::<Vec<_>>());
    let last_slow = site.paths().iter().rposition(|path| !is_fast(path)).unwrap();
    assert_eq!(last_slow, 52, "the fast ones were fetched meanwhile");
}

#[test]
fn a_host_beside_a_slow_one_is_as_fast_as_it_would_be_alone() {
    let site = Site::hosts(2);
    let busy = Duration::from_millis(20);
    site.on("/fast/*", move |_| Reply::title("x").delay(busy)).on("/slow/*", |_| Reply::nothing().hang());
    let time = |list: String| {
        let seen = site.hits().len();
        let live = scrape("-c 8 --per-host 4 --read-timeout 1h --timeout 1h").stdin(list).spawn();
        site.wait_until("all pages of the fast host", |hits| fast(&hits[seen..]) == 200);
        drop(live);
        let mut hits = site.hits().split_off(seen);
        hits.retain(|hit| is_fast(&hit.request.path));
        hits[199].arrived.duration_since(hits[0].arrived)
    };
    let alone = time(long(&site, 0, 200));
    let beside = time(long(&site, 200, 200));
    assert!(beside < alone * 2, "{beside:?}, alone {alone:?}");
}

#[test]
fn a_piped_list_is_read_past_a_host_that_hangs() {
    let site = Site::hosts(2);
    site.on("/fast/*", |_| Reply::title("x")).on("/slow/*", |_| Reply::nothing().hang());
    let work = Work::new();
    work.write("urls.txt", long(&site, 6000, 30));
    let _live = work.scrape("--timeout 1h --read-timeout 1h").shell("cat urls.txt | \"$0\" \"$@\"").spawn();
    site.wait_until("all pages of the fast host", |hits| fast(hits) == 30);
}

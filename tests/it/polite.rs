//! Politeness beyond a plain rate: one bucket for every request, what a server asks for, and what it lets us learn.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use crate::harness::{Hit, Live, Reply, Site, field, scrape};
use crate::pace::{JITTER, assert_paced};

/// Pages of hosts in turn.
pub(crate) fn mixed(site: &Site, hosts: usize, pages: usize) -> String {
    (0..pages).map(|page| site.url_of(page % hosts, &format!("/p/{page}")) + "\n").collect()
}

/// A site of so many hosts, all of pages.
pub(crate) fn site(hosts: u8) -> Site {
    let site = Site::hosts(hosts);
    site.on("/p/*", |request| Reply::title(&request.path));
    site
}

/// Where requests multiply: robots.txt files, redirects from one host to the other, failures.
fn laborious() -> Site {
    let site = Site::hosts(2);
    let to = [site.url_of(1, "/p/"), site.url_of(0, "/p/")];
    let first = site.host(0);
    site.on("/from/*", move |request| {
        let to = &to[usize::from(request.header("host") != Some(&first))];
        Reply::redirect(&request.path.replace("/from/", to))
    });
    for page in 0..4 {
        site.pages(&format!("/p/{page}"), [Reply::status(500), Reply::title("x")]);
    }
    site.robots("");
    site
}

fn laborious_list(site: &Site) -> String {
    mixed(site, 2, 4).replace("/p/", "/from/")
}

#[test]
fn one_bucket_holds_every_request_of_the_run() {
    let site = laborious();
    scrape("--rps 8 --robots always --backoff 1ms").stdin(laborious_list(&site)).run().code(0);
    assert_eq!((site.hits().len(), site.count("/robots.txt")), (18, 2));
    assert_paced(&site.hits(), 8.0, 1);
}

#[test]
fn one_bucket_a_host_holds_every_request_to_it_wherever_it_came_from() {
    let site = laborious();
    scrape("--host-rps 5 --burst 2 --per-host 1 --robots always --backoff 1ms").stdin(laborious_list(&site)).run().code(0);
    for host in 0..2 {
        assert_eq!(site.hits_at(host).len(), 9);
        assert_paced(&site.hits_at(host), 5.0, 2);
    }
    assert_eq!(site.peak_of_a_host(), 1);
}

#[test]
fn fifty_a_second_are_fifty_a_second() {
    let site = site(1);
    scrape("--rps 50 --no-adapt").stdin(mixed(&site, 1, 501)).run().code(0);
    let hits = site.hits();
    assert_paced(&hits, 50.0, 1);
    let took = hits[500].arrived.duration_since(hits[0].arrived);
    // Faster is forbidden, slower is a matter of the machine: but never by more than a tenth.
    assert!(took + JITTER >= Duration::from_secs(10) && took < Duration::from_secs(11), "{took:?}");
}

#[test]
fn fractions_and_long_times_are_rates_too() {
    let rates = [("30/m", 0.5, 3), ("5/15s", 1.0 / 3.0, 3), ("0.2", 0.2, 2), ("720/h", 0.2, 2), ("3/10s", 0.3, 2)];
    let runs = rates.map(|(rate, per_second, pages)| {
        ["--rps", "--host-rps"].map(|flag| {
            let site = site(1);
            let live = scrape("").args([flag, rate]).stdin(mixed(&site, 1, pages)).spawn();
            (site, live, per_second, pages)
        })
    });
    for (site, live, per_second, pages) in runs.into_iter().flatten() {
        live.end().code(0);
        assert_eq!(site.hits().len(), pages);
        assert_paced(&site.hits(), per_second, 1);
    }
}

#[test]
fn several_limits_all_hold() {
    let site = site(2);
    let flags = "--rps 12/s --rps 240/m --host-rps 10/s --host-rps 90/m --burst 3";
    scrape(flags).stdin(mixed(&site, 2, 18)).run().code(0);
    for rate in [12.0, 4.0] {
        assert_paced(&site.hits(), rate, 3);
    }
    for host in 0..2 {
        for rate in [10.0, 1.5] {
            assert_paced(&site.hits_at(host), rate, 3);
        }
    }
}

/// The union of two logs, in order of arrival.
fn union(a: &Site, b: &Site) -> Vec<Hit> {
    let mut hits = [a.hits(), b.hits()].concat();
    hits.sort_by_key(|hit| hit.arrived);
    hits
}

#[test]
fn ports_of_one_address_share_its_limits_where_they_are_counted_by_site_or_address() {
    for by in ["site", "ip"] {
        let (one, two) = (site(1), site(1));
        let list = mixed(&one, 1, 6) + &mixed(&two, 1, 6);
        scrape("--host-rps 8 --per-host 1 --limit-by").arg(by).stdin(list).run().code(0);
        assert_eq!(union(&one, &two).len(), 12, "{by}");
        assert_paced(&union(&one, &two), 8.0, 1);
    }
    let (one, two) = (site(1), site(1));
    scrape("--host-rps 4 --limit-by host").stdin(mixed(&one, 1, 4) + &mixed(&two, 1, 4)).run().code(0);
    assert_paced(&one.hits(), 4.0, 1);
    assert_paced(&two.hits(), 4.0, 1);
    let hits = union(&one, &two);
    assert!(hits[7].arrived.duration_since(hits[0].arrived) < Duration::from_millis(1750), "each has its own");
}

#[test]
fn names_of_one_address_share_its_limits() {
    let site = site(1);
    let list = mixed(&site, 1, 5) + &mixed(&site, 1, 5).replace("127.0.0.1", "localhost");
    scrape("--host-rps 8 --limit-by ip").stdin(list).run().code(0);
    assert_eq!(site.hits().len(), 10, "looking an address up is no request");
    assert_paced(&site.hits(), 8.0, 1);
}

#[test]
fn an_address_that_is_not_found_is_the_targets_own_failure() {
    let site = site(1);
    let list = mixed(&site, 1, 2) + &crate::harness::unresolvable();
    let run = scrape("--limit-by ip --retries 0 --ordered").stdin(list).run().code(3);
    assert_eq!(run.each("error"), [json!(null), json!(null), json!("dns")]);
}

#[test]
fn hosts_of_one_site_share_its_limits_and_no_others() {
    let proxy = Site::proxy();
    proxy.on("/p/*", |request| Reply::title(&request.path));
    let names = ["a.shop.co.uk", "b.shop.co.uk", "www.other.co.uk", "x.github.io"];
    let list = (0..20).map(|page| format!("http://{}/p/{page}", names[page % 4])).collect::<Vec<_>>().join("\n");
    scrape("--host-rps 6 --limit-by site").through(&proxy).stdin(list).run().code(0);
    let of = |names: &[&str]| {
        let mut hits = proxy.hits();
        hits.retain(|hit| names.contains(&hit.request.host()));
        hits
    };
    assert_eq!(of(&names).len(), 20);
    for site in [&names[..2], &names[2..3], &names[3..]] {
        assert_paced(&of(site), 6.0, 1);
    }
    let took = |hits: Vec<Hit>| hits[hits.len() - 1].arrived.duration_since(hits[0].arrived);
    assert!(took(of(&names[2..3])) < took(of(&names[..2])), "five are sooner done than ten");
}

#[test]
fn what_a_host_asks_for_is_counted_for_the_whole_group() {
    let (one, two) = (Site::start(), site(1));
    one.pages("/p/0", [Reply::status(429).header("Retry-After", "1"), Reply::title("x")]);
    let list = one.url("/p/0") + "\n" + &mixed(&two, 1, 3);
    scrape("-c 1 --limit-by ip --host-rps 20").stdin(list).run().code(0);
    let told = one.hits()[0].ended.unwrap();
    let after: Vec<_> = union(&one, &two).into_iter().filter(|hit| hit.arrived > told).collect();
    assert!(!after.is_empty() && after.iter().all(|hit| hit.arrived.duration_since(told) >= Duration::from_secs(1)));
}

/// A run over the pages of a host of which one is answered like this once.
fn told(flags: &str, once: Reply) -> (Site, Live) {
    let site = site(1);
    site.pages("/p/0", [once, Reply::title("x")]);
    let run = scrape("-c 1 --backoff 1ms --no-adapt").args(flags.split_whitespace());
    let live = run.stdin(mixed(&site, 1, 4)).spawn();
    (site, live)
}

/// How long the host was left alone after that answer.
#[track_caller]
fn wait_after((site, live): (Site, Live)) -> Duration {
    live.end().code(0);
    let hits = site.hits();
    let told = hits.iter().position(|hit| hit.request.path == "/p/0").unwrap();
    hits[told + 1].arrived.duration_since(hits[told].ended.unwrap())
}

#[test]
fn every_way_to_ask_for_patience_is_heeded_by_the_whole_host() {
    let at = |form: &str| {
        // Dates have whole seconds: two ahead are at least one.
        let then = SystemTime::now() + Duration::from_secs(2);
        match form {
            "unix" => then.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().to_string(),
            _ => httpdate::fmt_http_date(then),
        }
    };
    let reset = "X-RateLimit-Reset";
    let ways = [
        (429, [("Retry-After", "1"), ("X-Other", "x")]),
        (503, [("Retry-After", "1"), ("X-Other", "x")]),
        (429, [("Retry-After", "date"), ("X-Other", "x")]),
        (429, [("X-RateLimit-Reset-After", "0.5"), ("X-Other", "x")]),
        (429, [("X-RateLimit-Remaining", "0"), (reset, "unix")]),
        (429, [("RateLimit", "\"a\";r=0;t=1"), ("X-Other", "x")]),
        (429, [("RateLimit", "\"a\";r=0"), ("RateLimit-Policy", "\"a\";q=10;w=1")]),
        (200, [("RateLimit", "\"a\";r=0;t=1"), ("X-Other", "x")]),
        (200, [("X-RateLimit-Remaining", "0"), (reset, "1")]),
        (200, [("RateLimit-Remaining", "0"), ("RateLimit-Reset", "1")]),
    ];
    let runs = ways.into_iter().map(|(status, headers)| {
        let value = |value: &str| if matches!(value, "date" | "unix") { at(value) } else { value.to_owned() };
        let reply =
            headers.iter().fold(Reply::title("x").status_of(status), |reply, (name, text)| reply.header(name, &value(text)));
        (told("", reply), status, headers)
    });
    for (run, status, headers) in runs.collect::<Vec<_>>() {
        let wait = wait_after(run);
        assert!(wait >= Duration::from_millis(500), "{wait:?} after {status} {headers:?}");
    }
}

#[test]
fn the_three_forms_of_a_date_are_read() {
    let then = SystemTime::now() + Duration::from_secs(3);
    let fixed = httpdate::fmt_http_date(then);
    let words: Vec<_> = fixed.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let [day, date, month, year, time, _] = words[..] else { panic!("{fixed}") };
    let long = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
        .into_iter()
        .find(|long| long.starts_with(day))
        .unwrap();
    let old = format!("{long}, {date}-{month}-{} {time} GMT", &year[2..]);
    let asctime = format!("{day} {month} {:>2} {time} {year}", date.trim_start_matches('0'));
    let runs = [fixed, old, asctime].map(|date| {
        let site = Site::start();
        site.pages("/x", [Reply::status(503).header("Retry-After", &date), Reply::title("x")]);
        let live = scrape("--backoff 1ms").arg(site.url("/x")).spawn();
        (site, live, date)
    });
    let until = httpdate::parse_http_date(&runs[0].2).unwrap();
    let left = until.duration_since(SystemTime::now()).unwrap_or_default();
    let until = Instant::now() + left;
    for (site, live, date) in runs {
        live.end().code(0);
        assert!(site.hits()[1].arrived + Duration::from_millis(20) >= until, "{date}");
    }
}

#[test]
fn a_quota_that_is_not_spent_asks_for_nothing() {
    let fine = Reply::title("x");
    for reply in [
        fine.clone().header("X-RateLimit-Remaining", "1").header("X-RateLimit-Reset", "3000"),
        fine.clone().header("RateLimit", "\"a\";r=1;t=3000"),
        fine.clone().header("RateLimit-Policy", "\"a\";q=0;w=3000"),
        fine.clone().header("Retry-After", "3000"),
        fine.header("X-RateLimit-Remaining", "0").header("X-RateLimit-Reset", "soon"),
        Reply::status(429).header("Retry-After", "-3000"),
        Reply::status(503).header("Retry-After", "soon"),
    ] {
        let wait = wait_after(told("--max-wait 1h", reply.clone()));
        assert!(wait < Duration::from_secs(30), "{wait:?} after {reply:?}");
    }
}

#[test]
fn whatever_is_asked_for_is_cut_to_the_cap() {
    for reply in [
        Reply::status(429).header("Retry-After", "99999999999999999999"),
        Reply::title("x").header("RateLimit", "\"a\";r=0;t=999999999"),
        Reply::status(429).header("X-RateLimit-Reset", "9999999999999999"),
    ] {
        let wait = wait_after(told("--max-wait 300ms", reply.clone()));
        assert!(wait >= Duration::from_millis(300) && wait < Duration::from_secs(30), "{wait:?} after {reply:?}");
    }
}

#[test]
fn to_come_back_as_asked_costs_no_retries() {
    let site = site(1);
    let busy = Reply::status(429).header("X-RateLimit-Reset-After", "0.15");
    site.pages("/x", [busy.clone(), busy.clone(), busy.clone(), busy, Reply::status(500), Reply::title("x")]);
    let record = scrape("--retries 1 --backoff 1ms --no-adapt").arg(site.url("/x")).run().code(0).record();
    assert_eq!((field(&record, "attempts"), site.count("/x")), (&json!(6), 6));
    for pair in site.hits()[..5].windows(2) {
        assert!(pair[1].arrived.duration_since(pair[0].ended.unwrap()) >= Duration::from_millis(150));
    }
}

#[test]
fn a_host_that_always_asks_for_patience_has_an_end() {
    let site = site(1);
    site.page("/x", Reply::status(429).header("X-RateLimit-Reset-After", "0.05"));
    let record = scrape("--retries 1 --backoff 1ms --no-adapt").arg(site.url("/x")).run().code(3).record();
    assert_eq!((field(&record, "error"), field(&record, "status")), (&json!("http_status"), &json!(429)));
    assert!((2..=20).contains(&site.count("/x")), "{}", site.count("/x"));
}

#[test]
fn a_wait_beyond_the_deadline_leaves_the_hosts_targets_and_ends_at_once() {
    let site = Site::hosts(2);
    site.on("/p/*", |request| Reply::title(&request.path));
    let first = site.host(0);
    site.on("/p/*", move |request| {
        if request.header("host") == Some(&first) { Reply::status(429).header("Retry-After", "3600") } else { Reply::title("x") }
    });
    let run = scrape("-c 1 --max-wait 2h --deadline 40s --ordered").stdin(mixed(&site, 2, 40)).run().code(4);
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    let summary = run.summary();
    assert_eq!((summary.ok, summary.failed), (20, 0));
    assert_eq!((summary.left, site.hits_at(0).len(), site.hits_at(1).len()), (20, 1, 20));
    assert!(run.stderr.contains("deadline") && run.stderr.contains("20 targets are left"), "{}", run.stderr);
    assert!(run.stderr.contains(&site.host(0)) || run.stderr.contains("wait"), "{}", run.stderr);
    assert_eq!(run.records().len(), 20);
}

#[test]
fn a_rate_that_passes_the_deadline_leaves_the_rest_at_once() {
    for flags in ["--host-rps 1/h", "--rps 1/h"] {
        let site = site(1);
        let run = scrape(flags).args(["--deadline", "40s"]).stdin(mixed(&site, 1, 5)).run().code(4);
        assert!(run.took < Duration::from_secs(20), "{flags}: {:?}", run.took);
        assert_eq!((run.summary().ok, run.summary().left, site.hits().len()), (1, 4, 1), "{flags}");
    }
}

#[test]
fn an_open_list_may_still_bring_something_before_the_deadline() {
    let site = Site::hosts(2);
    let first = site.host(0);
    site.on("/p/*", move |request| {
        if request.header("host") == Some(&first) { Reply::status(429).header("Retry-After", "3600") } else { Reply::title("x") }
    });
    let mut live = scrape("--max-wait 2h --deadline 40s").open_stdin().spawn();
    live.write(site.url_of(0, "/p/0") + "\n");
    site.wait_for_hits(1);
    live.write(site.url_of(1, "/p/1") + "\n");
    live.line();
    live.close_stdin();
    let run = live.end().code(4);
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    assert_eq!((run.summary().ok, run.summary().left), (1, 1));
}

#[test]
fn a_wait_that_ends_before_the_deadline_is_waited_for() {
    let site = site(1);
    site.pages("/x", [Reply::status(429).header("Retry-After", "1"), Reply::title("x")]);
    scrape("--deadline 30s").arg(site.url("/x")).run().code(0);
}

/// A host that answers one request in `period` and refuses the others.
fn touchy(period: Duration) -> Site {
    let site = Site::start();
    let last = Mutex::new(Instant::now());
    site.on("/p/*", move |request| {
        let mut last = last.lock().unwrap();
        if last.elapsed() < period {
            return Reply::status(429);
        }
        *last = Instant::now();
        Reply::title(&request.path)
    });
    site
}

#[test]
fn a_host_that_refuses_is_asked_more_slowly() {
    let flags = "-v --retries 100 --retry-budget none --backoff 20ms --max-backoff 100ms";
    let refused = |more: &str| {
        let site = touchy(Duration::from_millis(60));
        let run = scrape(flags).args(more.split_whitespace()).stdin(mixed(&site, 1, 25)).run().code(0);
        assert_eq!(run.stderr.contains("pace adapted") && run.stderr.contains("429"), more.is_empty(), "{}", run.stderr);
        site.hits().len() - 25
    };
    let (adapted, stubborn) = (refused(""), refused("--no-adapt"));
    assert!(adapted * 2 < stubborn, "{adapted} refusals, {stubborn} without adapting");
}

#[test]
fn a_given_rate_is_not_adapted() {
    let site = touchy(Duration::from_millis(10));
    let run = scrape("-v --host-rps 60 --retries 50 --retry-budget none --backoff 1ms").stdin(mixed(&site, 1, 60)).run().code(0);
    assert!(!run.stderr.contains("pace adapted"), "{}", run.stderr);
}

#[test]
fn a_host_that_times_out_is_given_fewer_places() {
    let site = Site::start();
    // Every second request is answered.
    let count = AtomicUsize::new(0);
    site.on("/p/*", move |request| {
        let is_odd = count.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        if is_odd { Reply::nothing().hang() } else { Reply::title(&request.path) }
    });
    let run = scrape("-v -c 20 --retries 0 --timeout 200ms --give-up 100").stdin(mixed(&site, 1, 80)).run().code(3);
    assert!(run.stderr.contains("pace adapted") && run.stderr.contains("timeouts"), "{}", run.stderr);
}

//! What bodies take of memory: bounded over all workers, and nobody fails or hangs for want of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::harness::{Gate, Reply, Request, Scrape, Site, field, gzip, scrape};

/// Reads all lines of a run of 200 targets, and then, while a last page is being waited for, its peak.
fn peak_after(site: &Site, run: Scrape, list: String) -> (Vec<String>, u64) {
    let gate = Gate::default();
    site.page("/last", Reply::title("last").behind(&gate));
    let mut live = run.arg("-").stdin(list + &site.url("/last")).spawn();
    let lines = (0..200).map(|_| live.line()).collect();
    let peak = live.peak_memory();
    gate.open();
    live.end();
    (lines, peak)
}

fn list(site: &Site, path: &str) -> String {
    (1..=200).map(|page| site.url(&format!("{path}{page}\n"))).collect()
}

/// What 200 small pages take, all at a time.
fn base() -> u64 {
    let site = Site::start();
    site.on("/p/*", |_| Reply::title("small").delay(Duration::from_millis(300)));
    peak_after(&site, scrape("-c 201 --retries 0 --no-adapt"), list(&site, "/p/")).1
}

/// A large body of which a part never comes. There is not memory for ten of them.
fn large(_: &Request) -> Reply {
    Reply::raw(format!("{HEAD}Content-Length: 9000000\r\n\r\n")).repeat("x".repeat(80_000), 100).hang()
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";

#[test]
fn two_hundred_endless_bodies_stay_within_their_budget() {
    let site = Site::start();
    site.on("/endless/*", |_| Reply::raw(format!("{HEAD}\r\n")).endless("x".repeat(1 << 16)));
    let base = base();
    for (budget, bytes) in [("--max-memory 32M", 32_000_000), ("", 256_000_000)] {
        let flags = format!("-c 201 {budget} --timeout 50s --read-timeout 50s --retries 0 --no-adapt");
        let (lines, peak) = peak_after(&site, scrape(&flags), list(&site, "/endless/"));
        let other = lines.iter().find(|line| !line.contains("\"too_large\""));
        assert!(other.is_none(), "{other:?}");
        assert!(peak < base + bytes, "{} KiB, of which {} KiB without bodies {budget}", peak >> 10, base >> 10);
    }
}

#[test]
fn bodies_that_wait_for_each_other_all_come_to_their_end() {
    let site = Site::start();
    site.on("/slow/*", |_| {
        let page = Reply::raw(format!("{HEAD}Content-Length: 5000000\r\n\r\n<title>whole</title>"));
        page.repeat(" ".repeat(49_800), 100).later(Duration::from_millis(40), " ".repeat(20_000 - 20))
    });
    // A timeout that would not be enough if waiting for memory were part of it.
    let flags = "-c 200 --max-memory 32M --timeout 6s --retries 0 --no-adapt --fetch-only -";
    let run = scrape(flags).stdin(list(&site, "/slow/")).run().code(0);
    let records = run.records();
    assert_eq!(records.len(), 200);
    assert!(run.took > Duration::from_secs(6), "{:?}", run.took);
    for record in &records {
        assert_eq!((field(record, "bytes"), field(record, "attempts")), (&json!(5_000_000), &json!(1)), "{record}");
        assert!(field(record, "elapsed_ms").as_u64().unwrap() <= 6000, "what it waited for us is not the server's: {record}");
    }
}

#[test]
fn coded_bodies_wait_for_memory_too() {
    let site = Site::start();
    let packed = gzip([b"<title>whole</title>".to_vec(), vec![b' '; 3_000_000]].concat());
    site.on("/gz/*", move |_| Reply::html(&packed).header("Content-Encoding", "gzip"));
    site.on("/bomb/*", |_| Reply::html(gzip(vec![b' '; 20_000_000])).header("Content-Encoding", "gzip"));
    let lines = |page: usize| site.url(&format!("/{}/{page}\n", if page.is_multiple_of(10) { "bomb" } else { "gz" }));
    let list: String = (1..=100).map(lines).collect();
    let run = scrape("-c 100 --max-body 3100K --max-memory 13M --retries 0 --no-adapt -").stdin(list).run().code(3);
    let count = |text: &str| run.text().lines().filter(|line| line.contains(text)).count();
    assert_eq!((count("\"title\":\"whole\""), count("\"too_large\"")), (90, 10), "{}", run.stderr);
}

#[test]
fn small_pages_go_past_large_ones_that_wait() {
    let site = Site::start();
    let gate = Gate::default();
    let held = gate.clone();
    site.on("/large/*", large);
    site.on("/p/*", move |_| Reply::title("small").behind(&held));
    let list: String = (1..=10).map(|page| site.url(&format!("/large/{page}\n"))).collect();
    let mut live =
        scrape("-c 50 --max-memory 40M --timeout 1h --read-timeout 1h --no-adapt -").stdin(list + &site.list(30)).spawn();
    site.wait_until("all requests", |hits| hits.len() == 40);
    gate.open();
    for _ in 0..30 {
        assert!(live.line().contains("\"small\""));
    }
}

#[test]
fn who_asks_hears_what_waits_for_memory() {
    let site = Site::start();
    site.on("/large/*", large);
    let list: String = (1..=10).map(|page| site.url(&format!("/large/{page}\n"))).collect();
    let live = scrape("-c 10 --max-memory 32M --timeout 1h --read-timeout 1h --no-adapt -").stdin(list).spawn();
    site.wait_for_hits(10);
    let mut asked = 0;
    // The last of the ten may not have come as far as to wait.
    while asked < 100 {
        asked += 1;
        live.signal_and_settle(rustix::process::Signal::USR1);
        live.says_nth("scrape: waiting", asked);
        if live.has_said("waiting for memory (--max-memory)") {
            break;
        }
    }
    assert!(asked < 100);
    live.signal(rustix::process::Signal::TERM);
    live.signal(rustix::process::Signal::TERM);
}

#[test]
fn a_stop_does_not_wait_for_memory() {
    let site = Site::start();
    site.on("/large/*", large);
    let list: String = (1..=10).map(|page| site.url(&format!("/large/{page}\n"))).collect();
    let flags = "-c 10 --max-memory 32M --timeout 1h --read-timeout 1h --deadline 1s --grace 100ms --no-adapt -";
    let run = scrape(flags).stdin(list).run().code(4);
    assert_eq!(run.summary().left, 10);
}

#[test]
fn a_budget_without_room_for_one_body_is_a_usage_error() {
    let site = Site::of_pages();
    for flags in ["--max-memory 20M", "--max-body 1G --max-memory 2G"] {
        let run = scrape(flags).arg(site.url("/p/1")).run().code(2);
        assert!(run.stderr.contains("--max-memory") && run.stderr.contains("--max-body"), "{}", run.stderr);
    }
    for flags in ["--max-body 100M --max-memory 400M", "--max-body 100M"] {
        scrape(flags).arg(site.url("/p/1")).run().code(0);
    }
    assert_eq!(site.count("/p/1"), 2);
}

#[test]
fn a_limit_of_the_process_lowers_the_budget_and_says_so() {
    let site = Site::of_pages();
    let script = |space: u64| format!(r#"ulimit -v {space}; exec "$0" "$@""#);
    let run = scrape("-c 4 -").shell(&script(700_000)).stdin(site.list(20)).run().code(0);
    assert!(run.stderr.contains("--max-memory is lowered") && run.stderr.contains("256M"), "{}", run.stderr);
    assert_eq!(run.records().len(), 20);
    site.on("/large/*", |_| raw_page(5_000_000));
    let list: String = (1..=40).map(|page| site.url(&format!("/large/{page}\n"))).collect();
    let run = scrape("-c 20 --retries 0 --no-adapt -").shell(&script(700_000)).stdin(list).run().code(0);
    assert_eq!(run.records().len(), 40, "all of them within what is left");
    let seen = site.hits().len();
    let run = scrape("-c 4 -").shell(&script(300_000)).stdin(site.list(1)).run().code(1);
    assert!(run.stderr.contains("address space") && run.stderr.contains("--max-body"), "{}", run.stderr);
    assert_eq!(site.hits().len(), seen, "before any request");
}

/// A control group with a limit of memory, where the test may make one. It is gone with this.
struct Group(PathBuf);

impl Group {
    fn of(bytes: u64) -> Option<Self> {
        let name = format!("scrape-test-{}-{bytes}", std::process::id());
        let trees = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        trees.into_iter().find_map(|(tree, file)| {
            let group = Self(Path::new(tree).join(&name));
            fs::create_dir(&group.0).ok()?;
            fs::write(group.0.join(file), bytes.to_string()).ok().map(|()| group)
        })
    }

    /// Starts the program in the group.
    fn script(&self) -> String {
        format!(r#"echo $$ > {}/cgroup.procs && exec "$0" "$@""#, self.0.display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.0)); // whoever was in it has ended
    }
}

#[test]
fn a_container_is_given_no_more_than_it_has() {
    let site = Site::start();
    site.on("/slow/*", |_| raw_page(5_000_000));
    let Some(group) = Group::of(100_000_000) else { return };
    let list = list(&site, "/slow/");
    let flags = "-c 20 --retries 0 --no-adapt --fetch-only -";
    let run = scrape(flags).shell(&group.script()).stdin(&list).run().code(0);
    assert!(run.stderr.contains("control group") && run.stderr.contains("256M"), "{}", run.stderr);
    assert_eq!(run.records().len(), 200);
    let Some(small) = Group::of(50_000_000) else { return };
    let seen = site.hits().len();
    let run = scrape(flags).shell(&small.script()).stdin(&list).run().code(1);
    assert!(run.stderr.contains("control group") && run.stderr.contains("--max-body"), "{}", run.stderr);
    assert_eq!(site.hits().len(), seen, "before any request");
}

/// A page of so many bytes.
fn raw_page(bytes: usize) -> Reply {
    Reply::raw(format!("{HEAD}Content-Length: {bytes}\r\n\r\n")).repeat(" ".repeat(50_000), bytes / 50_000)
}

#[test]
fn selectors_that_remember_elements_take_no_more_however_many_they_are() {
    let site = Site::start();
    site.page("/large", Reply::html("<li>".repeat(100_000)));
    let peak = |fields: usize| {
        let gate = Gate::default();
        site.page("/last", Reply::title("last").behind(&gate));
        let fields = (0..fields).flat_map(|n| ["-s".to_owned(), format!("f{n}=li:has(b, i)")]);
        let list = format!("{}\n{}", site.url("/large"), site.url("/last"));
        let mut live = scrape("-c 1 --max-parse 60s").args(fields).arg("-").stdin(list).spawn();
        assert!(live.line().contains("\"error\":null"));
        let peak = live.peak_memory();
        gate.open();
        live.end();
        peak
    };
    let (one, many) = (peak(1), peak(10));
    assert!(many < one + (16 << 20), "{} KiB, {} KiB with one", many >> 10, one >> 10);
}

#[test]
fn what_one_match_remembers_is_bounded() {
    let site = Site::start();
    site.page("/large", Reply::html("<li></li>".repeat(100_000) + "<p>x"));
    for parser in ["auto", "dom"] {
        let run = |selector: &str| {
            let flags = format!("--max-parse 60s --parser {parser}");
            scrape(&flags).args(["-s", &format!("f={selector}")]).arg(site.url("/large")).run().record()
        };
        let record = run("li:has(b, i) ~ p");
        assert_eq!(field(&record, "error"), "too_large");
        assert!(field(&record, "error_message").as_str().unwrap().contains("would remember too many elements"), "{record}");
        for fine in ["li:has(b) ~ p", "li:not(:has(b)) ~ p", "li:has(b, i)"] {
            assert_eq!(field(&run(fine), "error"), &json!(null), "{fine}");
        }
    }
}

//! The machine as cron and containers have it: bare, small, and for long lists.

use crate::harness::{Gate, Reply, Site, Work, scrape};

#[test]
fn it_works_as_from_cron() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("urls.txt", site.list(3));
    let bare = work.scrape("").arg(work.path("urls.txt")).folder("/").shell(r#"exec "$0" "$@" <&-"#).run().code(0);
    assert_eq!(bare.records().len(), 3);
    let homeless = work.scrape("urls.txt").env("HOME", "/nonexistent").env("TMPDIR", "/nonexistent").run().code(0);
    assert_eq!(homeless.records().len(), 3);
    let locale = work.scrape("urls.txt").env("LC_ALL", "xx_XX.bogus").env("TERM", "").run().code(0);
    assert_eq!(locale.records().len(), 3);
}

#[test]
fn a_closed_stderr_does_not_matter() {
    let site = Site::of_pages();
    let run = scrape("-vv -").shell(r#"exec "$0" "$@" 2>&-"#).stdin(site.list(3)).run().code(0);
    assert_eq!(run.records().len(), 3);
}

#[test]
fn few_descriptors_never_fail_a_url() {
    let site = Site::of_pages();
    let script = r#"ulimit -S -n 64; ulimit -H -n 64; exec "$0" "$@""#;
    let run = scrape("-c 200 --retries 0 -").shell(script).stdin(site.list(300)).run().code(0);
    assert_eq!(run.records().len(), 300);
    assert!(run.stderr.contains("open files"), "it says that there are fewer at a time: {}", run.stderr);
    assert!(site.peak() <= 64);
}

#[test]
fn many_hosts_never_fail_a_url_for_want_of_descriptors() {
    // More hosts than descriptors: connections that are kept alive must make room, and what finds none waits.
    for (hosts, limit) in [(30, 36), (120, 64)] {
        let site = Site::hosts(hosts);
        site.on("/p", |_| Reply::title("x"));
        let script = format!(r#"ulimit -S -n {limit}; ulimit -H -n {limit}; exec "$0" "$@""#);
        let list: String = (0..usize::from(hosts) * 3).map(|i| site.url_of(i % usize::from(hosts), "/p") + "\n").collect();
        let run = scrape("-c 20 --retries 0 -").shell(&script).stdin(list).run().code(0);
        assert_eq!(run.records().len(), usize::from(hosts) * 3);
    }
}

#[test]
fn a_limit_without_room_for_one_request_is_said_before_the_first() {
    let site = Site::of_pages();
    let run = scrape("-").shell(r#"ulimit -n 12; exec "$0" "$@""#).stdin(site.list(1)).run().code(1);
    assert!(run.stderr.contains("too low for a single request"), "{}", run.stderr);
    assert_eq!(site.paths(), Vec::<String>::new());
}

#[test]
fn a_low_soft_limit_is_raised() {
    let site = Site::start();
    let gate = Gate::default();
    let held = gate.clone();
    site.on("/p/*", move |_| Reply::title("x").behind(&held));
    let live = scrape("-c 100 -").shell(r#"ulimit -S -n 64; exec "$0" "$@""#).stdin(site.list(100)).spawn();
    site.wait_for_hits(100);
    gate.open();
    live.end().code(0);
}

/// The most memory that a list of so many pages needs, measured while the last page is being waited for.
fn peak_memory(pages: usize, flags: &str) -> u64 {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/last", Reply::title("last").behind(&gate));
    let mut live = scrape(flags).arg("-").stdin(site.list(pages) + &site.url("/last")).spawn();
    for _ in 0..pages {
        live.line();
    }
    site.wait_for("/last");
    let peak = live.peak_memory();
    gate.open();
    live.end().code(0);
    peak
}

#[test]
fn memory_does_not_grow_with_the_list() {
    let (short, long) = (peak_memory(1000, "-c 8"), peak_memory(20_000, "-c 8"));
    assert!(long < short + (4 << 20), "{} KiB for 1000 pages, {} KiB for 20000", short >> 10, long >> 10);
}

#[test]
fn memory_does_not_grow_with_markup_that_is_made_for_it() {
    let each = |count: usize, piece: &dyn Fn(usize) -> String| (0..count).map(piece).collect::<String>();
    let attributes = each(300, &|n| format!(" a{n}"));
    let long = "long ".repeat(20_000);
    let floods = [
        // The parser repeats what is not closed in each of the paragraphs.
        format!("<p>{}{}", each(500, &|n| format!("<b a{n}>")), "<p>x".repeat(500_000)),
        format!("<p>{}{}", each(300, &|n| format!("<b b{n}{attributes}>")), "<p>x".repeat(100_000)),
        format!("<p><b class='{long}'>{}", "<p>x".repeat(100_000)),
        "<p>".repeat(3_000_000),
        "<br>".repeat(2_000_000),
        "<div>".repeat(1_000_000),
        format!("<p><b title='{long}'>{}", "<p>x".repeat(100_000)),
        format!("<title>{}", "x".repeat(5_000_000)),
    ];
    let (site, gate) = (Site::of_pages(), Gate::default());
    site.page("/last", Reply::title("last").behind(&gate));
    let mut list = String::new();
    for (number, flood) in floods.iter().enumerate() {
        let path = format!("/flood/{number}");
        site.page(&path, Reply::html(flood));
        list += &(site.url(&path) + "\n");
    }
    let fields = ["title=title", "none=b.nosuch", "html=html::html"];
    let flags = fields.into_iter().flat_map(|field| ["-s", field]);
    let run =
        scrape("-c 8 --max-parse 2s --retries 0 --timeout 2m --read-timeout 2m -").args(flags).stdin(list + &site.url("/last"));
    let mut live = run.spawn();
    let lines: Vec<_> = (0..floods.len()).map(|_| live.line().chars().take(600).collect::<String>()).collect();
    site.wait_for("/last");
    let peak = live.peak_memory();
    gate.open();
    live.end().code(3);
    let refused = lines.iter().filter(|line| line.contains("\"error\":\"too_large\"")).count();
    assert_eq!(refused, floods.len() - 1, "all but the long title: {lines:#?}");
    assert!(peak < 300 << 20, "{} MiB", peak >> 20);
}

#[test]
fn memory_does_not_grow_with_an_endless_body() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/last", Reply::title("last").behind(&gate));
    site.on("/endless/*", |_| Reply::raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n").endless("x".repeat(1 << 16)));
    let list: String = (0..20).map(|page| site.url(&format!("/endless/{page}")) + "\n").collect();
    let mut live = scrape("-c 4 --max-body 1M --retries 0 -").stdin(list + &site.url("/last")).spawn();
    for _ in 0..20 {
        assert!(live.line().contains("too_large"));
    }
    site.wait_for("/last");
    let peak = live.peak_memory();
    gate.open();
    live.end().code(3);
    assert!(peak < 40 << 20, "{} MiB", peak >> 20);
}

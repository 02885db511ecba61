//! What the run would do, told without a request and without touching the output.

use serde_json::{Value, json};

use crate::harness::{Run, Site, Work, scrape};

fn list(hosts: &[(&str, usize)]) -> String {
    let pages = hosts.iter().flat_map(|(host, pages)| (0..*pages).map(move |page| format!("https://{host}/{page}\n")));
    pages.collect()
}

#[track_caller]
fn has(run: &Run, line: &str) {
    assert!(run.text().lines().any(|own| own.split_whitespace().eq(line.split_whitespace())), "no {line:?} in:\n{}", run.text());
}

#[test]
fn it_names_what_decides_how_long_the_run_takes() {
    let work = Work::new();
    work.write("urls.txt", list(&[("b.example", 2), ("shop.example", 300), ("c.example:8080", 1)]));
    work.write("c.toml", "[hosts.\"shop.example\"]\nrps = 0.4\nper-host = 1\n");
    let run = work.scrape("urls.txt --config c.toml --host-rps 2 --rps 5 --per-host 4 --dry-run").run().code(0);
    assert_eq!(run.stderr, "");
    for line in [
        "targets 303",
        "hosts 3",
        "requests 303; redirects and retries come on top",
        "limits 20 requests at a time, 4 to one host",
        "5/s over all hosts",
        "2/s for each host",
        "what the settings file has for single hosts",
        "largest 300 shop.example 0.4/s, 1 at a time, at least 12m 27s",
        "2 b.example 2/s, 4 at a time, at least 500ms",
        "1 c.example:8080 2/s, 4 at a time",
        "duration at least 12m 27s: shop.example has 300 targets at 0.4/s",
    ] {
        has(&run, line);
    }
}

#[test]
fn without_a_rate_it_says_what_it_assumes() {
    let run = scrape("--dry-run -c 3").stdin(list(&[("a.example", 10)])).run().code(0);
    has(&run, "duration about 4s if a page takes 1s: the list has 10 targets, 3 at a time");
    has(&run, "a host without a rate is slowed down by what it answers");
    let run = scrape("--dry-run --per-host 1").stdin(list(&[("a.example", 10)])).run().code(0);
    has(&run, "duration about 10s if a page takes 1s: a.example has 10 targets, 1 at a time");
    let run = scrape("--dry-run --rps 1 --deadline 5").stdin(list(&[("a.example", 10)])).run().code(0);
    has(&run, "duration at least 9s: the list has 10 targets at 1/s");
    has(&run, "longer than --deadline 5s: some targets would be left");
}

#[test]
fn nothing_is_requested_and_no_file_is_touched() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("urls.txt", site.list(5)).write("old.csv", "old");
    for flags in [
        "-o new.csv",
        "-o old.csv --overwrite",
        "-o old.csv --append",
        "-o old.csv --resume",
        "--pace-state pace.db",
        "--robots always",
    ] {
        let run = work.scrape("urls.txt --dry-run").args(flags.split(' ')).run().code(0);
        has(&run, "targets 5");
    }
    assert!(site.hits().is_empty() && site.connections() == 0);
    assert_eq!((work.names(), work.read("old.csv")), (vec!["old.csv".to_owned(), "urls.txt".to_owned()], "old".to_owned()));
}

#[test]
fn bad_lines_are_counted_and_the_first_ten_are_named() {
    let work = Work::new();
    let bad: String = (0..12).map(|line| if line % 2 == 0 { "not a url\n" } else { "ftp://a.example/\n" }).collect();
    work.write("urls.txt", list(&[("a.example", 2)]) + &bad);
    let run = work.scrape("urls.txt --dry-run").run().code(3);
    has(&run, "targets 14, 12 of them no usable URL");
    has(&run, "requests 2; redirects and retries come on top");
    assert!(
        run.text().contains("urls.txt:3: not a URL") && run.text().contains("urls.txt:12: the scheme \"ftp\""),
        "{}",
        run.text()
    );
    assert!(!run.text().contains("urls.txt:13"));
    has(&run, "and 2 more");
}

#[test]
fn the_list_is_read_as_the_run_would_read_it() {
    let twice = list(&[("a.example", 3)]).repeat(2);
    let run = scrape("--dry-run --unique").stdin(&twice).run().code(0);
    has(&run, "targets 3; 3 repeated ones are skipped");
    has(&scrape("--dry-run --limit 4").stdin(&twice).run().code(0), "targets 4");
    has(&scrape("--dry-run --glob").stdin("https://a.example/[1-50]\n").run().code(0), "targets 50");
    has(&scrape("--dry-run https://{a,b}.example/[1-5]").run().code(0), "hosts 2");
    scrape("--dry-run missing.txt").run().code(1);
    scrape("--dry-run https://a.example/[1-").run().code(2);
    scrape("--dry-run https://a.example -s a=b -s a=c").run().code(2);
}

#[test]
fn requests_for_robots_txt_are_counted_where_there_would_be_some() {
    let hosts = list(&[("a.example", 3), ("b.example", 2)]);
    has(&scrape("--dry-run").stdin(&hosts).run().code(0), "requests 5; redirects and retries come on top");
    let run = scrape("--dry-run --robots always --host-rps 1").stdin(&hosts).run().code(0);
    has(&run, "requests 7, 2 of them for robots.txt; redirects and retries come on top");
    has(&run, "duration at least 3s: a.example has 4 requests at 1/s");
}

#[test]
fn hosts_that_share_their_limits_are_taken_together() {
    let hosts = list(&[("a.example.co.uk", 3), ("b.example.co.uk", 2), ("c.co.uk", 1)]);
    let run = scrape("--dry-run --limit-by site --host-rps 1").stdin(&hosts).run().code(0);
    has(&run, "largest 5 example.co.uk 1/s, at least 4s");
    has(&run, "1/s for each site");
    let run = scrape("--dry-run --limit-by ip").stdin(&hosts).run().code(0);
    has(&run, "which hosts share an address is not looked up here: each is counted by itself");
}

#[test]
fn as_json_it_is_one_object() {
    let run = scrape("--dry-run -f json --host-rps 0.5 --per-host 2").stdin(list(&[("a.example", 5), ("b.example", 1)]) + "x\n");
    let run = run.run().code(3);
    let object: Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!(run.text().lines().count(), 1);
    for (path, value) in [
        ("/targets", json!(7)),
        ("/bad", json!(1)),
        ("/hosts", json!(2)),
        ("/requests", json!(6)),
        ("/limits/host_rps", json!(["0.5/s"])),
        ("/limits/per_host", json!(2)),
        (
            "/largest/0",
            json!({"host": "a.example", "targets": 5, "requests": 5, "rate": "0.5/s", "per_host": 2, "at_least_s": 8.0}),
        ),
        ("/at_least/seconds", json!(8.0)),
        ("/at_least/host", json!("a.example")),
        ("/at_least/because", json!("a.example has 5 targets at 0.5/s")),
        ("/about", Value::Null),
    ] {
        assert_eq!(object.pointer(path), Some(&value), "{path} of {object}");
    }
    assert!(object["bad_lines"][0].as_str().unwrap().starts_with("stdin:7: "));
}

#[test]
fn only_the_ten_largest_hosts_are_named() {
    let hosts: Vec<_> = (1..=12).map(|pages| (format!("h{pages}.example"), pages)).collect();
    let hosts: Vec<_> = hosts.iter().map(|(host, pages)| (host.as_str(), *pages)).collect();
    let run = scrape("--dry-run").stdin(list(&hosts)).run().code(0);
    assert!(run.text().contains("h3.example") && !run.text().contains("h2.example"), "{}", run.text());
    has(&run, "largest 12 h12.example");
}

#[test]
fn the_demo_has_a_list_too() {
    let run = scrape("--demo --dry-run").run().code(0);
    has(&run, "hosts 1");
    assert!(run.text().contains("127.0.0.1:"), "{}", run.text());
    has(&scrape("--demo=serve --dry-run").run().code(0), "hosts 1");
}

#[test]
fn nothing_a_list_says_acts_on_the_terminal() {
    let run = scrape("--dry-run").stdin("https://a.example/\u{1b}[2J\n").run().code(3);
    assert!(!run.text().contains('\u{1b}'), "{:?}", run.text());
}

#[test]
fn settings_are_printed_rather_than_used() {
    assert!(scrape("--dry-run --print-config").run().code(0).text().contains("concurrency = 20"));
}

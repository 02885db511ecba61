//! What a run leaves for programs and for the next run: `--summary`, `--metrics`, and the command that goes on.

use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{REFUSED, Reply, Site, Work, gzip, scrape};

/// The summary file of a run.
#[track_caller]
fn summary(work: &Work) -> Value {
    serde_json::from_str(&work.read("s.json")).unwrap()
}

#[test]
fn the_summary_file_says_what_the_run_came_to() {
    let (site, work) = (Site::hosts(2), Work::new());
    site.on("/p/*", |request| Reply::title(&request.path));
    site.page("/gone", Reply::status(404));
    site.page("/moved", Reply::redirect("/p/9"));
    let text = "<title>packed</title>".repeat(100);
    site.page("/packed", Reply::html("").header("Content-Encoding", "gzip").body(gzip(text.as_bytes())));
    let list = [
        site.list(2),
        site.url_of(1, "/p/1"),
        site.url("/gone"),
        site.url("/moved"),
        site.url("/packed"),
        site.url("/p/1"),
        "# no target".to_owned(),
        "no url".to_owned(),
    ];
    let flags = "--unique --host-rps 20 -s title=title -s none=.none -s all[]=i --summary s.json --fail-if field:none<50%";
    work.scrape(flags).stdin(list.join("\n")).run().code(3);
    let object = summary(&work);
    let of = |name: &str| &object[name];
    let counts = ["in", "ok", "failed", "skipped", "left", "passed_over"].map(|name| of(name).as_u64().unwrap());
    assert_eq!(counts, [8, 5, 2, 1, 0, 2], "the blank line of the list is one of them");
    assert_eq!(
        (of("ended"), of("exit_code"), of("error"), of("resume")),
        (&json!("finished"), &json!(3), &json!(null), &json!(null))
    );
    assert_eq!(of("errors"), &json!({ "invalid_url": 1, "http_status": 1 }));
    assert_eq!(of("statuses"), &json!({ "200": 5, "404": 1 }));
    assert_eq!(of("requests"), &json!({ "sent": 7, "robots": 0, "retries": 0, "redirects": 1 }));
    let (first, second) = (site.host(0), site.host(1));
    let hosts: Vec<_> =
        of("hosts").as_array().unwrap().iter().map(|host| (&host["host"], &host["ok"], &host["failed"])).collect();
    assert_eq!(hosts, [(&json!(first), &json!(4), &json!(1)), (&json!(second), &json!(1), &json!(0))]);
    assert_eq!(of("other_hosts")["failed"], 1, "what is no URL has no host");
    assert_eq!(
        of("fields"),
        &json!([
            { "name": "title", "matched": 5, "of": 5 },
            { "name": "none", "matched": 0, "of": 5 },
            { "name": "all", "matched": 0, "of": 5 },
        ])
    );
    assert_eq!(of("fail_if"), &json!([{ "expression": "field:none < 50%", "true": true, "count": 0, "of": 5 }]));
    let bytes = |name: &str| of("bytes")[name].as_u64().unwrap();
    assert!(bytes("decoded") > text.len() as u64 && bytes("received") < bytes("decoded"), "{object}");
    let times = of("latency_ms");
    assert_eq!(times["count"], 6);
    let order: Vec<_> = ["min", "p50", "p90", "p95", "p99", "max"].map(|name| times[name].as_u64().unwrap()).into();
    assert!(order.is_sorted(), "{times}");
    assert!(of("waits_ms")["rate"].as_u64().unwrap() > 0, "{object}");
    assert!(of("started_at").as_str().unwrap() < of("ended_at").as_str().unwrap());
}

#[test]
fn the_metrics_are_readable_for_others_and_say_the_same() {
    let (site, work) = (Site::of_pages(), Work::new());
    work.write("m.prom", "old");
    std::fs::set_permissions(work.path("m.prom"), PermissionsExt::from_mode(0o640)).unwrap();
    let shell = "umask 077; exec \"$0\" \"$@\"";
    let run = |name: &str| {
        let run = work.scrape("--retries 0 --metrics").arg(name).shell(shell).stdin(site.list(3) + REFUSED).run().code(3);
        assert_eq!(run.records().len(), 4);
        let text = work.read(name);
        // Files of one folder have no series in common.
        let run = name.trim_end_matches(".prom");
        for (metric, label, value) in
            [("targets", ",outcome=\"ok\"", 3), ("failures", ",kind=\"connect\"", 1), ("exit_code", "", 3)]
        {
            let line = format!("scrape_run_{metric}{{run=\"{run}\"{label}}} {value}");
            assert!(text.lines().any(|own| own == line), "{line} in {text}");
        }
        std::fs::metadata(work.path(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(run("new.prom"), 0o644);
    assert_eq!(run("m.prom"), 0o640, "who may read an old one, its owner has said");
    assert_eq!(work.names(), ["m.prom", "new.prom"], "nothing is left beside them");
}

#[test]
fn the_files_are_written_when_the_run_breaks_too() {
    let (site, work) = (Site::of_pages(), Work::new());
    work.write("s.json", "of an earlier run");
    work.scrape("--summary s.json --metrics m.prom missing.txt").run().code(1);
    let object = summary(&work);
    assert_eq!((&object["ended"], &object["exit_code"], &object["in"]), (&json!("broken"), &json!(1), &json!(0)));
    assert!(object["error"].as_str().unwrap().contains("missing.txt"), "{object}");
    assert!(work.read("m.prom").contains("scrape_run_exit_code{run=\"m\"} 1\n"));
    work.write("out.jsonl", "");
    let run = work.scrape("--summary s.json -o /dev/full").stdin(site.list(3)).run().code(1);
    let object = summary(&work);
    assert_eq!((&object["ended"], &object["exit_code"], &object["ok"]), (&json!("broken"), &json!(1), &json!(0)));
    assert!(run.stderr.contains(object["error"].as_str().unwrap()), "{object} and {}", run.stderr);
}

#[test]
fn a_path_that_cannot_be_written_is_found_before_the_first_request() {
    let (site, work) = (Site::of_pages(), Work::new());
    work.write("urls.txt", site.list(2)).write("file", "");
    std::fs::create_dir(work.path("folder")).unwrap();
    for flag in ["--summary", "--metrics"] {
        for (path, said) in [
            ("none/s", "there is no folder none"),
            ("folder", "is a folder"),
            ("file/s", "there is no folder"),
            ("-", "stdout is for records"),
            ("/dev/stdout", "stdout is for records"),
            ("/proc/self/fd/1", "stdout is for records"),
            ("/dev/no-such-device", "cannot write /dev/no-such-device"),
            ("urls.txt", "is the input"),
            ("./out.jsonl", "is the output"),
            ("jar.txt", "is what --cookie-jar names"),
        ] {
            let run = work.scrape("urls.txt -o out.jsonl --cookie-jar jar.txt").args([flag, path]).run().code(2);
            assert!(run.stderr.contains(said) && run.stderr.contains(flag), "{flag} {path}: {}", run.stderr);
        }
    }
    let run = work.scrape("urls.txt --summary x --metrics folder/../x").run().code(2);
    assert!(run.stderr.contains("x is what --metrics names"), "{}", run.stderr);
    assert_eq!((site.hits().len(), work.names().len()), (0, 3));
    scrape("--summary /dev/null --metrics /dev/null").stdin(site.list(1)).run().code(0);
    let run = scrape("-q --summary /dev/stderr").stdin(site.list(1)).run().code(0);
    assert_eq!(serde_json::from_str::<Value>(&run.stderr).unwrap()["ok"], 1);
}

#[test]
fn a_link_stays_one() {
    let (site, work) = (Site::of_pages(), Work::new());
    std::os::unix::fs::symlink("s.json", work.path("link")).unwrap();
    work.write("s.json", "");
    work.scrape("--summary link").stdin(site.list(1)).run().code(0);
    assert!(std::fs::symlink_metadata(work.path("link")).unwrap().is_symlink());
    assert_eq!(summary(&work)["ok"], 1);
}

/// A site with a page that never comes, and a list that ends with it.
fn hanging() -> (Site, String) {
    let site = Site::of_pages();
    site.page("/hang", Reply::nothing().hang());
    let list = site.list(1) + &site.url("/hang") + "\n";
    (site, list)
}

#[test]
fn a_run_that_was_cut_short_ends_with_the_command_that_goes_on() {
    let (site, list) = hanging();
    let flags = "--timeout 1h --read-timeout 1h --grace 50ms -s";
    for (signal, more, code) in
        [(Some(Signal::INT), None, 130), (Some(Signal::TERM), None, 143), (None, Some("--deadline=300ms"), 4)]
    {
        let work = Work::new();
        work.write("the urls.txt", &list);
        let run = work.scrape(flags).args(["title=h1 > a", "the urls.txt", "-oout.csv", "--summary=s.json"]).args(more);
        let seen = site.count("/hang");
        let live = run.spawn();
        site.wait_until("the page that hangs", |hits| hits.iter().filter(|hit| hit.request.path == "/hang").count() > seen);
        if let Some(signal) = signal {
            live.signal(signal);
        }
        let run = live.end().code(code);
        let deadline = more.map(|more| format!(" {more}")).unwrap_or_default();
        let rest = format!(" {flags} 'title=h1 > a' 'the urls.txt' -oout.csv --summary=s.json{deadline} --resume");
        let is_named = run.stderr.lines().any(|line| line.starts_with("to go on: ") && line.ends_with(&rest));
        assert!(is_named, "{rest} in:\n{}", run.stderr);
        assert!(summary(&work)["resume"].as_str().unwrap().ends_with(&rest));
        assert_eq!(run.summary().left, 1);
    }
}

#[test]
fn where_nothing_can_be_resumed_it_is_said_what_would_help() {
    let (_site, list) = hanging();
    let work = Work::new();
    let flags = "--timeout 1h --read-timeout 1h --grace 50ms --deadline 300ms";
    let run = work.scrape(flags).stdin(&list).run().code(4);
    assert!(run.stderr.contains("\nthe records were not written to a file: with -o FILE --resume goes on"), "{}", run.stderr);
    let run = work.scrape(flags).args(["-o", "out.jsonl"]).stdin(&list).run().code(4);
    assert!(run.stderr.contains("-o out.jsonl --resume    (give it the same list on stdin)\n"), "{}", run.stderr);
    let run = work.scrape(flags).args(["-o", "out.jsonl", "--append"]).stdin(&list).run().code(4);
    assert!(run.stderr.contains("\n--append does not tell"), "{}", run.stderr);
    let run = work.scrape(flags).args(["-q", "-o", "quiet.jsonl"]).stdin(&list).run().code(4);
    assert_eq!(run.stderr, "");
    let run = work.scrape("-o done.jsonl").stdin(list.lines().next().unwrap()).run().code(0);
    assert!(!run.stderr.contains("--resume"), "{}", run.stderr);
}

#[test]
fn with_overwrite_the_partial_file_is_what_is_gone_on_with() {
    let (site, list) = hanging();
    let work = Work::new();
    work.write("urls.txt", &list).write("out.jsonl", "old\n");
    let live = work.scrape("urls.txt --timeout 1h --read-timeout 1h --grace 50ms -o out.jsonl --overwrite").spawn();
    site.wait_for("/hang");
    live.signal(Signal::INT);
    let run = live.end().code(130);
    assert!(run.stderr.contains("this run's records are in out.jsonl.partial\nto go on: "), "{}", run.stderr);
    assert!(run.stderr.contains(" -o out.jsonl --overwrite --resume\n"), "{}", run.stderr);
}

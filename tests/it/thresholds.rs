//! What makes a run fail: its first failure (`--fail-fast`), or what its expressions say (`--fail-if`).

use rustix::process::Signal;

use crate::harness::{Gate, REFUSED, Reply, Site, Work, field, scrape};

/// A site with ten pages, of which the third is not there, and the fifth has no title.
fn site() -> Site {
    let site = Site::of_pages();
    site.page("/p/3", Reply::status(404));
    site.page("/p/5", Reply::html("<title></title>"));
    site
}

#[test]
fn a_run_fails_only_by_an_expression_that_is_true() {
    let site = site();
    for (expression, code) in [
        ("failed > 10%", 0),
        ("failed >= 10%", 3),
        ("failed>0", 3),
        ("ok < 90%", 0),
        ("ok<91%", 3),
        ("records < 100", 3),
        ("in != 10", 0),
        ("skipped > 0", 0),
        ("left > 0", 0),
        ("field:title < 88.888888%", 0),
        ("field:title < 88.9%", 3),
        ("timeout > 0", 0),
        ("http_status > 9.9%", 3),
        ("kind:http_status > 1", 0),
        ("status:404 = 1", 3),
        ("status:2xx < 9", 0),
    ] {
        let run = scrape("--fail-if").arg(expression).stdin(site.list(10)).run().code(code);
        assert_eq!(run.stderr.contains("--fail-if "), code == 3, "{expression}: {}", run.stderr);
        assert_eq!(run.summary().failed, 1);
    }
}

#[test]
fn of_several_expressions_each_that_is_true_is_named_with_its_numbers() {
    let site = site();
    let run = scrape("--fail-if failed>5% --fail-if ok<50% --fail-if status:404>0").stdin(site.list(10)).run().code(3);
    assert!(run.stderr.contains("\n--fail-if failed > 5%: 1 of 10 records failed (10%)\n"), "{}", run.stderr);
    assert!(run.stderr.contains("\n--fail-if status:404 > 0: 1 of 10 records have status 404 (10%)\n"), "{}", run.stderr);
    assert!(!run.stderr.contains("ok < 50%"), "{}", run.stderr);
    let quiet = scrape("-q --fail-if failed>5%").stdin(site.list(10)).run().code(3);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn what_is_no_expression_is_a_usage_error_before_any_request() {
    let site = site();
    for (flags, expression, said) in [
        ("", "failed", "it compares nothing"),
        ("", "failures > 5", "field:NAME"),
        ("", "failed > 500%", "is no bound"),
        ("", "failed => 5%", "is no comparison"),
        ("-s price=.price -s name=h1", "field:prise < 95%", "there is no field \"prise\"; there are price, name"),
        ("--fetch-only", "field:title < 95%", "none is extracted"),
    ] {
        let run = scrape(flags).arg("--fail-if").arg(expression).stdin(site.list(10)).run().code(2);
        assert!(run.stderr.contains(said), "{expression}: {}", run.stderr);
    }
    assert_eq!(site.hits().len(), 0);
}

#[test]
fn an_empty_list_is_no_share_of_anything() {
    scrape("--fail-if failed>=0% --fail-if ok<90% --fail-if field:title<95%").stdin("").run().code(0);
    scrape("--fail-if records<1").stdin("").run().code(3);
    scrape("--retries 0 --fail-if field:title<95%").stdin(REFUSED).run().code(3);
}

#[test]
fn what_cuts_a_run_short_has_its_own_code_whatever_the_expressions_say() {
    let site = Site::of_pages();
    site.page("/hang", Reply::nothing().hang());
    let list = || site.list(1) + &site.url("/hang");
    let flags = "--timeout 1h --read-timeout 1h --fail-if records<100 --grace 50ms";
    let run = scrape(flags).args(["--deadline", "1s"]).stdin(list()).run().code(4);
    assert!(run.stderr.contains("--fail-if records < 100: 1 of 2 targets have a record (50%)"), "{}", run.stderr);
    let live = scrape(flags).stdin(list()).spawn();
    site.wait_for_hits(4);
    live.signal(Signal::TERM);
    live.end().code(143);
    scrape("--fail-if records<100 missing.txt").run().code(1);
}

#[test]
fn the_first_failure_ends_the_run_and_is_named() {
    let site = Site::of_pages();
    site.page("/gone", Reply::status(404));
    let list = site.list(2) + &site.url("/gone") + "\n" + &site.list(3);
    let run = scrape("-c 1 --fail-fast").stdin(list).run().code(3);
    assert_eq!(site.paths(), ["/p/1", "/p/2", "/gone"], "nothing more was started");
    assert_eq!(run.each("index"), [1, 2, 3], "the failure is written too");
    let summary = run.summary();
    assert_eq!((summary.ok, summary.failed, summary.left), (2, 1, 3));
    assert!(run.stderr.starts_with("stopped by the first failure after "), "{}", run.stderr);
    let line = format!("the first failure: {} (http_status: ", site.url("/gone"));
    assert!(run.stderr.contains(&line), "{}", run.stderr);
}

#[test]
fn what_is_in_flight_at_the_first_failure_is_finished_or_left_after_the_grace_time() {
    for is_over in [false, true] {
        let site = Site::of_pages();
        let gate = Gate::default();
        site.page("/slow", Reply::title("slow").behind(&gate));
        site.page("/gone", Reply::status(404).behind(&gate));
        site.page("/hang", Reply::nothing().hang());
        let (second, grace) = if is_over { ("/hang", "50ms") } else { ("/slow", "1h") };
        let list = site.url("/gone") + "\n" + &site.url(second) + "\n";
        let live = scrape("--fail-fast --timeout 1h --read-timeout 1h --grace").arg(grace).stdin(list).spawn();
        site.wait_for_hits(2);
        gate.open();
        let run = live.end().code(3);
        let summary = run.summary();
        assert_eq!((summary.ok, summary.failed, summary.left), if is_over { (0, 1, 1) } else { (1, 1, 0) });
        assert_eq!(run.records().len() as u64, summary.ok + summary.failed);
    }
}

#[test]
fn a_retry_that_succeeds_and_a_run_without_a_failure_end_nothing() {
    let site = Site::of_pages();
    site.pages("/moody", [Reply::status(503), Reply::title("well")]);
    let list = site.url("/moody") + "\n" + &site.list(3);
    let run = scrape("--fail-fast --backoff 1ms").stdin(list).run().code(0);
    assert_eq!(run.summary().ok, 4);
}

#[test]
fn with_fail_fast_a_failure_never_replaces_what_was_there() {
    let (site, work) = (Site::of_pages(), Work::new());
    site.page("/gone", Reply::status(404));
    work.write("out.jsonl", "old\n");
    let run = work.scrape("-c 1 --fail-fast --overwrite -o out.jsonl --fail-if failed>50%");
    // It is the last one of the list, and no more than half of it: that changes nothing.
    let run = run.stdin(site.list(2) + &site.url("/gone")).run().code(3);
    assert_eq!(work.read("out.jsonl"), "old\n");
    assert_eq!(work.read("out.jsonl.partial").lines().count(), 3);
    assert!(run.stderr.contains("--overwrite -o out.jsonl --fail-if 'failed>50%' --resume"), "{}", run.stderr);
}

#[test]
fn a_bad_line_is_a_failure_too() {
    let site = Site::of_pages();
    let run = scrape("-c 1 --fail-fast").stdin("no url\n".to_owned() + &site.list(2)).run().code(3);
    assert_eq!((site.hits().len(), field(&run.record(), "error")), (0, &"invalid_url".into()));
}

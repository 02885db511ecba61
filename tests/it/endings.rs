//! How runs end: exit codes, signals, the deadline, a reader that goes away. The summary adds up in every case.

use std::io::{BufRead, BufReader};

use rustix::process::Signal;

use crate::harness::{Gate, LIMIT, Live, REFUSED, Reply, Run, Site, field, scrape};

/// A site with a page that never comes, `/hang`, besides the others.
fn hanging() -> Site {
    let site = Site::of_pages();
    site.page("/hang", Reply::nothing().hang());
    site
}

/// No limit of its own ends a request of this run.
const PATIENT: &str = "--timeout 1h --read-timeout 1h --grace 1h";

#[test]
fn every_ending_has_its_exit_code() {
    let site = Site::of_pages();
    scrape("").stdin(site.list(2)).run().code(0);
    scrape("--retries 0").stdin(site.list(2) + REFUSED).run().code(3);
    scrape("--no-such-flag").run().code(2);
    scrape("missing.txt").run().code(1);
    scrape("").stdin("").run().code(0);
}

#[test]
fn the_first_signal_lets_what_is_in_flight_finish_and_starts_nothing_new() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 143)] {
        let site = Site::of_pages();
        let gate = Gate::default();
        site.page("/slow", Reply::title("slow").behind(&gate));
        let live = scrape(PATIENT).args(["-c", "1"]).stdin(site.list(1) + &site.url("/slow") + "\n" + &site.list(3)).spawn();
        site.wait_for("/slow");
        live.signal_and_settle(signal);
        gate.open();
        let run = live.end().code(code);
        assert_eq!(site.paths(), ["/p/1", "/slow"], "nothing new was started");
        assert_eq!(run.each("index"), [1, 2]);
        assert_eq!(field(&run.at(2), "data.title"), "slow");
        let summary = run.summary();
        assert_eq!((summary.ok, summary.failed), (2, 0));
        assert!(summary.left <= 3);
    }
}

#[test]
fn a_signal_that_arrives_twice_at_once_is_one_wish() {
    // As `timeout` does it: the child, then its group.
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let live = scrape(PATIENT).stdin(site.url("/slow")).spawn();
    site.wait_for("/slow");
    live.signal(Signal::TERM);
    live.signal_and_settle(Signal::CONT);
    live.signal(Signal::HUP);
    gate.open();
    let run = live.end().code(143);
    assert_eq!((run.summary().ok, run.records().len()), (1, 1));
}

#[test]
fn the_grace_time_is_the_longest_that_a_stop_waits() {
    let site = hanging();
    let live = scrape("--timeout 1h --read-timeout 1h --grace 100ms").stdin(site.list(2) + &site.url("/hang")).spawn();
    site.wait_for("/hang");
    live.signal(Signal::INT);
    let run = live.end().code(130);
    let summary = run.summary();
    assert_eq!((summary.ok, summary.left, run.records().len()), (2, 1, 2));
}

/// Sends a signal again and again until the run has ended.
pub(crate) fn insist(mut live: Live, signal: Signal) -> Run {
    while live.is_running() {
        live.signal(signal);
        std::thread::park_timeout(LIMIT / 1000);
    }
    live.end()
}

#[test]
fn the_second_signal_stops_at_once_and_what_was_written_stays_valid() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let site = hanging();
        let mut live = scrape(PATIENT).stdin(site.list(1) + &site.url("/hang")).spawn();
        live.line();
        site.wait_for("/hang");
        let run = insist(live, signal).code(code);
        assert_eq!(run.each("index"), [1]);
        let summary = run.summary();
        assert_eq!((summary.ok, summary.left), (1, 1));
    }
}

#[test]
fn a_stop_leaves_one_valid_array() {
    let site = hanging();
    let live = scrape(PATIENT).args(["-f", "json"]).stdin(site.list(1) + &site.url("/hang")).spawn();
    site.wait_for_hits(2);
    let run = insist(live, Signal::INT).code(130);
    assert!(serde_json::from_str::<Vec<serde_json::Value>>(run.text()).unwrap().len() <= 1);
}

#[test]
fn a_stop_does_not_wait_for_stdin_or_for_a_backoff() {
    let site = Site::of_pages();
    site.page("/busy", Reply::status(503).header("Retry-After", "3600"));
    let mut live = scrape("--max-wait 1h -").open_stdin().spawn();
    live.write(site.list(1) + &site.url("/busy") + "\n");
    live.line();
    site.wait_until("the end of the busy page", |hits| hits.iter().any(|hit| hit.request.path == "/busy" && hit.ended.is_some()));
    live.signal(Signal::INT);
    let run = live.end().code(130);
    let summary = run.summary();
    assert_eq!((summary.total, summary.ok, summary.failed + summary.left), (2, 1, 1));
}

#[test]
fn the_deadline_ends_the_run_with_targets_left() {
    let site = hanging();
    let flags = "-c 1 --timeout 1h --read-timeout 1h --grace 50ms --deadline 400ms";
    let run = scrape(flags).stdin(site.list(2) + &site.url("/hang") + "\n" + &site.list(2)).run().code(4);
    let summary = run.summary();
    assert_eq!((summary.ok, summary.left >= 1), (2, true), "{summary:?}");
    assert_eq!(run.records().len(), 2);
    scrape("--deadline 10m").stdin(site.list(2)).run().code(0);
}

#[test]
fn a_deadline_in_time_is_none_although_targets_failed() {
    let site = Site::of_pages();
    scrape("--deadline 10m --retries 0").stdin(site.list(1) + REFUSED).run().code(3);
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let site = Site::of_pages();
    let (live, stdout) = scrape("-v").arg(site.url("/p/[1-1000000]")).spawn_with_stdout();
    let mut first = String::new();
    BufReader::new(stdout).read_line(&mut first).unwrap();
    assert!(first.starts_with("{\"index\":"));
    let run = live.end().code(0);
    assert!(!run.stderr.contains("panic") && !run.stderr.to_lowercase().contains("broken pipe"), "{}", run.stderr);
    assert!(site.hits().len() < 100_000);
}

#[test]
fn a_reader_that_goes_away_is_noticed_while_a_page_is_slow() {
    let site = hanging();
    let (mut live, stdout) = scrape(PATIENT).arg("-").open_stdin().spawn_with_stdout();
    live.write(site.list(1) + &site.url("/hang") + "\n");
    let mut lines = BufReader::new(stdout);
    lines.read_line(&mut String::new()).unwrap();
    site.wait_for("/hang");
    drop(lines);
    live.end().code(0);
}

#[test]
fn a_limit_ends_the_run_although_stdin_is_open() {
    let site = Site::of_pages();
    let mut live = scrape("--limit 2 -").open_stdin().spawn();
    live.write(site.list(3));
    assert_eq!(live.end().code(0).records().len(), 2);
}

#[test]
fn the_summary_counts_skipped_failed_and_good_ones() {
    let site = Site::of_pages();
    site.page("/gone", Reply::status(404));
    let list = site.list(3) + &site.list(2) + &site.url("/gone") + "\nno url\n";
    let run = scrape("--unique").stdin(list).run().code(3);
    let summary = run.summary();
    let counts = (summary.total, summary.ok, summary.failed, summary.skipped, summary.left);
    assert_eq!(counts, (7, 3, 2, 2, 0));
}

#[test]
fn a_terminal_that_closes_does_not_end_what_nohup_started() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let list = site.url("/slow") + "\n" + &site.list(2);
    let live = scrape("-c 1").shell("trap '' HUP; exec \"$0\" \"$@\"").stdin(list).spawn();
    site.wait_for("/slow");
    live.signal(Signal::HUP);
    gate.open();
    assert_eq!(live.end().code(0).summary().ok, 3);
}

#[test]
fn the_deadline_holds_while_a_header_never_comes_or_nobody_opens_the_pipe() {
    scrape("--input-format csv --deadline 100ms -").open_stdin().spawn().end().code(4);
    let work = crate::harness::Work::new();
    assert!(std::process::Command::new("mkfifo").arg(work.path("pipe.jsonl")).status().unwrap().success());
    work.scrape("--deadline 100ms -o pipe.jsonl").stdin(REFUSED).run().code(4);
}

#[test]
fn an_output_that_takes_nothing_holds_a_stopped_run_no_longer_than_the_grace_time() {
    let site = Site::start();
    let long = "x".repeat(1000);
    site.on("/p/*", move |_| Reply::title(&long));
    for (flags, stop, code) in [("--grace 100ms", Some(Signal::TERM), 143), ("--grace 100ms --deadline 1s", None, 4)] {
        let (live, stdout) = scrape(flags).arg(site.url("/p/[1-1000000]")).spawn_with_stdout();
        // A pipe holds 64 KiB: with more pages fetched than fit the rest waits for a reader, who never comes.
        site.wait_for_hits(100);
        if let Some(signal) = stop {
            live.signal(signal);
        }
        let run = live.end().code(code);
        assert!(run.summary().left > 0);
        drop(stdout);
    }
}

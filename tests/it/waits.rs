//! A run that waits says what for: after ten seconds in which nothing completed, and to whoever asks by SIGUSR1.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{LIMIT, Live, Reply, Run, Site, Work, scrape, screen, thread};

/// No limit of its own ends a request of these runs, and a stop does not wait.
const PATIENT: &str = "--timeout 1h --read-timeout 1h --max-wait 2h --grace 0s";

/// A site with pages that keep a run waiting.
fn waiting() -> Site {
    let site = Site::of_pages();
    let long = "x".repeat(100_000);
    site.page("/hang", Reply::nothing().hang())
        .page("/drip", Reply::html(long).drip(200, Duration::from_millis(100)).hang())
        .page("/busy", Reply::status(503).header("Retry-After", "3600"));
    site
}

/// Ends a run that would not end by itself.
fn stop(live: Live) -> Run {
    live.signal(Signal::TERM);
    live.end()
}

/// What the program says when it is asked, as often as it takes until it says this.
#[track_caller]
pub(crate) fn ask(live: &Live, text: &str) -> String {
    let (start, mut asked) = (Instant::now(), 0);
    loop {
        asked += 1;
        live.signal(Signal::USR1);
        let said = live.says_nth("waiting ", asked);
        if said.contains(text) {
            return said;
        }
        assert!(start.elapsed() < LIMIT, "it never says {text:?} but {said:?}");
    }
}

/// The wall clock in UTC and how long it is until then: `until 14:03:20Z, in 37s`.
#[track_caller]
fn assert_says_until(said: &str) {
    let (_, until) = said.split_once("until ").unwrap_or_else(|| panic!("{said}"));
    let (time, left) = until.split_once("Z, in ").unwrap_or_else(|| panic!("{said}"));
    assert!(time.len() == 8 && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':'), "{said}");
    assert!(left.starts_with("59m") || left.starts_with("1h"), "{said}");
}

#[test]
fn who_asks_hears_of_every_request_in_flight() {
    let site = waiting();
    let list = ["/hang?1", "/hang?2", "/drip"].map(|path| site.url(path)).join("\n");
    site.page("/hang?1", Reply::nothing().hang()).page("/hang?2", Reply::nothing().hang());
    let live = scrape(PATIENT).stdin(list).spawn();
    site.wait_for_hits(3);
    assert!(ask(&live, "").starts_with("scrape: waiting "));
    for path in ["/hang?1", "/hang?2"] {
        let said = live.says(&format!("  {}: ", site.url(path)));
        assert!(said.contains("not answered for ") || said.contains("connecting for "), "{said}");
    }
    live.says(&format!("  {}: ", site.url("/drip")));
    stop(live).code(143);
}

#[test]
fn a_body_that_drips_has_its_rate() {
    let site = waiting();
    let live = scrape(PATIENT).arg(site.url("/drip")).spawn();
    site.wait_for("/drip");
    // The first of it may not have come yet.
    let said = ask(&live, "body of ");
    assert!(said.contains(&format!("body of {} at ", site.url("/drip"))), "{said}");
    assert!(said.contains("B/s (") && said.contains("B so far"), "{said}");
    stop(live).code(143);
}

#[test]
fn a_host_that_asked_for_peace_is_waited_for_until_then() {
    let site = waiting();
    let live = scrape(PATIENT).arg(site.url("/busy")).spawn();
    site.wait_until("the end of it", |hits| hits.iter().any(|hit| hit.ended.is_some()));
    let said = ask(&live, "until ");
    assert_says_until(&said);
    stop(live).code(143);
}

#[test]
fn quiet_says_nothing_but_what_somebody_asks_for() {
    let site = waiting();
    let live = scrape(PATIENT).arg("-q").arg(site.url("/hang")).spawn();
    site.wait_for("/hang");
    ask(&live, "");
    live.says(&format!("  {}: ", site.url("/hang")));
    let run = stop(live).code(143);
    assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
}

#[test]
fn in_a_json_log_an_answer_is_objects() {
    let site = waiting();
    let live = scrape(PATIENT).args(["--log-format", "json"]).arg(site.url("/hang")).spawn();
    site.wait_for("/hang");
    ask(&live, "");
    live.says("\"phase\"");
    let run = stop(live).code(143);
    let objects: Vec<Value> = run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let flying = objects.iter().find(|object| object.get("phase").is_some()).unwrap();
    assert_eq!((flying["url"].as_str().unwrap(), &flying["attempt"]), (site.url("/hang").as_str(), &Value::from(1)));
    assert!(flying["phase"] == "head" || flying["phase"] == "connect", "{flying}");
}

#[test]
fn who_asks_before_the_run_has_begun_ends_nothing() {
    let mut live = scrape("--input-format csv -").open_stdin().spawn();
    live.wait_until_it_catches(Signal::USR1);
    ask(&live, ": opening the input");
    live.close_stdin();
    live.end();
    let work = Work::new();
    assert!(std::process::Command::new("mkfifo").arg(work.path("pipe.jsonl")).status().unwrap().success());
    let live = work.scrape("-o pipe.jsonl http://127.0.0.1:1/").spawn();
    live.wait_until_it_catches(Signal::USR1);
    ask(&live, ": opening the output");
    stop(live).code(143);
}

/// A run whose output nobody reads: it has fetched more than a pipe holds.
fn blocked(site: &Site, pages: usize) -> (Live, std::process::ChildStdout) {
    let long = "x".repeat(30_000);
    site.on("/long/*", move |_| Reply::title(&long));
    let (live, stdout) = scrape("-c 2 --grace 0s").arg(site.url(&format!("/long/[1-{pages}]"))).spawn_with_stdout();
    (live, stdout)
}

#[test]
fn an_output_that_takes_nothing_is_named() {
    for (pages, says) in [(100, "the output to take records"), (5, "the output to take the last records")] {
        let site = Site::start();
        let (live, stdout) = blocked(&site, pages);
        site.wait_for_hits(pages.min(6));
        ask(&live, says);
        live.signal(Signal::TERM);
        live.end().code(143);
        drop(stdout);
    }
}

#[test]
fn after_ten_seconds_of_nothing_the_run_says_what_it_waits_for() {
    // One run a case, at the same time, as each takes these ten seconds.
    let run = |flags: &'static str, path: &'static str, says: fn(&Site) -> String| {
        thread("run", move || {
            let site = waiting();
            let live = scrape(PATIENT).args(flags.split_whitespace()).arg(site.url(path)).spawn();
            let said = live.says("waiting 10s: ");
            assert!(said.contains(&says(&site)), "{said}");
            let run = stop(live).code(143);
            assert_eq!(run.stderr.matches("waiting 10s").count(), 1, "{}", run.stderr);
        })
    };
    let silent = thread("run", || {
        let site = waiting();
        let mut live = scrape("-").open_stdin().spawn();
        live.write(site.list(1));
        let said = live.says("waiting 10s: ");
        assert!(said.ends_with(": the input to go on"), "{said}");
        live.close_stdin();
        live.end().code(0);
    });
    let blocked = thread("run", || {
        let site = Site::start();
        let (live, stdout) = blocked(&site, 100);
        let said = live.says("waiting 10s: ");
        assert!(said.contains(": the output to take records"), "{said}");
        live.signal(Signal::TERM);
        live.end().code(143);
        drop(stdout);
    });
    let quiet = thread("run", || {
        let site = waiting();
        // A second longer than it would take to say something.
        let run = scrape("-q --deadline 11s --grace 0s").arg(site.url("/hang")).run().code(4);
        assert_eq!(run.stderr, "");
    });
    let shown = thread("run", || {
        let site = waiting();
        let work = Work::new();
        work.write("urls.txt", site.url("/hang"));
        let run = work.terminal(r#""$scrape" urls.txt -o out.jsonl --deadline 11s --grace 0s"#).run().code(4);
        let lines = screen(run.text());
        assert!(lines[0].starts_with("scrape: waiting 10s: http://"), "{lines:#?}");
        assert!(lines.last().is_some_and(String::is_empty), "{lines:#?}");
    });
    let runs = [
        run("", "/hang", |site| format!("{} not answered for ", site.url("/hang"))),
        run("", "/drip", |site| format!("body of {} at ", site.url("/drip"))),
        run("--log-format json", "/hang", |_| "\"in_flight\":1".to_owned()),
        silent,
        blocked,
        quiet,
        shown,
    ];
    for run in runs {
        if let Err(panic) = run.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

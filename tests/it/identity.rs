//! `in = ok + failed + skipped + left`, whatever ends a run: on the last line of the talk, in the summary file, and in the output.

use std::io::{BufRead, BufReader};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{REFUSED, Reply, Run, Scrape, Site, Work, records};

/// What one ending came to, by its summary file.
#[derive(Debug, PartialEq)]
struct Sums {
    read: u64,
    ok: u64,
    failed: u64,
    skipped: u64,
    left: u64,
    ended: String,
}

/// A site with a page that never comes, `/hang`, and one that is not there, `/gone`.
fn site() -> Site {
    let site = Site::of_pages();
    site.page("/hang", Reply::nothing().hang());
    site.page("/gone", Reply::status(404));
    site
}

fn patient(work: &Work, flags: &str) -> Scrape {
    work.scrape("--summary s.json --metrics m.prom --timeout 1h --read-timeout 1h").args(flags.split_whitespace())
}

/// Reads the summary file, and compares it with the code, the talk, the metrics, and so many records in the output.
#[track_caller]
fn sums(run: &Run, work: &Work, written: usize) -> Sums {
    let object: Value = serde_json::from_str(&work.read("s.json")).unwrap();
    let of = |name: &str| object[name].as_u64().unwrap_or_else(|| panic!("{name} in {object}"));
    let sums = Sums {
        read: of("in"),
        ok: of("ok"),
        failed: of("failed"),
        skipped: of("skipped"),
        left: of("left"),
        ended: object["ended"].as_str().unwrap().to_owned(),
    };
    assert_eq!(sums.read, sums.ok + sums.failed + sums.skipped + sums.left, "{object}");
    assert_eq!((sums.ok + sums.failed, of("exit_code")), (written as u64, run.exit.unwrap().try_into().unwrap()), "{object}");
    let Sums { read, ok, failed, skipped, left, ended } = &sums;
    let identity = format!("in {read} = ok {ok} + failed {failed} + skipped {skipped} + left {left}");
    let is_said = run.stderr.lines().any(|line| line == identity);
    assert_eq!(is_said, ended != "output_closed" && (ended != "broken" || *read > 0), "{identity} in:\n{}", run.stderr);
    let metrics = work.read("m.prom");
    for (name, count) in [("ok", ok), ("failed", failed), ("skipped", skipped), ("left", left)] {
        assert!(metrics.contains(&format!("scrape_run_targets{{run=\"m\",outcome=\"{name}\"}} {count}\n")), "{metrics}");
    }
    assert!(metrics.contains(&format!("scrape_run_input_targets{{run=\"m\"}} {read}\n")), "{metrics}");
    let by_host = |name: &str| {
        let named: u64 = object["hosts"].as_array().unwrap().iter().map(|host| host[name].as_u64().unwrap()).sum();
        named + object["other_hosts"][name].as_u64().unwrap()
    };
    assert_eq!((by_host("ok"), by_host("failed")), (*ok, *failed), "{object}");
    sums
}

fn expected(counts: [u64; 5], ended: &str) -> Sums {
    let [read, ok, failed, skipped, left] = counts;
    Sums { read, ok, failed, skipped, left, ended: ended.to_owned() }
}

#[test]
fn it_holds_when_the_run_gets_through() {
    let site = site();
    for (flags, list, code, counts) in [
        ("", site.list(3), 0, [3, 3, 0, 0, 0]),
        ("", String::new(), 0, [0, 0, 0, 0, 0]),
        ("--retries 0", site.list(2) + REFUSED + "\nno url\n" + &site.url("/gone"), 3, [5, 2, 3, 0, 0]),
        ("--unique", site.list(2) + &site.list(3), 0, [5, 3, 0, 2, 0]),
        ("--limit 2", site.list(4), 0, [2, 2, 0, 0, 0]),
        ("--limit 3 --unique --ordered", site.list(1) + &site.list(1) + &site.list(4), 0, [5, 3, 0, 2, 0]),
    ] {
        let work = Work::new();
        let run = patient(&work, flags).stdin(list).run().code(code);
        assert_eq!(sums(&run, &work, run.records().len()), expected(counts, "finished"), "{flags}");
    }
}

#[test]
fn it_holds_when_a_failure_or_the_deadline_ends_the_run() {
    let site = site();
    let work = Work::new();
    let list = site.list(2) + &site.url("/gone") + "\n" + &site.list(4);
    let run = patient(&work, "-c 1 --fail-fast").stdin(&list).run().code(3);
    assert_eq!(sums(&run, &work, run.records().len()), expected([7, 2, 1, 0, 4], "first_failure"));
    for flags in ["-c 1 --deadline 1s --grace 50ms", "-c 1 --deadline 1s --grace 50ms --ordered -f json"] {
        let run = patient(&work, flags).stdin(site.list(2) + &site.url("/hang") + "\n" + &site.list(2)).run().code(4);
        let written =
            if flags.contains("json") { serde_json::from_str::<Vec<Value>>(run.text()).unwrap() } else { run.records() };
        assert_eq!(sums(&run, &work, written.len()), expected([5, 2, 0, 0, 3], "deadline"), "{flags}");
    }
    let run = patient(&work, "--input-format csv --deadline 100ms -").open_stdin().spawn().end().code(4);
    assert_eq!(sums(&run, &work, 0), expected([0; 5], "deadline"), "the header never came");
}

#[test]
fn it_holds_after_signals() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        for is_twice in [false, true] {
            let (site, work) = (site(), Work::new());
            let grace = if is_twice { "--grace 1h" } else { "--grace 50ms" };
            let mut live = patient(&work, grace).stdin(site.list(1) + &site.url("/hang")).spawn();
            live.line();
            site.wait_for("/hang");
            let run = if is_twice {
                crate::endings::insist(live, signal)
            } else {
                live.signal(signal);
                live.end()
            };
            let run = run.code(code);
            assert_eq!(sums(&run, &work, run.records().len()), expected([2, 1, 0, 0, 1], "stopped"), "{signal:?} {is_twice}");
        }
    }
}

#[test]
fn it_holds_when_nobody_reads_the_output_any_more() {
    let (site, work) = (site(), Work::new());
    let (live, stdout) = patient(&work, "").arg(site.url("/p/[1-1000000]")).spawn_with_stdout();
    let mut lines = BufReader::new(stdout);
    lines.read_line(&mut String::new()).unwrap();
    drop(lines);
    let run = live.end().code(0);
    let object: Value = serde_json::from_str(&work.read("s.json")).unwrap();
    let written = object["ok"].as_u64().unwrap() + object["failed"].as_u64().unwrap();
    let sums = sums(&run, &work, written.try_into().unwrap());
    assert!(sums.ok > 0 && sums.left > 0 && sums.ended == "output_closed", "{sums:?}");
}

#[test]
fn it_holds_when_the_output_breaks() {
    let (site, work) = (site(), Work::new());
    site.on("/p/*", |_| Reply::title(&"x".repeat(1000)));
    // No file may grow beyond so many blocks of 512 bytes.
    let shell = "ulimit -f 20; exec \"$0\" \"$@\"";
    let run = patient(&work, "-o out.jsonl").shell(shell).arg(site.url("/p/[1-10000]")).run().code(1);
    let written = records(&work.read("out.jsonl")).len();
    let sums = sums(&run, &work, written);
    assert!(sums.ok > 0 && sums.left > 0 && sums.ended == "broken", "{sums:?}");
    let line = run.stderr.lines().find(|line| line.starts_with("to go on: ")).unwrap_or_else(|| panic!("{}", run.stderr));
    assert!(line.ends_with(" --resume") && line.contains("-o out.jsonl"), "{line}");
}

#[test]
fn it_holds_when_the_input_breaks() {
    let (site, work) = (site(), Work::new());
    let run = patient(&work, "missing.txt").run().code(1);
    assert_eq!(sums(&run, &work, 0), expected([0; 5], "broken"), "it did not begin");
    let utf16: Vec<u8> = "\u{feff}http://a.test/\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    work.write("good.txt", site.list(3)).write("bad.txt", utf16);
    let run = patient(&work, "good.txt bad.txt").run().code(1);
    assert_eq!(sums(&run, &work, run.records().len()), expected([3, 3, 0, 0, 0], "broken"), "it breaks in between");
}

//! Several outputs at once, and several runs that want the same one.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;

use rustix::process::Signal;
use serde_json::Value;

use crate::durable::{gated, urls, wait};
use crate::harness::{REFUSED, Site, Work};

#[test]
fn every_record_goes_to_every_output() {
    let site = Site::of_pages();
    let work = Work::new();
    let list = site.list(40) + REFUSED;
    let flags = "--retries 0 -o a.jsonl -o b.csv -o - -o c.json -o d.tsv --csv-safe";
    let run = work.scrape(flags).stdin(&list).run().code(3);
    let mut expected: Vec<_> = list.lines().map(str::to_owned).collect();
    expected.sort();
    for name in ["a.jsonl", "b.csv", "c.json", "d.tsv"] {
        assert_eq!(urls(&work, name), expected, "{name}");
    }
    assert_eq!((run.records().len(), work.names().len()), (41, 4));
    assert_eq!(run.text(), work.read("a.jsonl"));
}

#[test]
fn the_environment_and_a_file_may_name_outputs() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("one.toml", "output = 'one.csv'").write("two.toml", "output = ['two.csv', 'three.json']");
    for flags in ["--config one.toml", "--config two.toml", "--config two.toml -o four.tsv"] {
        work.scrape(flags).arg(site.url("/p/1")).run().code(0);
    }
    work.scrape("").env("SCRAPE_OUTPUT", "five.jsonl").arg(site.url("/p/1")).run().code(0);
    assert_eq!(work.names(), ["five.jsonl", "four.tsv", "one.csv", "one.toml", "three.json", "two.csv", "two.toml"]);
}

#[test]
fn of_several_outputs_the_format_is_for_those_whose_name_says_none() {
    let site = Site::of_pages();
    let work = Work::new();
    let run = work.scrape("-f csv -o - -o a.json -o today.log").arg(site.url("/p/1")).run().code(0);
    assert!(run.text().starts_with("index,url,") && work.read("today.log") == run.text());
    assert_eq!(urls(&work, "a.json").len(), 1);
    let run = work.scrape("-f csv -o b.json -o b.jsonl").arg(site.url("/p/2")).run().code(2);
    assert!(run.stderr.contains("-f csv"), "{}", run.stderr);
    assert_eq!((site.count("/p/2"), work.names().len()), (0, 2));
}

#[test]
fn outputs_that_are_one_file_are_a_usage_error() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("old.csv", "old");
    fs::hard_link(work.path("old.csv"), work.path("hard.csv")).unwrap();
    symlink("old.csv", work.path("soft.csv")).unwrap();
    for outputs in [
        "-o new.csv -o ./new.csv",
        "-o old.csv -o hard.csv",
        "-o soft.csv -o a.csv -o old.csv",
        "-o a.csv -o a.csv.partial",
        "-o a.csv.retry -o a.csv",
        "-o - -o /dev/stdout",
        "-o - -o -",
    ] {
        for how in ["--append", "--overwrite", "--dry-run"] {
            let run = work.scrape(outputs).arg(how).arg(site.url("/p/1")).run().code(2);
            let name = outputs.rsplit(' ').next().unwrap();
            let named = run.stderr.contains(name) || run.stderr.contains("standard output");
            assert!(named && run.stderr.contains("of its own"), "{outputs}: {}", run.stderr);
        }
    }
    let run =
        work.scrape("-o - -o hard.csv --append").stdout(OpenOptions::new().append(true).open(work.path("old.csv")).unwrap());
    run.arg(site.url("/p/1")).run().code(2);
    assert!(site.hits().is_empty() && work.read("old.csv") == "old" && work.names().len() == 3);
}

#[test]
fn an_output_that_fails_ends_the_run_and_the_others_end_on_whole_records() {
    let site = Site::of_pages();
    let work = Work::new();
    let run = work.scrape("-o a.json -o /dev/full -o b.csv").arg(site.url("/p/[1-100000]")).run().code(1);
    assert!(run.stderr.contains("/dev/full") && run.stderr.contains("No space left"), "{}", run.stderr);
    let (one, other) = (urls(&work, "a.json"), urls(&work, "b.csv"));
    assert!(one == other && one.len() < 10_000 && run.summary_of_broken() == 0, "what was shown is in all of them");
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly_and_files_beside_it_end_valid() {
    let site = Site::of_pages();
    for (how, name) in [("", "a.json"), ("--append", "b.csv"), ("--overwrite", "c.jsonl")] {
        let work = Work::new();
        let (live, stdout) = work.scrape(how).args(["-o", "-", "-o", name]).arg(site.url("/p/[1-1000000]")).spawn_with_stdout();
        let mut lines = BufReader::new(stdout).lines();
        let first = lines.next().unwrap().unwrap();
        drop(lines);
        let run = live.end().code(0);
        let file = if how == "--overwrite" { "c.jsonl.partial" } else { name };
        assert_eq!(run.stderr.contains(file), how == "--overwrite", "{}", run.stderr);
        fs::rename(work.path(file), work.path(name)).unwrap();
        let first: Value = serde_json::from_str(&first).unwrap();
        assert!(urls(&work, name).iter().any(|url| first["url"] == url.as_str()), "{name}");
    }
}

#[test]
fn a_run_that_crashed_holds_nothing() {
    for how in ["", "--append", "--overwrite"] {
        let (site, gate) = gated();
        let work = Work::new();
        let mut live = work.scrape(how).args(["-o", "out.jsonl", "-o", "b.csv"]).arg(site.url("/slow")).spawn();
        site.wait_for("/slow");
        let second = work.scrape(how).args(["-o", "c.csv", "-o", "b.csv"]).arg(site.url("/p/1")).run().code(1);
        assert!(second.stderr.contains("b.csv") && second.stderr.contains("(process "), "{}", second.stderr);
        assert!(!work.names().iter().any(|name| name.starts_with("c.csv")), "the second leaves nothing behind");
        live.signal(Signal::KILL);
        wait(&mut live);
        let how = if how.is_empty() { "--append" } else { how };
        work.scrape(how).args(["-o", "out.jsonl", "-o", "b.csv"]).arg(site.url("/p/1")).run().code(0);
        assert_eq!((urls(&work, "out.jsonl").len(), site.count("/p/1")), (1, 1), "{how}");
        gate.open();
    }
}

#[test]
fn of_two_runs_that_race_for_one_file_one_wins_and_the_other_names_it() {
    let modes = ["", "--append", "--overwrite"];
    for (one, other) in modes.iter().flat_map(|one| modes.map(|other| (*one, other))) {
        for (round, exists) in [false, true, false, true].into_iter().enumerate() {
            if exists && (one.is_empty() || other.is_empty()) {
                continue; // it would be refused in any case
            }
            let (site, gate) = gated();
            let work = Work::new();
            if exists {
                work.write("out.jsonl", "");
            }
            let run = |how: &str, path: &str| {
                let tail = ["-o", "out.jsonl", "-o", "other.csv"];
                let tail = if round < 2 { &tail[..2] } else { &tail[..] };
                work.scrape(how).args(tail).arg(site.url(path)).spawn()
            };
            let mut runs = [run(one, "/slow/one"), run(other, "/slow/other")];
            site.wait_for_hits(1);
            let loser = loop {
                if let Some(loser) = runs.iter_mut().position(|run| !run.is_running()) {
                    break loser;
                }
                std::thread::park_timeout(std::time::Duration::from_millis(2));
            };
            let [first, second] = runs;
            let (winner, loser) = if loser == 0 { (second, first) } else { (first, second) };
            let said = loser.end().code(1).stderr;
            assert!(said.contains("is being written by another run"), "{one:?} {other:?} {round}: {said}");
            gate.open();
            winner.end().code(0);
            assert_eq!((urls(&work, "out.jsonl"), site.hits().len()), (vec![site.url(&site.paths()[0])], 1), "nothing is mixed");
        }
    }
}

#[test]
fn the_file_that_an_overwriting_run_writes_is_not_its_input() {
    let work = Work::new();
    work.write("out.csv.partial", "url\nhttp://127.0.0.1:9/\n");
    let run = work.scrape("out.csv.partial --input-format csv --overwrite -o out.csv").run().code(2);
    assert!(run.stderr.contains("out.csv.partial is the input"), "{}", run.stderr);
    assert_eq!(work.names(), ["out.csv.partial"]);
}

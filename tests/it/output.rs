//! Where records go: formats, files that exist already, and outputs that cannot be written.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Gate, Reply, Site, Work, field, records, scrape, thread};

#[test]
fn the_format_is_that_of_the_extension_and_stdout_stays_empty() {
    let site = Site::of_pages();
    let work = Work::new();
    for (name, start) in [
        ("a.jsonl", "{\"index\":1,"),
        ("b.ndjson", "{\"index\":1,"),
        ("c.json", "["),
        ("d.csv", "index,url,"),
        ("e.tsv", "index\turl\t"),
    ] {
        let run = work.scrape("-o").arg(name).arg(site.url("/p/1")).run().code(0);
        assert_eq!(run.text(), "", "{name}");
        assert!(work.read(name).starts_with(start), "{name}");
    }
    assert_eq!(work.names(), ["a.jsonl", "b.ndjson", "c.json", "d.csv", "e.tsv"]);
}

#[test]
fn a_format_that_is_given_overrides_the_extension() {
    let site = Site::of_pages();
    let work = Work::new();
    work.scrape("-f csv -o x.json").arg(site.url("/p/1")).run().code(0);
    assert!(work.read("x.json").starts_with("index,url,"));
    let run = work.scrape("-f tsv -o -").arg(site.url("/p/1")).run().code(0);
    assert!(run.text().starts_with("index\turl\t"), "a dash is stdout");
    assert_eq!(work.names(), ["x.json"]);
}

#[test]
fn an_extension_that_says_no_format_is_a_usage_error() {
    let site = Site::of_pages();
    let work = Work::new();
    let run = work.scrape("-o out.xls").arg(site.url("/p/1")).run().code(2);
    assert!(run.stderr.contains("out.xls") && run.stderr.contains(".csv") && run.stderr.contains("-f"), "{}", run.stderr);
    assert!(site.hits().is_empty() && work.names().is_empty());
}

#[test]
fn an_existing_file_is_refused_before_any_request_and_left_as_it_is() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("out.csv", "precious");
    let run = work.scrape("-o out.csv").arg(site.url("/p/1")).run().code(2);
    for word in ["out.csv", "--resume", "--overwrite", "--append"] {
        assert!(run.stderr.contains(word), "{word} in:\n{}", run.stderr);
    }
    assert_eq!(work.read("out.csv"), "precious");
    assert!(site.hits().is_empty());
}

#[test]
fn overwriting_swaps_the_whole_file_in_at_the_end() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let work = Work::new();
    work.write("out.jsonl", "old\n").write("urls.txt", site.url("/p/1") + "\n" + &site.url("/slow"));
    let live = work.scrape("--overwrite -o out.jsonl urls.txt").spawn();
    site.wait_for("/slow");
    assert_eq!(work.read("out.jsonl"), "old\n");
    gate.open();
    live.end().code(0);
    assert_eq!(records(&work.read("out.jsonl")).len(), 2);
    assert_eq!(work.names(), ["out.jsonl", "urls.txt"], "nothing stays beside it");
    work.scrape("--overwrite -o new.jsonl urls.txt").run().code(0);
    assert_eq!(records(&work.read("new.jsonl")).len(), 2, "there need be no file to overwrite");
}

#[test]
fn appending_goes_on_after_the_end_in_every_format() {
    let site = Site::of_pages();
    let work = Work::new();
    let rows = |name: &str| {
        let text = work.read(name);
        match name.rsplit_once('.').unwrap().1 {
            "jsonl" => records(&text).len(),
            "json" => serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().len(),
            _ => text.lines().filter(|line| !line.starts_with("index")).count(),
        }
    };
    for name in ["x.jsonl", "x.json", "x.csv", "x.tsv"] {
        for run in 1..=3 {
            work.scrape("--append -o").arg(name).arg(site.url("/p/{1,2}")).run().code(0);
            assert_eq!(rows(name), 2 * run, "{name}");
        }
        assert_eq!(
            work.read(name).matches("final_url").count(),
            if name.contains("json") { 6 } else { 1 },
            "one header in {name}"
        );
    }
}

#[test]
fn appending_to_a_table_with_other_columns_is_refused() {
    let site = Site::of_pages();
    let work = Work::new();
    work.scrape("-o x.csv").arg(site.url("/p/1")).run().code(0);
    let before = work.read("x.csv");
    let run = work.scrape("--append -s other=h1 -o x.csv").arg(site.url("/p/2")).run().code(2);
    assert!(run.stderr.contains("x.csv") && run.stderr.contains("other"), "{}", run.stderr);
    work.write("y.json", "{\"no\": \"array\"}");
    work.scrape("--append -o y.json").arg(site.url("/p/2")).run().code(2);
    assert_eq!((work.read("x.csv"), work.read("y.json")), (before, "{\"no\": \"array\"}".to_owned()));
    assert_eq!(site.count("/p/2"), 0);
}

#[test]
fn what_contradicts_itself_is_a_usage_error() {
    let site = Site::of_pages();
    for flags in [
        "--overwrite --append -o x.csv",
        "--resume --append -o x.csv",
        "--resume --retry-failed --overwrite -o x.csv",
        "--retry-failed -o x.csv",
        "-f xls",
        "--append",
        "--overwrite",
        "--resume",
    ] {
        let run = scrape(flags).arg(site.url("/p/1")).run().code(2);
        assert!(run.stdout.is_empty(), "{flags}");
    }
    assert!(site.hits().is_empty());
}

#[test]
fn a_second_run_on_one_output_stops_and_says_who_holds_it() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let work = Work::new();
    let live = work.scrape("--append -o out.jsonl").arg(site.url("/slow")).spawn();
    site.wait_for("/slow");
    let second = work.scrape("--append -o out.jsonl").arg(site.url("/p/1")).run().code(1);
    assert!(second.stderr.contains("out.jsonl") && second.stderr.contains("another run"), "{}", second.stderr);
    gate.open();
    live.end().code(0);
    assert_eq!((records(&work.read("out.jsonl")).len(), site.count("/p/1")), (1, 0));
}

#[test]
fn ordered_records_come_in_the_order_of_the_input() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/p/1", Reply::title("first").behind(&gate));
    let live = scrape("--ordered -c 3").stdin(site.list(12)).spawn();
    site.wait_for_hits(3);
    gate.open();
    let run = live.end().code(0);
    assert_eq!(run.each("index"), (1..=12).collect::<Vec<u64>>());
    assert_eq!(field(&run.at(1), "data.title"), "first");
}

#[test]
fn unordered_records_come_as_they_are_done() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let mut live = scrape("-").stdin(site.url("/slow") + "\n" + &site.list(2)).spawn();
    let early: Vec<Value> = (0..2).map(|_| serde_json::from_str(&live.line()).unwrap()).collect();
    assert!(early.iter().all(|record| record["index"] != 1), "{early:?}");
    gate.open();
    assert_eq!(live.end().code(0).each("index")[2], 1);
}

#[test]
fn the_same_input_gives_the_same_ordered_output_whatever_the_concurrency() {
    let site = Site::of_pages();
    let output = |flags: &str| {
        let mut records = scrape(flags).arg("--ordered").stdin(site.list(30)).run().code(0).records();
        for record in &mut records {
            for measured in ["elapsed_ms", "fetched_at"] {
                record[measured] = json!(null);
            }
        }
        records
    };
    assert_eq!(output("-c 1"), output("-c 16"));
}

#[test]
fn a_full_disk_ends_the_run_and_says_so() {
    let site = Site::of_pages();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let run = scrape("").stdout(full()).stdin(site.list(1)).run().code(1);
    assert!(run.stderr.contains("No space left"), "{}", run.stderr);
    let run = scrape("-f jsonl -o /dev/full").arg(site.url("/p/[1-100000]")).run().code(1);
    assert!(run.stderr.contains("No space left") && run.stderr.contains("/dev/full"), "{}", run.stderr);
    assert!(site.hits().len() < 10_000, "it stops fetching");
    let quiet = scrape("-q").stdout(full()).stdin(site.list(1)).run().code(1);
    assert!(quiet.stderr.contains("No space left"), "a run that breaks says so also when it is quiet");
}

#[test]
fn an_output_that_cannot_be_opened_ends_the_run_before_any_request() {
    let site = Site::of_pages();
    let work = Work::new();
    std::fs::create_dir(work.path("folder.csv")).unwrap();
    for name in ["missing/out.csv", "folder.csv"] {
        for how in ["", "--append", "--overwrite"] {
            let run = work.scrape(how).args(["-o", name]).arg(site.url("/p/1")).run().code(1);
            assert!(run.stderr.contains(name), "{}", run.stderr);
        }
    }
    assert!(site.hits().is_empty());
    assert_eq!(work.names(), ["folder.csv"]);
}

#[test]
fn a_file_that_may_not_be_written_is_left_alone() {
    let work = Work::new();
    work.write("out.jsonl", "old\n");
    std::fs::set_permissions(work.path("out.jsonl"), std::fs::Permissions::from_mode(0o444)).unwrap();
    if OpenOptions::new().write(true).open(work.path("out.jsonl")).is_ok() {
        return; // nothing is forbidden to root
    }
    let site = Site::of_pages();
    for how in ["--append", "--overwrite"] {
        work.scrape(how).args(["-o", "out.jsonl"]).arg(site.url("/p/1")).run().code(1);
    }
    assert_eq!(work.read("out.jsonl"), "old\n");
    assert!(site.hits().is_empty());
}

#[test]
fn a_named_pipe_is_written_as_it_is() {
    let site = Site::of_pages();
    let work = Work::new();
    let path = work.path("pipe.jsonl");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = thread("pipe", move || std::io::read_to_string(File::open(path).unwrap()).unwrap());
    work.scrape("-o pipe.jsonl").stdin(site.list(2)).run().code(0);
    assert_eq!(records(&reader.join().unwrap()).len(), 2);
}

#[test]
fn formulas_are_data_only_when_that_is_asked_for() {
    let site = Site::start();
    for (path, title) in [("/1", "=1+1"), ("/2", "@SUM(A1)"), ("/3", "fine")] {
        site.page(path, Reply::title(title));
    }
    let titles = |flags: &str| {
        let run = scrape("--ordered -f csv").args(flags.split_whitespace()).arg(site.url("/[1-3]")).run().code(0);
        run.text().lines().skip(1).map(|row| row.rsplit_once(',').unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(""), ["=1+1", "@SUM(A1)", "fine"]);
    assert_eq!(titles("--csv-safe"), ["'=1+1", "'@SUM(A1)", "fine"]);
}

#[test]
fn a_record_is_in_the_file_as_soon_as_it_is_done() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let work = Work::new();
    let live = work.scrape("-o out.jsonl").stdin(site.list(2) + &site.url("/slow")).spawn();
    work.wait_for_lines("out.jsonl", 2);
    gate.open();
    live.end().code(0);
    assert_eq!(records(&work.read("out.jsonl")).len(), 3);
}

#[test]
fn the_input_is_never_written_over() {
    for existing in ["--overwrite", "--append"] {
        let work = Work::new();
        work.write("list.txt", "http://127.0.0.1:9/");
        let run = work.scrape("list.txt -o ./list.txt").arg(existing).run().code(2);
        assert!(run.stderr.contains("is the input"), "{}", run.stderr);
        assert_eq!(work.read("list.txt"), "http://127.0.0.1:9/");
    }
}

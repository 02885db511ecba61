//! What becomes of outputs when the machine fails under them, and when somebody takes them away.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Gate, Live, Reply, Site, Work, field, records, thread};

/// The URLs of a file of any format, sorted.
pub(crate) fn urls(work: &Work, name: &str) -> Vec<String> {
    let text = work.read(name);
    let of = |records: Vec<Value>| records.iter().map(|record| field(record, "url").as_str().unwrap().to_owned()).collect();
    let mut urls: Vec<String> = match name.rsplit_once('.').unwrap().1 {
        "json" => of(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {name}:\n{text}"))),
        "csv" | "tsv" => {
            assert!(text.ends_with('\n'), "a torn row in {name}:\n{text}");
            text.lines().skip(1).map(|row| row.split([',', '\t']).nth(1).unwrap().to_owned()).collect()
        }
        _ => of(records(&text)),
    };
    urls.sort();
    urls
}

/// A site with pages that wait for a gate.
pub(crate) fn gated() -> (Site, Gate) {
    let (site, gate) = (Site::of_pages(), Gate::default());
    let held = gate.clone();
    site.on("/slow*", move |_| Reply::title("slow").behind(&held));
    (site, gate)
}

#[test]
fn a_record_that_was_shown_is_in_every_file_when_the_run_is_killed() {
    let (site, _gate) = gated();
    let work = Work::new();
    let list = site.list(9) + &site.url("/slow");
    let mut live = work.scrape("-o a.jsonl -o b.csv -o -").stdin(list).spawn();
    let shown: Vec<Value> = (0..9).map(|_| serde_json::from_str(&live.line()).unwrap()).collect();
    live.signal(Signal::KILL);
    wait(&mut live);
    let mut shown: Vec<_> = shown.iter().map(|record| field(record, "url").as_str().unwrap().to_owned()).collect();
    shown.sort();
    assert_eq!((urls(&work, "a.jsonl"), urls(&work, "b.csv")), (shown.clone(), shown));
}

/// Waits until a run that was killed is gone.
pub(crate) fn wait(live: &mut Live) {
    while live.is_running() {
        std::thread::park_timeout(std::time::Duration::from_millis(2));
    }
}

#[test]
fn the_disk_confirms_what_was_written_in_every_format() {
    let site = Site::of_pages();
    for every in ["1", "7", "1ms", "1h"] {
        for how in ["", "--overwrite", "--append"] {
            let work = Work::new();
            let run = work.scrape(how).args(["--fsync", every, "-o", "a.json", "-o", "b.csv", "-o", "/dev/null"]);
            run.stdin(site.list(20)).run().code(0);
            assert_eq!((urls(&work, "a.json").len(), urls(&work, "b.csv").len()), (20, 20), "{every} {how}");
        }
    }
    let work = Work::new();
    for (flags, part) in
        [("--fsync 0 -o x.csv", "a time from"), ("--fsync 5", "no output is a file"), ("--fsync 5s -o /dev/null", "no output")]
    {
        let run = work.scrape(flags).arg(site.url("/nowhere")).run().code(2);
        assert!(run.stderr.contains(part), "{flags}: {}", run.stderr);
    }
    let run = work.scrape("--fsync 2").stdout(File::create(work.path("out.jsonl")).unwrap()).stdin(site.list(5)).run().code(0);
    assert!(run.stdout.is_empty() && urls(&work, "out.jsonl").len() == 5, "a redirected stdout is a file too");
    assert_eq!(site.count("/nowhere"), 0);
}

/// Whether the machine lets us trace what the program asks of it.
fn traced(work: &Work) -> bool {
    Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .current_dir(work.path(""))
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
fn the_file_is_synced_then_renamed_then_its_folder_is_synced() {
    let (site, work) = (Site::of_pages(), Work::new());
    if !traced(&work) {
        return;
    }
    let script = r#"exec strace -f -y -o trace -e trace=fsync,fdatasync,rename,renameat,renameat2 "$0" "$@""#;
    work.scrape("--overwrite -o out.jsonl --fsync 1").shell(script).stdin(site.list(3)).run().code(0);
    let trace = work.read("trace");
    let at = |what: &str| trace.lines().position(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what} in:\n{trace}"));
    let rename = at("rename");
    let folder = format!("<{}>", work.path("").canonicalize().unwrap().display());
    assert!(at("fsync") < at(&folder) && at(&folder) < at("fdatasync") && at("fdatasync") < rename, "{trace}");
    assert_eq!(trace.lines().filter(|line| line.contains("fdatasync")).count(), 3 + 1, "each record, and all of them: {trace}");
    let after: Vec<_> = trace.lines().skip(rename).filter(|line| line.contains("fsync(")).collect();
    assert!(after.len() == 1 && after[0].contains(&folder), "{trace}");
}

#[test]
fn a_disk_that_does_not_confirm_ends_the_run_and_nothing_is_swapped_in() {
    let site = Site::of_pages();
    for (fails, said, is_old) in [
        ("fdatasync:error=EIO:when=3", "what was written since the last sync may be lost", true),
        ("fdatasync:error=ENOSPC:when=1", "what was written since the last sync may be lost", true),
        ("/^rename:error=EIO", "cannot put out.csv.partial in the place of out.csv", true),
        ("fsync:error=EIO:when=1", "what was written since the last sync may be lost", true),
        ("fsync:error=EIO:when=5", "a power cut may bring the old file back", false),
    ] {
        let work = Work::new();
        if !traced(&work) {
            return;
        }
        work.write("out.csv", "old\n");
        let script = format!(r#"exec strace -f -o trace -e inject={fails} "$0" "$@""#);
        let flags = "--overwrite -o out.csv --fsync 2";
        let run = work.scrape(flags).shell(&script).stdin(site.list(9)).run().code(1);
        assert!(run.stderr.contains(said), "{fails}: {}\n{}", run.stderr, work.read("trace"));
        assert_eq!(work.read("out.csv") == "old\n", is_old, "{fails}");
        let kept = work.read(if is_old { "out.csv.partial" } else { "out.csv" });
        assert!(kept.ends_with('\n') && kept.starts_with("index,"), "{fails}: {kept}");
    }
}

#[test]
fn a_file_that_vanishes_ends_the_run_and_is_named() {
    for (how, file, deleted) in
        [("", "sub/out.jsonl", true), ("--overwrite", "sub/out.jsonl.partial", true), ("--append", "sub/out.jsonl", false)]
    {
        let (site, gate) = gated();
        let work = Work::new();
        fs::create_dir(work.path("sub")).unwrap();
        let live = work.scrape(how).args(["-o", "sub/out.jsonl", "-o", "b.csv"]).stdin(site.list(3) + &site.url("/slow")).spawn();
        work.wait_for_lines(file, 3);
        if deleted {
            fs::remove_dir_all(work.path("sub")).unwrap();
        } else {
            fs::rename(work.path("sub"), work.path("moved")).unwrap();
        }
        gate.open();
        let run = live.end().code(1);
        let fate = if deleted { "deleted" } else { "moved" };
        assert!(run.stderr.contains(file) && run.stderr.contains(fate), "{how}: {}", run.stderr);
        let other = if how == "--overwrite" { "b.csv.partial" } else { "b.csv" };
        assert!(work.read(other).ends_with('\n') && work.read(other).lines().count() >= 4, "the other output is whole");
    }
}

#[test]
fn a_file_that_vanishes_is_missed_within_seconds_also_where_the_list_does_not_end() {
    let site = Site::of_pages();
    let work = Work::new();
    let live = work.scrape("--rps 20 -o out.jsonl").arg(site.url("/p/[1-1000000]")).spawn();
    work.wait_for_lines("out.jsonl", 1);
    fs::remove_file(work.path("out.jsonl")).unwrap();
    let run = live.end().code(1);
    assert!(run.stderr.contains("out.jsonl was deleted"), "{}", run.stderr);
}

#[test]
fn what_another_put_in_the_place_of_the_old_file_is_left_alone() {
    let (site, gate) = gated();
    let work = Work::new();
    work.write("out.jsonl", "old\n");
    let live = work.scrape("--overwrite -o out.jsonl").arg(site.url("/slow")).spawn();
    site.wait_for("/slow");
    work.write("theirs", "theirs\n");
    fs::rename(work.path("theirs"), work.path("out.jsonl")).unwrap();
    gate.open();
    let run = live.end().code(1);
    assert!(run.stderr.contains("out.jsonl.partial") && run.stderr.contains("somebody else"), "{}", run.stderr);
    assert_eq!((work.read("out.jsonl").as_str(), urls(&work, "out.jsonl.partial").len()), ("theirs\n", 1));
}

#[test]
fn places_that_cannot_be_written_are_told_with_their_cause_before_any_request() {
    let site = Site::of_pages();
    let work = Work::new();
    fs::create_dir(work.path("folder.csv")).unwrap();
    symlink("nowhere/x.csv", work.path("dangling.csv")).unwrap();
    symlink("loop.csv", work.path("loop.csv")).unwrap();
    let long = "x".repeat(300) + ".csv";
    for (name, cause) in [
        ("missing/out.csv", "no directory"),
        ("folder.csv", "directory"),
        ("folder.csv/", "directory"),
        ("dangling.csv", "there is no directory"),
        ("loop.csv", "symbolic links"),
        (&long, "File name too long"),
        ("/proc/out.csv", "No such file"),
    ] {
        for how in ["", "--append", "--overwrite"] {
            let run = work.scrape(how).args(["-o", "good.jsonl", "-o", name]).arg(site.url("/p/1")).run().code(1);
            let shown = if name == "dangling.csv" { "nowhere/x.csv" } else { name };
            assert!(run.stderr.contains(shown) && run.stderr.contains(cause), "{name} {how}: {}", run.stderr);
        }
    }
    assert!(site.hits().is_empty());
    assert_eq!(work.names(), ["dangling.csv", "folder.csv", "loop.csv"], "the good output leaves nothing behind");
}

/// Runs in a folder that may be read only, as somebody who is not root.
#[test]
fn a_folder_that_may_only_be_read_is_told_before_any_request() {
    let (site, work) = (Site::of_pages(), Work::new());
    fs::create_dir(work.path("sub")).unwrap();
    fs::set_permissions(work.path("sub"), Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(work.path(""), Permissions::from_mode(0o777)).unwrap();
    let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    let can = Command::new("sh").args(["-c", &format!("{nobody} test -x {}", env!("CARGO_BIN_EXE_scrape"))]).status();
    let script = if File::create(work.path("sub/x")).is_err() {
        r#"exec "$0" "$@""#.to_owned()
    } else if fs::remove_file(work.path("sub/x")).is_ok() && can.is_ok_and(|status| status.success()) {
        format!(r#"exec {nobody} "$0" "$@""#)
    } else {
        return; // nothing is forbidden to root, and nobody may not run the program
    };
    for how in ["", "--append", "--overwrite"] {
        let run = work.scrape(how).args(["-o", "sub/out.csv"]).shell(&script).arg(site.url("/p/1")).run().code(1);
        assert!(run.stderr.contains("sub/out.csv") && run.stderr.contains("Permission denied"), "{}", run.stderr);
    }
    assert!(site.hits().is_empty());
}

#[test]
fn a_dangling_link_is_a_file_to_be_made_where_it_points() {
    let site = Site::of_pages();
    for how in ["", "--append", "--overwrite"] {
        let work = Work::new();
        symlink("real.csv", work.path("link.csv")).unwrap();
        work.scrape(how).args(["-o", "link.csv"]).arg(site.url("/p/1")).run().code(0);
        assert!(work.path("link.csv").is_symlink() && urls(&work, "real.csv").len() == 1, "{how}");
    }
}

#[test]
fn a_named_pipe_and_standard_output_by_name_are_written_beside_files() {
    let site = Site::of_pages();
    let work = Work::new();
    let path = work.path("pipe.csv");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = thread("pipe", move || std::io::read_to_string(File::open(path).unwrap()).unwrap());
    let flags = "-o pipe.csv -o /dev/stdout -o a.json --overwrite --fsync 1";
    let run = work.scrape(flags).stdin(site.list(3)).run().code(0);
    let rows = reader.join().unwrap();
    assert_eq!((rows.lines().count(), run.records().len(), urls(&work, "a.json").len()), (4, 3, 3));
}

#[test]
fn a_run_that_fails_or_is_stopped_leaves_the_old_file_and_names_the_partial_one() {
    let (site, _gate) = gated();
    let work = Work::new();
    work.write("out.csv", "old\n").write("other.json", "old\n");
    let flags = "--overwrite -o out.csv -o other.json --grace 0 --timeout 1h --read-timeout 1h";
    let live = work.scrape(flags).stdin(site.list(3) + &site.url("/slow")).spawn();
    work.wait_for_lines("out.csv.partial", 4);
    live.signal(Signal::INT);
    let run = live.end().code(130);
    for name in ["out.csv", "other.json"] {
        assert_eq!(work.read(name), "old\n");
        assert!(run.stderr.contains(&format!("{name}.partial")), "{}", run.stderr);
    }
    fs::rename(work.path("other.json.partial"), work.path("kept.json")).unwrap();
    assert_eq!(urls(&work, "kept.json").len(), 3);
}

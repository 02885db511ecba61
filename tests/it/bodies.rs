//! Bodies that are kept: what came is what is there, under its own name, whole or not at all, and the record says where.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Gate, Reply, Request, Run, Site, Work, brotli, field, gzip, records, scrape};

/// The path of a body in a folder.
fn path_of(folder: &str, body: &[u8], extension: &str) -> String {
    let hex = Sha256::digest(body).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    format!("{folder}/{}/{}.{extension}", &hex[..2], &hex[2..])
}

/// All files below a folder, hidden ones too.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn is_part(path: &Path) -> bool {
    path.file_name().unwrap().to_str().unwrap().starts_with('.') && path.extension().unwrap() == "part"
}

/// Checks that every file below a folder that has a body's name has that body; returns how many there are.
fn whole(folder: &Path) -> usize {
    let mut bodies = files(folder);
    bodies.retain(|path| !is_part(path));
    for path in &bodies {
        let extension = path.extension().unwrap().to_str().unwrap();
        assert_eq!(path_of(folder.to_str().unwrap(), &fs::read(path).unwrap(), extension), path.to_str().unwrap());
    }
    bodies.len()
}

/// A page of 300 KB that is not like the others.
fn large(request: &Request) -> Reply {
    Reply::html(large_text(&request.path))
}

fn large_text(path: &str) -> String {
    format!("<title>{path}</title>{}", path.repeat(300_000 / path.len()))
}

#[test]
fn the_decoded_body_is_there_under_its_hash_and_the_record_says_where() {
    let (site, work) = (Site::start(), Work::new());
    let body = "<title>é</title>\r\n".repeat(5000).into_bytes();
    site.page("/plain", Reply::html(&body));
    site.page("/gzip", Reply::html(gzip(&body)).header("Content-Encoding", "gzip"));
    site.page("/both", Reply::html(brotli(gzip(&body))).header("Content-Encoding", "gzip, br"));
    site.page("/other", Reply::html("x"));
    let list: String = ["/plain", "/gzip", "/both", "/other"].map(|path| site.url(path) + "\n").concat();
    for flags in ["", "--fetch-only"] {
        let run = work.scrape("--ordered --save-bodies kept").args(flags.split_whitespace()).stdin(&list).run().code(0);
        let same = path_of("kept", &body, "html");
        assert_eq!(run.each("body"), [same.clone(), same.clone(), same.clone(), path_of("kept", b"x", "html")]);
        assert_eq!(fs::read(work.path(&same)).unwrap(), body);
        assert_eq!(field(&run.at(2), "bytes"), &json!(body.len()));
        assert_eq!((files(&work.path("kept")).len(), whole(&work.path("kept"))), (2, 2), "once each, and nothing beside");
    }
}

#[test]
fn the_path_is_a_column_before_the_fields_and_a_key_only_where_it_was_asked_for() {
    let (site, work) = (Site::of_pages(), Work::new());
    let csv = work.scrape("-f csv --save-bodies ./kept/ -s t=title").arg(site.url("/p/1")).run().code(0);
    let rows: Vec<Vec<&str>> = csv.text().lines().map(|row| row.split(',').collect()).collect();
    assert_eq!(rows[0][10..], ["error_message", "body", "t"]);
    assert_eq!(rows[1][11..], [path_of("./kept", b"<!doctype html><title>/p/1</title>", "html").as_str(), "/p/1"]);
    assert!(work.path(rows[1][11]).is_file());
    let record = work.scrape("").arg(site.url("/p/1")).run().code(0).record();
    assert!(record.get("body").is_none(), "{record}");
    let clash = work.scrape("-f csv --save-bodies kept -s body=body").arg(site.url("/p/1")).run().code(2);
    assert!(clash.stderr.contains("\"body\""), "{}", clash.stderr);
    let keys = work.scrape("--save-bodies kept -s body=title").arg(site.url("/p/1")).run().code(0).record();
    let keys: Vec<_> = keys.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys[10..], ["error_message", "body", "data"]);
}

#[test]
fn what_fails_has_no_body() {
    let (site, work) = (Site::of_pages(), Work::new());
    site.robots("User-agent: *\nDisallow: /no");
    site.page("/gone", Reply::html("gone").status_of(404));
    site.page("/torn", Reply::html("torn").header("Content-Length", "9").close());
    site.page("/deep", Reply::html("<title>deep</title>").status_of(203));
    let list = ["/p/1", "/gone", "/torn", "/no"].map(|path| site.url(path) + "\n").concat() + "no url";
    let flags = "--ordered --retries 0 --robots always --save-bodies kept";
    let run = work.scrape(flags).stdin(list).run().code(3);
    let body = path_of("kept", b"<!doctype html><title>/p/1</title>", "html");
    assert_eq!(run.each("body"), [json!(body), Value::Null, Value::Null, Value::Null, Value::Null]);
    assert_eq!(files(&work.path("kept")).len(), 1, "nor has a robots.txt one");
    let run = work.scrape("--save-bodies kept --accept 404").arg(site.url("/gone")).run().code(0);
    assert_eq!(field(&run.record(), "body"), &json!(path_of("kept", b"gone", "html")), "what is accepted is a page");
}

#[test]
fn the_extension_is_that_of_the_content_type_and_no_server_chooses_a_path() {
    let (site, work) = (Site::start(), Work::new());
    let types = [
        ("TEXT/HTML ; charset=x", "html"),
        ("application/json", "json"),
        ("application/problem+json", "json"),
        ("text/xml", "xml"),
        ("application/rss+xml;x=y", "xml"),
        ("text/plain", "txt"),
        ("application/pdf", "pdf"),
        ("image/png", "png"),
        ("image/jpeg", "jpg"),
        ("application/octet-stream", "bin"),
        ("nonsense", "bin"),
        ("", "bin"),
        ("../../../evil", "bin"),
        ("text/../../html", "bin"),
        ("/etc/passwd", "bin"),
        ("text/html\t/../x", "bin"),
        ("text/html, ../../x", "bin"),
        ("image/png; name=\"../../evil.sh\"", "png"),
        ("x/y+../z", "bin"),
        ("\u{e9}/\u{202e}", "bin"),
    ];
    let mut list = String::new();
    for (at, (content_type, _)) in types.iter().enumerate() {
        site.page(&format!("/{at}"), Reply::status(200).header("Content-Type", content_type).body(format!("body {at}")));
        list += &(site.url(&format!("/{at}")) + "\n");
    }
    site.page("/none", Reply::status(200).body("no type"));
    list += &site.url("/none");
    let run = work.scrape("--ordered --save-bodies kept").stdin(list).run().code(0);
    let mut expected: Vec<_> =
        types.iter().enumerate().map(|(at, (_, own))| path_of("kept", format!("body {at}").as_bytes(), own)).collect();
    expected.push(path_of("kept", b"no type", "bin"));
    assert_eq!(run.each("body"), expected);
    assert_eq!((whole(&work.path("kept")), work.names()), (types.len() + 1, vec!["kept".to_owned()]));
}

#[test]
fn an_empty_body_is_an_empty_file() {
    let (site, work) = (Site::start(), Work::new());
    site.page("/empty", Reply::html(""));
    site.page("/none", Reply::status(204));
    let run = work.scrape("--ordered --save-bodies kept").arg(site.url("/{empty,none}")).run().code(0);
    assert_eq!(run.each("body"), [path_of("kept", b"", "html"), path_of("kept", b"", "bin")]);
    assert!(files(&work.path("kept")).iter().all(|path| fs::metadata(path).unwrap().len() == 0));
}

#[test]
fn many_workers_and_two_runs_that_save_the_same_agree() {
    let (site, work) = (Site::start(), Work::new());
    let gate = Gate::default();
    let held = gate.clone();
    site.on("/p/*", move |request| {
        let page = request.path.rsplit('/').next().unwrap().parse::<usize>().unwrap() % 5;
        Reply::html(page.to_string().repeat(200_000)).behind(&held)
    });
    let start = || work.scrape("-c 20 --no-adapt --fetch-only --save-bodies kept").stdin(site.list(60)).spawn();
    let (one, other) = (start(), start());
    site.wait_for_hits(40);
    gate.open();
    for run in [one.end().code(0), other.end().code(0)] {
        let paths: HashSet<_> = run.each("body").iter().map(|path| path.as_str().unwrap().to_owned()).collect();
        assert_eq!((run.records().len(), paths.len()), (60, 5));
    }
    assert_eq!((files(&work.path("kept")).len(), whole(&work.path("kept"))), (5, 5));
}

#[test]
fn a_run_that_is_killed_leaves_whole_bodies_only_and_the_next_one_cleans_up() {
    let (site, work) = (Site::start(), Work::new());
    site.on("/p/*", large);
    let list = site.list(150);
    let flags = "-c 8 --no-adapt --fetch-only --save-bodies kept";
    for lines in [1, 20, 60] {
        let mut live = work.scrape(flags).args(["--overwrite", "-o", "out.jsonl"]).stdin(&list).spawn();
        work.wait_for_lines("out.jsonl.partial", lines);
        live.signal(Signal::KILL);
        while live.is_running() {
            std::thread::yield_now();
        }
        assert!(whole(&work.path("kept")) >= lines);
        let text = work.read("out.jsonl.partial");
        for record in records(&text[..=text.rfind('\n').unwrap()]) {
            let path = work.path(field(&record, "body").as_str().unwrap());
            assert_eq!(fs::metadata(path).unwrap().len(), field(&record, "bytes").as_u64().unwrap());
        }
    }
    let run = work.scrape(flags).stdin(&list).run().code(0);
    assert_eq!((run.records().len(), whole(&work.path("kept"))), (150, 150));
    let left: Vec<_> = files(&work.path("kept")).into_iter().filter(|path| is_part(path)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Checks a run that broke because a body could not be saved: what has a record has its body, and the target of that body has none.
#[track_caller]
fn broke_on_a_body(run: &Run, text: &str, saved: &Path, cause: &str) -> usize {
    let written = records(text);
    assert!(run.stderr.contains("cannot save a body as kept/") && run.stderr.contains(cause), "{}", run.stderr);
    assert_eq!(written.len() as u64, run.summary_of_broken());
    for record in &written {
        assert_eq!(field(record, "error"), &Value::Null);
        let path = field(record, "body").as_str().unwrap().strip_prefix("kept/").unwrap();
        assert_eq!(fs::metadata(saved.join(path)).unwrap().len(), field(record, "bytes").as_u64().unwrap());
    }
    assert!(whole(saved) >= written.len());
    written.len()
}

#[test]
fn a_body_that_cannot_be_written_ends_the_run_and_its_target_is_left() {
    let (site, work) = (Site::of_pages(), Work::new());
    site.on("/large/*", large);
    let list = site.list(20) + &site.url("/large/1") + "\n" + &site.list(200);
    let limit = r#"ulimit -f 100; exec "$0" "$@""#;
    for format in ["jsonl", "json"] {
        let flags = format!("-c 1 --ordered --save-bodies kept -f {format}");
        let run = work.scrape(&flags).shell(limit).stdin(&list).run().code(1);
        let text = if format == "jsonl" {
            run.text().to_owned()
        } else {
            let all: Vec<Value> = serde_json::from_str(run.text()).unwrap();
            all.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n"
        };
        assert_eq!(broke_on_a_body(&run, &text, &work.path("kept"), "File too large"), 20);
        let name = path_of("kept", large_text("/large/1").as_bytes(), "html");
        assert!(run.stderr.contains(&name), "{name} in:\n{}", run.stderr);
        assert!(!files(&work.path("kept")).iter().any(|path| is_part(path)), "what was written of it is gone");
    }
    assert_eq!(site.count("/large/1"), 2, "it is not tried again");
}

/// Whether this process may mount, as root may in most places.
fn may_mount(work: &Work, mount: &str) -> bool {
    let script = format!("cd {} && unshare -rm sh -c '{mount}'", work.path("").display());
    Command::new("sh").args(["-c", &script]).output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_disk_that_fills_up_with_bodies_ends_the_run_and_what_is_recorded_is_there() {
    let (site, work) = (Site::start(), Work::new());
    let mount = "mount -t tmpfs -o size=4m none kept";
    fs::create_dir(work.path("kept")).unwrap();
    if !may_mount(&work, mount) {
        return;
    }
    site.on("/p/*", large);
    let script = format!(r#"exec unshare -rm sh -c '{mount} && "$0" "$@"; code=$?; cp -r kept copy; exit $code' "$0" "$@""#);
    let run =
        work.scrape("--fetch-only --no-adapt --save-bodies kept -o out.jsonl").stdin(site.list(500)).shell(&script).run().code(1);
    let saved = broke_on_a_body(&run, &work.read("out.jsonl"), &work.path("copy"), "No space left");
    assert!((3..=13).contains(&saved) && site.hits().len() < 100, "{saved} saved, {} asked for", site.hits().len());
}

#[test]
fn a_directory_that_vanishes_ends_the_run() {
    let (site, work) = (Site::of_pages(), Work::new());
    let gate = Gate::default();
    site.page("/late", Reply::title("late").behind(&gate));
    let list = site.url("/p/1") + "\n" + &site.url("/late");
    let mut live = work.scrape("-c 1 --save-bodies kept").stdin(list).spawn();
    live.line();
    fs::remove_dir_all(work.path("kept")).unwrap();
    gate.open();
    let run = live.end().code(1);
    assert!(run.stderr.contains("kept/") && run.stderr.contains("No such file"), "{}", run.stderr);
    assert_eq!((run.records().len(), run.summary_of_broken()), (1, 1));
    assert!(run.stderr.contains("left 1") && !work.path("kept").exists(), "{}", run.stderr);
}

#[test]
fn a_directory_that_takes_no_bodies_is_found_before_any_request() {
    let (site, work) = (Site::of_pages(), Work::new());
    work.write("file", "precious");
    let wrong = |folder: &str, cause: &str| {
        let run = work.scrape("-o out.csv --save-bodies").arg(folder).arg(site.url("/p/1")).run().code(1);
        assert!(run.stderr.contains(folder) && run.stderr.contains(cause), "{}", run.stderr);
    };
    wrong("file", "ot a directory");
    wrong("file/below", "ot a directory");
    wrong("/proc/nosuch/below", "No such file");
    assert_eq!((work.names(), work.read("file").as_str()), (vec!["file".to_owned()], "precious"), "no output is made either");
    scrape("--save-bodies").arg("").arg(site.url("/p/1")).run().code(2);
    fs::create_dir(work.path("kept")).unwrap();
    for (mount, cause) in [
        ("mount -t tmpfs -o ro none kept", "Read-only file system"),
        ("mount -t tmpfs -o nr_inodes=1 none kept", "No space left"),
    ] {
        if may_mount(&work, mount) {
            let script = format!(r#"exec unshare -rm sh -c '{mount} && exec "$0" "$@"' "$0" "$@""#);
            let run = work.scrape("--save-bodies kept").arg(site.url("/p/1")).shell(&script).run().code(1);
            assert!(run.stderr.contains("cannot save bodies in kept") && run.stderr.contains(cause), "{}", run.stderr);
        }
    }
    assert!(site.hits().is_empty());
}

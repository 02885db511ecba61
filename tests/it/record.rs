//! The record: its keys, its types, and when a value is null.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{REFUSED, Reply, Site, field, gzip, scrape};

const KEYS: [&str; 12] = [
    "index",
    "url",
    "final_url",
    "status",
    "content_type",
    "bytes",
    "attempts",
    "elapsed_ms",
    "fetched_at",
    "error",
    "error_message",
    "data",
];

fn keys(record: &Value) -> Vec<&str> {
    record.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The rows of a table, with its header.
fn rows(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn a_record_has_always_the_same_keys_in_the_same_order() {
    let site = Site::of_pages();
    site.page("/gone", Reply::status(404));
    let list = [&site.url("/p/1"), "no url", &site.url("/gone"), REFUSED].join("\n");
    let run = scrape("--retries 0").stdin(list).run().code(3);
    assert_eq!(run.records().len(), 4);
    for record in run.records() {
        assert_eq!(keys(&record), KEYS);
    }
    let run = scrape("--input-format csv").stdin(format!("url,id\n{},7\n", site.url("/p/1"))).run().code(0);
    assert_eq!(keys(&run.record()), [&KEYS[..], &["input"]].concat());
}

#[test]
fn a_page_fills_every_key_but_those_of_a_failure() {
    let site = Site::start();
    let page = "<title>é</title>";
    site.page("/a%20b?q", Reply::status(200).header("Content-Type", "Text/HTML; charset=UTF-8").body(page));
    let given = site.url("/x/../a b?q#part").replace("http", "HTTP");
    let record = scrape("").stdin(&given).run().code(0).record();
    assert_eq!((field(&record, "index"), field(&record, "url")), (&json!(1), &json!(given)));
    let read = field(&record, "final_url").as_str().unwrap();
    assert_eq!(read.split('#').next().unwrap(), site.url("/a%20b?q"));
    assert_eq!((field(&record, "status"), field(&record, "content_type")), (&json!(200), &json!("Text/HTML; charset=UTF-8")));
    assert_eq!((field(&record, "bytes"), field(&record, "attempts")), (&json!(page.len()), &json!(1)));
    assert!(field(&record, "elapsed_ms").is_u64());
    let at = field(&record, "fetched_at").as_str().unwrap();
    assert!(at.len() == "2026-11-20T10:30:00.000Z".len() && at.ends_with('Z'), "{at}");
    let age = humantime::parse_rfc3339(at).unwrap().elapsed().unwrap_or_default();
    assert!(age < Duration::from_mins(10), "{at} is {age:?} ago");
    assert_eq!((field(&record, "error"), field(&record, "error_message")), (&Value::Null, &Value::Null));
    assert_eq!(field(&record, "data"), &json!({"title": "é"}));
}

#[test]
fn a_target_that_was_never_requested_has_no_times() {
    let record = scrape("").stdin("no url").run().code(3).record();
    for name in ["final_url", "status", "content_type", "bytes", "elapsed_ms", "fetched_at"] {
        assert_eq!(field(&record, name), &Value::Null, "{name}");
    }
    assert_eq!((field(&record, "attempts"), field(&record, "data")), (&json!(0), &json!({})));
}

#[test]
fn a_status_that_is_not_accepted_says_who_answered_what() {
    let site = Site::start();
    site.page("/from", Reply::redirect("/gone"))
        .page("/gone", Reply::status(404).header("Content-Type", "text/plain").body("gone"));
    let record = scrape("").arg(site.url("/from")).run().code(3).record();
    assert_eq!((field(&record, "error"), field(&record, "status")), (&json!("http_status"), &json!(404)));
    assert_eq!((field(&record, "final_url"), field(&record, "content_type")), (&json!(site.url("/gone")), &json!("text/plain")));
    assert_eq!((field(&record, "bytes"), field(&record, "data")), (&Value::Null, &json!({})));
    assert!(field(&record, "elapsed_ms").is_u64() && field(&record, "fetched_at").is_string());
    assert!(field(&record, "error_message").as_str().unwrap().contains("404"), "{record}");
}

#[test]
fn the_status_is_the_last_one_received_in_any_attempt() {
    let site = Site::start();
    site.pages("/x", [Reply::status(503), Reply::nothing().close()]);
    let record = scrape("--retries 1 --backoff 1ms").arg(site.url("/x")).run().code(3).record();
    assert_eq!((field(&record, "error"), field(&record, "status")), (&json!("connect"), &json!(503)));
}

#[test]
fn bytes_are_those_of_the_decoded_body() {
    let site = Site::start();
    let page = format!("<title>x</title>{}", " ".repeat(5000));
    site.page("/x", Reply::html(gzip(&page)).header("Content-Encoding", "gzip"));
    let record = scrape("").arg(site.url("/x")).run().code(0).record();
    assert_eq!(field(&record, "bytes"), page.len());
}

#[test]
fn elapsed_is_the_last_attempt_from_its_start_to_its_last_byte() {
    let site = Site::start();
    let slow = Duration::from_millis(80);
    site.page("/slow", Reply::title("x").drip(20, slow));
    let record = scrape("").arg(site.url("/slow")).run().code(0).record();
    assert!(field(&record, "elapsed_ms").as_u64().unwrap() >= 80, "{record}");
}

#[test]
fn without_a_selector_the_title_is_extracted_and_null_where_there_is_none() {
    let site = Site::start();
    site.page("/none", Reply::html("<p>nothing")).page("/empty", Reply::html(""));
    for path in ["/none", "/empty"] {
        let record = scrape("").arg(site.url(path)).run().code(0).record();
        assert_eq!(field(&record, "data"), &json!({"title": null}), "{path}");
    }
}

#[test]
fn fetch_only_extracts_nothing() {
    let site = Site::start();
    site.page("/x", Reply::status(200).header("Content-Type", "image/png").body(b"\x89PNG\0\xff"));
    let record = scrape("--fetch-only").arg(site.url("/x")).run().code(0).record();
    assert_eq!((field(&record, "data"), field(&record, "bytes")), (&json!({}), &json!(6)));
    let table = scrape("--fetch-only -f csv").arg(site.url("/x")).run().code(0);
    assert_eq!(rows(table.text(), b',')[0], &KEYS[..11]);
}

#[test]
fn what_is_accepted_is_a_page_and_what_is_not_is_a_failure() {
    let site = Site::start();
    site.page("/200", Reply::title("found")).page("/404", Reply::title("gone").status_of(404));
    let list = [site.url("/200"), site.url("/404")].join("\n");
    let accepted = |flags: &str, code| {
        let run = scrape(flags).stdin(&list).run().code(code);
        [run.at(1), run.at(2)].map(|record| field(&record, "error").is_null())
    };
    assert_eq!(accepted("", 3), [true, false]);
    assert_eq!(accepted("--accept 404", 3), [false, true]);
    assert_eq!(accepted("--accept 200-299,404", 0), [true, true]);
    let run = scrape("--accept 404").arg(site.url("/404")).run().code(0);
    assert_eq!(field(&run.record(), "data.title"), "gone");
}

#[test]
fn a_table_has_a_column_for_every_key_field_and_input_column() {
    let site = Site::start();
    site.page("/x", Reply::html("<title>a, \"b\"</title><a href=/1>1</a><a href=/2>2</a>")).page("/gone", Reply::status(404));
    let list = format!("id,url,note\n7,{},n\n8,{},\n", site.url("/x"), site.url("/gone"));
    for (format, delimiter) in [("csv", b','), ("tsv", b'\t')] {
        let run = scrape("--input-format csv --ordered -s title=title -s links[]=a::attr(href) -s none=h1 -f").arg(format);
        let run = run.stdin(&list).run().code(3);
        let rows = rows(run.text(), delimiter);
        assert_eq!(rows[0], [&KEYS[..11], &["title", "links", "none", "input.id", "input.note"]].concat(), "{format}");
        let links = json!([site.url("/1"), site.url("/2")]).to_string();
        assert_eq!(rows[1][11..], ["a, \"b\"", &links, "", "7", "n"], "{format}");
        assert_eq!((rows[1][3].as_str(), rows[1][9].as_str(), rows[2][9].as_str()), ("200", "", "http_status"), "{format}");
        assert_eq!(rows[2][11..], ["", "", "", "8", ""], "{format}");
        assert_eq!(rows.len(), 3);
    }
}

#[test]
fn no_nul_is_written_to_a_table_and_json_has_it_escaped() {
    let site = Site::start();
    site.page("/x", Reply::html("<title>a\0b&#0;c</title>"));
    let list = format!("url,note\n{},x\0y\n", site.url("/x"));
    let run = scrape("--input-format csv -f csv").stdin(&list).run().code(0);
    let rows = rows(run.text(), b',');
    assert_eq!(rows[1][11..], ["a\u{fffd}b\u{fffd}c", "x\u{fffd}y"]);
    assert!(!run.stdout.contains(&0));
    let run = scrape("--input-format csv").stdin(&list).run().code(0);
    assert_eq!(field(&run.record(), "input.note"), "x\0y");
    assert!(run.text().contains("x\\u0000y") && !run.stdout.contains(&0));
}

#[test]
fn a_table_has_its_header_also_without_rows() {
    for (format, delimiter) in [("csv", b','), ("tsv", b'\t')] {
        let run = scrape("-f").arg(format).stdin("").run().code(0);
        assert_eq!(rows(run.text(), delimiter), [[&KEYS[..11], &["title"]].concat()]);
    }
}

#[test]
fn json_is_one_valid_array_also_without_records() {
    let site = Site::of_pages();
    let read = |list: &str| -> Value { serde_json::from_str(scrape("-f json").stdin(list).run().code(0).text()).unwrap() };
    let array = read(&site.list(3));
    assert_eq!(array.as_array().unwrap().len(), 3);
    assert_eq!(keys(&array[0]), KEYS);
    assert_eq!(read(""), json!([]));
}

#[test]
fn a_record_is_one_line_whatever_the_page_says() {
    let site = Site::start();
    let title = "two\nlines \"quoted\" {\"index\":9} \u{2028} \u{1b}[2J \u{9b}31m \u{7f} \u{202e}x 日本 🧑‍🚀";
    site.page("/x", Reply::title(title));
    let run = scrape("").arg(site.url("/x")).run().code(0);
    let record = run.record();
    assert_eq!(field(&record, "data.title"), &title.replace('\n', " "));
    let hostile = |c: char| c != '\n' && (c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c));
    assert!(!run.text().contains(hostile), "{:?}", run.text());
}

#[test]
fn a_page_in_another_charset_is_read_as_it_was_meant() {
    let site = Site::start();
    let header = |charset: &str| Reply::status(200).header("Content-Type", &format!("text/html{charset}"));
    site.page("/header", header("; charset=windows-1251").body(b"<title>\xcf\xf0\xe8\xe2\xe5\xf2</title>"))
        .page("/mark", header("; charset=latin1").body("\u{feff}<title>Привет</title>"))
        .page(
            "/unknown",
            header("; charset=nonsense").body(b"<meta charset=windows-1251><title>\xcf\xf0\xe8\xe2\xe5\xf2</title>"),
        )
        .page("/latin", header("; charset=iso-8859-1").body(b"<title>\x93\xe9\x94</title>"))
        .page("/wide", header("; charset=utf-16").body(wide("<title>Привет</title>")))
        .page("/wide-mark", header("").body([&b"\xff\xfe"[..], &wide("<title>Привет</title>")].concat()))
        .page("/meta-wide", header("").body("<meta charset=utf-16><title>Привет</title>"))
        .page(
            "/late",
            header("").body([&b" ".repeat(1024)[..], "<meta charset=koi8-r><title>Привет</title>".as_bytes()].concat()),
        )
        .page("/bad", header("; charset=utf-8").body(b"<title>\xff!</title>"));
    for (path, title, by) in [
        ("/header", "Привет", "charset=windows-1251 by=header "),
        ("/mark", "Привет", "charset=UTF-8 by=bom "),
        ("/unknown", "Привет", "charset=windows-1251 by=meta "),
        ("/latin", "“é”", "charset=windows-1252 by=header "),
        ("/wide", "Привет", "charset=UTF-16LE by=header "),
        ("/wide-mark", "Привет", "charset=UTF-16LE by=bom "),
        ("/meta-wide", "Привет", "charset=UTF-8 by=meta "),
        ("/late", "Привет", "charset=UTF-8 by=detection "),
        ("/bad", "\u{fffd}!", "charset=UTF-8 by=header "),
    ] {
        let run = scrape("-v").arg(site.url(path)).run().code(0);
        assert_eq!(field(&run.record(), "data.title"), title, "{path}");
        assert!(run.stderr.contains(by), "{path}: {}", run.stderr);
    }
}

/// A text in UTF-16, the low byte first.
fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

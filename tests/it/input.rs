//! Where targets come from: lists, tables, JSON lines, globs and stdin, well-formed and not.

use serde_json::json;

use crate::harness::{Authority, Leaf, Reply, Run, Site, Work, field, scrape};

/// The `url` of every record, in the order of the input.
fn urls_in_order(run: &Run) -> Vec<String> {
    let mut records = run.records();
    records.sort_by_key(|record| field(record, "index").as_u64());
    assert!(
        records.iter().zip(1_u64..).all(|(record, ordinal)| record["index"] == ordinal),
        "ordinals count from 1 without gaps"
    );
    records.iter().map(|record| field(record, "url").as_str().unwrap().to_owned()).collect()
}

/// The paths that were asked for, sorted.
fn sorted_paths(site: &Site) -> Vec<String> {
    let mut paths = site.paths();
    paths.sort();
    paths
}

#[test]
fn a_list_may_have_a_mark_carriage_returns_blanks_comments_and_no_last_newline() {
    let site = Site::of_pages();
    let [one, two, three] = [1, 2, 3].map(|page| site.url(&format!("/p/{page}")));
    let work = Work::new();
    work.write("urls.txt", format!("\u{feff}{one}\r\n\r\n# a comment\r\n   \n \t{two}  \t\n#{one}\n\n{three}"));
    let run = work.scrape("urls.txt").run().code(0);
    assert_eq!(urls_in_order(&run), [one, two, three]);
    assert_eq!(sorted_paths(&site), ["/p/1", "/p/2", "/p/3"]);
    assert_eq!(run.summary().total, 3);
    assert!(run.stderr.contains("\n5 lines are blank or comments\n"), "{}", run.stderr);
}

#[test]
fn a_line_that_is_no_url_is_a_record_that_names_its_place_and_the_list_goes_on() {
    let site = Site::of_pages();
    let good = site.url("/p/1");
    let long = format!("{}{}", site.url("/p/"), "x".repeat(70_000));
    let bad = [
        "not a url",
        "ftp://127.0.0.1/x",
        "javascript:alert(1)",
        "mailto:a@b.test",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://",
        &long,
    ];
    let mut list = b"# first line\n".to_vec();
    for line in bad {
        list.extend([line.as_bytes(), b"\n"].concat());
    }
    list.extend(b"http://127.0.0.1/\xff\xfe\n");
    list.extend(good.as_bytes());
    let work = Work::new();
    work.write("urls.txt", list);
    let run = work.scrape("urls.txt").run().code(3);
    let invalid = bad.len() as u64 + 1;
    for (index, line) in (1..=invalid).zip(2..) {
        let record = run.at(index);
        assert_eq!(field(&record, "error"), "invalid_url", "{record}");
        let message = field(&record, "error_message").as_str().unwrap();
        assert!(message.contains(&format!("urls.txt:{line}")), "{message}");
        assert_eq!(
            (field(&record, "attempts"), field(&record, "status"), field(&record, "data")),
            (&json!(0), &json!(null), &json!({}))
        );
    }
    assert_eq!(field(&run.at(invalid), "url"), "http://127.0.0.1/\\xff\\xfe", "the bytes are shown, escaped");
    assert_eq!(field(&run.at(invalid + 1), "url"), &good);
    assert_eq!(site.paths(), ["/p/1"]);
    let summary = run.summary();
    assert_eq!((summary.total, summary.ok, summary.failed), (invalid + 1, 1, invalid));
}

#[test]
fn a_line_of_megabytes_is_a_record_that_shows_its_beginning() {
    let site = Site::of_pages();
    let long = site.url("/p/") + &"x".repeat(10_000_000);
    let run = scrape("-").stdin(format!("{}\n{long}\n{}", site.url("/p/1"), site.url("/p/2"))).run().code(3);
    let bad = run.at(2);
    assert_eq!(field(&bad, "error"), "invalid_url");
    assert_eq!(field(&bad, "error_message"), "stdin:2: the line is longer than 64 KiB");
    let shown = field(&bad, "url").as_str().unwrap();
    assert!(shown.len() < 300 && long.starts_with(shown.trim_end_matches('…')), "{shown}");
    assert_eq!(sorted_paths(&site), ["/p/1", "/p/2"]);
}

#[test]
fn a_list_in_utf_16_breaks_the_run_and_is_told_what_to_do() {
    let list: Vec<u8> = "\u{feff}http://a.test/\r\nhttp://b.test/\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let run = scrape("-").stdin(list).run().code(1);
    assert!(run.stderr.contains("stdin: is UTF-16: save it as UTF-8"), "{}", run.stderr);
    assert!(run.stdout.is_empty());
}

#[test]
fn a_url_is_what_the_url_standard_makes_of_it() {
    let proxy = Site::proxy();
    proxy.on("/*", |request| Reply::title(&request.path));
    for (given, host, path) in [
        ("http://BÜCHER.test/ü/../a b", "xn--bcher-kva.test", "/a%20b"),
        ("HTTP://a.test:80/%7ea%2Fb", "a.test", "/%7ea%2Fb"),
        ("http://a.test/é?q=é&r=a b#frag ment", "a.test", "/%C3%A9?q=%C3%A9&r=a%20b"),
        ("http://a.test/a/./b/%2e%2e/c/..", "a.test", "/a/"),
        ("http://a.test?q", "a.test", "/?q"),
        ("http://a.test\\x\\y", "a.test", "/x/y"),
        ("http://2130706433/x", "127.0.0.1", "/x"),
        ("http://0x7f.0.0.01/x", "127.0.0.1", "/x"),
        ("http://ex%41mple.test./x", "example.test.", "/x"),
        ("http://a.test/🧑‍🚀", "a.test", "/%F0%9F%A7%91%E2%80%8D%F0%9F%9A%80"),
    ] {
        let run = scrape("--robots never").through(&proxy).stdin(given).run().code(0);
        let hit = proxy.hits().pop().unwrap().request;
        assert_eq!((hit.host(), hit.path.as_str()), (host, path), "{given}");
        assert_eq!(field(&run.record(), "url"), given, "as the list has it");
    }
    // What the standard would drop without a word was not meant.
    let bad =
        ["http://a.test/\tnote", "http:a.test", "http:///a.test/", "http://a.test:99999/", "http://a b.test/", "http://[::1/"];
    let run = scrape("--robots never").through(&proxy).stdin(bad.join("\n")).run().code(3);
    assert_eq!(run.each("error"), ["invalid_url"; 6]);
}

#[test]
fn a_bare_host_name_is_read_as_https() {
    let authority = Authority::new();
    let site = Site::tls(&authority, Leaf::Good);
    site.page("/x", Reply::title("secure"));
    let url = site.url("/x");
    let bare = url.strip_prefix("https://").unwrap();
    let run = scrape("").env("SSL_CERT_FILE", authority.file()).stdin(bare).run().code(0);
    let record = run.record();
    assert_eq!((field(&record, "url"), field(&record, "final_url")), (&json!(bare), &json!(url)));
    assert_eq!(field(&record, "data.title"), "secure");
}

#[test]
fn the_other_columns_of_a_csv_travel_to_the_record_in_their_order() {
    let site = Site::of_pages();
    let (one, two) = (site.url("/p/1"), site.url("/p/2"));
    let work = Work::new();
    work.write("urls.csv", format!("zip,url,name\r\n007,{one},\"a, \"\"b\"\"\nc\"\r\n,{two},é\r\n"));
    let run = work.scrape("urls.csv").run().code(0);
    assert_eq!(urls_in_order(&run), [one, two]);
    assert_eq!(serde_json::to_string(field(&run.at(1), "input")).unwrap(), r#"{"zip":"007","name":"a, \"b\"\nc"}"#);
    assert_eq!(serde_json::to_string(field(&run.at(2), "input")).unwrap(), r#"{"zip":"","name":"é"}"#);
}

#[test]
fn a_row_that_ends_early_is_fetched_and_one_that_is_too_long_is_a_record() {
    let site = Site::of_pages();
    let (one, two) = (site.url("/p/1"), site.url("/p/2"));
    let work = Work::new();
    work.write("urls.csv", format!("id,url,n,m\n7,{one}\n8,{two},x,y,z\n"));
    let run = work.scrape("urls.csv").run().code(3);
    assert_eq!(field(&run.at(1), "input"), &json!({"id": "7", "n": null, "m": null}));
    let bad = run.at(2);
    assert_eq!((field(&bad, "error"), field(&bad, "url")), (&json!("invalid_url"), &json!(two)));
    assert_eq!(field(&bad, "input"), &json!({"id": "8", "n": "x", "m": "y"}));
    assert_eq!(site.paths(), ["/p/1"]);
    let table = work.scrape("urls.csv -f csv --ordered").run().code(3);
    assert!(table.text().lines().nth(1).unwrap().ends_with(",7,,"), "{}", table.text());
}

#[test]
fn a_stray_quote_in_a_table_is_a_record_and_the_rows_after_it_are_fetched() {
    let site = Site::of_pages();
    let urls: Vec<_> = (1..=600).map(|page| site.url(&format!("/p/{page}"))).collect();
    let work = Work::new();
    let mut rows: Vec<_> = urls.iter().map(|url| format!("{url},x\n")).collect();
    rows[1] = format!("{},\"oops\n", urls[1]);
    work.write("urls.csv", format!("url,n\n{}", rows.concat()));
    let run = work.scrape("urls.csv").run().code(3);
    let bad = run.at(2);
    assert_eq!(field(&bad, "error"), "invalid_url");
    assert!(field(&bad, "error_message").as_str().unwrap().starts_with("urls.csv:3: a quote in this row is never closed"));
    let mut expected = urls.clone();
    expected[1] += ",\"oops";
    assert_eq!(urls_in_order(&run), expected);
    assert_eq!((site.hits().len(), run.summary().ok), (599, 599));
}

#[test]
fn a_tsv_is_known_by_its_name_and_any_table_by_the_flag() {
    let site = Site::of_pages();
    let url = site.url("/p/1");
    let work = Work::new();
    work.write("urls.tsv", format!("link\tid\n{url}\ta,b\n"));
    let by_name = work.scrape("--url-field link urls.tsv").run().code(0);
    let by_flag = scrape("--input-format csv --url-field link -").stdin(format!("id,link\n\"a,b\",{url}\n")).run().code(0);
    for run in [by_name, by_flag] {
        let record = run.record();
        assert_eq!((field(&record, "url"), field(&record, "input")), (&json!(url), &json!({"id": "a,b"})));
    }
}

#[test]
fn a_table_without_the_column_of_the_urls_names_those_it_has() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("urls.csv", format!("address,name\n{},x\n", site.url("/p/1")));
    let run = work.scrape("urls.csv").run().code(2);
    assert!(run.stderr.contains("address") && run.stderr.contains("--url-field"), "{}", run.stderr);
    assert!(site.hits().is_empty() && run.stdout.is_empty());
}

#[test]
fn the_other_members_of_a_json_line_travel_as_they_are_and_a_bad_line_is_a_record() {
    let site = Site::of_pages();
    let url = site.url("/p/1");
    let work = Work::new();
    let lines = [&format!(r#"{{"z":[1,{{"b":null}}],"url":"{url}","a":1.5}}"#), "{broken", r#"{"a":1}"#, r#"{"url":7}"#, ""];
    work.write("urls.jsonl", lines.join("\n"));
    let run = work.scrape("urls.jsonl").run().code(3);
    assert_eq!(serde_json::to_string(field(&run.at(1), "input")).unwrap(), r#"{"z":[1,{"b":null}],"a":1.5}"#);
    for (index, line) in [(2, 2), (3, 3), (4, 4)] {
        let record = run.at(index);
        assert_eq!(field(&record, "error"), "invalid_url");
        assert!(field(&record, "error_message").as_str().unwrap().contains(&format!("urls.jsonl:{line}")), "{record}");
    }
    assert_eq!(run.records().len(), 4);
    assert!(!run.text().lines().next().unwrap().is_empty());
}

#[test]
fn the_numbers_of_a_json_line_travel_with_all_their_digits() {
    let site = Site::of_pages();
    let members = r#""id":12345678901234567890123,"price":1.50,"far":1e+400,"in":[{"zero":-0.0}]"#;
    let line = format!(r#"{{"url":"{}",{members}}}"#, site.url("/p/1"));
    for (format, expected) in [
        ("jsonl", format!(r#""input":{{{members}}}"#)),
        ("json", format!(r#""input":{{{members}}}"#)),
        ("csv", format!(r#""{{{}}}""#, members.replace('"', "\"\""))),
    ] {
        let run = scrape("--input-format jsonl -").arg(format!("--format={format}")).stdin(&line).run().code(0);
        assert!(run.text().contains(&expected), "{}", run.text());
    }
}

#[test]
fn a_list_has_no_input_member() {
    let site = Site::of_pages();
    let run = scrape("").arg(site.url("/p/1")).run().code(0);
    assert!(run.record().get("input").is_none());
}

#[test]
fn the_globs_of_a_url_argument_expand_as_curl_has_them() {
    let site = Site::of_pages();
    for (glob, paths) in [
        ("/p/{a,b}[1-2]", &["/p/a1", "/p/a2", "/p/b1", "/p/b2"][..]),
        ("/p/[001-010:5]", &["/p/001", "/p/006"]),
        ("/p/[a-c]", &["/p/a", "/p/b", "/p/c"]),
        ("/p/[8-11]", &["/p/10", "/p/11", "/p/8", "/p/9"]),
    ] {
        let before = site.hits().len();
        let run = scrape("").arg(site.url(glob)).run().code(0);
        let mut asked = site.paths().split_off(before);
        asked.sort();
        assert_eq!(asked, paths, "{glob}");
        assert_eq!(urls_in_order(&run).len(), paths.len(), "{glob}");
    }
}

#[test]
fn a_broken_glob_is_a_usage_error_before_any_request() {
    let site = Site::of_pages();
    for glob in ["/p/[9-1]", "/p/{a,b", "/p/[1-"] {
        let run = scrape("").arg(site.url(glob)).run().code(2);
        assert!(!run.stderr.is_empty() && run.stdout.is_empty(), "{glob}");
    }
    assert!(site.hits().is_empty());
}

#[test]
fn globs_in_a_list_expand_only_when_asked_for() {
    let site = Site::of_pages();
    let line = site.url("/p/[1-2]");
    assert_eq!(urls_in_order(&scrape("").stdin(&line).run().code(0)), std::slice::from_ref(&line));
    assert_eq!(site.paths(), ["/p/[1-2]"]);
    assert_eq!(urls_in_order(&scrape("--glob -").stdin(&line).run().code(0)), [site.url("/p/1"), site.url("/p/2")]);
}

#[test]
fn records_stream_while_stdin_is_still_open() {
    let site = Site::of_pages();
    let mut live = scrape("-").open_stdin().spawn();
    for page in ["/p/1", "/p/2"] {
        let url = site.url(page);
        live.write(format!("{url}\n"));
        assert!(live.line().contains(&format!("\"url\":\"{url}\"")));
    }
    live.close_stdin();
    assert_eq!(live.end().code(0).summary().ok, 2);
}

#[test]
fn several_inputs_are_read_in_their_order_with_stdin_and_urls_among_them() {
    let site = Site::of_pages();
    let urls: Vec<_> = (1..=4).map(|page| site.url(&format!("/p/{page}"))).collect();
    let work = Work::new();
    work.write("a.txt", &urls[0]).write("b.csv", format!("url,n\n{},x\n", urls[2]));
    let run = work.scrape("a.txt - b.csv").arg(&urls[3]).stdin(&urls[1]).run().code(0);
    assert_eq!(urls_in_order(&run), urls);
}

#[test]
fn without_an_input_a_piped_stdin_is_read() {
    let site = Site::of_pages();
    assert_eq!(scrape("").stdin(site.list(3)).run().code(0).records().len(), 3);
    let empty = scrape("").stdin("").run().code(0);
    assert_eq!((empty.text(), empty.summary().total), ("", 0));
}

#[test]
fn repeated_urls_are_fetched_each_time_unless_they_are_to_be_unique() {
    let site = Site::of_pages();
    let list = site.list(2).repeat(2);
    let run = scrape("").stdin(&list).run().code(0);
    assert_eq!((run.records().len(), site.count("/p/1"), run.summary().skipped), (4, 2, 0));
    let work = Work::new();
    work.write("a.txt", &list).write("b.txt", site.list(3));
    let run = work.scrape("--unique a.txt b.txt").run().code(0);
    assert_eq!((run.records().len(), site.count("/p/1"), site.count("/p/3")), (3, 3, 1));
    let summary = run.summary();
    assert_eq!((summary.total, summary.ok, summary.skipped), (7, 3, 4));
}

#[test]
fn a_limit_ends_the_reading() {
    let site = Site::of_pages();
    let run = scrape("--limit 2").arg(site.url("/p/[1-1000000000]")).run().code(0);
    assert_eq!(urls_in_order(&run), [site.url("/p/1"), site.url("/p/2")]);
    assert_eq!((site.hits().len(), run.summary().total), (2, 2));
}

#[test]
fn an_input_that_cannot_be_read_breaks_the_run_and_is_named() {
    let site = Site::of_pages();
    let work = Work::new();
    std::fs::create_dir(work.path("folder.txt")).unwrap();
    for name in ["missing.txt", "folder.txt"] {
        let run = work.scrape(name).run().code(1);
        assert!(run.stderr.contains(name), "{}", run.stderr);
        assert!(run.stdout.is_empty());
    }
    work.write("urls.txt", site.url("/p/1"));
    work.scrape("urls.txt missing.txt").run().code(1);
    assert!(site.hits().is_empty(), "before any request where that is possible");
}

#[test]
fn a_secret_in_the_input_is_used_and_not_shown() {
    let site = Site::of_pages();
    let url = site.url("/p/1").replace("http://", "http://ann:s3cr3t@");
    let run = scrape("").stdin(&url).run().code(0);
    assert_eq!(field(&run.record(), "url"), &url.replace("s3cr3t", "***"));
    assert_eq!(site.hits()[0].request.header("authorization"), Some("Basic YW5uOnMzY3IzdA=="));
}

#[test]
fn a_url_that_is_too_long_to_be_asked_for_is_a_bad_line_that_says_so() {
    let site = Site::of_pages();
    let start = site.url("/");
    let list = format!("{start}{}\n{start}{}\n", "x".repeat(65_535 - start.len()), "\u{fc}".repeat(25_000));
    let run = scrape("-").stdin(list).run().code(3);
    assert!(run.each("error").iter().all(|error| error == "invalid_url"), "{:?}", run.each("error"));
    assert!(run.each("error_message").iter().all(|message| message.as_str().unwrap().contains("65534 are the most")));
}

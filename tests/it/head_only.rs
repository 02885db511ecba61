//! `--head-only`: a page is received no further than to what settles its fields, and they are what they would be.

mod beginnings;
mod streams;

use serde_json::{Value, json};

use crate::harness::{Reply, Scrape, Site, Work, field, gzip, scrape, zlib, zstandard};

/// The fields that stand in a head.
const HEAD: [&str; 6] =
    ["-s", "title=title", "-s", "about=meta[name=description]::attr(content)", "-s", "canonical=link[rel=canonical]::attr(href)"];

/// The head of a page, as most are.
const START: &str = "<!doctype html><html lang=en><head><meta charset=utf-8><title>A &amp; b</title>\
    <meta name=description content='c &lt; d'><link rel=canonical href='https://a.example/page'></head><body>";

/// A page of so many bytes.
fn page(bytes: usize) -> String {
    let (mut page, mut dice) = (START.to_owned(), fastrand::Rng::with_seed(7));
    while page.len() < bytes {
        page.extend(["<p class=x>paragraph ", &dice.u64(..).to_string(), " of many &amp; more</p>\n"]);
    }
    page.truncate(bytes);
    page
}

/// What a server sends of a body that it never goes on with: whoever waits for the rest, waits in vain.
fn begun(whole: &[u8], sent: usize) -> Reply {
    Reply::html(&whole[..sent]).header("Content-Length", &whole.len().to_string()).hang()
}

fn head_only() -> Scrape {
    scrape("--retries 0 --read-timeout 5s --head-only").args(HEAD)
}

/// The record of a run without its times, and without its URLs, which are those of two pages.
#[track_caller]
fn record(run: Scrape, url: String) -> Value {
    let mut record = run.arg(url).run().code(0).record();
    for key in ["elapsed_ms", "fetched_at", "url", "final_url", "bytes"] {
        record[key] = Value::Null;
    }
    record
}

#[test]
fn a_large_page_is_left_where_its_head_has_said_all_and_the_record_is_the_same() {
    let site = Site::start();
    let whole = page(5_000_000);
    site.page("/whole", Reply::html(&whole)).page("/begun", begun(whole.as_bytes(), 90_000));
    let expected = record(scrape("").args(HEAD), site.url("/whole"));
    assert_eq!(expected["data"], json!({"title": "A & b", "about": "c < d", "canonical": "https://a.example/page"}));
    assert_eq!(record(head_only(), site.url("/begun")), expected);
    let run = head_only().arg(site.url("/whole")).run().code(0);
    let taken = field(&run.record(), "bytes").as_u64().unwrap();
    assert!((4096..1_100_000).contains(&taken), "{taken} bytes of 5,000,000");
}

#[test]
fn without_the_flag_nobody_leaves_a_body() {
    let site = Site::start();
    site.page("/", begun(page(5_000_000).as_bytes(), 90_000));
    let record = scrape("--retries 0 --read-timeout 200ms").args(HEAD).arg(site.url("/")).run().code(3).record();
    assert_eq!(field(&record, "error"), "timeout");
}

#[test]
fn a_coded_body_is_unpacked_as_far_as_it_came() {
    let site = Site::start();
    let whole = page(5_000_000);
    let expected = {
        site.page("/whole", Reply::html(&whole));
        record(scrape("").args(HEAD), site.url("/whole"))
    };
    let twice = zstandard(gzip(&whole));
    for (coding, body) in [("gzip", gzip(&whole)), ("deflate", zlib(&whole)), ("zstd", zstandard(&whole)), ("gzip, zstd", twice)]
    {
        // A block of zstd, which is not unpacked in part, may have 128 KiB.
        site.page(&format!("/{}", body.len()), begun(&body, 200_000).header("Content-Encoding", coding));
        assert_eq!(record(head_only(), site.url(&format!("/{}", body.len()))), expected, "{coding}");
    }
}

#[test]
fn what_was_received_is_counted_as_it_came() {
    let site = Site::start();
    let body = gzip(page(5_000_000));
    site.page("/", begun(&body, 90_000).header("Content-Encoding", "gzip"));
    let work = Work::new();
    let run = work.scrape("--head-only -s title=title --summary sum.json").arg(site.url("/")).run().code(0);
    let summary: Value = serde_json::from_str(&work.read("sum.json")).unwrap();
    let (received, bytes) = (summary["bytes"]["received"].clone(), summary["bytes"]["decoded"].clone());
    assert_eq!(&bytes, field(&run.record(), "bytes"), "{summary}");
    assert!((4096..=90_000).contains(&received.as_u64().unwrap()) && bytes.as_u64() > received.as_u64(), "{summary}");
}

#[test]
fn where_the_beginning_settles_nothing_the_page_is_received_whole() {
    let site = Site::start();
    let whole = page(400_000);
    let without_title = whole.replace("title>", "name>");
    let late = format!("{}<title>late</title>", without_title.replace("<body>", "").replace("<p", "<meta"));
    let relative = whole.replace("https://a.example", "");
    let nameless = |page: &str| page.replace("<meta charset=utf-8>", "");
    let latin = nameless(&whole).replace("A &amp; b", "caf\u{e9}").chars().map(|c| c as u8).collect::<Vec<_>>();
    let typed = |kind: &str, body: &[u8]| Reply::status(200).header("Content-Type", kind).body(body);
    let html = |body: &str| typed("text/html", body.as_bytes());
    for (number, (fields, reply)) in [
        (&HEAD[..], html(&without_title)),
        (&HEAD[..2], html(&late)),
        (&HEAD[..], html(&(relative + "<base href=/z/>"))),
        (&["-s", "all[]=title"], html(&whole)),
        (&["-s", "h=p"], html(&whole)),
        (&["-s", "lang=html::attr(lang)"], html(&whole)),
        (&["-s", "t=title:has(+ meta)"], html(&whole)),
        (&["-s", "t=title::html"], html(&whole)),
        (&HEAD[..2], typed("text/html", &latin)),
        (&HEAD[..2], typed("application/xml", whole.as_bytes())),
        (&HEAD[..2], typed("image/png", whole.as_bytes())),
    ]
    .into_iter()
    .enumerate()
    {
        site.page(&format!("/{number}"), reply);
        let url = site.url(&format!("/{number}"));
        let full = scrape("").args(fields).arg(&url).run().code(0).record();
        let run = scrape("--head-only").args(fields).arg(&url).run().code(0).record();
        for key in ["bytes", "data"] {
            assert_eq!(field(&run, key), field(&full, key), "{number}: {fields:?}");
        }
    }
    assert_eq!(site.connections(), 22, "one a run");
}

#[test]
fn ascii_needs_no_name_of_its_encoding() {
    let site = Site::start();
    let whole = page(5_000_000).replace("<meta charset=utf-8>", "") + "\u{e9}";
    let reply = begun(whole.as_bytes(), 90_000);
    site.page("/", reply.header("Content-Type", "text/html")); // the first one of the two counts for nobody but us
    let plain = Reply::status(200).header("Content-Type", "text/html").header("Content-Length", "5000000");
    site.page("/plain", plain.body(&whole.as_bytes()[..90_000]).hang());
    assert_eq!(record(head_only(), site.url("/plain"))["data"]["title"], "A & b");
}

#[test]
fn what_is_small_or_nearly_there_is_received_whole_so_that_its_connection_goes_on() {
    let site = Site::start();
    for bytes in [3000, 20_000, 60_000] {
        let chunk = page(bytes);
        let chunked = format!("{:x}\r\n{chunk}\r\n0\r\n\r\n", chunk.len());
        site.page(&format!("/{bytes}"), Reply::html(chunk));
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
        site.page(&format!("/{bytes}/chunked"), Reply::raw(format!("{head}{chunked}")));
    }
    let urls = [3000, 20_000, 60_000].map(|bytes| [format!("/{bytes}"), format!("/{bytes}/chunked")]).concat();
    let urls: Vec<_> = urls.iter().map(|path| site.url(path)).collect();
    let run = scrape("-c 1 --head-only --ordered").args(HEAD).args(&urls).run().code(0);
    assert_eq!(run.each("bytes"), [3000, 3000, 20_000, 20_000, 60_000, 60_000]);
    assert_eq!(site.connections(), 1);
}

#[test]
fn nobody_waits_for_what_is_not_needed_where_nothing_more_comes() {
    let site = Site::start();
    let whole = page(2_000_000);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = |bytes: usize| format!("{head}{bytes:x}\r\n{}\r\n", &whole[..bytes]);
    let late = whole.replacen("<title>", &format!("<!--{}--><title>", "x".repeat(9000)), 1);
    let packed = gzip(&whole);
    // Behind a look that was too early, before the first one, and where so little is left that it would be received.
    for reply in [
        begun(late.as_bytes(), 12_000),
        begun(whole.as_bytes(), 2000),
        begun(&whole.as_bytes()[..50_000], 20_000),
        Reply::raw(chunk(20_000)).hang(),
        Reply::raw(chunk(20_000)).close(),
        Reply::html(&late[..12_000]).header("Content-Length", "2000000").close(),
    ] {
        site.page("/", reply);
        assert_eq!(head_only().arg(site.url("/")).run().code(0).each("data.title"), ["A & b"]);
    }
    site.page("/", begun(&packed, packed.len() / 2).header("Content-Encoding", "gzip"));
    assert_eq!(head_only().arg(site.url("/")).run().code(0).each("data.title"), ["A & b"]);
    // Where it is not enough, a silence is what it always was.
    site.page("/", begun(&whole.as_bytes()[..2000], 200));
    let flags = "--head-only --retries 0 --read-timeout 300ms";
    assert_eq!(scrape(flags).args(HEAD).arg(site.url("/")).run().code(3).each("error"), ["timeout"]);
}

#[test]
fn a_connection_that_ends_anyway_is_left_for_the_smallest_rest() {
    let site = Site::start();
    site.page("/", Reply::html(page(50_000)).header("Connection", "close")).page("/kept", Reply::html(page(50_000)));
    let run = head_only().arg("--ordered").args(["/", "/kept"].map(|path| site.url(path))).run().code(0);
    assert_eq!(run.each("data.title"), ["A & b"; 2]);
    let [left, whole] = [0, 1].map(|nth| run.each("bytes")[nth].as_u64().unwrap());
    assert!(left < 50_000 && whole == 50_000, "{left}, {whole}");
}

#[test]
fn a_body_that_is_left_costs_its_connection_and_nothing_else() {
    let site = Site::start();
    site.page("/large", begun(page(5_000_000).as_bytes(), 90_000)).page("/small", Reply::title("small"));
    let urls = ["/large", "/small", "/small", "/large", "/small"].map(|path| site.url(path));
    let run = scrape("-c 1 --head-only --ordered --retries 0").args(urls).run().code(0);
    assert_eq!(run.each("data.title"), ["A & b", "small", "small", "A & b", "small"]);
    assert_eq!(run.each("attempts"), [1; 5]);
    assert_eq!(site.connections(), 3);
}

#[test]
fn a_fault_of_what_is_left_is_not_seen_and_one_before_it_is() {
    let site = Site::start();
    let whole = page(200_000);
    let mut damaged = gzip(page(5_000_000));
    let end = damaged.len() - 6;
    damaged[end] ^= 1;
    site.page("/cut", Reply::html(&whole.as_bytes()[..50_000]).header("Content-Length", "200000").close());
    site.page("/damaged", Reply::html(&damaged).header("Content-Encoding", "gzip"));
    site.page("/early", Reply::html(&whole.as_bytes()[..60]).header("Content-Length", "200000").close());
    site.page("/unknown", Reply::html(&whole).header("Content-Encoding", "rot13"));
    site.page("/lying", Reply::html(&whole).header("Content-Encoding", "gzip"));
    let flags = |flags| scrape(flags).args(["--retries", "0", "-s", "title=title"]);
    for (path, error) in
        [("/cut", "body"), ("/damaged", "decode"), ("/early", "body"), ("/unknown", "decode"), ("/lying", "decode")]
    {
        let record = flags("").arg(site.url(path)).run().code(3).record();
        assert_eq!(field(&record, "error"), error, "{path}");
        let is_seen = !matches!(path, "/cut" | "/damaged");
        let run = flags("--head-only").arg(site.url(path)).run().code(if is_seen { 3 } else { 0 }).record();
        assert_eq!(field(&run, "error"), &if is_seen { json!(error) } else { Value::Null }, "{path}");
    }
}

#[test]
fn what_is_left_does_not_count_as_too_large_whether_announced_or_not() {
    let site = Site::start();
    let whole = page(200_000);
    let bare = format!("{}{}", "<p>".repeat(2000), &whole[..100_000]);
    let chunked = |page: &str| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
        Reply::raw(format!("{head}{:x}\r\n{page}\r\n0\r\n\r\n", page.len()))
    };
    site.page("/announced", Reply::html(&whole)).page("/chunked", chunked(&whole));
    site.page("/bare", Reply::html(&bare)).page("/bare/chunked", chunked(&bare));
    // Within so many bytes there is the head, or none that could be known.
    for (cap, path, error) in [
        (50_000, "/announced", None),
        (50_000, "/chunked", None),
        (5000, "/announced", None),
        (5000, "/chunked", None),
        (1000, "/announced", Some("too_large")),
        (1000, "/chunked", Some("too_large")),
        (50_000, "/bare", Some("too_large")),
        (50_000, "/bare/chunked", Some("too_large")),
    ] {
        let run = scrape(&format!("--head-only --max-body {cap}")).args(HEAD).arg(site.url(path)).run();
        let record = run.code(if error.is_some() { 3 } else { 0 }).record();
        assert_eq!(field(&record, "error"), &json!(error), "{path} of at most {cap}");
        let full = scrape(&format!("--max-body {cap}")).args(HEAD).arg(site.url(path)).run().code(3).record();
        assert_eq!(field(&full, "error"), "too_large");
    }
}

#[test]
fn what_needs_whole_bodies_is_refused_beside_it() {
    let site = Site::start();
    for (flags, told) in
        [("--save-bodies pages", "--save-bodies"), ("--fetch-only", "--fetch-only"), ("--parser dom", "--parser dom")]
    {
        let run = scrape(&format!("--head-only {flags}")).arg(site.url("/")).run().code(2);
        assert!(run.stderr.contains("--head-only") && run.stderr.contains(told), "{}", run.stderr);
    }
    assert_eq!(site.hits().len(), 0);
}

#[test]
fn the_environment_and_a_file_set_it_and_what_is_typed_goes_before() {
    let site = Site::start();
    site.page("/begun", begun(page(5_000_000).as_bytes(), 90_000)).page("/small", Reply::title("x"));
    let work = Work::new();
    work.write("c.toml", "head-only = true\n");
    let flags = "--retries 0 --read-timeout 5s -s title=title";
    work.scrape(flags).arg("--config").arg("c.toml").arg(site.url("/begun")).run().code(0);
    work.scrape(flags).env("SCRAPE_HEAD_ONLY", "1").arg(site.url("/begun")).run().code(0);
    let run = work.scrape("--config c.toml --save-bodies pages").arg(site.url("/small")).run().code(0);
    assert!(work.path(field(&run.record(), "body").as_str().unwrap()).is_file());
    let printed = work.scrape("--config c.toml --print-config").run().code(0);
    assert!(printed.text().lines().any(|line| line.starts_with("head-only = true")), "{}", printed.text());
}

#[test]
fn a_robots_txt_is_read_to_its_end() {
    let site = Site::start();
    let text = format!("# <title>x</title>\n{}User-agent: *\nDisallow: /no\n", "# nothing\n".repeat(8000));
    site.robots(&text).page("/no", Reply::title("x")).page("/yes", Reply::title("x"));
    let run = scrape("--head-only --robots always --ordered").args([site.url("/no"), site.url("/yes")]).run().code(3);
    assert_eq!(run.each("error"), [json!("robots"), Value::Null]);
}

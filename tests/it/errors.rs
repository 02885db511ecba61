//! The kinds of failure, how often each is tried, and what the record says: measured at the site.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Authority, Leaf, REFUSED, Reply, Run, Site, field, scrape, unresolvable};

const RETRYING: &str = "--retries 2 --backoff 1ms";

/// The one record of a run that failed with this kind after so many attempts.
#[track_caller]
fn failed(run: Run, kind: &str, attempts: u64) -> Value {
    let record = run.code(3).record();
    assert_eq!((field(&record, "error"), field(&record, "attempts")), (&json!(kind), &json!(attempts)), "{record}");
    let message = field(&record, "error_message").as_str().unwrap();
    assert!(!message.is_empty() && !message.contains('\n'), "{message:?}");
    assert_eq!((field(&record, "data"), field(&record, "bytes")), (&json!({}), &Value::Null), "{record}");
    record
}

/// Answers `/x` like this and fetches it with two retries: it fails with this kind after so many requests.
#[track_caller]
fn fails_with(reply: Reply, kind: &str, requests: u64) -> Value {
    let site = Site::start();
    site.page("/x", reply);
    let record = failed(scrape(RETRYING).args(["--max-body", "10240"]).arg(site.url("/x")).run(), kind, requests);
    assert_eq!(site.count("/x") as u64, requests, "requests for {kind}");
    record
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";

#[test]
fn invalid_url_is_never_requested() {
    failed(scrape(RETRYING).stdin("ftp://127.0.0.1/").run(), "invalid_url", 0);
}

#[test]
fn a_host_that_does_not_exist_is_asked_for_once() {
    let record = failed(scrape(RETRYING).arg(unresolvable()).run(), "dns", 1);
    assert!(field(&record, "error_message").as_str().unwrap().contains("nnnn"), "it names the host: {record}");
    assert_eq!(field(&record, "status"), &Value::Null);
}

#[test]
fn a_refused_connection_is_tried_again() {
    failed(scrape(RETRYING).arg(REFUSED).run(), "connect", 3);
}

#[test]
fn a_connection_that_ends_before_any_header_is_tried_again() {
    fails_with(Reply::nothing().close(), "connect", 3);
    fails_with(Reply::nothing().reset(), "connect", 3);
}

#[test]
fn a_certificate_that_cannot_be_trusted_fails_at_once() {
    let authority = Authority::new();
    for leaf in [Leaf::Good, Leaf::Expired, Leaf::OtherHost] {
        let site = Site::tls(&authority, leaf);
        site.page("/x", Reply::title("secure"));
        failed(scrape(RETRYING).arg(site.url("/x")).run(), "tls", 1);
        let trusting = scrape(RETRYING).env("SSL_CERT_FILE", authority.file()).arg(site.url("/x")).run();
        if leaf == Leaf::Good {
            assert_eq!(field(&trusting.code(0).record(), "data.title"), "secure");
        } else {
            failed(trusting, "tls", 1);
            assert!(site.hits().is_empty(), "{leaf:?}");
        }
    }
}

#[test]
fn tls_to_a_plain_port_fails_at_once() {
    let site = Site::start();
    site.forgive();
    failed(scrape(RETRYING).arg(site.url("/x").replace("http:", "https:")).run(), "tls", 1);
    assert_eq!(site.connections(), 1);
}

#[test]
fn a_server_that_does_not_finish_times_out_and_is_tried_again() {
    let never = Duration::from_mins(10);
    for (name, reply) in [
        ("silence", Reply::nothing().hang()),
        ("silence after the headers", Reply::raw(format!("{HEAD}Content-Length: 9\r\n\r\n")).hang()),
        ("half a body", Reply::raw(format!("{HEAD}Content-Length: 9\r\n\r\nhalf")).hang()),
        ("dripping headers", Reply::title("x").drip(1, Duration::from_millis(30))),
        (
            "a dripping body",
            Reply::raw(format!("{HEAD}Content-Length: 900\r\n\r\n{}", "x".repeat(900))).drip(90, Duration::from_millis(60)),
        ),
        ("a late reply", Reply::title("x").delay(never)),
        ("endless interim replies", Reply::nothing().endless("HTTP/1.1 102 Processing\r\n\r\n")),
    ] {
        let site = Site::start();
        site.page("/x", reply);
        let run = scrape("--timeout 300ms --retries 1 --backoff 1ms").arg(site.url("/x")).run();
        let record = run.code(3).record();
        let kind = field(&record, "error").as_str().unwrap();
        let or_broken = name == "endless interim replies" && kind == "protocol";
        assert!(kind == "timeout" || or_broken, "{name}: {record}");
        if !or_broken {
            assert_eq!((field(&record, "attempts"), site.count("/x")), (&json!(2), 2), "{name}");
            assert!(field(&record, "elapsed_ms").as_u64().unwrap() >= 300, "{name}: {record}");
        }
    }
}

#[test]
fn silence_between_bytes_has_a_limit_of_its_own() {
    let site = Site::start();
    site.page("/x", Reply::raw(format!("{HEAD}Content-Length: 9\r\n\r\nhalf")).hang());
    failed(scrape("--timeout 10m --read-timeout 200ms --retries 0").arg(site.url("/x")).run(), "timeout", 1);
}

#[test]
fn a_server_that_is_slow_but_fine_is_a_page() {
    let site = Site::start();
    site.page("/x", Reply::title("slow").drip(10, Duration::from_millis(15)));
    site.on("/interim", |_| {
        Reply::raw(format!("{}{HEAD}Content-Length: 0\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(20)))
    });
    for path in ["/x", "/interim"] {
        assert_eq!(field(&scrape("--retries 0").arg(site.url(path)).run().code(0).record(), "status"), 200, "{path}");
    }
}

#[test]
fn a_status_is_tried_again_only_where_that_can_help() {
    for status in [400, 401, 403, 404, 410, 451, 501, 999] {
        let record = fails_with(Reply::status(status), "http_status", 1);
        assert_eq!(field(&record, "status"), status);
    }
    for status in [408, 425, 429, 500, 502, 503, 504, 522, 524] {
        let record = fails_with(Reply::status(status), "http_status", 3);
        assert_eq!(field(&record, "status"), status);
    }
}

#[test]
fn what_is_not_http_fails_at_once() {
    for bytes in [
        "garbage\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 12345678901234567890 OK\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "<html>as in HTTP/0.9</html>",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 12abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    ] {
        fails_with(Reply::raw(bytes).close(), "protocol", 1);
    }
}

#[test]
fn a_broken_chunk_is_broken_http() {
    for chunk in ["zz\r\n", "ffffffffffffffffff\r\nx", "-1\r\n"] {
        fails_with(Reply::raw(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunk}")).close(), "protocol", 1);
    }
}

#[test]
fn a_reply_that_nobody_asked_for_is_neither_a_page_nor_waited_for() {
    for head in [
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/9\r\nContent-Length: 4\r\n\r\npart",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ] {
        let site = Site::start();
        site.page("/x", Reply::raw(head).hang());
        let record = scrape(RETRYING).args(["--timeout", "50s"]).arg(site.url("/x")).run().code(3).record();
        assert!(["protocol", "http_status"].contains(&field(&record, "error").as_str().unwrap()), "{record}");
        assert_eq!(site.count("/x"), 1, "{head}");
    }
}

#[test]
fn a_body_that_is_cut_short_is_never_a_page() {
    let page = "<title>whole?</title>";
    for reply in [
        Reply::raw(format!("{HEAD}Content-Length: 500\r\n\r\n{page}")).close(),
        Reply::raw(format!("{HEAD}Content-Length: 500\r\n\r\n{page}")).reset(),
        Reply::raw(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n15\r\n{page}\r\n")).close(),
        Reply::raw(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n15\r\n{page}")).reset(),
        Reply::raw(format!("{HEAD}\r\n{page}")).reset(),
    ] {
        let record = fails_with(reply, "body", 3);
        assert_eq!((field(&record, "status"), field(&record, "content_type")), (&json!(200), &json!("text/html")), "{record}");
    }
}

#[test]
fn a_body_without_a_length_ends_with_its_connection() {
    let site = Site::start();
    site.page("/x", Reply::raw(format!("{HEAD}\r\n<title>x</title>")).close());
    assert_eq!(field(&scrape("").arg(site.url("/x")).run().code(0).record(), "data.title"), "x");
}

#[test]
fn what_is_beyond_a_cap_fails_at_once() {
    fails_with(Reply::raw(format!("{HEAD}Content-Length: 100000000000000\r\n\r\n")).hang(), "too_large", 1);
    fails_with(Reply::html("x".repeat(10 * 1024 + 1)), "too_large", 1);
    fails_with(Reply::raw(format!("{HEAD}\r\n")).endless("x".repeat(1000)), "too_large", 1);
    fails_with(Reply::raw(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n")).endless("1\r\nx\r\n"), "too_large", 1);
}

#[test]
fn a_head_without_end_fails_at_once() {
    let site = Site::start();
    site.page("/line", Reply::raw("HTTP/1.1 200 OK\r\nX: ").endless("x".repeat(1000)));
    site.page("/lines", Reply::raw("HTTP/1.1 200 OK\r\n").endless("X: y\r\n"));
    for path in ["/line", "/lines"] {
        let record = scrape(RETRYING).arg(site.url(path)).run().code(3).record();
        assert!(["too_large", "protocol"].contains(&field(&record, "error").as_str().unwrap()), "{path}: {record}");
        assert_eq!(site.count(path), 1, "{path}");
    }
}

#[test]
fn a_body_of_exactly_the_cap_is_a_page() {
    let site = Site::start();
    site.page("/x", Reply::html("x".repeat(10 * 1024)));
    let record = scrape("--max-body 10240").arg(site.url("/x")).run().code(0).record();
    assert_eq!(field(&record, "bytes"), 10 * 1024);
}

#[test]
fn replies_that_nobody_asked_for_never_become_another_urls_page() {
    let site = Site::start();
    let own = "<title>own</title>";
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\r\n<title>forged</title>";
    site.page("/a", Reply::raw(format!("{HEAD}Content-Length: {}\r\n\r\n{own}{smuggled}", own.len())));
    site.page("/b", Reply::title("b"));
    let list = [site.url("/a"), site.url("/b")].join("\n");
    let run = scrape("-c 1").stdin(list).run().code(0);
    assert_eq!((field(&run.at(1), "data.title"), field(&run.at(2), "data.title")), (&json!("own"), &json!("b")));
}

#[test]
fn a_failure_is_a_row_among_the_others() {
    let site = Site::of_pages();
    let list = format!("{}{REFUSED}\nno url\n{}", site.list(2), site.list(1));
    let run = scrape("--retries 0").stdin(list).run().code(3);
    let summary = run.summary();
    assert_eq!((summary.total, summary.ok, summary.failed, run.records().len()), (5, 3, 2, 5));
}

#[test]
fn what_is_coded_for_the_way_in_another_manner_than_in_chunks_is_no_page() {
    for (coding, body) in
        [("gzip, chunked", "5\r\nhello\r\n0\r\n\r\n"), ("xchunked", "5\r\nhello\r\n0\r\n\r\n"), ("gzip", "hello")]
    {
        fails_with(Reply::raw(format!("{HEAD}Transfer-Encoding: {coding}\r\n\r\n{body}")).close(), "protocol", 1);
    }
    fails_with(
        Reply::raw(format!("{HEAD}Transfer-Encoding: identity\r\nContent-Length: 500\r\n\r\nhello")).close(),
        "protocol",
        1,
    );
    let site = Site::start();
    site.page("/x", Reply::raw(format!("{HEAD}Transfer-Encoding: Chunked\r\n\r\n10\r\n<title>x</title>\r\n0\r\n\r\n")));
    assert_eq!(field(&scrape("").arg(site.url("/x")).run().code(0).record(), "data.title"), "x");
}

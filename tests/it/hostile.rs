//! After any hostile reply the next page on the same worker is right; and what drips ends in time.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Reply, Site, brotli, deflate, field, gzip, scrape, zlib, zstandard};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
const PAGE: &str = "<title>hostile</title>";

fn raw(rest: impl AsRef<str>) -> Reply {
    Reply::raw(format!("{HEAD}{}", rest.as_ref()))
}

fn coded(coding: &str, body: impl AsRef<[u8]>) -> Reply {
    Reply::html(body).header("Content-Encoding", coding)
}

/// Replies that break off, or never end.
fn unfinished() -> Vec<Reply> {
    let length = |length: usize| raw(format!("Content-Length: {length}\r\n\r\n{PAGE}"));
    let chunked = |chunks: &str| raw(format!("Transfer-Encoding: chunked\r\n\r\n{chunks}"));
    vec![
        Reply::nothing().close(),
        Reply::nothing().reset(),
        Reply::nothing().hang(),
        Reply::raw("HTTP/1.1 200 OK\r\nX: ").close(),
        Reply::raw("HTTP/1.1 200 OK\r\nX: y\r\n").reset(),
        Reply::raw("HTTP/1.1 200 OK\r\n").endless("X: y\r\n"),
        Reply::raw("HTTP/1.1 200 OK\r\nX: ").endless("y".repeat(1000)),
        Reply::nothing().endless("HTTP/1.1 102 Processing\r\n\r\n"),
        length(500).close(),
        length(500).reset(),
        length(500).hang(),
        length(150_000).repeat("x".repeat(1000), 100).close(),
        raw("\r\n").endless("x".repeat(1000)),
        raw(format!("\r\n{PAGE}")).reset(),
        chunked("16\r\n<title>hostile</title>\r\n").close(),
        chunked("16\r\n<title>").reset(),
        chunked("").endless("1\r\nx\r\n"),
        chunked("5;").endless("extension"),
        chunked("0\r\n").endless("Trailer: x\r\n"),
        Reply::title("drip").drip(1, Duration::from_millis(30)),
    ]
}

/// Replies that are no HTTP, or more than was asked for.
fn malformed() -> Vec<Reply> {
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\n\r\n<title>smuggled</title>";
    vec![
        Reply::raw("garbage\r\n\r\n"),
        Reply::raw("<html>as in HTTP/0.9</html>").close(),
        Reply::raw("HTTP/1.1 999999 No\r\n\r\n"),
        Reply::raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Reply::raw(vec![0; 5000]),
        raw("Content-Length: -1\r\n\r\n"),
        raw("Content-Length: 100000000000000\r\n\r\n").hang(),
        raw("Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        raw("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        raw("X: a\0b\r\nContent-Length: 0\r\n\r\n"),
        raw(format!("Content-Length: 5\r\n\r\n12345{smuggled}")),
        raw(format!("Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n{smuggled}")),
        raw("Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        raw("Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx"),
        Reply::raw(format!("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n12345{smuggled}")),
        Reply::raw(format!("HTTP/1.1 304 Not Modified\r\n\r\n{smuggled}")),
        Reply::raw(format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n{smuggled}")),
        Reply::raw("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/9\r\nContent-Length: 4\r\n\r\npart"),
        Reply::raw(format!("{}{smuggled}", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50))),
        Reply::status(404).body("x".repeat(100_000)),
        Reply::status(500).body(smuggled),
        Reply::redirect("file:///etc/passwd"),
        Reply::redirect("http://[::1"),
        Reply::redirect(""),
    ]
}

/// Bodies that are not what they say, and pages that are too much.
fn indigestible() -> Vec<Reply> {
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 3].to_vec();
    let bomb = vec![b' '; 3_000_000];
    vec![
        coded("gzip", PAGE),
        coded("br", "{\"title\": \"hostile\"}"),
        coded("zstd", PAGE),
        coded("deflate", PAGE),
        coded("sdch", PAGE),
        coded("gzip, gzip, gzip, gzip", PAGE),
        coded("gzip", cut(gzip(PAGE))),
        coded("br", cut(brotli(PAGE))),
        coded("zstd", cut(zstandard(PAGE))),
        coded("deflate", cut(zlib(PAGE))),
        coded("deflate", cut(deflate(PAGE))),
        coded("gzip", gzip(&bomb)),
        coded("zstd", zstandard(&bomb)),
        coded("deflate", zlib(&bomb)),
        coded("gzip, br", gzip(PAGE)),
        Reply::html("<div>".repeat(30_000)),
        Reply::html(format!("<title>{}", "x".repeat(150_000))),
        Reply::html([0xff, 0xfe, 0x00, 0xd8, 0x00]),
        Reply::html(vec![0; 10_000]),
        Reply::html(b"<title>\x1b[31m\xff\xfe\x80</title>"),
        Reply::html(""),
    ]
}

#[test]
fn after_any_hostile_reply_the_next_page_is_right() {
    let site = Site::start();
    site.forgive(); // an empty Location leads back to the page
    let hostile: Vec<_> = [unfinished(), malformed(), indigestible()].concat();
    let count = hostile.len();
    for (number, reply) in hostile.into_iter().enumerate() {
        site.page(&format!("/bad/{number}"), reply);
    }
    site.on("/good/*", |request| Reply::title(&request.path));
    let list: String = (0..count).flat_map(|n| ["bad", "good"].map(|kind| site.url(&format!("/{kind}/{n}\n")))).collect();
    // In order, so that each good page follows its hostile one on the one worker there is.
    let flags = "-c 1 --ordered --retries 0 --no-adapt --timeout 500ms --max-body 200K -";
    let run = scrape(flags).stdin(list).run().code(3);
    assert_eq!(run.records().len(), 2 * count);
    for number in 0..count {
        let (bad, good) = (run.at(2 * number as u64 + 1), run.at(2 * number as u64 + 2));
        let path = json!(format!("/good/{number}"));
        assert_eq!((field(&good, "data.title"), field(&good, "error")), (&path, &Value::Null), "after {bad}: {good}");
        let title = bad.pointer("/data/title").and_then(Value::as_str).unwrap_or_default();
        assert!(!title.contains("good"), "{bad}");
    }
}

#[test]
fn a_body_slower_than_the_least_speed_is_a_timeout_that_says_so() {
    let site = Site::start();
    let body = "x".repeat(200);
    site.page("/drip", raw(format!("Content-Length: 200\r\n\r\n{body}")).drip(20, Duration::from_millis(100)));
    site.page("/fast", Reply::title("fast"));
    let list = format!("{}\n{}\n", site.url("/drip"), site.url("/fast"));
    let run = scrape("--min-speed 1K/300ms --retries 1 --backoff 1ms --no-adapt -").stdin(&list).run().code(3);
    let slow = run.at(1);
    assert_eq!(
        (field(&slow, "error"), field(&slow, "attempts"), site.count("/drip")),
        (&json!("timeout"), &json!(2), 2),
        "{slow}"
    );
    assert!(field(&slow, "error_message").as_str().unwrap().contains("--min-speed"), "{slow}");
    assert_eq!(field(&run.at(2), "data.title"), "fast", "a small page is over before it could be slow");
    scrape("-").stdin(&list).run().code(0);
    for wrong in ["fast", "0", "1K/0s"] {
        assert!(scrape("--min-speed").arg(wrong).arg(site.url("/fast")).run().code(2).stderr.contains("5K/10s"));
    }
}

#[test]
fn what_never_ends_is_over_after_its_attempts_and_their_pauses() {
    // (retries + 1) × timeout + backoff + 1 s.
    let most = Duration::from_millis(2 * 400 + 100 + 1000);
    for (number, reply) in unfinished().into_iter().enumerate() {
        let site = Site::start();
        site.page("/x", reply);
        let flags = "--timeout 400ms --retries 1 --backoff 100ms --max-body 200K";
        let run = scrape(flags).arg(site.url("/x")).run().code(3);
        // Starting the program and noticing its end is not part of it, and the machine may be busy: so much so that a flood of interim
        // replies, which the HTTP client skips by the megabyte, takes seconds of an unoptimised build.
        let busy = Duration::from_secs(20);
        assert!(run.took < most + busy, "{number}: {:?}", run.took);
        let record = run.record();
        assert!(field(&record, "elapsed_ms").as_u64().unwrap() < 400 + 1000 + 10_000, "{number}: {record}");
    }
}

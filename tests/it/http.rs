//! Answers that are no HTTP, or not quite: what is wrong with each is told in words, and what browsers put up with is a page.

use serde_json::{Value, json};

use crate::harness::{Reply, Site, field, scrape};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
const PAGE: &str = "<title>page</title>";

/// What becomes of an answer, with one retry: the record, and the requests that it took.
fn answered(reply: Reply) -> (Value, usize) {
    let site = Site::start();
    site.page("/x", reply);
    let run = scrape("--retries 1 --backoff 1ms --timeout 20s").arg(site.url("/x")).run();
    (run.record(), site.count("/x"))
}

/// An answer that fails with this kind after so many requests, and words that name what is wrong with it.
#[track_caller]
fn fails(reply: Reply, kind: &str, requests: usize, words: &str) {
    let (record, asked) = answered(reply);
    assert_eq!((field(&record, "error"), asked), (&json!(kind), requests), "{record}");
    let message = field(&record, "error_message").as_str().unwrap();
    assert!(message.contains(words) && message.contains("127.0.0.1") | message.contains("the body"), "{message}");
    for jargon in ["parsed", "hyper", "overflow"] {
        assert!(!message.contains(jargon), "{message}");
    }
}

#[track_caller]
fn is_page(reply: Reply) -> Value {
    let (record, asked) = answered(reply);
    assert_eq!((field(&record, "error"), field(&record, "data.title"), asked), (&Value::Null, &json!("page"), 1), "{record}");
    record
}

fn with(headers: &str) -> Reply {
    Reply::raw(format!("{HEAD}{headers}Content-Length: {}\r\n\r\n{PAGE}", PAGE.len()))
}

fn chunked(chunks: &str) -> Reply {
    Reply::raw(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunks}"))
}

#[test]
fn a_status_line_that_is_none_is_told_in_words() {
    let version = "does not begin with HTTP/1.1";
    for (line, words) in [
        ("garbage", version),
        ("<!doctype html><title>as in HTTP/0.9</title>", version),
        ("HTTP/3.7 200 OK", version),
        ("ICY 200 OK", version),
        ("PRI * HTTP/2.0\r\n\r\nSM", ""),
        ("HTTP/1.1 abc OK", "no number of three digits"),
        ("HTTP/1.1 20 OK", "no number of three digits"),
        ("HTTP/1.1 -200 OK", "no number of three digits"),
    ] {
        fails(Reply::raw(format!("{line}\r\n\r\n")).close(), "protocol", 1, words);
    }
    fails(Reply::raw(format!("HTTP/1.1 {} OK\r\n\r\n", "1".repeat(100))).close(), "protocol", 1, "no number of three digits");
}

#[test]
fn a_header_that_is_none_is_told_in_words_or_passed_over() {
    fails(with("X: a\0b\r\n"), "protocol", 1, "NUL");
    for lenient in [
        "no colon at all\r\n",
        "Folded: one\r\n two\r\n",
        "Latin: caf\u{e9}\r\n",
        "Space : before the colon\r\n",
        "Bad name(: x\r\n",
        "Empty:\r\n",
    ] {
        is_page(with(lenient));
    }
    let latin = [format!("{HEAD}X: caf").as_bytes(), b"\xe9\r\nContent-Length: 19\r\n\r\n", PAGE.as_bytes()].concat();
    is_page(Reply::raw(latin));
}

#[test]
fn a_length_that_is_none_is_told_in_words() {
    for length in ["-1", "12abc", "99999999999999999999999", "0x13", "1.5", "", "5, 6"] {
        let reply = Reply::raw(format!("{HEAD}Content-Length: {length}\r\n\r\n{PAGE}")).close();
        fails(reply, "protocol", 1, "Content-Length");
    }
    let two = Reply::raw(format!("{HEAD}Content-Length: 19\r\nContent-Length: 18\r\n\r\n{PAGE}")).close();
    fails(two, "protocol", 1, "Content-Length");
    is_page(with("Content-Length: 19\r\n"));
}

#[test]
fn where_chunks_and_a_length_are_announced_the_chunks_count() {
    for headers in ["Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 3"] {
        is_page(Reply::raw(format!("{HEAD}{headers}\r\n\r\n13\r\n{PAGE}\r\n0\r\n\r\n")));
    }
}

#[test]
fn a_chunk_that_is_none_is_told_in_words() {
    for (chunks, words) in [
        ("zz\r\n", "does not begin with its size"),
        ("-1\r\n", "does not begin with its size"),
        ("\r\n", "does not begin with its size"),
        ("13 13\r\n", "does not begin with its size"),
        ("ffffffffffffffffff\r\nx", "beyond all bounds"),
        ("10000000000000000\r\nx", "beyond all bounds"),
        ("2\r\nlonger\r\n0\r\n\r\n", "longer than it says"),
        ("2\r\nab\r\n0\r\nno header\r\n\r\n", "after 2 bytes"),
    ] {
        fails(chunked(chunks).close(), "protocol", 1, words);
    }
    is_page(chunked("13;name=value\r\n<title>page</title>\r\n0\r\nTrailer: x\r\n\r\n"));
    is_page(chunked("0013\r\n<title>page</title>\r\n000\r\n\r\n"));
}

#[test]
fn floods_around_chunks_end_at_a_cap() {
    let long = "x".repeat(20_000);
    fails(chunked(&format!("1;{long}\r\nx\r\n0\r\n\r\n")), "too_large", 1, "16 KiB");
    fails(chunked("1;").endless("xxxxxxxxxx"), "too_large", 1, "16 KiB");
    fails(chunked("1\r\nx\r\n0\r\n").endless(format!("X: {}\r\n", "y".repeat(100))), "too_large", 1, "after its end");
    fails(chunked("1\r\nx\r\n0\r\n").endless("X: y\r\n"), "too_large", 1, "after its end");
}

#[test]
fn a_head_beyond_the_caps_is_too_large_and_one_of_hundreds_of_lines_is_not() {
    let lines = |count: usize| "X-Line: value\r\n".repeat(count);
    is_page(with(&lines(500)));
    is_page(with(&format!("X: {}\r\n", "y".repeat(300_000))));
    fails(with(&lines(5000)), "too_large", 1, "512 lines");
    fails(with(&format!("X: {}\r\n", "y".repeat(1 << 20))), "too_large", 1, "400 KiB");
    fails(Reply::raw(format!("{HEAD}X: ")).endless("y".repeat(1000)), "too_large", 1, "400 KiB");
    fails(Reply::raw(HEAD).endless("X: y\r\n"), "too_large", 1, "512 lines");
}

#[test]
fn a_head_that_is_cut_short_is_tried_again() {
    for cut in ["H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Type: text/ht"] {
        fails(Reply::raw(cut).close(), "connect", 2, "before it had sent the whole head");
        fails(Reply::raw(cut).reset(), "connect", 2, "before it had sent the whole head");
    }
}

#[test]
fn an_interim_answer_is_no_answer() {
    for status in ["100 Continue", "102 Processing", "103 Early Hints"] {
        let interim = format!("HTTP/1.1 {status}\r\nLink: </x.css>\r\n\r\n").repeat(50);
        is_page(Reply::raw(format!("{interim}{HEAD}Content-Length: 19\r\n\r\n{PAGE}")));
    }
    let site = Site::start();
    site.page("/x", Reply::nothing().endless("HTTP/1.1 103 Early Hints\r\n\r\n"));
    let live = scrape("--retries 0 --timeout 1s").arg(site.url("/x")).spawn();
    site.wait_for("/x");
    let run = live.end().code(3);
    assert_eq!(field(&run.record(), "error"), "timeout", "{}", run.text());
}

#[test]
fn an_answer_without_a_body_ends_where_its_head_does() {
    let site = Site::start();
    site.page("/204", Reply::raw("HTTP/1.1 204 No Content\r\nContent-Length: 19\r\n\r\n<title>page</title>"));
    site.page("/205", Reply::raw("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"));
    site.page("/after", Reply::title("after"));
    let list: String = ["/204", "/205", "/after"].map(|path| site.url(path) + "\n").concat();
    let run = scrape("-c 1 --retries 0 --timeout 20s").stdin(list).run().code(0);
    for (index, bytes) in [(1, 0), (2, 0)] {
        assert_eq!(field(&run.at(index), "bytes"), bytes, "{}", run.text());
    }
    assert_eq!(field(&run.at(3), "data.title"), "after", "the 204's body is no answer to it");
}

#[test]
fn what_was_not_asked_for_is_no_page_and_says_so() {
    for (head, kind, words) in [
        (
            "206 Partial Content\r\nContent-Range: bytes 0-18/99\r\nContent-Length: 19",
            "protocol",
            "206 Partial Content, which was not asked for",
        ),
        ("304 Not Modified\r\nETag: x", "http_status", "304 Not Modified, which has no page"),
        (
            "101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade",
            "http_status",
            "101 Switching Protocols, which was not asked for",
        ),
    ] {
        let site = Site::start();
        site.page("/x", Reply::raw(format!("HTTP/1.1 {head}\r\n\r\n{PAGE}")).hang());
        let record = scrape("--retries 1 --timeout 50s").arg(site.url("/x")).run().code(3).record();
        assert_eq!((field(&record, "error"), site.count("/x")), (&json!(kind), 1), "{record}");
        let message = field(&record, "error_message").as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_body_longer_than_announced_ends_there_and_its_connection_with_it() {
    let site = Site::start();
    site.page("/long", Reply::raw(format!("{HEAD}Content-Length: 19\r\n\r\n{PAGE}and more")));
    site.page("/next", Reply::title("next"));
    let list = [site.url("/long"), site.url("/next")].join("\n");
    let run = scrape("-c 1 --retries 0").stdin(list).run().code(0);
    assert_eq!((field(&run.at(1), "data.title"), field(&run.at(1), "bytes")), (&json!("page"), &json!(19)));
    assert_eq!((field(&run.at(2), "data.title"), site.connections()), (&json!("next"), 2));
}

#[test]
fn a_second_answer_to_one_request_is_nobodys_page() {
    let forged = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\r\n<title>forged</title>";
    let site = Site::start();
    site.page("/twice", Reply::raw(format!("{HEAD}Content-Length: 19\r\n\r\n{PAGE}{forged}")));
    site.on("/p/*", |request| Reply::title(&request.path));
    let list: Vec<_> = (1..=20).flat_map(|page| [site.url("/twice"), site.url(&format!("/p/{page}"))]).collect();
    let run = scrape("-c 2 --retries 0").stdin(list.join("\n")).run().code(0);
    for record in run.records() {
        let url = field(&record, "url").as_str().unwrap();
        let expected = url.find("/p/").map_or("page", |at| &url[at..]);
        assert_eq!(field(&record, "data.title"), expected, "{record}");
    }
}

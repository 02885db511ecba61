//! What holds whatever a server answers and whatever a page is made of: the run ends in time and within its memory, and the next page
//! on the same worker is right.

use std::time::{Duration, Instant};

use crate::harness::{Gate, REFUSED, Reply, Site, field, gzip, scrape, unresolvable, zstandard};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
const TIMEOUT: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;
/// For a machine that has other things to do, and a build that is not optimised.
const BUSY: Duration = Duration::from_secs(20);

fn coded(coding: &str, body: impl AsRef<[u8]>) -> Reply {
    Reply::html(body).header("Content-Encoding", coding)
}

/// Replies that may be anything but the cause of a run that hangs, bloats or goes wrong after them.
fn hostile() -> Vec<(&'static str, Reply)> {
    let raw = |text: &str| Reply::raw(text);
    let head = |headers: &str| Reply::raw(format!("{HEAD}{headers}\r\n"));
    let (zeros, page) = (vec![b'0'; 64 << 20], "<title>whole</title>".repeat(50));
    let whole = gzip(&page);
    let mut damaged = whole.clone();
    let end = damaged.len() - 6;
    damaged[end] ^= 1;
    vec![
        ("nothing, closed", Reply::nothing().close()),
        ("nothing, reset", Reply::nothing().reset()),
        ("silence", Reply::nothing().hang()),
        ("half a status line", raw("HTTP/1.1 2").close()),
        ("half a head", raw("HTTP/1.1 200 OK\r\nContent-Ty").reset()),
        ("half a head, and silence", raw(HEAD).hang()),
        ("a head and silence", head("Content-Length: 9\r\n").hang()),
        ("a dripping head", Reply::title("x").drip(1, Duration::from_millis(200))),
        (
            "a dripping body",
            raw(&format!("{HEAD}Content-Length: 90\r\n\r\n{}", "x".repeat(90))).drip(70, Duration::from_millis(1500)),
        ),
        ("endless interim replies", Reply::nothing().endless("HTTP/1.1 102 Processing\r\n\r\n")),
        ("another protocol", raw("101 switching").header("x", "y").close()),
        ("a switch of protocols", raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n").hang()),
        ("garbage", raw("\u{1b}[2J\0\u{7f}garbage\r\n\r\n").close()),
        ("a preface of HTTP/2", raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").close()),
        ("HTTP/0.9", raw("<title>old</title>").close()),
        ("a status of a hundred digits", raw(&format!("HTTP/1.1 {} OK\r\n\r\n", "1".repeat(100))).close()),
        ("NUL in a header", head("X: a\0b\r\nContent-Length: 0\r\n").close()),
        ("no colon in a header", head("nonsense\r\nContent-Length: 0\r\n").close()),
        ("a folded header", head("X: a\r\n b\r\nContent-Length: 0\r\n")),
        ("a header of a MiB", head(&format!("X: {}\r\nContent-Length: 0\r\n", "x".repeat(1 << 20)))),
        ("five thousand headers", head(&("X: y\r\n".repeat(5000) + "Content-Length: 0\r\n"))),
        ("an endless header", raw("HTTP/1.1 200 OK\r\nX: ").endless("x".repeat(1000))),
        ("endless headers", raw("HTTP/1.1 200 OK\r\n").endless("X: y\r\n")),
        ("a negative length", head("Content-Length: -1\r\n").close()),
        ("no number for a length", head("Content-Length: 12abc\r\n").close()),
        ("a length beyond all numbers", head("Content-Length: 99999999999999999999999\r\n").close()),
        ("two lengths", raw(&format!("{HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")).close()),
        (
            "a length and chunks",
            raw(&format!("{HEAD}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")),
        ),
        ("a length of a hundred terabytes", head("Content-Length: 100000000000000\r\n").hang()),
        ("a length that is too small", raw(&format!("{HEAD}Content-Length: 3\r\n\r\n<title>x</title>"))),
        ("a length that is too large", raw(&format!("{HEAD}Content-Length: 500\r\n\r\n<title>x</title>")).close()),
        ("a reset body", raw(&format!("{HEAD}Content-Length: 500\r\n\r\n<title>x</title>")).reset()),
        ("an endless body", raw(&format!("{HEAD}\r\n")).endless("x".repeat(1 << 16))),
        ("endless chunks", raw(CHUNKED).endless("1\r\nx\r\n")),
        ("no last chunk", raw(&format!("{CHUNKED}5\r\n<p>aa\r\n")).close()),
        ("a broken chunk", raw(&format!("{CHUNKED}zz\r\n")).close()),
        ("a chunk beyond all numbers", raw(&format!("{CHUNKED}ffffffffffffffffff\r\nx")).close()),
        ("an endless extension of a chunk", raw(&format!("{CHUNKED}5;")).endless("x=y;".repeat(100))),
        ("endless trailers", raw(&format!("{CHUNKED}0\r\n")).endless("X: y\r\n")),
        ("two replies", raw(&format!("{HEAD}Content-Length: 1\r\n\r\nx{HEAD}Content-Length: 21\r\n\r\n<title>forged</title>"))),
        ("no content with content", raw("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello")),
        ("a part", raw("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/9\r\nContent-Length: 4\r\n\r\npart")),
        ("not modified", raw("HTTP/1.1 304 Not Modified\r\n\r\n")),
        ("a gzip bomb", coded("gzip", gzip(&zeros))),
        ("a zstd bomb", coded("zstd", zstandard(&zeros))),
        ("a gzip bomb in gzip", coded("gzip, gzip", gzip(gzip(&zeros)))),
        ("half of gzip", coded("gzip", &whole[..whole.len() / 2])),
        ("damaged gzip", coded("gzip", damaged)),
        ("no gzip", coded("gzip", &page)),
        ("no brotli", coded("br", &page)),
        ("no zstd", coded("zstd", &page)),
        ("an unknown coding", coded("compress", &page)),
        ("a loop of redirects", Reply::redirect("/x")),
        ("a redirect to a file", Reply::redirect("file:///etc/passwd")),
        ("a redirect to nowhere", Reply::redirect("http://[::1/")),
        ("a redirect of 200 KB", Reply::redirect(&format!("/{}", "x".repeat(200_000)))),
        ("an hour's patience", Reply::status(503).header("Retry-After", "99999999999999999999")),
        ("a title of megabytes", Reply::html(format!("<title>{}</title>", "x".repeat(3 << 20)))),
        ("NUL and escapes", Reply::html("<title>\0\u{1b}[31m\u{9b}x\u{202e}\n{\"forged\":1}\n</title>")),
        ("a picture for a page", Reply::html(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xfe")),
        ("no valid character", Reply::html(vec![0xff; 100_000])),
    ]
}

/// What parsers choke on, in 500 KB.
fn floods() -> Vec<(&'static str, Reply)> {
    let many = |text: &str| Reply::html(text.repeat(500_000 / text.len()));
    let attributes = (0..60_000).map(|number| format!("a{number}")).collect::<Vec<_>>().join(" ");
    vec![
        ("nested divisions", many("<div>")),
        ("nested bold", many("<b>")),
        ("nested lists", many("<ul><li>")),
        ("nested links and tables", many("<a><table><tr><td>")),
        ("paragraphs that end nothing", Reply::html("<div>".repeat(500) + &"</p>".repeat(120_000))),
        ("misplaced bold", many("<b><p></b>")),
        ("text in a table", many("<table>x<tr>")),
        ("sixty thousand attributes", Reply::html(format!("<p {attributes}>"))),
        ("five hundred thousand tags", Reply::html("<p>".repeat(170_000))),
        ("a comment without end", Reply::html("<!--".to_owned() + &"-".repeat(500_000))),
        ("an attribute without end", Reply::html("<p a='".to_owned() + &"<p>".repeat(160_000))),
        ("templates in templates", many("<template>")),
        ("forms in frames", many("<svg><foreignObject>")),
    ]
}

/// Fetches this and then a good page on the same worker: all is over in time, within so much memory, and the good page is right.
#[track_caller]
fn harmless(name: &str, reply: Reply, cpu: Duration, memory: u64) {
    let (site, gate) = (Site::start(), Gate::default());
    site.forgive();
    site.page("/x", reply).page("/good", Reply::title("good").behind(&gate));
    let start = Instant::now();
    let list = [site.url("/x"), site.url("/good")].join("\n");
    let flags = "-c 1 --timeout 1s --retries 1 --backoff 1ms --max-wait 1s --max-body 1M -s title=title -s p[]=p -";
    let live = scrape(flags).stdin(list).spawn();
    site.wait_for("/good");
    let (took, peak) = (start.elapsed(), live.peak_memory());
    gate.open();
    let run = live.end();
    assert!(matches!(run.exit, Some(0 | 3)), "{name}: {run:?}");
    assert_eq!(run.records().len(), 2, "{name}: {}", run.text());
    assert_eq!(field(&run.at(2), "data.title"), "good", "{name}: {}", run.text());
    // Twice the time of an attempt, the backoff and a second.
    assert!(took < 2 * TIMEOUT + Duration::from_millis(1001) + cpu + BUSY, "{name}: {took:?}");
    assert!(peak < memory, "{name}: {} MiB", peak / MIB);
}

#[test]
fn whatever_a_server_answers_the_run_ends_in_time_and_within_64_mib_and_the_next_page_is_right() {
    for (name, reply) in hostile() {
        harmless(name, reply, Duration::ZERO, 64 * MIB);
    }
}

#[test]
fn whatever_a_page_is_made_of_the_run_ends_in_time_and_within_300_mib_and_the_next_page_is_right() {
    for (name, reply) in floods() {
        harmless(name, reply, Duration::from_secs(5), 300 * MIB);
    }
}

#[test]
fn a_host_that_is_not_there_ends_in_time_too() {
    for url in [REFUSED.to_owned(), unresolvable()] {
        let run = scrape("--timeout 1s --retries 1 --backoff 1ms").arg(url).run().code(3);
        assert!(run.took < 2 * TIMEOUT + BUSY, "{:?}", run.took);
    }
}

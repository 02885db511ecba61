//! Over HTTP/2 a body that is left costs its stream, and not too many of those.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{head_only, page};
use crate::harness::Run;
use crate::harness::h2::{DATA, FrameSite, HEADERS, RST_STREAM, frame};

/// A server over HTTP/2 that answers every request with as much of a page as may be sent of it before it is read, maybe its end too;
/// and how many streams were broken off.
fn streams(ends: bool) -> (FrameSite, Arc<AtomicUsize>) {
    let broken_off = Arc::new(AtomicUsize::new(0));
    let (count, body) = (Arc::clone(&broken_off), page(60 << 10));
    let site = FrameSite::start(move |wire, kind, id| {
        count.fetch_add(usize::from(kind == RST_STREAM), Ordering::SeqCst);
        if kind != HEADERS {
            return Ok(());
        }
        // Status 200, and a content type that is not indexed.
        let fields = [&[0x88, 0x0f, 0x10, 9][..], b"text/html"].concat();
        wire.write_all(&frame(HEADERS, 4, id, &fields))?;
        for piece in body.as_bytes().chunks(10 << 10) {
            wire.write_all(&frame(DATA, 0, id, piece))?;
        }
        if ends { wire.write_all(&frame(DATA, 1, id, b"")) } else { Ok(()) }
    });
    (site, broken_off)
}

/// A run of so many targets against such a server.
fn many(targets: usize, flags: &str, site: &FrameSite) -> Run {
    let url = format!("{}/[1-{targets}]", site.origin);
    head_only().args(flags.split(' ')).env("SSL_CERT_FILE", site.authority()).arg(url).run()
}

#[test]
fn over_http_2_the_stream_is_broken_off_and_the_connection_goes_on() {
    let (site, broken_off) = streams(false);
    assert_eq!(many(20, "-c 1", &site).code(0).each("data.title"), ["A & b"; 20]);
    assert_eq!(site.connections(), 1);
    assert!(broken_off.load(Ordering::SeqCst) >= 19, "the last may not have been told any more");
}

#[test]
fn of_many_streams_only_so_many_are_broken_off_that_the_connection_does_not_break() {
    let (site, _) = streams(true);
    let run = many(300, "-c 30", &site);
    let seconds = usize::try_from(run.took.as_secs()).unwrap();
    let run = run.code(0);
    assert_eq!(run.each("data.title"), ["A & b"; 300]);
    // Before the first one stands nobody knows that it will do for all.
    assert!(site.connections() <= 30);
    let left = run.each("bytes").iter().filter(|bytes| bytes.as_u64() < Some(60 << 10)).count();
    assert!((24..=24 * (seconds + 1)).contains(&left), "{left} in {seconds} s");
}

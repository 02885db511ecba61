//! HTTP/2: what a server that breaks off a stream or a connection means for a target.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::h2::{CONTINUATION, DATA, FrameSite, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, frame};
use crate::harness::{Live, field, scrape};

/// No flood may make the program larger than this.
const MAX_MEMORY: u64 = 64 << 20;

/// What a server sends: at first these frames, then others for ever.
type Frames = fn(u32) -> (Vec<u8>, Vec<u8>);

/// What has become of a server so far.
#[derive(Default)]
struct Server {
    requests: AtomicUsize,
    sent: AtomicUsize,
}

/// Starts a run of one target against a server that answers the first request with `frames(stream)` and every other with a page.
fn start(flags: &str, frames: Frames) -> (Live, Arc<Server>) {
    let server = Arc::new(Server::default());
    let own = Arc::clone(&server);
    let site = FrameSite::start(move |wire, kind, id| {
        if kind != HEADERS {
            return Ok(());
        }
        let page = || [frame(HEADERS, 4, id, &[0x88]), frame(DATA, 1, id, b"<title>x</title>")].concat();
        let is_first = own.requests.fetch_add(1, Ordering::SeqCst) == 0;
        let (first, endless) = if is_first { frames(id) } else { (page(), Vec::new()) };
        wire.write_all(&first)?;
        while !endless.is_empty() {
            wire.write_all(&endless)?;
            own.sent.fetch_add(endless.len(), Ordering::SeqCst);
        }
        Ok(())
    });
    (scrape(flags).arg("-k").arg(format!("{}/", site.origin)).spawn(), server)
}

/// Runs one target against such a server, which sends nothing for ever; answers its record and the number of requests.
fn first_answered_with(flags: &str, frames: Frames) -> (serde_json::Value, usize) {
    let (live, server) = start(flags, frames);
    (live.end().record(), server.requests.load(Ordering::SeqCst))
}

#[test]
fn a_request_that_the_server_says_it_never_began_is_sent_again_and_does_not_count() {
    let frames: [Frames; 2] = [
        |id| (frame(RST_STREAM, 0, id, &7_u32.to_be_bytes()), Vec::new()),
        |_| (frame(GOAWAY, 0, 0, &[0; 8]), Vec::new()), // nobody is to blame, and the last stream that was looked at is none
    ];
    for frames in frames {
        let (record, requests) = first_answered_with("--retries 0", frames);
        assert_eq!((field(&record, "error"), field(&record, "attempts"), requests), (&json!(null), &json!(1), 2), "{record}");
    }
}

#[test]
fn a_post_is_sent_again_where_the_server_never_began_it_and_nowhere_else() {
    let (record, requests) =
        first_answered_with("-d a=1 --retries 0", |id| (frame(RST_STREAM, 0, id, &7_u32.to_be_bytes()), Vec::new()));
    assert_eq!((field(&record, "error"), requests), (&json!(null), 2), "{record}");
    let (record, requests) =
        first_answered_with("-d a=1 --backoff 1ms", |id| (frame(RST_STREAM, 0, id, &2_u32.to_be_bytes()), Vec::new()));
    assert_eq!((field(&record, "error"), requests), (&json!("connect"), 1), "{record}");
}

#[test]
fn a_request_that_the_server_breaks_off_is_tried_again() {
    let frames: [Frames; 2] = [
        |id| (frame(RST_STREAM, 0, id, &2_u32.to_be_bytes()), Vec::new()),
        |_| (frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11]), Vec::new()),
    ];
    for frames in frames {
        let (record, requests) = first_answered_with("--retries 0", frames);
        assert_eq!((field(&record, "error"), requests), (&json!("connect"), 1), "{record}");
        let (record, requests) = first_answered_with("--retries 1 --backoff 1ms", frames);
        assert_eq!((field(&record, "error"), field(&record, "attempts"), requests), (&json!(null), &json!(2), 2), "{record}");
    }
}

#[test]
fn what_a_server_says_at_parting_does_not_make_a_record_long() {
    let (record, _) = first_answered_with("--retries 0", |_| {
        let parting = [&[0, 0, 0, 0, 0, 0, 0, 11][..], &[b'x'; 16_000]].concat();
        (frame(GOAWAY, 0, 0, &parting), Vec::new())
    });
    assert_eq!(field(&record, "error"), "connect", "{record}");
    let message = field(&record, "error_message").as_str().unwrap();
    assert!(message.contains("xxx") && message.len() < 500, "{message}");
}

#[test]
fn a_body_that_the_server_breaks_off_is_cut_short_and_tried_again() {
    let frames: [Frames; 3] = [
        |id| {
            let begun = [frame(HEADERS, 4, id, &[0x88]), frame(DATA, 0, id, b"<title>x</title>")].concat();
            ([begun, frame(RST_STREAM, 0, id, &2_u32.to_be_bytes())].concat(), Vec::new())
        },
        |id| {
            let begun = [frame(HEADERS, 4, id, &[0x88]), frame(DATA, 0, id, b"<title>x</title>")].concat();
            ([begun, frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 2])].concat(), Vec::new())
        },
        // Announces more than it sends.
        |id| {
            let length = [&[0x88, 0x0f, 0x0d, 0x02][..], b"99"].concat();
            ([frame(HEADERS, 4, id, &length), frame(DATA, 1, id, b"<title>x</title>")].concat(), Vec::new())
        },
    ];
    for frames in frames {
        let (record, requests) = first_answered_with("--retries 0", frames);
        assert_eq!((field(&record, "error"), field(&record, "status"), requests), (&json!("body"), &json!(200), 1), "{record}");
        let (record, requests) = first_answered_with("--retries 1 --backoff 1ms", frames);
        assert_eq!((field(&record, "error"), field(&record, "attempts"), requests), (&json!(null), &json!(2), 2), "{record}");
    }
}

#[test]
fn a_flood_of_frames_ends_in_time_and_within_bounds() {
    let floods: [(&str, Frames); 6] = [
        ("settings", |_| (Vec::new(), frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(1000))),
        ("pings", |_| (Vec::new(), frame(PING, 0, 0, &[7; 8]).repeat(1000))),
        ("empty data", |id| (frame(HEADERS, 4, id, &[0x88]), frame(DATA, 0, id, &[]).repeat(1000))),
        ("padding", |id| (frame(HEADERS, 4, id, &[0x88]), frame(DATA, 8, id, &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0]).repeat(1000))),
        ("continuations", |id| (frame(HEADERS, 0, id, &[0x88]), frame(CONTINUATION, 0, id, &[0x88; 100]).repeat(100))),
        ("empty continuations", |id| (frame(HEADERS, 0, id, &[0x88]), frame(CONTINUATION, 0, id, &[]).repeat(1000))),
    ];
    for (name, frames) in floods {
        let (mut live, server) = start("--retries 0 --timeout 4s", frames);
        let start = Instant::now();
        while live.is_running() && start.elapsed() < Duration::from_secs(2) && server.sent.load(Ordering::SeqCst) < 100 << 20 {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        if live.is_running() {
            let memory = live.peak_memory();
            assert!(memory < MAX_MEMORY, "{name}: {memory} bytes");
        }
        let run = live.end().code(3);
        let record = run.record();
        let error = field(&record, "error").as_str().unwrap().to_owned();
        assert!(["timeout", "protocol", "too_large", "body", "connect"].contains(&error.as_str()), "{name}: {record}");
        assert!(run.took < Duration::from_secs(20), "{name}: {:?}", run.took);
    }
}

#[test]
fn a_head_of_many_frames_is_a_page_up_to_the_cap() {
    // A literal header that is not indexed: its name `x`, its value of 120 bytes; so many times.
    fn lines(id: u32, count: usize) -> Vec<u8> {
        let line = [&[0x00, 1, b'x', 120][..], &[b'y'; 120]].concat();
        let block = [vec![0x88], line.repeat(count)].concat();
        let mut pieces = block.chunks(16_000).map(<[u8]>::to_vec).peekable();
        let mut frames = frame(HEADERS, 0, id, &pieces.next().unwrap());
        while let Some(piece) = pieces.next() {
            frames.extend(frame(CONTINUATION, if pieces.peek().is_none() { 4 } else { 0 }, id, &piece));
        }
        [frames, frame(DATA, 1, id, b"<title>x</title>")].concat()
    }
    let (record, _) = first_answered_with("--retries 0", |id| (lines(id, 500), Vec::new()));
    assert_eq!(field(&record, "data.title"), "x", "{record}");
    let beyond: [(&str, Frames); 2] =
        [("protocol", |id| (lines(id, 2000), Vec::new())), ("too_large", |id| (lines(id, 5000), Vec::new()))];
    for (kind, frames) in beyond {
        let (record, requests) = first_answered_with("--retries 1 --backoff 1ms", frames);
        assert_eq!((field(&record, "error"), requests), (&json!(kind), 1), "{record}");
        assert!(field(&record, "error_message").as_str().unwrap().contains("256 KiB"), "{record}");
    }
}

#[test]
fn a_connection_that_is_worn_out_by_bodies_that_are_dropped_costs_no_page() {
    // What is on its way when a body is dropped comes to a stream that is no more, and of that no connection takes much.
    let site = FrameSite::start(move |wire, kind, id| {
        if kind == HEADERS {
            wire.write_all(&frame(HEADERS, 4, id, &[0x88]))?;
            (0..60).try_for_each(|_| wire.write_all(&frame(DATA, 0, id, &[b'x'; 1000])))?;
        }
        Ok(())
    });
    let url = format!("{}/[1-3000]", site.origin);
    let run = scrape("--max-body 2K --backoff 1ms -c 4 -k").arg(url).run().code(3);
    let others: Vec<_> = run.records().into_iter().filter(|record| record["error"] != "too_large").collect();
    assert!(others.is_empty(), "{others:#?}");
    assert!(site.connections() > 4, "none was worn out");
}

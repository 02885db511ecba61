//! HTTP/2: what a server that breaks off a stream or a connection means for a target.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::harness::{Authority, Leaf, field, scrape, thread};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// One frame, as RFC 9113 lays it out.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Answers the first request with `frames(stream)` and every other with a page.
fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    requests: &AtomicUsize,
    frames: fn(u32) -> Vec<u8>,
) -> std::io::Result<()> {
    let mut wire = StreamOwned::new(ServerConnection::new(config).map_err(std::io::Error::other)?, stream);
    wire.read_exact(&mut [0; 24])?;
    wire.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        wire.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        wire.read_exact(&mut vec![0; length])?;
        if head[3] == HEADERS {
            let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let page = || [frame(HEADERS, 4, id, &[0x88]), frame(DATA, 1, id, b"<title>x</title>")].concat();
            let is_first = requests.fetch_add(1, Ordering::SeqCst) == 0;
            wire.write_all(&if is_first { frames(id) } else { page() })?;
        }
    }
}

/// Runs one target against such a server; answers its record and the number of requests.
fn first_answered_with(flags: &str, frames: fn(u32) -> Vec<u8>) -> (serde_json::Value, usize) {
    let authority = Authority::new();
    let mut config = ServerConfig::clone(&authority.server(Leaf::Good));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&requests);
    drop(thread("http2", move || {
        while let Ok((stream, _)) = listener.accept() {
            let (config, seen) = (Arc::clone(&config), Arc::clone(&seen));
            // A connection ends with an error whoever ends it.
            drop(thread("connection", move || drop(serve(stream, config, &seen, frames))));
        }
    }));
    let run = scrape(flags).env("SSL_CERT_FILE", authority.file()).arg(url).run();
    (run.record(), requests.load(Ordering::SeqCst))
}

#[test]
fn a_request_that_the_server_says_it_never_began_is_sent_again_and_does_not_count() {
    for frames in [
        |id| frame(RST_STREAM, 0, id, &7_u32.to_be_bytes()),
        |_| frame(GOAWAY, 0, 0, &[0; 8]), // nobody is to blame, and the last stream that was looked at is none
    ] {
        let (record, requests) = first_answered_with("--retries 0", frames);
        assert_eq!((field(&record, "error"), field(&record, "attempts"), requests), (&json!(null), &json!(1), 2), "{record}");
    }
}

#[test]
fn a_post_is_sent_again_where_the_server_never_began_it_and_nowhere_else() {
    let (record, requests) = first_answered_with("-d a=1 --retries 0", |id| frame(RST_STREAM, 0, id, &7_u32.to_be_bytes()));
    assert_eq!((field(&record, "error"), requests), (&json!(null), 2), "{record}");
    let (record, requests) = first_answered_with("-d a=1 --backoff 1ms", |id| frame(RST_STREAM, 0, id, &2_u32.to_be_bytes()));
    assert_eq!((field(&record, "error"), requests), (&json!("connect"), 1), "{record}");
}

#[test]
fn a_request_that_the_server_breaks_off_is_tried_again() {
    for frames in [|id| frame(RST_STREAM, 0, id, &2_u32.to_be_bytes()), |_| frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11])] {
        let (record, requests) = first_answered_with("--retries 0", frames);
        assert_eq!((field(&record, "error"), requests), (&json!("connect"), 1), "{record}");
        let (record, requests) = first_answered_with("--retries 1 --backoff 1ms", frames);
        assert_eq!((field(&record, "error"), field(&record, "attempts"), requests), (&json!(null), &json!(2), 2), "{record}");
    }
}

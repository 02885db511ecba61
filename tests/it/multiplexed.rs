//! Many bodies over one HTTP/2 connection: one that waits for memory does not hold up the others.

use std::io::Write;

use serde_json::json;

use crate::harness::h2::{DATA, FrameSite, HEADERS, frame};
use crate::harness::scrape;

/// What a body has, in frames of 16 KiB: no more than may be sent before it is read.
const FRAMES: usize = 15;

#[test]
fn bodies_on_one_connection_that_wait_for_memory_all_come_to_their_end() {
    // Every request is answered with a large body, all of it at once, as if there were no window for the connection as a whole.
    let site = FrameSite::start(|wire, kind, id| {
        if kind == HEADERS {
            wire.write_all(&frame(HEADERS, 4, id, &[0x88]))?;
            for number in 1..=FRAMES {
                wire.write_all(&frame(DATA, u8::from(number == FRAMES), id, &[b'x'; 16 << 10]))?;
            }
        }
        Ok(())
    });
    // Waiting for memory is no silence, and there is little of it beside what one body may need.
    let flags = "-c 40 --max-memory 32M --read-timeout 10s --retries 0 --no-adapt --fetch-only";
    let run = scrape(flags).env("SSL_CERT_FILE", site.authority()).arg(format!("{}/[1-120]", site.origin)).run().code(0);
    assert_eq!(run.each("bytes"), vec![json!(FRAMES * (16 << 10)); 120]);
}

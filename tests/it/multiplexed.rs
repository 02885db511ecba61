//! Many bodies over one HTTP/2 connection: one that waits for memory does not hold up the others.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::harness::{Authority, Leaf, scrape, thread};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

/// What a body has, in frames of 16 KiB: no more than may be sent before it is read.
const FRAMES: usize = 15;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Answers every request with a large body, all of it at once, as if there were no window for the connection as a whole.
fn serve(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let mut wire = StreamOwned::new(ServerConnection::new(config).map_err(std::io::Error::other)?, stream);
    wire.read_exact(&mut [0; 24])?;
    wire.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        wire.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        wire.read_exact(&mut vec![0; length])?;
        if head[3] == SETTINGS && head[4] == 0 {
            wire.write_all(&frame(SETTINGS, 1, 0, &[]))?;
        }
        if head[3] == HEADERS {
            let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            wire.write_all(&frame(HEADERS, 4, id, &[0x88]))?;
            for number in 1..=FRAMES {
                wire.write_all(&frame(DATA, u8::from(number == FRAMES), id, &[b'x'; 16 << 10]))?;
            }
        }
    }
}

#[test]
fn bodies_on_one_connection_that_wait_for_memory_all_come_to_their_end() {
    let authority = Authority::new();
    let mut config = ServerConfig::clone(&authority.server(Leaf::Good));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/[1-120]", listener.local_addr().unwrap());
    drop(thread("http2", move || {
        while let Ok((stream, _)) = listener.accept() {
            let config = Arc::clone(&config);
            // A connection ends with an error whoever ends it.
            drop(thread("connection", move || drop(serve(stream, config))));
        }
    }));
    // Waiting for memory is no silence, and there is little of it beside what one body may need.
    let flags = "-c 40 --max-memory 32M --read-timeout 10s --retries 0 --no-adapt --fetch-only";
    let run = scrape(flags).env("SSL_CERT_FILE", authority.file()).arg(url).run().code(0);
    assert_eq!(run.each("bytes"), vec![json!(FRAMES * (16 << 10)); 120]);
}

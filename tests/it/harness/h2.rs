//! A server that speaks HTTP/2 over TLS frame by frame (RFC 9113), so that it can break off, flood and hold back as no library would.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Authority, Leaf, thread};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

/// The flag of settings that says: yours are heeded.
const ACK: u8 = 1;

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A connection, to write frames to.
pub(crate) type Wire = StreamOwned<ServerConnection, TcpStream>;

/// Such a server. It lasts as long as the tests do.
pub(crate) struct FrameSite {
    authority: Authority,
    /// What stands before a path in its URLs.
    pub(crate) origin: String,
    connections: Arc<AtomicUsize>,
}

impl FrameSite {
    /// Starts one that has `answer` called with the kind and the stream of each frame that comes, but for settings.
    pub(crate) fn start(answer: impl Fn(&mut Wire, u8, u32) -> io::Result<()> + Clone + Send + 'static) -> Self {
        let authority = Authority::new();
        let mut config = ServerConfig::clone(&authority.server(Leaf::Good));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        drop(thread("http2", move || {
            while let Ok((stream, _)) = listener.accept() {
                count.fetch_add(1, Ordering::SeqCst);
                let (config, answer) = (Arc::clone(&config), answer.clone());
                // A connection ends with an error whoever ends it.
                drop(thread("connection", move || drop(serve(stream, config, answer))));
            }
        }));
        Self { authority, origin, connections }
    }

    /// The file of who vouches for it.
    pub(crate) fn authority(&self) -> PathBuf {
        self.authority.file()
    }

    /// How many connections there were so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, answer: impl Fn(&mut Wire, u8, u32) -> io::Result<()>) -> io::Result<()> {
    let mut wire = StreamOwned::new(ServerConnection::new(config).map_err(io::Error::other)?, stream);
    wire.read_exact(&mut [0; 24])?; // the preface
    wire.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        wire.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        wire.read_exact(&mut vec![0; length])?;
        match (head[3], head[4]) {
            (SETTINGS, ACK) => {}
            (SETTINGS, _) => wire.write_all(&frame(SETTINGS, ACK, 0, &[]))?,
            (kind, _) => answer(&mut wire, kind, u32::from_be_bytes([head[5], head[6], head[7], head[8]]))?,
        }
    }
}

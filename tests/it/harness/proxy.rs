//! A proxy of a test's own, which speaks HTTP or SOCKS 5 over bare sockets: it notes who it was asked for, and how, and knows every
//! name, so that a name which only it can resolve shows where names are resolved.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Authority, Leaf, Request, thread};

/// As a refusal: nothing is answered.
pub(crate) const SILENCE: u16 = u16::MAX;

/// As a refusal: the connection is closed.
pub(crate) const NO_WORD: u16 = u16::MAX - 1;

/// What a proxy was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `GET`, `CONNECT` or `SOCKS`.
    pub(crate) how: String,
    /// The host, as it was named, and the port.
    pub(crate) site: String,
    /// `user:password`, or the value of the header.
    pub(crate) auth: Option<String>,
}

#[derive(Default)]
struct Shared {
    is_socks: bool,
    tls: Option<Arc<ServerConfig>>,
    /// What it wants to hear before it does anything: as [`Asked::auth`] has it.
    auth: Option<String>,
    /// What it answers instead of doing its work: an HTTP status, or a SOCKS reply; 0 where it works,
    /// [`SILENCE`] or [`NO_WORD`].
    refusal: AtomicU16,
    asked: Mutex<Vec<Asked>>,
    sockets: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

/// A running proxy on the loopback.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    door: Option<JoinHandle<()>>,
}

impl Proxy {
    /// One that forwards requests for `http` and opens tunnels with CONNECT.
    pub(crate) fn http() -> Self {
        Self::open(Shared::default())
    }

    /// The same over TLS.
    pub(crate) fn https(authority: &Authority) -> Self {
        Self::open(Shared { tls: Some(authority.server(Leaf::Good)), ..Shared::default() })
    }

    /// One that speaks SOCKS 5.
    pub(crate) fn socks() -> Self {
        Self::open(Shared { is_socks: true, ..Shared::default() })
    }

    /// HTTP, for those who send this `Proxy-Authorization`.
    pub(crate) fn http_for(auth: &str) -> Self {
        Self::open(Shared { auth: Some(auth.to_owned()), ..Shared::default() })
    }

    /// SOCKS 5, for this `user:password`.
    pub(crate) fn socks_for(auth: &str) -> Self {
        Self::open(Shared { is_socks: true, auth: Some(auth.to_owned()), ..Shared::default() })
    }

    fn open(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let own = Arc::clone(&shared);
        let door = thread("proxy", move || {
            let mut guests = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if own.stopped.load(Ordering::SeqCst) {
                    break;
                }
                own.register(&stream);
                let own = Arc::clone(&own);
                // A connection ends with an error whoever ends it.
                guests.push(thread("guest of a proxy", move || drop(own.serve(stream))));
            }
            for guest in guests {
                guest.join().expect("a guest of a proxy does not panic");
            }
        });
        Self { shared, address, door: Some(door) }
    }

    /// From now on it answers this instead of doing its work; 0 lets it work again.
    pub(crate) fn refuse(&self, with: u16) -> &Self {
        self.shared.refusal.store(with, Ordering::SeqCst);
        self
    }

    /// Its URL. `scheme_and_user` is what stands before the host: `http://`, `socks5h://ann:secret@`.
    pub(crate) fn url(&self, scheme_and_user: &str) -> String {
        format!("{scheme_and_user}{}", self.address)
    }

    /// What it was asked for so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("no guest panics").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address)); // so that the door wakes up and sees that it is to be closed
        for socket in self.shared.sockets.lock().expect("no guest panics").iter() {
            drop(socket.shutdown(Shutdown::Both)); // may have ended by itself
        }
        let panicked = self.door.take().is_some_and(|door| door.join().is_err());
        assert!(!panicked || std::thread::panicking(), "a thread of the proxy panicked");
    }
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

impl Shared {
    fn register(&self, stream: &TcpStream) {
        let handle = stream.try_clone().expect("the process has a descriptor left");
        self.sockets.lock().expect("no guest panics").push(handle);
    }

    fn note(&self, how: &str, site: &str, auth: Option<String>) {
        self.asked.lock().expect("no guest panics").push(Asked { how: how.to_owned(), site: site.to_owned(), auth });
    }

    /// Opens a connection to a site. Every name is known here: as this machine.
    fn dial(&self, site: &str) -> io::Result<TcpStream> {
        let address = site.parse().or_else(|_| {
            let port = site.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
            port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).ok_or(io::ErrorKind::InvalidInput)
        })?;
        let stream = TcpStream::connect::<SocketAddr>(address)?;
        self.register(&stream);
        Ok(stream)
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        if self.is_socks {
            return self.socks(stream);
        }
        let line = stream.try_clone()?;
        let mut wire: Box<dyn Wire> = match self.tls.clone() {
            None => Box::new(stream),
            Some(config) => {
                let session = ServerConnection::new(config).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(session, stream))
            }
        };
        let mut left = Vec::new();
        while let Ok(request) = Request::read(&mut wire, &mut left) {
            let site = request.path.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
            let auth = request.header("proxy-authorization").map(str::to_owned);
            self.note(&request.method, &site, auth.clone());
            let refusal = self.refusal.load(Ordering::SeqCst);
            let refusal = if self.auth.is_some() && auth != self.auth { 407 } else { refusal };
            if refusal == NO_WORD {
                return line.shutdown(Shutdown::Both);
            }
            if refusal == SILENCE {
                // Until the client gives up.
                return io::copy(&mut wire, &mut io::sink()).map(drop);
            }
            if refusal != 0 {
                // RFC 9110 asks for it with a 407.
                write!(wire, "HTTP/1.1 {refusal} No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")?;
                wire.flush()?;
            } else if request.method == "CONNECT" {
                let site = self.dial(&site)?;
                wire.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                wire.flush()?;
                return if self.tls.is_some() { turns(&mut wire, &line, site) } else { splice(line, site) };
            } else {
                let mut upstream = self.dial(&site)?;
                let request = request.for_the_site();
                write!(upstream, "{} {} HTTP/1.1\r\n", request.method, request.path)?;
                for (name, value) in request.headers.iter().filter(|(name, _)| !name.starts_with("proxy-")) {
                    write!(upstream, "{name}: {value}\r\n")?;
                }
                upstream.write_all(b"Connection: close\r\n\r\n")?;
                let mut answer = Vec::new();
                upstream.read_to_end(&mut answer)?;
                wire.write_all(&answer)?;
                wire.flush()?;
            }
        }
        Ok(())
    }

    fn socks(&self, mut stream: TcpStream) -> io::Result<()> {
        let [version, count] = read(&mut stream)?;
        let mut methods = vec![0; count.into()];
        stream.read_exact(&mut methods)?;
        let wanted = if self.auth.is_some() { 2 } else { 0 };
        if version != 5 || !methods.contains(&wanted) {
            return stream.write_all(&[5, 0xff]);
        }
        stream.write_all(&[5, wanted])?;
        let auth = if wanted == 2 { Some(self.password(&mut stream)?) } else { None };
        if auth != self.auth {
            return Ok(());
        }
        let [_, _, _, kind] = read(&mut stream)?;
        let host = match kind {
            1 => Ipv4Addr::from(read(&mut stream)?).to_string(),
            4 => format!("[{}]", Ipv6Addr::from(read::<16>(&mut stream)?)),
            _ => text(&mut stream)?,
        };
        let site = format!("{host}:{}", u16::from_be_bytes(read(&mut stream)?));
        self.note("SOCKS", &site, auth);
        let refusal = u8::try_from(self.refusal.load(Ordering::SeqCst)).expect("a SOCKS reply is a byte");
        stream.write_all(&[5, refusal, 0, 1, 127, 0, 0, 1, 0, 0])?;
        if refusal == 0 { splice(stream, self.dial(&site)?) } else { Ok(()) }
    }

    fn password(&self, stream: &mut TcpStream) -> io::Result<String> {
        let [_version] = read(stream)?;
        let auth = format!("{}:{}", text(stream)?, text(stream)?);
        stream.write_all(&[1, u8::from(Some(&auth) != self.auth.as_ref())])?;
        Ok(auth)
    }
}

fn read<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).map(|()| bytes)
}

/// A text with its length before it.
fn text(stream: &mut TcpStream) -> io::Result<String> {
    let [length] = read(stream)?;
    let mut text = vec![0; length.into()];
    stream.read_exact(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Passes everything on in both directions, until one ends.
fn splice(client: TcpStream, site: TcpStream) -> io::Result<()> {
    let (mut from_client, mut to_site) = (client.try_clone()?, site.try_clone()?);
    let there = thread("tunnel", move || {
        drop(io::copy(&mut from_client, &mut to_site));
        drop(to_site.shutdown(Shutdown::Write)); // may have ended by itself
    });
    let (mut from_site, mut to_client) = (site, client);
    drop(io::copy(&mut from_site, &mut to_client));
    drop(to_client.shutdown(Shutdown::Both)); // may have ended by itself
    there.join().map_err(|_| io::Error::other("a tunnel panicked"))
}

/// The same for a client behind TLS, whose session cannot be in two hands: whoever has something is heard.
fn turns(client: &mut Box<dyn Wire>, line: &TcpStream, mut site: TcpStream) -> io::Result<()> {
    let pause = Some(std::time::Duration::from_millis(5));
    line.set_read_timeout(pause)?;
    site.set_read_timeout(pause)?;
    let is_late = |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
    let mut piece = [0; 16 << 10];
    loop {
        match client.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => site.write_all(&piece[..read])?,
            Err(error) if is_late(&error) => {}
            Err(error) => return Err(error),
        }
        match site.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => client.write_all(&piece[..read]).and_then(|()| client.flush())?,
            Err(error) if is_late(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

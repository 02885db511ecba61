//! One connection of a site: requests are read, noted and answered step by step.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ServerConnection, StreamOwned};

use super::reply::{Reply, Step};
use super::request::{Bad, Request};
use super::site::Shared;
use super::thread;

/// How long a silent site sleeps before it looks whether the client is still there.
const NAP: Duration = Duration::from_millis(10);

/// Accepts connections until the site is dropped, then waits for all of them to end.
pub(crate) fn answer_the_door(listener: &TcpListener, shared: &Arc<Shared>) {
    let port = listener.local_addr().expect("it is bound").port();
    let mut guests = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        let Some(number) = shared.enter(&stream) else { break };
        let shared = Arc::clone(shared);
        guests.push(thread("connection", move || {
            let mut guest = Guest { shared, port, line: stream.try_clone().expect("the process has a descriptor left") };
            guest.serve(stream);
            guest.shared.exit(number); // so that the guest's own handle, dropped now, is the last
        }));
    }
    for guest in guests {
        guest.join().expect("a connection's thread does not panic");
    }
}

/// Why a connection is over.
struct Over;

/// One connection.
struct Guest {
    shared: Arc<Shared>,
    port: u16,
    /// The bare socket, also under TLS.
    line: TcpStream,
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

impl Guest {
    fn serve(&mut self, stream: TcpStream) {
        drop(stream.set_nodelay(true)); // only a matter of speed
        let mut wire: Box<dyn Wire> = match self.shared.tls.clone() {
            None => Box::new(stream),
            Some(config) => {
                let session = ServerConnection::new(config).expect("the configuration was built with a provider");
                Box::new(StreamOwned::new(session, stream))
            }
        };
        let mut left = Vec::new();
        loop {
            match Request::read(&mut wire, &mut left) {
                Ok(request) => {
                    let request = if self.shared.is_proxy { request.for_the_site() } else { request };
                    let last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                    if self.answer(&request, &mut *wire).is_err() || last {
                        break;
                    }
                }
                Err(Bad::Ended) => break,
                Err(Bad::Broken(fault)) => {
                    self.shared.blame(fault);
                    drop(wire.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
                    break;
                }
            }
        }
    }

    /// Notes the request and plays the reply.
    fn answer(&self, request: &Request, wire: &mut dyn Wire) -> Result<(), Over> {
        let hit = self.shared.arrive(request, (!self.shared.is_proxy).then_some(self.port));
        let handler = self.shared.route(&request.path);
        let steps = if let Some(handler) = &handler {
            handler(request).steps()
        } else {
            self.shared.blame(format!("{} {}: there is no such page", request.method, request.path));
            Reply::status(404).steps()
        };
        let quiet = steps.iter().rev().take_while(|step| matches!(step, Step::Close | Step::Reset)).count();
        let last = steps.len() - quiet;
        let done = steps.into_iter().enumerate().try_for_each(|(at, step)| {
            // With the last bytes the client may go on, so it is no longer being answered from a moment before them.
            if at >= last || at + 1 == last && matches!(step, Step::Send(_)) {
                self.shared.leave(hit);
            }
            self.play(step, wire)
        });
        self.shared.leave(hit);
        done
    }

    fn play(&self, step: Step, wire: &mut dyn Wire) -> Result<(), Over> {
        let mut send = |bytes: &[u8]| wire.write_all(bytes).and_then(|()| wire.flush()).map_err(|_| Over);
        match step {
            Step::Send(bytes) => send(&bytes),
            Step::Endless(bytes) => loop {
                send(&bytes)?;
            },
            Step::Repeat(bytes, times) => (0..times).try_for_each(|_| send(&bytes)),
            Step::Wait(time) => self.wait_while(|since| since < time),
            Step::Until(gate) => self.wait_while(|_| !gate.is_open()),
            Step::Hang => self.wait_while(|_| true),
            Step::Close => Err(Over),
            Step::Reset => {
                // With the time to linger at zero the end of the last handle is an RST.
                drop(socket2::SockRef::from(&self.line).set_linger(Some(Duration::ZERO)));
                Err(Over)
            }
        }
    }

    /// Says nothing until the condition on the time since now is false, or nobody is listening any more.
    fn wait_while(&self, condition: impl Fn(Duration) -> bool) -> Result<(), Over> {
        let start = Instant::now();
        while condition(start.elapsed()) {
            if self.shared.is_stopped() || self.is_gone() {
                return Err(Over);
            }
            std::thread::park_timeout(NAP);
        }
        Ok(())
    }

    /// Whether the client has closed or reset the connection.
    fn is_gone(&self) -> bool {
        drop(self.line.set_nonblocking(true)); // fails only where the connection has
        let peeked = self.line.peek(&mut [0]);
        drop(self.line.set_nonblocking(false));
        match peeked {
            Ok(read) => read == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

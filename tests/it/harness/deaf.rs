//! An address that answers nothing: as if every packet to it were dropped on the way.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// A listener that accepts nobody and whose queue is full, so that the system drops what comes.
pub(crate) struct Deaf {
    listener: Socket,
    _queued: Vec<Socket>,
}

impl Deaf {
    /// At an address, or nothing where that is taken or the machine has no such addresses.
    pub(crate) fn at(address: SocketAddr) -> Option<Self> {
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None).ok()?;
        listener.bind(&address.into()).ok()?;
        listener.listen(0).ok()?;
        let address = listener.local_addr().ok()?;
        let queued = (0..4).map(|_| {
            let guest = Socket::new(Domain::for_address(address.as_socket()?), Type::STREAM, None).ok()?;
            guest.set_nonblocking(true).ok()?;
            // It is under way, which counts as an error.
            drop(guest.connect(&address));
            Some(guest)
        });
        let queued = queued.collect::<Option<Vec<_>>>()?;
        let deaf = Self { listener, _queued: queued };
        let reached = TcpStream::connect_timeout(&deaf.address(), Duration::from_millis(300));
        assert!(reached.is_err_and(|error| error.kind() == std::io::ErrorKind::TimedOut), "its queue is not full");
        Some(deaf)
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().ok().and_then(|address| address.as_socket()).expect("it is bound")
    }
}

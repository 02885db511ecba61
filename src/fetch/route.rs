//! Whether there is a way to an address from here at all.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use url::{Host, Url};

use super::dial;

/// Whether the system knows a way to where the current request was to be connected. It says that no local address is left when it
/// has none for IPv6 at all, and in the same words when all ports are taken; only the second passes by waiting.
pub(super) fn has_way(url: &Url) -> bool {
    let dialled = dial::dialled();
    let addresses = match url.host() {
        Some(Host::Ipv4(address)) if dialled.is_empty() => vec![address.into()],
        Some(Host::Ipv6(address)) if dialled.is_empty() => vec![address.into()],
        _ => dialled,
    };
    addresses.is_empty() || addresses.into_iter().any(is_routed)
}

/// To connect a UDP socket only asks for the way: nothing is sent, and no port of TCP's is taken.
fn is_routed(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let route = UdpSocket::bind(SocketAddr::new(any, 0)).map(|socket| socket.connect(SocketAddr::new(address, 9)));
    match route {
        Ok(way) => way.is_ok(),
        Err(error) => error.kind() != io::ErrorKind::AddrNotAvailable && error.kind() != io::ErrorKind::Unsupported,
    }
}

//! What an address is for, where it is not one of the public internet: IANA's registries of special-purpose addresses, what clouds
//! have put in between, and IPv6 addresses that stand for an IPv4 address.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why an address is not a public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Answers programs in a cloud with the secrets of their machine.
    Metadata,
    /// This machine.
    Loopback,
    /// This machine, or the network it starts from: `0.0.0.0/8` and `::`.
    ThisNetwork,
    /// A network of one's own.
    Private,
    /// The same for IPv6: `fc00::/7`, and the old `fec0::/10`.
    UniqueLocal,
    /// Of one cable.
    LinkLocal,
    /// Behind a provider's translation.
    CarrierNat,
    /// Many at once.
    Multicast,
    /// All of a network.
    Broadcast,
    /// For examples in texts.
    Documentation,
    /// For measuring devices.
    Benchmarking,
    /// For nothing that could be asked for a page.
    Reserved,
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "a cloud's metadata address",
            Self::Loopback => "a loopback address",
            Self::ThisNetwork => "an address of this machine itself",
            Self::Private => "a private address",
            Self::UniqueLocal => "a unique local address",
            Self::LinkLocal => "a link-local address",
            Self::CarrierNat => "a carrier's NAT address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "a broadcast address",
            Self::Documentation => "a documentation address",
            Self::Benchmarking => "a benchmarking address",
            Self::Reserved => "a reserved address",
        })
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn v6(segments: [u16; 8], length: u8) -> IpNet {
    let (mut bits, mut at) = (0, 0);
    while at < segments.len() {
        bits = bits << 16 | segments[at] as u128;
        at += 1;
    }
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length))
}

/// The first network that an address lies in says what it is. From the IANA IPv4 and IPv6 Special-Purpose Address Registries and the
/// clouds' manuals.
const SPECIAL: &[(IpNet, Special)] = &[
    // Amazon, Azure, Google, Oracle, DigitalOcean, OpenStack; Amazon's containers; Scaleway; Azure's other one; Oracle's old one; Alibaba
    (v4(169, 254, 169, 254, 32), Special::Metadata),
    (v4(169, 254, 170, 2, 32), Special::Metadata),
    (v4(169, 254, 170, 23, 32), Special::Metadata),
    (v4(169, 254, 42, 42, 32), Special::Metadata),
    (v4(168, 63, 129, 16, 32), Special::Metadata),
    (v4(192, 0, 0, 192, 32), Special::Metadata),
    (v4(100, 100, 100, 200, 32), Special::Metadata),
    (v4(0, 0, 0, 0, 8), Special::ThisNetwork),
    (v4(10, 0, 0, 0, 8), Special::Private),
    (v4(100, 64, 0, 0, 10), Special::CarrierNat),
    (v4(127, 0, 0, 0, 8), Special::Loopback),
    (v4(169, 254, 0, 0, 16), Special::LinkLocal),
    (v4(172, 16, 0, 0, 12), Special::Private),
    (v4(192, 0, 0, 0, 24), Special::Reserved),
    (v4(192, 0, 2, 0, 24), Special::Documentation),
    (v4(192, 88, 99, 0, 24), Special::Reserved),
    (v4(192, 168, 0, 0, 16), Special::Private),
    (v4(198, 18, 0, 0, 15), Special::Benchmarking),
    (v4(198, 51, 100, 0, 24), Special::Documentation),
    (v4(203, 0, 113, 0, 24), Special::Documentation),
    (v4(224, 0, 0, 0, 4), Special::Multicast),
    (v4(255, 255, 255, 255, 32), Special::Broadcast),
    (v4(240, 0, 0, 0, 4), Special::Reserved),
    // Amazon, Google, Scaleway
    (v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254], 128), Special::Metadata),
    (v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23], 128), Special::Metadata),
    (v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254], 128), Special::Metadata),
    (v6([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x42], 128), Special::Metadata),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), Special::ThisNetwork),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Special::Loopback),
    (v6([0x0064, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Special::Private),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), Special::Benchmarking),
    (v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32), Special::Documentation),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Special::Documentation),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Special::UniqueLocal),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Special::LinkLocal),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Special::UniqueLocal),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Special::Multicast),
];

/// Where global IPv6 addresses lie; all else is special.
const GLOBAL: IpNet = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// IETF protocol assignments: not for hosts, but for these, which are.
const PROTOCOLS: IpNet = v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23);
const HOSTS: [IpNet; 2] = [v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32), v6([0x2001, 4, 0x0112, 0, 0, 0, 0, 0], 48)];

/// What an address is, if it is not one of the public internet. An IPv6 address that stands for an IPv4 address (mapped, compatible,
/// NAT64, 6to4, Teredo) is what that one is.
#[must_use]
pub fn special(address: IpAddr) -> Option<Special> {
    let address = address.to_canonical();
    let listed = SPECIAL.iter().find(|(net, _)| net.contains(&address)).map(|(_, special)| *special);
    let IpAddr::V6(six) = address else { return listed };
    let inside = inside(six).into_iter().flatten().find_map(|four| special(four.into()));
    let is_global = is_translated(six) || GLOBAL.contains(&address) && (!is_protocols(address) || is_teredo(six));
    listed.or(inside).or((!is_global).then_some(Special::Reserved))
}

fn is_protocols(address: IpAddr) -> bool {
    PROTOCOLS.contains(&address) && !HOSTS.iter().any(|net| net.contains(&address))
}

const fn is_translated(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x64, 0xff9b, 0, 0, 0, 0, ..])
}

const fn is_teredo(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x2001, 0, ..])
}

/// The IPv4 addresses that an IPv6 address stands for: where its packets would come out.
fn inside(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let four = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            [four(high, low), None]
        }
        // The server, and the client behind it, whose bits are turned round.
        [0x2001, 0, high, low, .., own_high, own_low] => [four(high, low), four(!own_high, !own_low)],
        _ => [None, None],
    }
}

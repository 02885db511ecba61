//! Addresses against the registries, against std's own knowledge of them, and in all their disguises.

use core::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_special_network_is_named_from_its_first_to_its_last_address() {
    for (what, addresses) in [
        (
            Special::Metadata,
            "169.254.169.254 169.254.170.2 169.254.170.23 168.63.129.16 100.100.100.200 192.0.0.192 fd00:ec2::254 fd20:ce::254",
        ),
        (Special::ThisNetwork, "0.0.0.0 0.255.255.255 ::"),
        (Special::Private, "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 64:ff9b:1::1"),
        (Special::CarrierNat, "100.64.0.0 100.127.255.255"),
        (Special::Loopback, "127.0.0.0 127.0.0.1 127.255.255.255 ::1"),
        (Special::LinkLocal, "169.254.0.0 169.254.255.255 fe80:: fe80::1 febf:ffff::1"),
        (Special::UniqueLocal, "fc00:: fdff:ffff::1 fec0::1 feff::1"),
        (Special::Multicast, "224.0.0.0 239.255.255.255 ff00:: ff02::1"),
        (Special::Broadcast, "255.255.255.255"),
        (
            Special::Documentation,
            "192.0.2.0 192.0.2.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255 2001:db8:: 2001:db8:ffff::1 3fff:: 3fff:fff::1",
        ),
        (Special::Benchmarking, "198.18.0.0 198.19.255.255 2001:2::1"),
        (
            Special::Reserved,
            "192.0.0.0 192.0.0.255 192.88.99.1 240.0.0.0 255.255.255.254 100::1 2001:20::1 5f00::1 4000::1 e000::1 ::8.8.8.8",
        ),
    ] {
        for text in addresses.split(' ') {
            assert_eq!(special(address(text)), Some(what), "{text}");
        }
    }
}

#[test]
fn what_lies_beside_a_special_network_is_public() {
    for text in "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 \
                 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.31.196.1 192.52.193.1 192.167.255.255 192.169.0.0 192.175.48.1 \
                 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 \
                 2000::1 2001:200::1 2001:3::1 2001:4:112::1 2001:db7::1 2001:db9::1 2606:4700::1111 3ffe::1 3fff:1000::1 \
                 64:ff9b::8.8.8.8 ::ffff:8.8.8.8 2002:808:808::1 2001:0:808:808::f7f7:f7f7"
        .split_whitespace()
    {
        assert_eq!(special(address(text)), None, "{text}");
    }
}

#[test]
fn an_ipv6_address_that_stands_for_a_private_one_is_private() {
    for text in [
        "::ffff:10.0.0.1",
        "::ffff:a00:1",
        "::10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:a00:1::",
        "2002:a00:1:1:2:3:4:5",
        "2001:0:a00:1::f7f7:f7f7",         // Teredo: the server
        "2001:0:808:808:0:ffff:f5ff:fffe", // and the client
    ] {
        assert_eq!(special(address(text)), Some(Special::Private), "{text}");
    }
    assert_eq!(special(address("64:ff9b::169.254.169.254")), Some(Special::Metadata));
}

#[test]
fn a_network_that_was_declared_public_is() {
    let guard = Guard { public: vec!["127.0.0.2/32".parse().unwrap(), "fd00::/16".parse().unwrap()], ..Guard::default() };
    for text in ["127.0.0.2", "::ffff:127.0.0.2", "fd00:1::1", "8.8.8.8"] {
        assert_eq!(guard.objection(address(text)), None, "{text}");
    }
    for text in ["127.0.0.1", "127.0.0.3", "fd01::1"] {
        assert!(guard.objection(address(text)).is_some(), "{text}");
    }
}

#[test]
fn a_mode_says_which_requests_are_guarded() {
    let modes = [Mode::Redirects, Mode::Always, Mode::Never];
    assert_eq!(modes.map(|mode| [mode.watches(false), mode.watches(true)]), [[false, true], [true, true], [false, false]]);
}

/// What std knows of IPv4.
fn is_special_to_std(address: Ipv4Addr) -> bool {
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || address.is_unspecified()
}

proptest! {
    #[test]
    fn what_std_knows_to_be_special_is(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        prop_assert!(!is_special_to_std(address) || special(address.into()).is_some(), "{address}");
    }

    #[test]
    fn no_disguise_makes_a_special_address_public(bits: u32, tail: u64, public in any::<u32>()) {
        let inside = Ipv4Addr::from_bits(bits);
        let [high, low] = [(bits >> 16) as u16, (bits & 0xffff) as u16];
        let [a, b, c, d] = [48, 32, 16, 0].map(|shift| ((tail >> shift) & 0xffff) as u16);
        let [server_high, server_low] = [(public >> 16) as u16, (public & 0xffff) as u16];
        let same = [inside.to_ipv6_mapped(), Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low)];
        for disguise in same {
            prop_assert_eq!(special(disguise.into()), special(inside.into()), "{} of {}", disguise, inside);
        }
        let worse = [
            Ipv6Addr::new(0x2002, high, low, a, b, c, d, 0),
            Ipv6Addr::new(0x2001, 0, high, low, a, b, c, d),
            Ipv6Addr::new(0x2001, 0, server_high, server_low, a, b, !high, !low),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
        ];
        for disguise in worse {
            prop_assert!(special(inside.into()).is_none() || special(disguise.into()).is_some(), "{disguise} of {inside}");
        }
    }

    #[test]
    fn only_a_global_or_a_translated_ipv6_address_is_public(bits: u128) {
        let address = Ipv6Addr::from_bits(bits);
        let is_global = bits >> 125 == 1;
        prop_assert!(is_global || special(address.into()).is_some(), "{address}");
    }

    #[test]
    fn every_special_address_of_std_is_special_in_ipv6_too(low: u128) {
        for (prefix, length) in [(0xfc00_u128, 7), (0xfe80, 10), (0xff00, 8)] {
            let address = Ipv6Addr::from_bits(prefix << 112 | low >> length);
            let is_std = address.is_unique_local() || address.is_unicast_link_local() || address.is_multicast();
            prop_assert!(is_std && special(address.into()).is_some(), "{address}");
        }
    }
}

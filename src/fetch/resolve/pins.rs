//! The one address that each name is connected to, where limits are counted by address.

use std::collections::HashMap;
use std::net::SocketAddr;

/// Names whose address is remembered, in each of two generations.
const PINS: usize = 5000;

/// The one address where there are many, other than one of them: IPv4 first, as it is what sites that share a machine have in common.
pub(super) fn preferred(addresses: &[SocketAddr], not: Option<SocketAddr>) -> Option<SocketAddr> {
    let mut others = addresses.iter().copied().filter(|address| Some(*address) != not);
    others.clone().find(SocketAddr::is_ipv4).or_else(|| others.next())
}

/// Which address was answered for which name. When a generation is full the one before is forgotten.
#[derive(Debug, Default)]
pub(super) struct Pins {
    young: HashMap<Box<str>, Pin>,
    old: HashMap<Box<str>, Pin>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Pin {
    pub(super) address: SocketAddr,
    /// It gave no answer.
    pub(super) is_doubtful: bool,
}

impl Pins {
    /// The address of a name, if it is known and not in doubt.
    pub(super) fn get(&mut self, name: &str) -> Option<SocketAddr> {
        let pin = self.find(name)?;
        (!pin.is_doubtful).then_some(pin.address)
    }

    /// Chooses one of a name's addresses: the one that was chosen before, unless it gave no answer.
    pub(super) fn choose(&mut self, name: &str, addresses: &[SocketAddr]) -> SocketAddr {
        let pin = self.find(name);
        let kept = pin.filter(|pin| !pin.is_doubtful && addresses.contains(&pin.address)).map(|pin| pin.address);
        let other = || preferred(addresses, pin.map(|pin| pin.address));
        let address = kept.or_else(other).unwrap_or(addresses[0]);
        self.put(name, Pin { address, is_doubtful: false });
        address
    }

    pub(super) fn doubt(&mut self, name: &str) {
        if let Some(pin) = self.find(name) {
            self.put(name, Pin { is_doubtful: true, ..pin });
        }
    }

    fn find(&mut self, name: &str) -> Option<Pin> {
        if let Some(pin) = self.young.get(name) {
            return Some(*pin);
        }
        let pin = *self.old.get(name)?;
        self.put(name, pin);
        Some(pin)
    }

    pub(super) fn put(&mut self, name: &str, pin: Pin) {
        if self.young.len() >= PINS && !self.young.contains_key(name) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name.into(), pin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 0)
    }

    #[test]
    fn a_name_keeps_its_address_until_that_gives_no_answer() {
        let [six, one, two] = ["::1", "127.0.0.1", "127.0.0.2"].map(address);
        let mut pins = Pins::default();
        assert_eq!(pins.get("a.example"), None);
        assert_eq!(pins.choose("a.example", &[six, one, two]), one, "IPv4 first");
        assert_eq!(pins.get("a.example"), Some(one));
        assert_eq!(pins.choose("a.example", &[two, one, six]), one, "a resolver that turns its answers round changes nothing");
        pins.doubt("a.example");
        assert_eq!(pins.get("a.example"), None);
        assert_eq!(pins.choose("a.example", &[six, one, two]), two);
        pins.doubt("a.example");
        assert_eq!(pins.choose("a.example", &[two]), two, "there is no other");
        assert_eq!(pins.choose("a.example", &[six]), six, "it has moved");
        pins.doubt("b.example");
        assert_eq!(pins.get("b.example"), None, "what is not known cannot be in doubt");
    }

    #[test]
    fn pins_are_bounded_and_what_is_used_stays() {
        let one = address("127.0.0.1");
        let mut pins = Pins::default();
        pins.choose("used.example", &[one]);
        for name in 0..PINS * 5 {
            pins.choose(&format!("h{name}.example"), &[one]);
            assert_eq!(pins.get("used.example"), Some(one));
            assert!(pins.young.len() <= PINS && pins.old.len() <= PINS);
        }
        assert_eq!(pins.get("h0.example"), None);
    }
}

//! From names to addresses: what the connector asks, and the frontier where hosts share a limit by their address.
//!
//! The system's resolver does the work, on the pool for what blocks; it caches what it caches, and a lookup that nobody waits for any
//! more is dropped if it has not begun.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name as GaiName};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::{Instant, timeout};
use tower_service::Service;
use url::Host;

use super::client::Fetcher;
use super::{Reply, dial, error};
use crate::model::{ErrorKind, Failure, Flight, Phase, Ticket};

/// Names whose address is remembered, in each of two generations.
const PINS: usize = 5000;

/// Resolves names. With pins a name is connected to no other address than the one that was answered for it.
#[derive(Clone, Debug)]
pub(super) struct Resolver(Option<Arc<Mutex<Pins>>>);

impl Resolver {
    pub(super) fn new(pin: bool) -> Self {
        Self(pin.then(Arc::default))
    }

    /// The addresses of a name: at least one, and with pins exactly one.
    pub(super) async fn look_up(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        if let Some(pinned) = self.pins().and_then(|mut pins| pins.get(name)) {
            return Ok(vec![pinned]);
        }
        self.look_up_afresh(name).await
    }

    /// The same, asking the system in any case. An address that was answered before stays the answer while the name has it.
    pub(super) async fn look_up_afresh(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        let gai_name = name.parse::<GaiName>().map_err(io::Error::other)?;
        let addresses: Vec<_> = GaiResolver::new().call(gai_name).await?.collect();
        if addresses.is_empty() {
            return Err(io::Error::other("the name has no address"));
        }
        Ok(match self.pins() {
            Some(mut pins) => vec![pins.choose(name, &addresses)],
            None => addresses,
        })
    }

    /// A name's address gave no answer: the next lookup may choose another.
    pub(super) fn doubt(&self, name: &str) {
        if let Some(mut pins) = self.pins() {
            pins.doubt(name);
        }
    }

    fn pins(&self) -> Option<MutexGuard<'_, Pins>> {
        // What is behind it is whole between any two calls.
        self.0.as_ref().map(|pins| pins.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, request) = (self.clone(), dial::current());
        Box::pin(async move {
            if let Some(request) = &request {
                request.enter(Phase::Resolving(name.as_str().into()));
            }
            let addresses = resolver.look_up(name.as_str()).await?;
            if let Some(request) = &request {
                request.enter(Phase::Connecting);
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl Fetcher {
    /// The address of the host of a ticket's URL, within the time for a connection.
    pub(super) async fn address(&self, ticket: &Ticket, flight: &Flight) -> Result<Reply, Failure> {
        let name = match ticket.url.host() {
            Some(Host::Ipv4(address)) => return Ok(Reply::Address(address.into())),
            Some(Host::Ipv6(address)) => return Ok(Reply::Address(address.into())),
            Some(Host::Domain(name)) => name,
            None => return Err(Failure::new(ErrorKind::InvalidUrl, "the URL has no host")),
        };
        flight.enter(Phase::Resolving(name.into()), Instant::now().into_std());
        let settings = &self.settings;
        let left = settings.timeout.saturating_sub(ticket.spent);
        let late = |option: &str, time: Duration| {
            Err(Failure::new(ErrorKind::Timeout, format!("no address of {name} within {option} ({time:?})")))
        };
        match timeout(settings.connect_timeout.min(left), self.resolver.look_up_afresh(name)).await {
            Ok(Ok(addresses)) => Ok(Reply::Address(preferred(&addresses, None).expect("there is at least one").ip())),
            Ok(Err(error)) => error::unresolved(&error, name),
            Err(_) if left < settings.connect_timeout => late("--timeout", settings.timeout),
            Err(_) => late("--connect-timeout", settings.connect_timeout),
        }
    }
}

/// The one address where there are many, other than one of them: IPv4 first, as it is what sites that share a machine have in common.
fn preferred(addresses: &[SocketAddr], not: Option<SocketAddr>) -> Option<SocketAddr> {
    let mut others = addresses.iter().copied().filter(|address| Some(*address) != not);
    others.clone().find(SocketAddr::is_ipv4).or_else(|| others.next())
}

/// Which address was answered for which name. When a generation is full the one before is forgotten.
#[derive(Debug, Default)]
struct Pins {
    young: HashMap<Box<str>, Pin>,
    old: HashMap<Box<str>, Pin>,
}

#[derive(Clone, Copy, Debug)]
struct Pin {
    address: SocketAddr,
    /// It gave no answer.
    is_doubtful: bool,
}

impl Pins {
    /// The address of a name, if it is known and not in doubt.
    fn get(&mut self, name: &str) -> Option<SocketAddr> {
        let pin = self.find(name)?;
        (!pin.is_doubtful).then_some(pin.address)
    }

    /// Chooses one of a name's addresses: the one that was chosen before, unless it gave no answer.
    fn choose(&mut self, name: &str, addresses: &[SocketAddr]) -> SocketAddr {
        let pin = self.find(name);
        let kept = pin.filter(|pin| !pin.is_doubtful && addresses.contains(&pin.address)).map(|pin| pin.address);
        let other = || preferred(addresses, pin.map(|pin| pin.address));
        let address = kept.or_else(other).unwrap_or(addresses[0]);
        self.put(name, Pin { address, is_doubtful: false });
        address
    }

    fn doubt(&mut self, name: &str) {
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

    fn put(&mut self, name: &str, pin: Pin) {
        if self.young.len() >= PINS && !self.young.contains_key(name) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name.into(), pin);
    }
}

#[cfg(test)]
mod tests;

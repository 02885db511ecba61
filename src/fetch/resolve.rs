//! From names to addresses: what the connector asks, and the frontier where hosts share a limit by their address.
//!
//! Here the guard has its place, because what is answered here is what is dialled: nobody can turn a name round between the check
//! and the connection.

mod pins;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, iter};

use reqwest::Response;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::{Instant, timeout};
use url::Host;

use self::pins::{Pin, Pins, preferred};
use super::client::Fetcher;
use super::guard::Refused;
use super::known::{self, Known};
use super::{Lookup, Reply, Settings, dial, error};
use crate::model::{ErrorKind, Failure, Flight, Phase, Ticket};
use crate::policy::Guard;

/// So many addresses of a name are tried for one connection, of IPv4 and of IPv6 each.
const MOST: usize = 5;

/// Resolves names. With pins a name is connected to no other address than the one that was answered for it; a guarded one finds
/// public addresses only.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    common: Arc<Common>,
    is_guarded: bool,
}

/// What the guarded resolver and the other one share.
#[derive(Debug)]
struct Common {
    lookup: Arc<dyn Lookup>,
    known: Vec<Known>,
    since: Instant,
    guard: Guard,
    pins: Option<Mutex<Pins>>,
    /// Which of a name's addresses answered where the first did not.
    good: Mutex<Pins>,
}

impl Resolver {
    pub(super) fn new(settings: &Settings) -> Self {
        let common = Common {
            lookup: Arc::clone(&settings.lookup),
            known: settings.resolve.clone(),
            since: Instant::now(),
            guard: settings.guard.clone(),
            pins: settings.pin_addresses.then(Mutex::default),
            good: Mutex::default(),
        };
        Self { common: Arc::new(common), is_guarded: false }
    }

    /// The same, finding public addresses only.
    pub(super) fn guarded(&self) -> Self {
        Self { is_guarded: true, ..self.clone() }
    }

    /// The addresses of a host: at least one, and with pins exactly one.
    pub(super) async fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let pinned = self.pins().and_then(|mut pins| pins.get(name));
        match pinned.filter(|pinned| self.may_dial(pinned)) {
            Some(pinned) => Ok(vec![pinned]),
            None => self.look_up_afresh(name, port).await,
        }
    }

    /// The same, asking in any case. An address that was answered before stays the answer while the name has it.
    pub(super) async fn look_up_afresh(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let common = &*self.common;
        let mut addresses = match known::find(&common.known, name, port, common.since.elapsed()) {
            Some(known) => known.iter().map(|address| SocketAddr::new(*address, 0)).collect(),
            None => common.lookup.look_up(name).await?,
        };
        for address in &mut addresses {
            address.set_port(0);
        }
        let Some(first) = addresses.first().copied() else { return Err(io::Error::other("the name has no address")) };
        addresses.retain(|address| self.may_dial(address));
        if addresses.is_empty() {
            return Err(io::Error::other(Refused(first.ip())));
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
        lock(&self.common.good).doubt(name);
    }

    /// An address of a name answered where those before it did not: it goes first from now on, until it does not answer either.
    pub(super) fn prefer(&self, name: &str, address: IpAddr) {
        let address = SocketAddr::new(address, 0);
        lock(&self.common.good).put(name, Pin { address, is_doubtful: false });
    }

    /// The addresses with the one in front that is known to be good.
    fn good_first(&self, name: &str, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let good = lock(&self.common.good).get(name);
        if let Some(at) = addresses.iter().position(|address| Some(address.ip()) == good.map(|good| good.ip())) {
            addresses[..=at].rotate_right(1);
        }
        addresses
    }

    fn may_dial(&self, address: &SocketAddr) -> bool {
        !self.is_guarded || self.common.guard.objection(address.ip()).is_none()
    }

    fn pins(&self) -> Option<MutexGuard<'_, Pins>> {
        self.common.pins.as_ref().map(lock)
    }
}

fn lock(pins: &Mutex<Pins>) -> MutexGuard<'_, Pins> {
    // What is behind it is whole between any two calls.
    pins.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let request = dial::current();
        // A proxy is the user's own choice, wherever it stands.
        let is_proxys = request.as_ref().is_some_and(|request| request.peer().is_proxys(name.as_str()));
        let resolver = Self { is_guarded: self.is_guarded && !is_proxys, ..self.clone() };
        let port = request.as_ref().filter(|_| !is_proxys).map_or(0, |request| request.peer().port);
        Box::pin(async move {
            if let Some(request) = &request {
                request.enter(Phase::Resolving(name.as_str().into()));
            }
            let addresses = resolver.good_first(name.as_str(), resolver.look_up(name.as_str(), port).await?);
            if let Some(request) = &request {
                request.dials(addresses.iter().map(SocketAddr::ip));
                request.enter(Phase::Connecting);
            }
            Ok(Box::new(in_turns(&addresses).into_iter()) as Addrs)
        })
    }
}

/// The order in which the connector is to try addresses. It goes through those of each family one after the other, both families at a
/// time when the first has not answered after 300 ms, and gives each address an equal share of the time for a connection. So that
/// dead addresses do not use up what a good one needs, a family of several gets two rounds: the first is over at half the time.
fn in_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| address.is_ipv6() == addresses[0].is_ipv6());
    for family in [&mut first, &mut second] {
        family.truncate(MOST);
        if family.len() > 1 {
            family.extend_from_within(..);
        }
    }
    iter::chain(first, second).copied().collect()
}

impl Fetcher {
    /// Remembers which of several addresses has answered the current request, where it was not the first.
    pub(super) fn learn_address(&self, response: &Response) {
        let dialled = dial::dialled();
        if let Some(own) = response.remote_addr().map(|address| address.ip())
            && let Some(name) = response.url().domain()
            && dial::current().is_some_and(|request| !request.peer().is_proxied)
            && dialled.len() > 1
            && dialled[0] != own
            && dialled.contains(&own)
        {
            self.resolver.prefer(name, own);
        }
    }

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
        let port = ticket.url.port_or_known_default().unwrap_or_default();
        match timeout(settings.connect_timeout.min(left), self.resolver.look_up_afresh(name, port)).await {
            Ok(Ok(addresses)) => Ok(Reply::Address(preferred(&addresses, None).expect("there is at least one").ip())),
            Ok(Err(error)) => error::unresolved(&error, name),
            Err(_) if left < settings.connect_timeout => late("--timeout", settings.timeout),
            Err(_) => late("--connect-timeout", settings.connect_timeout),
        }
    }
}

#[cfg(test)]
mod tests;

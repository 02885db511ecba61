//! The guard at work: what is refused before anything is dialled, and whether an answer came from the public internet.
//!
//! Names are checked where they are resolved, so that what is checked is what is dialled; an address that stands in the URL itself
//! never gets there and is checked here. A guarded request has clients of its own, because a connection that another request opened
//! and kept has passed no guard.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use reqwest::Response;
use url::{Host, Position, Url};

use super::client::Fetcher;
use super::error::find;
use crate::model::{ErrorKind, Failure, Purpose, Ticket, shown};
use crate::policy::guard::Mode;

/// A name leads to no address that may be dialled; this is one that it leads to.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0} is refused")]
pub(super) struct Refused(pub(super) IpAddr);

impl Fetcher {
    /// Whether nothing but public addresses may be asked for a ticket.
    pub(super) fn is_guarded(&self, ticket: &Ticket) -> bool {
        self.settings.guard.mode.watches(ticket.is_led)
    }

    /// Refuses a guarded request whose URL says by itself that it leads to what is not public.
    pub(super) fn check(&self, ticket: &Ticket) -> Result<(), Failure> {
        if !self.is_guarded(ticket) {
            return Ok(());
        }
        match self.address_in(&ticket.url).filter(|address| self.settings.guard.objection(*address).is_some()) {
            Some(address) => Err(self.refusal(ticket, address)),
            None => Ok(()),
        }
    }

    /// What an error means that may be the guard's.
    pub(super) fn refused(&self, error: &reqwest::Error, ticket: &Ticket) -> Option<Failure> {
        find::<Refused>(error).map(|Refused(address)| self.refusal(ticket, *address))
    }

    /// Whether an answer came from a public address. Behind a proxy nobody can say; there it did, unless its URL says otherwise.
    pub(super) fn is_from_public(&self, response: &Response) -> bool {
        let address = if self.is_proxied(response.url()) {
            self.address_in(response.url())
        } else {
            response.remote_addr().as_ref().map(SocketAddr::ip)
        };
        address.is_none_or(|address| self.settings.guard.objection(address).is_none())
    }

    /// Whether a proxy is asked for a URL.
    pub(super) fn is_proxied(&self, url: &Url) -> bool {
        self.proxies.are_used_for(url)
    }

    /// The address that a URL names: its host, where that is an address, and behind a proxy, which looks up names itself, this
    /// machine where the host is `localhost`.
    fn address_in(&self, url: &Url) -> Option<IpAddr> {
        match url.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let is_local = name == "localhost" || name.ends_with(".localhost");
                (is_local && self.is_proxied(url)).then_some(Ipv4Addr::LOCALHOST.into())
            }
        }
    }

    fn refusal(&self, ticket: &Ticket, address: IpAddr) -> Failure {
        let url = &ticket.url;
        let special = self.settings.guard.objection(address).map(|special| special.to_string()).unwrap_or_default();
        let what = match url.host() {
            Some(Host::Domain(name)) => format!("{name} is at {address}, {special}"),
            _ => format!("{address} is {special}"),
        };
        let message = match (self.settings.guard.mode, ticket.is_led) {
            (Mode::Always, false) => format!("{what}, and --deny-private refuses those"),
            (Mode::Always, true) => format!("redirected to {}: {what}, and --deny-private refuses those", place(ticket)),
            (Mode::Redirects | Mode::Never, _) => format!(
                "redirected from the public internet to {}: {what}; if that is meant, list it or give --allow-private",
                place(ticket)
            ),
        };
        Failure::new(ErrorKind::Blocked, message)
    }
}

/// Where a ticket leads, for a message: of a robots.txt only the site matters.
fn place(ticket: &Ticket) -> Cow<'_, str> {
    shown(match ticket.purpose {
        Purpose::Page => ticket.url.as_str(),
        Purpose::Robots | Purpose::Address => &ticket.url[..Position::BeforePath],
    })
}

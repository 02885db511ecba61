//! What a request is at each step of its way: as the target asks for it, what a redirect leaves of that, and where it may lead.

use http::Method;
use url::Url;

use super::Frontier;
use crate::model::{Failure, Ticket, shown};
use crate::policy::redirect;

impl Frontier {
    /// An attempt begins as its target asks for it.
    pub(super) fn ask_as_listed(&self, ticket: &mut Ticket) {
        if ticket.hops.is_empty() {
            ticket.method = self.settings.request.method_of(&ticket.target);
            ticket.bare_after = None;
        }
    }

    /// A redirect of this status makes the next request what it is.
    pub(super) fn turn(&self, ticket: &mut Ticket, status: u16) {
        let is_get = ticket.method == Method::GET && !self.has_body(ticket);
        if !is_get && redirect::becomes_get(status, &ticket.method) {
            ticket.method = Method::GET;
            ticket.bare_after = Some(ticket.hops.len() + 1);
        }
    }

    /// Whether the request has a body.
    fn has_body(&self, ticket: &Ticket) -> bool {
        ticket.bare_after.is_none() && self.settings.request.body_of(&ticket.target).is_some()
    }

    /// Whether the next request would take a body to where it was not given for.
    fn leaks_body(&self, ticket: &Ticket, to: &Url) -> bool {
        self.has_body(ticket) && ticket.target.url.as_ref().is_ok_and(|listed| listed.origin() != to.origin())
    }

    /// Why a redirect is not followed, if it is not.
    pub(super) fn objection(&self, ticket: &Ticket, to: &Url) -> Option<String> {
        let shown = shown(to.as_str());
        if !self.may_follow(to) {
            let (followed, hint) =
                if self.settings.https_only { ("https is", " with --https-only") } else { ("http and https are", "") };
            return Some(format!("redirected to {shown}: only {followed} followed{hint}"));
        }
        // With another method it was another request, and with a new cookie it may be.
        let mut seen = ticket.hops.iter().chain([&ticket.url]).skip(ticket.bare_after.unwrap_or(0));
        if !self.settings.cookies && seen.any(|url| same_request(url, to)) {
            return Some(format!("redirected in a loop, back to {shown}"));
        }
        if self.leaks_body(ticket, to) {
            return Some(format!(
                "redirected to {shown}, another origin than the body was given for: list that URL if it is meant"
            ));
        }
        let limit = self.settings.max_redirects;
        (ticket.hops.len() >= limit).then(|| format!("redirected more than {limit} times, the last time to {shown}"))
    }

    /// Whether redirects to a URL of this scheme are followed.
    pub(super) fn may_follow(&self, to: &Url) -> bool {
        to.scheme() == "https" || to.scheme() == "http" && !self.settings.https_only
    }

    /// A failure that would be tried again if asking twice were no different from asking once. A redirect may have changed the
    /// method since, but the next attempt would begin with the first one.
    pub(super) fn unrepeatable(&self, ticket: &Ticket, failure: Failure) -> Result<Failure, Failure> {
        let method = self.settings.request.method_of(&ticket.target);
        if self.settings.retry.may_repeat(&method) {
            return Ok(failure);
        }
        let why = format!("not tried again, because {method} may do something twice (--retry-all tries it all the same)");
        Err(Failure { message: format!("{}; {why}", failure.message), ..failure })
    }
}

/// Whether two URLs make the same request: a fragment is not sent.
fn same_request(a: &Url, b: &Url) -> bool {
    let sent = |url: &Url| url.as_str().len() - url.fragment().map_or(0, |fragment| fragment.len() + 1);
    a.as_str()[..sent(a)] == b.as_str()[..sent(b)]
}

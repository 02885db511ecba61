//! The way to a host: straight, or through one proxy after the other until one does its part.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header;
use reqwest::{Response, StatusCode};
use tokio::time::Instant;

use super::client::Fetcher;
use super::exchange::{exchange, peer};
use super::proxy::Proxy;
use super::request::request;
use super::{Reply, dial, error};
use crate::model::{Failure, Flight, Ticket};

/// The way that one request goes.
#[derive(Debug, Default)]
pub(super) struct Way<'a> {
    /// The proxy, with its number among the proxies.
    pub(super) proxy: Option<(usize, &'a Proxy)>,
    /// Whether it is the proxy that failed.
    at_fault: AtomicBool,
    /// Whether an answer came through it.
    worked: AtomicBool,
}

impl<'a> Way<'a> {
    /// The way through a proxy.
    pub(super) fn through_proxy(number: usize, proxy: &'a Proxy) -> Self {
        Self { proxy: Some((number, proxy)), ..Self::default() }
    }

    /// How it goes on, for a message: nothing where it goes straight.
    pub(super) fn through(&self) -> String {
        self.proxy.map_or_else(String::new, |(_, proxy)| format!(" through the proxy {proxy}"))
    }

    /// It was the proxy that failed, not what lies behind it.
    pub(super) fn blame(&self) {
        self.at_fault.store(true, Ordering::Relaxed);
    }

    /// An answer came through the proxy.
    pub(super) fn praise(&self) {
        self.worked.store(true, Ordering::Relaxed);
    }

    /// Whether an answer came through the proxy.
    pub(super) fn has_worked(&self) -> bool {
        self.worked.load(Ordering::Relaxed)
    }

    /// The number of the proxy that failed.
    pub(super) fn culprit(&self) -> Option<usize> {
        self.proxy.filter(|_| self.at_fault.load(Ordering::Relaxed)).map(|(number, _)| number)
    }
}

/// Sends the request straight, or through one proxy after the other until one does its part: a proxy that fails is not the site's
/// failure, so that costs no attempt.
pub(super) async fn by_some_way(fetcher: &Fetcher, ticket: &Ticket, flight: &Arc<Flight>) -> Result<Reply, Failure> {
    let began = Instant::now();
    let mut way = fetcher.proxies.way(&ticket.url, &[]).expect("there is a way where none was tried");
    let (mut tried, mut is_hopeless) = (Vec::new(), true);
    loop {
        let sending = request(fetcher, ticket, &way)?;
        let past = ticket.spent + began.elapsed();
        let mut reply = dial::watched(flight, peer(ticket, &way), exchange(fetcher, ticket, sending, &way, past)).await;
        fetcher.proxies.learn(&way);
        let Some(culprit) = way.culprit() else { return reply };
        tried.push(culprit);
        if let Err(failure) = &mut reply {
            // Another attempt may find one of those at work that were tried before the last one.
            is_hopeless &= failure.permanent;
            failure.permanent = is_hopeless;
        }
        way = match fetcher.proxies.way(&ticket.url, &tried) {
            Some(other) if ticket.spent + began.elapsed() < fetcher.settings.timeout => other,
            _ => return reply,
        };
    }
}

/// A proxy's own answer, where the site's was wanted. Where the connection goes on behind the proxy all answers are the site's.
pub(super) fn of_the_proxy(response: &Response, way: &Way<'_>) -> Option<Failure> {
    let (_, proxy) = way.proxy.filter(|(_, proxy)| !proxy.is_socks() && response.url().scheme() == "http")?;
    // A site may answer so too, but has no reason to say how a proxy is to be convinced.
    let is_proxys = response.headers().contains_key(header::PROXY_AUTHENTICATE);
    if response.status() != StatusCode::PROXY_AUTHENTICATION_REQUIRED || !is_proxys {
        return None;
    }
    way.blame();
    Some(error::proxy_wants_to_know_who(proxy))
}

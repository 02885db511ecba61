//! What reqwest's and hyper's errors mean for a record.

mod http;
mod proxy;
mod tls;

use std::error::Error;
use std::io;

use rustix::io::Errno;
use url::Url;

use super::proxy::Proxy;
use super::route::has_way;
use super::way::Way;
use super::{Reply, Settings};
use crate::model::{ErrorKind, Failure};

/// A request that was answered with an error, or not at all.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) url: &'a Url,
    pub(super) way: &'a Way<'a>,
    /// It opened no connection of its own.
    pub(super) reused: bool,
    /// Sending it twice does no harm, so that it may be sent again where a kept connection was closed on it.
    pub(super) idempotent: bool,
    pub(super) settings: &'a Settings,
}

impl Sent<'_> {
    /// What it was sent to, for a message.
    fn site(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        format!("{host}:{}", self.url.port_or_known_default().unwrap_or_default())
    }

    fn proxy(&self) -> Option<&Proxy> {
        self.way.proxy.map(|(_, proxy)| proxy)
    }
}

/// An error before the answer's head.
pub(super) fn before_head(error: &reqwest::Error, sent: Sent<'_>) -> Result<Reply, Failure> {
    let cause = root_cause(error);
    let (site, through) = (sent.site(), sent.way.through());
    if is_starved(error, || has_way(sent.url)) {
        let message = format!("no connection to {site}{through} could be opened: {cause}");
        return Ok(Reply::Starved(Failure::new(ErrorKind::Connect, message)));
    }
    if let Some(failure) = sent.proxy().and_then(|proxy| proxy::failed(error, proxy, sent)) {
        return Err(failure);
    }
    if error.is_dns() {
        return unresolved(error, sent.url.host_str().unwrap_or_default());
    }
    let broken = find::<rustls::Error>(error);
    // With TLS 1.3 a server looks at our certificate when the handshake is over for us.
    if let Some(tls) = broken.filter(|tls| error.is_connect() || tls::is_refusal(tls)) {
        let why = tls::words(tls, sent.settings);
        return Err(Failure::new(ErrorKind::Tls, format!("no secure connection to {site}{through}: {why}")));
    }
    if error.is_timeout() {
        return Err(late(&sent));
    }
    if error.is_connect() {
        let message = match cause.as_str() {
            "tls handshake eof" => format!("{site}{through} closed the connection in the middle of the TLS handshake"),
            _ => format!("cannot connect to {site}{through}: {cause}"),
        };
        return Err(Failure::new(ErrorKind::Connect, message));
    }
    if let Some(broken_off) = find::<h2::Error>(error).filter(|h2| h2.is_remote()) {
        let failure = Failure::new(ErrorKind::Connect, format!("{site}{through} broke off the request: {cause}"));
        return if is_untouched(broken_off) { Ok(Reply::Stale(failure)) } else { Err(failure) };
    }
    if find::<h2::Error>(error).is_some_and(http::is_worn_out) {
        let message = format!("the connection to {site}{through} was given up: too much still came of answers that were dropped");
        let worn_out = Failure::new(ErrorKind::Connect, message);
        return if sent.idempotent { Ok(Reply::Stale(worn_out)) } else { Err(worn_out) };
    }
    if is_closed(error) || broken.is_some() {
        let why = if find::<io::Error>(error).is_some() { format!(": {cause}") } else { String::new() };
        let message = format!("{site}{through} closed the connection before it had sent the whole head of an answer{why}");
        let closed = Failure::new(ErrorKind::Connect, message);
        return if sent.reused && sent.idempotent { Ok(Reply::Stale(closed)) } else { Err(closed) };
    }
    Err(http::no_head(error, &format!("{site}{through}")))
}

/// No connection within the time for one.
fn late(sent: &Sent<'_>) -> Failure {
    let (site, through, limit) = (sent.site(), sent.way.through(), sent.settings.connect_timeout);
    Failure::new(ErrorKind::Timeout, format!("no connection to {site}{through} within --connect-timeout ({limit:?})"))
}

/// A name that could not be resolved.
pub(super) fn unresolved(error: &(dyn Error + 'static), host: &str) -> Result<Reply, Failure> {
    let cause = root_cause(error);
    if is_starved(error, || true) {
        let failure = Failure::new(ErrorKind::Dns, format!("{host} could not be looked up: {cause}"));
        return Ok(Reply::Starved(failure));
    }
    let permanent = ["Name or service not known", "No address associated", "nodename nor servname", "Name does not resolve"];
    let is_unknown = find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
    let permanent = is_unknown || permanent.iter().any(|text| cause.contains(text));
    Err(Failure { permanent, ..Failure::new(ErrorKind::Dns, format!("cannot resolve {host}: {cause}")) })
}

/// An error after the head, with `so_far` bytes of the body received.
pub(super) fn in_body(error: &reqwest::Error, so_far: usize) -> Failure {
    if let Some(failure) = http::bad_body(error, so_far) {
        return failure;
    }
    Failure::new(ErrorKind::Body, format!("the body was cut short after {so_far} bytes: {}", root_cause(error)))
}

/// A proxy that answered instead of the site: it wants to know who we are.
pub(super) fn proxy_wants_to_know_who(proxy: &Proxy) -> Failure {
    proxy::wants_to_know_who(proxy)
}

/// Whether an error of the system says that we have no descriptor or port left; without a way to the host there is none to be had.
fn is_starved(error: &(dyn Error + 'static), has_way: impl FnOnce() -> bool) -> bool {
    let code = find::<io::Error>(error).and_then(io::Error::raw_os_error).or_else(|| proxy::hidden_code(error));
    let is = |errno: Errno| Some(errno.raw_os_error()) == code;
    is(Errno::MFILE) || is(Errno::NFILE) || is(Errno::ADDRNOTAVAIL) && has_way()
}

/// Whether a server over HTTP/2 says that it has not begun to work on the request: it is closing its connection in an orderly way, as
/// many do after a number of requests, or has too many at a time.
fn is_untouched(error: &h2::Error) -> bool {
    error.reason() == Some(h2::Reason::REFUSED_STREAM) || error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR)
}

/// Whether the connection ended before there was an answer. hyper does not tell whether a part of its head had come.
fn is_closed(error: &reqwest::Error) -> bool {
    let hyper = find::<hyper::Error>(error)
        .is_some_and(|hyper| hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled());
    let reset = [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::UnexpectedEof,
    ];
    hyper || find::<io::Error>(error).is_some_and(|io| reset.contains(&io.kind()))
}

/// The innermost error's text: reqwest's own says only that something went wrong.
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    shortened(cause.to_string())
}

/// The longest text of an error, in bytes: a server may have had a say in it.
const LONGEST: usize = 300;

fn shortened(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push_str(" ...");
    }
    text
}

/// An error and those behind it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// The first error of a type in the chain; an I/O error also carries one inside.
pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| {
        let inside = || error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        error.downcast_ref::<E>().or_else(|| inside().and_then(|inside| find::<E>(inside)))
    })
}

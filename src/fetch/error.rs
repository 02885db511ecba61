//! What reqwest's and hyper's errors mean for a record.

use std::error::Error;
use std::{env, io};

use rustix::io::Errno;
use url::Url;

use super::route::has_way;
use super::{Reply, Settings};
use crate::model::{ErrorKind, Failure, redact};

/// An error before the answer's head. `reused`: the request opened no connection of its own.
pub(super) fn before_head(error: &reqwest::Error, reused: bool, url: &Url, settings: &Settings) -> Result<Reply, Failure> {
    let cause = root_cause(error);
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let failure = |kind, message: String| Failure::new(kind, message);
    if is_starved(error, || has_way(url)) {
        return Ok(Reply::Starved(failure(
            ErrorKind::Connect,
            format!("no connection to {host}:{port} could be opened: {cause}"),
        )));
    }
    if error.is_dns() {
        return unresolved(error, host);
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        let hint = match tls {
            rustls::Error::InvalidMessage(_) => " (nothing there speaks TLS: is it http:// that is meant?)",
            _ => "",
        };
        return Err(failure(ErrorKind::Tls, format!("no secure connection to {host}:{port}: {tls}{hint}")));
    }
    if error.is_timeout() {
        return Err(failure(
            ErrorKind::Timeout,
            format!("no connection to {host}:{port} within --connect-timeout ({:?})", settings.connect_timeout),
        ));
    }
    if error.is_connect() {
        let proxy = if settings.direct { String::new() } else { proxy(url.scheme()) };
        return Err(failure(ErrorKind::Connect, format!("cannot connect to {host}:{port}: {cause}{proxy}")));
    }
    if let Some(broken_off) = find::<h2::Error>(error).filter(|h2| h2.is_remote()) {
        let failure = failure(ErrorKind::Connect, format!("{host}:{port} broke off the request: {cause}"));
        return if is_untouched(broken_off) { Ok(Reply::Stale(failure)) } else { Err(failure) };
    }
    match find::<hyper::Error>(error) {
        Some(hyper) if hyper.is_parse_too_large() => {
            Err(failure(ErrorKind::TooLarge, format!("the answer's head is too large: {cause}")))
        }
        Some(hyper) if hyper.is_parse() => {
            Err(failure(ErrorKind::Protocol, format!("{host}:{port} does not speak HTTP: {cause}")))
        }
        _ if is_closed(error) => {
            let closed = failure(ErrorKind::Connect, format!("{host}:{port} closed the connection without an answer: {cause}"));
            if reused { Ok(Reply::Stale(closed)) } else { Err(closed) }
        }
        _ => Err(failure(ErrorKind::Protocol, format!("the request to {host}:{port} failed: {cause}"))),
    }
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
    let cause = root_cause(error);
    let broken = find::<io::Error>(error)
        .is_some_and(|io| matches!(io.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
        && find::<rustls::Error>(error).is_none();
    if broken {
        return Failure::new(ErrorKind::Protocol, format!("the body is broken HTTP after {so_far} bytes: {cause}"));
    }
    Failure::new(ErrorKind::Body, format!("the body was cut short after {so_far} bytes: {cause}"))
}

/// A reminder of the proxy that the environment names for a scheme: it may be what cannot be connected to.
fn proxy(scheme: &str) -> String {
    let names =
        [format!("{scheme}_proxy"), format!("{}_PROXY", scheme.to_ascii_uppercase()), "all_proxy".into(), "ALL_PROXY".into()];
    let set = names.iter().find_map(|name| Some((name, env::var(name).ok().filter(|value| !value.is_empty())?)));
    set.map_or_else(String::new, |(name, value)| format!(" ({name} names a proxy, {}: is it up?)", redact(&value)))
}

/// Whether an error of the system says that we have no descriptor or port left; without a way to the host there is none to be had.
fn is_starved(error: &(dyn Error + 'static), has_way: impl FnOnce() -> bool) -> bool {
    let code = find::<io::Error>(error).and_then(io::Error::raw_os_error);
    let is = |errno: Errno| Some(errno.raw_os_error()) == code;
    is(Errno::MFILE) || is(Errno::NFILE) || is(Errno::ADDRNOTAVAIL) && has_way()
}

/// Whether a server over HTTP/2 says that it has not begun to work on the request: it is closing its connection in an orderly way, as
/// many do after a number of requests, or has too many at a time.
fn is_untouched(error: &h2::Error) -> bool {
    error.reason() == Some(h2::Reason::REFUSED_STREAM) || error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR)
}

/// Whether the connection ended before anything was answered.
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
    cause.to_string()
}

/// The first error of a type in the chain; an I/O error also carries one inside.
pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = inside.and_then(|inside| find::<E>(inside)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

//! When it is the proxy that failed, and not what lies behind it.
//!
//! The types of the errors of a tunnel and of SOCKS are not to be had, so they are told apart by their texts; one that is not known
//! here is the proxy's.

use std::error::Error;

use super::{Sent, chain, find, is_closed, late, root_cause, tls};
use crate::fetch::proxy::Proxy;
use crate::model::{ErrorKind, Failure};

/// What a SOCKS proxy says where it works, but the site cannot be reached.
const UNREACHABLE: [&str; 4] = ["network unreachable", "host unreachable", "connection refused", "ttl expired"];

/// The proxy's failure, if it is one. The way is blamed for it.
pub(super) fn failed(error: &reqwest::Error, proxy: &Proxy, sent: Sent<'_>) -> Option<Failure> {
    let site = sent.site();
    let failure = if let Some(text) = said(error, "tunnel error: ") {
        tunnel(error, &text, proxy, sent)
    } else if let Some(text) = said(error, "SOCKS error: ") {
        if UNREACHABLE.iter().any(|reason| text.to_ascii_lowercase().contains(reason)) {
            let message = format!("cannot connect to {site} through the proxy {proxy}: {text}");
            return Some(Failure::new(ErrorKind::Connect, message));
        }
        socks(error, &text, proxy)
    } else if error.is_timeout() {
        late(&sent)
    } else if proxy.is_socks() || !sent.way_ends_at_the_proxy() {
        return None;
    } else if error.is_connect() {
        unreachable(error, proxy, sent)
    } else if is_closed(error) && !sent.reused {
        let message = format!("the proxy {proxy} closed the connection without an answer about {site}");
        let failure = Failure::new(ErrorKind::Connect, message);
        if !sent.idempotent {
            // It may have passed the request on: no other proxy must do so too.
            return Some(failure);
        }
        failure
    } else {
        return None;
    };
    sent.way.blame();
    Some(failure)
}

impl Sent<'_> {
    /// Whether the connection is one to the proxy, which is asked for the page, and not through it.
    fn way_ends_at_the_proxy(&self) -> bool {
        self.url.scheme() == "http"
    }
}

/// A proxy that does not let us pass without a password, or not with ours.
pub(super) fn wants_to_know_who(proxy: &Proxy) -> Failure {
    let message = format!(
        "the proxy {proxy} lets only those pass whom it knows (407): give it a user name and a password that it \
         accepts, with a colon between them and an @ before its host"
    );
    Failure { permanent: true, ..Failure::new(ErrorKind::Connect, message) }
}

/// No connection to the proxy.
fn unreachable(error: &reqwest::Error, proxy: &Proxy, sent: Sent<'_>) -> Failure {
    if let Some(error) = find::<rustls::Error>(error) {
        let why = tls::words(error, sent.settings);
        return Failure::new(ErrorKind::Tls, format!("no secure connection to the proxy {proxy}: {why}"));
    }
    Failure::new(ErrorKind::Connect, format!("cannot connect to the proxy {proxy}: {}", root_cause(error)))
}

fn tunnel(error: &reqwest::Error, text: &str, proxy: &Proxy, sent: Sent<'_>) -> Failure {
    let site = sent.site();
    let message = match text {
        "proxy authorization required" => return wants_to_know_who(proxy),
        "failed to create underlying connection" => return unreachable(error, proxy, sent),
        "unsuccessful" => format!("the proxy {proxy} refused to open a tunnel to {site}"),
        _ => format!("the proxy {proxy} opened no tunnel to {site}: {}", root_cause(error)),
    };
    Failure::new(ErrorKind::Connect, message)
}

fn socks(error: &reqwest::Error, text: &str, proxy: &Proxy) -> Failure {
    let message = match text {
        "failed to create underlying connection" => {
            let cause = hidden_code(error).map(std::io::Error::from_raw_os_error);
            let cause = cause.map_or_else(|| "no connection".to_owned(), |cause| cause.to_string());
            format!("cannot connect to the proxy {proxy}: {cause}")
        }
        "server does not support user/pass authentication"
        | "server implements authentication incorrectly"
        | "credentials not accepted" => {
            let message = format!(
                "the proxy {proxy} does not let us pass as we say who we are: give it the user name and password that \
                 it wants, with a colon between them and an @ before its host, or none"
            );
            return Failure { permanent: true, ..Failure::new(ErrorKind::Connect, message) };
        }
        "failed parsing server response" => format!("the proxy {proxy} does not speak SOCKS 5"),
        _ => format!("the proxy {proxy} made no connection: {text}"),
    };
    Failure::new(ErrorKind::Connect, message)
}

/// The rest of the text of the first error that begins like this.
fn said(error: &(dyn Error + 'static), start: &str) -> Option<String> {
    chain(error).find_map(|error| error.to_string().strip_prefix(start).map(str::to_owned))
}

/// The system's code behind an error of SOCKS, which does not name its source otherwise than to those who debug it.
pub(super) fn hidden_code(error: &(dyn Error + 'static)) -> Option<i32> {
    let socks = chain(error).find(|error| error.to_string().starts_with("SOCKS error: "))?;
    let debug = format!("{socks:?}");
    let (_, rest) = debug.split_once("code: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

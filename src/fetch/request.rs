//! The request itself: what was given for the listed URL (headers, credentials, cookies, a body) goes to its origin only, what
//! was given for a host to that host, and what a server set to where its cookies belong.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::Response;

use super::client::Fetcher;
use super::way::Way;
use super::{Settings, User};
use crate::model::{Body, Failure, Purpose, Ticket};

/// What describes a body, and goes with it.
const OF_BODY: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LOCATION];

/// Methods that are expected to have a body, so that it is said where there is none.
const FILLED: [Method; 3] = [Method::POST, Method::PUT, Method::PATCH];

/// The request that a ticket allows, ready to be sent when it is polled. Only what is left of it then is kept for as long as it takes.
pub(super) fn request(
    fetcher: &Fetcher,
    ticket: &Ticket,
    way: &Way<'_>,
) -> Result<impl Future<Output = reqwest::Result<Response>> + use<>, Failure> {
    let settings = &fetcher.settings;
    let mut url = ticket.url.clone();
    let own = ticket.target.url.as_ref().ok().filter(|_| ticket.is_same_origin());
    // Where a redirect put credentials into its URL they are not the user's; where it stays on the origin the user's are kept.
    let (user, password) = own.map_or(("", None), |own| (own.username(), own.password()));
    if url.username() != user || url.password() != password {
        // Percent-encoded as they stand in the URL, so setting them changes nothing but where they stand; only a URL without a host
        // refuses.
        let _ = url.set_username(user).and_then(|()| url.set_password(password));
    }
    let has_credentials = !user.is_empty() || password.is_some();
    let body = if own.is_some() { body(settings, ticket) } else { None };
    let mut headers = HeaderMap::new();
    if own.is_some() {
        given(settings, ticket, &mut headers);
    }
    let of_host =
        settings.hosts.rule(url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default()).headers;
    // They go to the host, whoever led there; but not where anybody on the way can read them, when it was asked in secret.
    let is_laid_open = url.scheme() == "http" && ticket.hops.iter().any(|hop| hop.scheme() == "https");
    replace(&mut headers, of_host.filter(|_| !is_laid_open));
    let is_named = has_credentials || headers.contains_key(header::AUTHORIZATION);
    let user = settings.user.as_ref().filter(|_| own.is_some() && !is_named);
    if let Some(cookies) = cookies(settings, ticket, own.is_some()) {
        headers.entry(header::COOKIE).or_insert(cookies);
    }
    if ticket.is_last {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let client = fetcher.client(&url, ticket.renewed || ticket.is_fresh, fetcher.is_guarded(ticket), way)?;
    let request = client.request(ticket.method.clone(), url);
    let request = match user {
        Some(User { name, password }) => request.basic_auth(name, Some(password)),
        None => request,
    };
    let request = match body.filter(|body| !body.bytes.is_empty()) {
        Some(body) => request.headers(headers).body(body.bytes.clone()),
        None if FILLED.contains(&ticket.method) => request.headers(headers).header(header::CONTENT_LENGTH, 0),
        None => request.headers(headers),
    };
    Ok(request.send())
}

/// The body of a page's request, until a redirect has dropped it.
fn body<'a>(settings: &'a Settings, ticket: &'a Ticket) -> Option<&'a Body> {
    let is_kept = ticket.purpose == Purpose::Page && ticket.bare_after.is_none();
    if is_kept { settings.request.body_of(&ticket.target) } else { None }
}

/// What was given for the listed URL, the more special in place of the more general.
fn given(settings: &Settings, ticket: &Ticket, headers: &mut HeaderMap) {
    let body = settings.request.body_of(&ticket.target).filter(|_| ticket.purpose == Purpose::Page);
    headers.extend(body.into_iter().flat_map(|body| body.media.headers()));
    replace(headers, Some(&settings.request.headers));
    replace(headers, ticket.target.request.as_deref().map(|own| &own.headers));
    if ticket.purpose != Purpose::Page || ticket.bare_after.is_some() {
        for name in OF_BODY {
            headers.remove(name);
        }
    }
}

/// Puts headers in place of those of the same names.
fn replace(headers: &mut HeaderMap, others: Option<&HeaderMap>) {
    let Some(others) = others else { return };
    for name in others.keys() {
        headers.remove(name);
    }
    for (name, value) in others {
        headers.append(name, value.clone());
    }
}

/// The cookies of a request: those that servers set, and those that the user gave for the listed URL, unless a server has set
/// another.
fn cookies(settings: &Settings, ticket: &Ticket, is_listed: bool) -> Option<HeaderValue> {
    let set = settings.cookies.as_deref().filter(|_| ticket.purpose == Purpose::Page);
    let set = set.map(|jar| jar.of(&ticket.url)).unwrap_or_default();
    let given = settings.cookie.iter().filter(|_| is_listed).flat_map(|given| given.split(';')).map(str::trim);
    let is_set = |given: &str| {
        let name = given.split('=').next().unwrap_or_default().trim();
        set.iter().any(|(own, _)| own == name)
    };
    let given: Vec<_> = given.filter(|given| !given.is_empty() && !is_set(given)).map(str::to_owned).collect();
    let pairs = set.into_iter().map(|(name, value)| format!("{name}={value}"));
    let line = pairs.chain(given).collect::<Vec<_>>().join("; ");
    // The jar and the command line take only what a header can carry.
    let mut value = HeaderValue::from_bytes(line.as_bytes()).ok().filter(|_| !line.is_empty())?;
    value.set_sensitive(true);
    Some(value)
}

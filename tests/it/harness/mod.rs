//! What the tests stand on: a strict site that misbehaves on demand, and the real program run to its end.

mod authority;
mod codings;
mod deaf;
mod guest;
pub(crate) mod h2;
mod library;
mod outputs;
mod proxy;
mod reply;
mod request;
mod run;
mod scrape;
mod screen;
mod site;
mod tap;
mod tests;

use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) use authority::{Authority, Leaf, signed_with_sha1};
pub(crate) use codings::{brotli, deflate, gzip, zlib, zstandard};
pub(crate) use deaf::Deaf;
pub(crate) use library::{Answer, Names, are, library, library_until, plan};
pub(crate) use outputs::{DATABASE, FORMS, Form, Row};
pub(crate) use proxy::{Asked, NO_WORD, Proxy, SILENCE};
pub(crate) use reply::{Gate, Reply};
pub(crate) use request::Request;
pub(crate) use run::{Run, field, records};
pub(crate) use scrape::{Live, Scrape, Work, scrape};
pub(crate) use screen::screen;
pub(crate) use site::{Hit, Site};

/// No single wait of a test may last longer: whatever is awaited is not going to come.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// An address on the loopback where nobody listens, so that it is refused at once.
pub(crate) const REFUSED: &str = "http://127.99.0.1:1/";

/// A URL whose host name no resolver is asked for: its label is longer than DNS allows.
pub(crate) fn unresolvable() -> String {
    format!("http://{}.test/", "n".repeat(64))
}

/// A named thread of the harness, joined by whoever asked for it.
#[expect(clippy::disallowed_methods, reason = "the harness joins its threads itself")]
pub(crate) fn thread<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).expect("the machine has a thread left")
}

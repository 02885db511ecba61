//! The targets of one row: one, or as many as its globs make.

use std::sync::Arc;

use super::glob::Glob;
use super::{Bad, Row};
use crate::model::{Input, Request, Target};

/// A row on its way through its URLs.
pub(super) struct Batch {
    place: String,
    input: Option<Input>,
    request: Option<Arc<Request>>,
    urls: Urls,
}

enum Urls {
    None,
    One(String),
    Many(Glob),
    Bad(Bad),
}

impl Batch {
    pub(super) fn new(Row { place, url, input, request }: Row, glob: bool) -> Self {
        let urls = match url {
            Ok(url) if glob => match Glob::parse(&url) {
                Ok(urls) => Urls::Many(urls),
                Err(error) => Urls::Bad(Bad { shown: url, why: error.to_string() }),
            },
            Ok(url) => Urls::One(url),
            Err(bad) => Urls::Bad(bad),
        };
        Self { place, input, request, urls }
    }

    pub(super) const fn is_done(&self) -> bool {
        match &self.urls {
            Urls::None => true,
            Urls::Many(urls) => urls.is_done(),
            Urls::One(_) | Urls::Bad(_) => false,
        }
    }

    /// The next URL, as text; `is_done` is asked first.
    pub(super) fn url(&mut self) -> Result<String, Bad> {
        match &mut self.urls {
            Urls::Many(urls) => Ok(urls.next().unwrap_or_default()),
            other => match std::mem::replace(other, Urls::None) {
                Urls::One(url) => Ok(url),
                Urls::Bad(bad) => Err(bad),
                Urls::Many(_) | Urls::None => Ok(String::new()),
            },
        }
    }

    /// The target of a URL that was just taken.
    pub(super) fn target(&mut self, index: u64, url: Result<String, Bad>, https_only: bool) -> Target {
        let input = if self.is_done() { self.input.take() } else { self.input.clone() };
        let target = match url {
            Ok(url) => target(index, &url, &self.place, input).asking(self.request.clone()),
            Err(Bad { shown, why }) => Target::invalid(index, &shown, format!("{}: {why}", self.place), input),
        };
        if https_only { secure(target, &self.place) } else { target }
    }
}

/// The same target, unless its URL has `http`.
fn secure(target: Target, place: &str) -> Target {
    if target.url.as_ref().is_ok_and(|url| url.scheme() == "http") {
        let (given, message) = (target.given().to_owned(), format!("{place}: http is not fetched with --https-only"));
        return Target::invalid(target.index, &given, message, target.input);
    }
    target
}

/// The URL standard drops tabs and line breaks and encodes other control characters. None was meant: `http://a/⇥note` would be
/// fetched as `http://a/note`.
fn target(index: u64, url: &str, place: &str, input: Option<Input>) -> Target {
    let control = url.chars().zip(1..).find(|(c, _)| c.is_control());
    match control {
        Some((c, column)) => {
            let message = format!("{place}: not a usable URL: the control character {c:?} at column {column}");
            Target::invalid(index, url, message, input)
        }
        None => Target::new(index, url, place, input),
    }
}

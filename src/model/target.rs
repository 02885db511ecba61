//! One line of the input: what is to be fetched, or why that cannot be.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::failure::{ErrorKind, Failure};
use super::request::Request;

/// The input's other columns or members for one target, in their order.
pub type Input = Box<Map<String, Value>>;

/// One target. A line that is no usable URL is a target too: it becomes a record that says so.
#[derive(Clone, Debug)]
pub struct Target {
    /// 1-based ordinal in the input.
    pub index: u64,
    /// The URL as given, where that differs from the parsed one: kept apart because a list holds thousands of targets at a time.
    given: Option<Box<str>>,
    /// Where to go, or why not.
    pub url: Result<Url, Box<Failure>>,
    /// What else the input carried.
    pub input: Option<Input>,
    /// What its request has of its own.
    pub request: Option<Arc<Request>>,
}

impl Target {
    /// A target from the text of a line. `place` names the line in the message of a bad URL: `urls.txt:7`.
    ///
    /// ```
    /// use scrape::Target;
    /// let target = Target::new(1, "example.com/x", "urls.txt:1", None);
    /// assert_eq!(target.given(), "example.com/x");
    /// assert_eq!(target.url.unwrap().as_str(), "https://example.com/x");
    /// ```
    #[must_use]
    pub fn new(index: u64, given: &str, place: &str, input: Option<Input>) -> Self {
        match parse_url(given) {
            Ok(url) => {
                let given = (url.as_str() != given).then(|| given.into());
                Self { index, given, url: Ok(url), input, request: None }
            }
            Err(error) => Self::invalid(index, given, format!("{place}: {error}"), input),
        }
    }

    /// A target that cannot be fetched; `message` says where it stands and why.
    #[must_use]
    pub fn invalid(index: u64, given: &str, message: String, input: Option<Input>) -> Self {
        let failure = Failure::new(ErrorKind::InvalidUrl, message);
        Self { index, given: Some(given.into()), url: Err(Box::new(failure)), input, request: None }
    }

    /// A valid target put together again. `given` is the URL as the input gave it, where that differs from the parsed one.
    pub(crate) fn restored(index: u64, given: Option<&str>, url: Url, input: Option<Input>) -> Self {
        Self { index, given: given.map(Into::into), url: Ok(url), input, request: None }
    }

    /// The same target, whose request has something of its own.
    #[must_use]
    pub fn asking(self, request: Option<Arc<Request>>) -> Self {
        Self { request, ..self }
    }

    /// The URL as the input gave it.
    #[must_use]
    pub fn given(&self) -> &str {
        match (&self.given, &self.url) {
            (Some(given), _) => given,
            (None, Ok(url)) => url.as_str(),
            (None, Err(_)) => "",
        }
    }

    /// The URL as its record shows it, but for what the user calls secret ([`Secrets::url_of`](super::Secrets::url_of)).
    #[must_use]
    pub fn shown(&self) -> Cow<'_, str> {
        if self.url.is_ok() { redact(self.given()) } else { redact_text(self.given()) }
    }
}

/// What the source hands on at a time: some targets that are not to be fetched, and one that is.
#[derive(Debug)]
pub struct Read {
    /// So many targets are to be counted as skipped: URLs that `unique` dropped, and what an earlier run has finished.
    pub skipped: u64,
    /// The target after them; `None` where the skipped ones are all for now.
    pub target: Option<Target>,
    /// More input is at hand: reading the next target will not wait for anybody.
    pub more: bool,
}

/// Why a text is no usable URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Only `http` and `https` are fetched.
    #[error("the scheme {0:?} cannot be fetched: only http and https can")]
    Scheme(String),
    /// Neither a scheme nor something that looks like a host.
    #[error("not a URL: a line is https://host/path or host.example/path")]
    NoUrl,
    /// The URL standard refuses it.
    #[error("not a usable URL: {0}")]
    Parse(#[from] url::ParseError),
    /// It takes more bytes than one may, encoded as it is sent.
    #[error("a URL of {0} bytes as it is sent: {MAX_URL} are the most")]
    TooLong(usize),
}

/// The longest URL that can be asked for, in bytes: the bound of the `http` crate.
pub const MAX_URL: usize = 65_534;

/// Reads a URL as a person writes it: `http` and `https` URLs per the WHATWG URL standard, and a bare host name
/// (`example.com/x`, `localhost:8080`) as `https://`.
///
/// # Errors
/// Another scheme, a text that is no URL, or one that the standard refuses.
pub fn parse_url(text: &str) -> Result<Url, UrlError> {
    let scheme = text.split_once(':').filter(|(scheme, rest)| {
        let mut letters = scheme.chars();
        letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
            && !is_port(rest)
    });
    match scheme {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
            // The standard would read `https:example.com` and `https:///example.com` as a host; a person who typed them mistyped.
            if !rest.starts_with("//") || rest.starts_with("///") {
                return Err(UrlError::Parse(url::ParseError::EmptyHost));
            }
            short(Url::parse(text)?)
        }
        Some((scheme, _)) => Err(UrlError::Scheme(scheme.to_ascii_lowercase())),
        None if looks_like_host(text) => short(Url::parse(&format!("https://{text}"))?),
        None => Err(UrlError::NoUrl),
    }
}

fn short(url: Url) -> Result<Url, UrlError> {
    let length = url.as_str().len();
    if length > MAX_URL { Err(UrlError::TooLong(length)) } else { Ok(url) }
}

/// Whether what follows a colon is a port and what may follow one, so that the text before it is a host and no scheme.
fn is_port(rest: &str) -> bool {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && matches!(rest.as_bytes().get(digits), None | Some(b'/' | b'?' | b'#'))
}

/// Whether a text without a scheme starts with a host name: one with a dot inside, `localhost`, or an IPv6 literal.
fn looks_like_host(text: &str) -> bool {
    let authority = text.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let dotted = name.trim_matches('.').contains('.') && !name.starts_with('.');
    (dotted || name.eq_ignore_ascii_case("localhost") || host.starts_with('[')) && !host.contains(char::is_whitespace)
}

/// The text of a URL with its secrets replaced by `***`, for everything that is written or printed: the password, and a user name
/// that stands alone, which may be a token.
///
/// ```
/// use scrape::model::redact;
/// assert_eq!(redact("https://ann:secret@a.example/"), "https://ann:***@a.example/");
/// assert_eq!(redact("https://token@a.example/"), "https://***@a.example/");
/// assert_eq!(redact("https://a.example/?q=a:b@c"), "https://a.example/?q=a:b@c");
/// ```
#[must_use]
pub fn redact(url: &str) -> Cow<'_, str> {
    // What is secret ends with this, and hardly any URL has one.
    if memchr::memchr(b'@', url.as_bytes()).is_none() {
        return Cow::Borrowed(url);
    }
    let start = url.find("://").map_or(0, |at| at + 3);
    let ends = |c: char| matches!(c, '/' | '?' | '#' | '\\');
    let end = url[start..].find(ends).map_or(url.len(), |at| start + at);
    let mut shown = hide(url, start, end);
    // Another URL may stand in it as a parameter. What is hidden moves only what comes after it.
    let mut from_end = url.len() - end;
    while let Some(at) = shown[shown.len() - from_end..].find("://") {
        let start = shown.len() - from_end + at + 3;
        let end = shown[start..].find(|c| ends(c) || c == '&').map_or(shown.len(), |at| start + at);
        from_end = shown.len() - end;
        shown = Cow::Owned(hide(&shown, start, end).into_owned());
    }
    shown
}

/// The same, at most some 300 bytes of it: a server may send a URL of any length.
#[must_use]
pub fn shown(url: &str) -> Cow<'_, str> {
    const SHOWN: usize = 300;
    let url = redact(url);
    if url.len() <= SHOWN { url } else { Cow::Owned(format!("{}…", &url[..url.floor_char_boundary(SHOWN)])) }
}

/// The same as [`redact`] for a text that is no URL, where it cannot be told what ends the part with the secrets: all up to the last `@`.
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let scheme = text.find(":/").map_or(0, |at| at + 1);
    let start = text[scheme..].find(|c| c != '/').map_or(text.len(), |at| scheme + at);
    hide(text, start, text.len())
}

/// Hides what secrets stand before the last `@` of a part of a text.
fn hide(text: &str, start: usize, end: usize) -> Cow<'_, str> {
    let Some(at) = text[start..end].rfind('@').map(|at| start + at) else { return Cow::Borrowed(text) };
    let secret = text[start..at].find(':').map_or(start, |colon| start + colon + 1);
    Cow::Owned(format!("{}***{}", &text[..secret], &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_host_is_read_as_https() {
        for (text, url) in [
            ("example.com", "https://example.com/"),
            ("example.com/x?y#z", "https://example.com/x?y#z"),
            ("example.com:8080/x", "https://example.com:8080/x"),
            ("localhost:8080", "https://localhost:8080/"),
            ("[::1]:80/x", "https://[::1]:80/x"),
            ("HTTP://EXAMPLE.com/a/../b c", "http://example.com/b%20c"),
            ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
            ("http://0x7f.1/", "http://127.0.0.1/"),
        ] {
            assert_eq!(parse_url(text).map(String::from), Ok(url.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_a_reason() {
        for text in
            ["not a url", "foo", "", "/path", "//example.com/", "...", "http:", "http://", "https:example.com", "http:///x"]
        {
            assert!(parse_url(text).is_err(), "{text}");
        }
        for text in ["http://[::1", "http://example.com:99999/", "http://exa mple.com/", "example.com:99999/"] {
            assert!(matches!(parse_url(text), Err(UrlError::Parse(_))), "{text}");
        }
        for (text, scheme) in
            [("ftp://a.example/", "ftp"), ("mailto:a@b.example", "mailto"), ("JavaScript:alert(1)", "javascript")]
        {
            assert_eq!(parse_url(text), Err(UrlError::Scheme(scheme.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(redact("http://u:p@ss@h.example/x"), "http://u:***@h.example/x");
        assert_eq!(redact("u:p@h.example"), "u:***@h.example");
        assert_eq!(
            redact("http://h/?a=http://u:p@i/x&b=https://t@j&c=d@e"),
            "http://h/?a=http://u:***@i/x&b=https://***@j&c=d@e"
        );
        assert_eq!(redact("http://u:p@h/http://i/"), "http://u:***@h/http://i/");
        assert_eq!(redact("http://u@h.example/"), "http://***@h.example/");
        assert_eq!(redact("http://h.example:80/a@b"), "http://h.example:80/a@b");
        let long = shown(&format!("http://u:p@h.example/{}", "ü".repeat(1000))).into_owned();
        assert!(long.starts_with("http://u:***@h.example/ü") && long.ends_with('…') && long.len() < 310, "{long}");
        for text in [
            "http:/u:s3cret@h/",
            "http:///u:s3cret@h/",
            "http://u:s3#cret@h/",
            "http://u:s3/cret@h/",
            "u:s3cret@h",
            "x://s3cret@h",
        ] {
            let shown = redact_text(text);
            assert!(shown.contains("***@h") && !shown.contains("s3"), "{shown}");
        }
    }
}

//! What a request is made of beside its URL: the method, headers, a body. What all targets have in common is said once; a target
//! keeps only what it has of its own.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::target::Target;

/// What is asked with, as far as somebody said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method. Default: `POST` with a body, else `GET`.
    pub method: Option<Method>,
    /// Headers. They are for the origin that the target names, and for no other.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Body>,
}

/// A request's body.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Its bytes.
    pub bytes: Bytes,
    /// What it is, where no header says something else.
    pub media: Media,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// The fields of a form: `application/x-www-form-urlencoded`.
    Form,
    /// JSON, which is expected in return too.
    Json,
    /// Nobody says.
    Unnamed,
}

impl Media {
    /// The headers that go with such a body, unless others of these names are given.
    pub fn headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let (content, accepted) = match self {
            Self::Form => (Some("application/x-www-form-urlencoded"), None),
            Self::Json => (Some("application/json"), Some("application/json")),
            Self::Unnamed => (None, None),
        };
        let named = [(header::CONTENT_TYPE, content), (header::ACCEPT, accepted)].into_iter();
        named.filter_map(|(name, value)| Some((name, HeaderValue::from_static(value?))))
    }
}

impl fmt::Debug for Body {
    /// Without the bytes: they may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {:?}", self.bytes.len(), self.media)
    }
}

impl Request {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.method.is_none() && self.headers.is_empty() && self.body.is_none()
    }

    /// The method for a target, where `self` is what counts for all of them.
    ///
    /// ```
    /// use scrape::model::{Body, Media, Request, Target};
    /// let target = Target::new(1, "a.example", "list:1", None);
    /// let all = Request { body: Some(Body { bytes: "a=b".into(), media: Media::Form }), ..Request::default() };
    /// assert_eq!(all.method_of(&target), "POST");
    /// ```
    #[must_use]
    pub fn method_of(&self, target: &Target) -> Method {
        let own = target.request.as_ref().and_then(|own| own.method.as_ref());
        let has_body = self.body_of(target).is_some();
        own.or(self.method.as_ref()).cloned().unwrap_or(if has_body { Method::POST } else { Method::GET })
    }

    /// The body for a target: its own, or that of all targets unless it has a method of its own, which then says that there is
    /// none.
    #[must_use]
    pub fn body_of<'a>(&'a self, target: &'a Target) -> Option<&'a Body> {
        match target.request.as_deref() {
            Some(own) if own.body.is_some() || own.method.is_some() => own.body.as_ref(),
            _ => self.body.as_ref(),
        }
    }
}

/// Reads a method: any token but `CONNECT`. The standard ones may be written in lower case.
///
/// # Errors
/// Why it is none, for a person.
pub fn parse_method(text: &str) -> Result<Method, String> {
    const STANDARD: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    let standard = STANDARD.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text));
    match standard.map_or_else(|| Method::from_bytes(text.as_bytes()), Ok) {
        Ok(Method::CONNECT) => Err("CONNECT opens a tunnel and fetches nothing".to_owned()),
        Ok(method) => Ok(method),
        Err(_) => Err("a method is one word: GET, HEAD, POST, PUT, PATCH, DELETE, ...".to_owned()),
    }
}

/// Reads a header that somebody wants to send. Its value is marked as one that is not to be shown.
///
/// # Errors
/// Why it cannot be sent, for a person, without its value.
pub fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name: HeaderName = name.parse().map_err(|_| {
        // Who forgot the colon has written the value too.
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')).unwrap_or(name.len());
        let more = if end < name.len() { "..." } else { "" };
        format!("\"{}{more}\" is no header name", &name[..end])
    })?;
    if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(&name) {
        return Err(format!("{name} is set by what is sent, and cannot be given"));
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| "a header's value is one line of visible text".to_owned())?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn target(own: Request) -> Target {
        Target::new(1, "http://a.example/", "list:1", None).asking(Some(Arc::new(own)))
    }

    fn body(text: &'static str) -> Body {
        Body { bytes: text.into(), media: Media::Unnamed }
    }

    #[test]
    fn what_a_target_says_counts_before_what_counts_for_all() {
        let all = Request { body: Some(body("all")), ..Request::default() };
        let put = Request { method: Some(Method::PUT), ..all.clone() };
        let (get, own) = (Some(Method::GET), Some(body("own")));
        for (all, own, method, sent) in [
            (&all, Request::default(), "POST", Some("all")),
            (&put, Request::default(), "PUT", Some("all")),
            (&put, Request { body: own.clone(), ..Request::default() }, "PUT", Some("own")),
            (&put, Request { method: get.clone(), ..Request::default() }, "GET", None),
            (&all, Request { method: get, body: own, ..Request::default() }, "GET", Some("own")),
            (&Request::default(), Request::default(), "GET", None),
        ] {
            let target = target(own);
            assert_eq!(all.method_of(&target), method, "{target:?}");
            assert_eq!(all.body_of(&target).map(|body| &body.bytes[..]), sent.map(str::as_bytes), "{target:?}");
        }
    }

    #[test]
    fn a_method_is_a_token_and_no_tunnel() {
        assert_eq!(parse_method("delete"), Ok(Method::DELETE));
        assert_eq!(parse_method("PURGE").unwrap(), "PURGE");
        assert_eq!(parse_method("purge").unwrap(), "purge", "what is not standard is left as it is");
        for bad in ["", "GET /", "a\nb", "connect", "CONNECT", "\u{e9}"] {
            assert!(parse_method(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_header_does_not_break_the_framing_and_a_refusal_does_not_show_it() {
        assert!(parse_header("X-A", "b").unwrap().1.is_sensitive());
        for (name, value) in [
            ("Authorization=Bearer s3cret", "x"),
            ("X-A", "s3cret\nX-B: c"),
            ("X A", "s3cret"),
            ("content-length", "s3cret"),
            ("", "s3cret"),
        ] {
            let why = parse_header(name, value).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }

    #[test]
    fn a_body_is_not_shown() {
        let request = Request { body: Some(body("s3cret")), ..Request::default() };
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}

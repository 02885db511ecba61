//! What is not to be shown, in whatever is written about a run: credentials in URLs always, and what the user names.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use url::form_urlencoded;

use super::failure::ErrorKind;
use super::record::Record;
use super::target::{Target, redact};

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// Where a parameter may begin in a URL: after the path, between two, in a fragment, within a path.
const BEFORE: [char; 4] = ['?', '&', '#', ';'];

/// What a bad line has in it that is more than a URL.
const FOREIGN: [char; 5] = ['"', '{', ',', '\t', '\n'];

/// The names whose values are secret: parameters of URLs, headers, members and columns of the input. Upper and lower case are the
/// same.
///
/// ```
/// use scrape::model::Secrets;
/// let secrets = Secrets::new(["token".to_owned()]);
/// assert_eq!(secrets.url("http://u:p@a.example/?a=1&Token=abc#x"), "http://u:***@a.example/?a=1&Token=***#x");
/// assert_eq!(secrets.text("see http://a.example/?token=abc for more"), "see http://a.example/?token=*** for more");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    names: Arc<[Box<str>]>,
}

impl Secrets {
    /// Secrets of these names.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().map(|name| name.trim().to_lowercase().into()).collect() }
    }

    /// Whether what has this name is secret.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        !self.names.is_empty() && self.names.iter().any(|own| **own == *name.trim().to_lowercase())
    }

    /// A text that is a URL as a whole, or was meant as one.
    #[must_use]
    pub fn url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        match redact(url) {
            Cow::Borrowed(url) => self.parameters(url, |c| matches!(c, '&' | '#')),
            Cow::Owned(url) => Cow::Owned(self.parameters(&url, |c| matches!(c, '&' | '#')).into_owned()),
        }
    }

    /// A text that may have URLs in it.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let ends = |c: char| matches!(c, '&' | '#' | '"' | '<' | '>') || c.is_whitespace();
        match userinfo(text) {
            Cow::Borrowed(text) => self.parameters(text, ends),
            Cow::Owned(text) => Cow::Owned(self.parameters(&text, ends).into_owned()),
        }
    }

    /// The URL of a target as its record shows it.
    #[must_use]
    pub fn url_of<'a>(&self, target: &'a Target) -> Cow<'a, str> {
        self.of_record(target.shown(), target.url.is_err())
    }

    /// The same of the text that a target would be made of, where that shows without making one.
    #[must_use]
    pub fn url_of_text<'a>(&self, given: &'a str) -> Option<Cow<'a, str>> {
        // What hides credentials, and where there are secrets what hides bad lines, depends on whether it is a URL.
        let depends = given.contains('@') || (!self.names.is_empty() && given.contains(FOREIGN));
        (!depends).then(|| self.of_record(given.into(), false))
    }

    fn of_record<'a>(&self, url: Cow<'a, str>, is_bad: bool) -> Cow<'a, str> {
        if self.names.is_empty() {
            return url;
        }
        if is_bad && url.contains(FOREIGN) {
            // A line of a table or of JSON that cannot be read: nobody knows whose values these are. The message says where it stands.
            return HIDDEN.into();
        }
        match self.url(&url) {
            Cow::Borrowed(_) => url,
            Cow::Owned(url) => url.into(),
        }
    }

    /// A record, but for its data, which is what was asked for.
    pub fn hide(&self, record: &mut Record) {
        if let Some(message) = &mut record.error_message {
            replace(message, |text| self.text(text));
        }
        if self.names.is_empty() {
            return; // its URLs have no credentials any more
        }
        let is_bad = record.error == Some(ErrorKind::InvalidUrl);
        record.url = self.of_record(std::mem::take(&mut record.url).into(), is_bad).into_owned();
        if let Some(url) = &mut record.final_url {
            replace(url, |url| self.url(url));
        }
        if let Some(input) = &mut record.input {
            input.iter_mut().for_each(|(name, value)| self.member(name, value));
        }
    }

    fn member(&self, name: &str, value: &mut Value) {
        match value {
            value if self.is_named(name) => *value = HIDDEN.into(),
            Value::Object(members) => members.iter_mut().for_each(|(name, value)| self.member(name, value)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.member("", item)),
            _ => {}
        }
    }

    /// Hides the values of parameters; each goes on to where it `ends`.
    fn parameters<'a>(&self, text: &'a str, ends: impl Fn(char) -> bool) -> Cow<'a, str> {
        if self.names.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut shown, mut done, mut at, mut name) = (String::new(), 0, 0, Some(0));
        while at < text.len() {
            let Sign { is, depth, length } = Sign::at(&text[at..]);
            if BEFORE.contains(&is) || (depth == 0 && ends(is)) {
                name = Some(at + length);
            }
            let before = at;
            at += length;
            // What follows a `=` without anything between them is still its value.
            if is == '='
                && let Some(start) = name.take()
                && self.is_named(&decoded(&text[start..before]))
            {
                shown.extend([&text[done..at], HIDDEN]);
                let value = at;
                while at < text.len() {
                    let Sign { is, depth: own, length } = Sign::at(&text[at..]);
                    if (own == 0 && ends(is)) || (depth > 0 && own > 0 && matches!(is, '&' | '#')) {
                        break;
                    }
                    at += length;
                }
                // What ends a sentence or begins an explanation is no part of it.
                at -= usize::from(at > value && matches!(text.as_bytes()[at - 1], b':' | b',' | b'.' | b')'));
                // What was hidden before stays as it is, with the quote that closes around it.
                if let Some(rest) = text[value..at].strip_prefix(HIDDEN)
                    && rest.bytes().all(|byte| matches!(byte, b'\'' | b'"'))
                {
                    at -= rest.len();
                }
                done = at;
            }
        }
        if done == 0 { Cow::Borrowed(text) } else { Cow::Owned(shown + &text[done..]) }
    }
}

/// A character of a URL, which may be percent-encoded: once, or as often as the URL is within another.
struct Sign {
    is: char,
    /// How often it is encoded.
    depth: usize,
    /// In bytes.
    length: usize,
}

impl Sign {
    /// The first of a text that is not empty.
    fn at(text: &str) -> Self {
        let first = text.chars().next().unwrap_or_default();
        let plain = Self { is: first, depth: 0, length: first.len_utf8() };
        let Some(mut rest) = text.strip_prefix('%') else { return plain };
        let mut depth = 1;
        while let Some(inner) = rest.strip_prefix("25") {
            (rest, depth) = (inner, depth + 1);
        }
        let byte = rest.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if byte.is_ascii() => Self { is: byte.into(), depth, length: text.len() - rest.len() + 2 },
            _ => plain,
        }
    }
}

/// A name as it is meant.
fn decoded(name: &str) -> Cow<'_, str> {
    form_urlencoded::parse(name.as_bytes()).next().map_or(Cow::Borrowed(""), |(name, _)| name)
}

fn replace(text: &mut String, hidden: impl Fn(&str) -> Cow<'_, str>) {
    if let Cow::Owned(hidden) = hidden(text) {
        *text = hidden;
    }
}

/// Hides the credentials in all URLs of a text.
fn userinfo(text: &str) -> Cow<'_, str> {
    let (mut shown, mut done) = (String::new(), 0);
    while let Some(start) = text[done..].find("://").map(|start| done + start + 3) {
        let end = text[start..].find(|c: char| matches!(c, '/' | '?' | '#' | '"' | '<' | '>') || c.is_whitespace());
        let end = end.map_or(text.len(), |end| start + end);
        shown.push_str(&text[done..start]);
        // With a scheme of its own, as it has lost it.
        let authority = format!("x://{}", &text[start..end]);
        shown.push_str(&redact(&authority)["x://".len()..]);
        done = end;
    }
    if done == 0 { Cow::Borrowed(text) } else { Cow::Owned(shown + &text[done..]) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets() -> Secrets {
        Secrets::new(["token".to_owned(), "API_Key".to_owned(), "jsessionid".to_owned()])
    }

    #[test]
    fn a_named_parameter_is_hidden_wherever_it_stands_and_however_it_is_written() {
        for (url, shown) in [
            ("http://a.example/?token=abc", "http://a.example/?token=***"),
            ("http://a.example/?x=1&TOKEN=abc&y=2", "http://a.example/?x=1&TOKEN=***&y=2"),
            ("http://a.example/?x=1;token=a b\"c;d", "http://a.example/?x=1;token=***"),
            ("http://a.example/?to%6ben=abc&x=1", "http://a.example/?to%6ben=***&x=1"),
            ("http://a.example/?api_key=a=b==&z", "http://a.example/?api_key=***&z"),
            ("http://a.example/x;jsessionid=abc?y=1", "http://a.example/x;jsessionid=***"),
            ("http://a.example/#token=abc&x=1", "http://a.example/#token=***&x=1"),
            ("http://a.example/?token=a&token=b", "http://a.example/?token=***&token=***"),
            ("http://a.example/?token=&x", "http://a.example/?token=***&x"),
            ("http://a.example/?a==b=c;token=d", "http://a.example/?a==b=c;token=***"),
            ("token=abc", "token=***"),
            (
                "http://a.example/?to=http%3A%2F%2Fb.example%2F%3ftoken%3Dabc%26x%3D1&y",
                "http://a.example/?to=http%3A%2F%2Fb.example%2F%3ftoken%3D***%26x%3D1&y",
            ),
            (
                "http://a.example/?to=%252Fx%253Ftoken%253dabc%2526x%253D1",
                "http://a.example/?to=%252Fx%253Ftoken%253d***%2526x%253D1",
            ),
            ("http://a.example/?token=a%26b%3Dc&x", "http://a.example/?token=***&x"),
            ("http://a.example/?to=http://b.example/?token=abc", "http://a.example/?to=http://b.example/?token=***"),
        ] {
            assert_eq!(secrets().url(url), shown);
        }
        for url in [
            "http://a.example/?tokens=abc",
            "http://a.example/token=/x",
            "http://a.example/?x=token",
            "",
            "=",
            "?=&=",
            "%",
            "%2",
            "%25",
            "%253",
            "%zz=",
            "%é=",
        ] {
            assert_eq!(secrets().url(url), url);
        }
    }

    #[test]
    fn what_is_secret_in_a_text_ends_with_its_url() {
        let text = "GET http://ann:s3cret@a.example/?token=s3cret: 404 (x=1), then \"http://t0k@b.example/?api_key=s3cret\" a@b";
        let shown = "GET http://ann:***@a.example/?token=***: 404 (x=1), then \"http://***@b.example/?api_key=***\" a@b";
        assert_eq!(secrets().text(text), shown);
        let quoted = "'http://a.example/?token=***' --redact token";
        assert_eq!(secrets().text(quoted), quoted);
        assert_eq!(Secrets::default().text("http://ann:s3cret@a.example/?token=x"), "http://ann:***@a.example/?token=x");
    }

    #[test]
    fn a_text_that_is_all_signs_takes_no_time() {
        for text in ["=", "?=", "://", "://@", "?token=", "%25", "%3D", "%"] {
            let text = text.repeat(100_000);
            let started = std::time::Instant::now();
            let _ = (secrets().text(&text), secrets().url(&text));
            assert!(started.elapsed() < std::time::Duration::from_secs(20), "{}", &text[..10]);
        }
        assert_eq!(secrets().text("a\u{2029}?token=b\u{2029}c"), "a\u{2029}?token=***\u{2029}c");
    }

    #[test]
    fn the_input_is_searched_at_every_depth() {
        let mut value = serde_json::json!({"Token": 7, "a": [{"token": ["s3cret"]}, 1.5], "b": "token"});
        secrets().member("", &mut value);
        assert_eq!(value, serde_json::json!({"Token": "***", "a": [{"token": "***"}, 1.5], "b": "token"}));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_value_gets_through(before in "\\PC{0,20}", value in "[a-zA-Z0-9%=;,.()']{1,20}", after in "([ &#\"]\\PC{0,20})?") {
            let text = format!("{before}?token=s3cret{value}{after}");
            let shown = secrets().text(&text).into_owned();
            prop_assert!(!shown.contains("s3cret"), "{text} as {shown}");
            let shown = secrets().url(&text).into_owned();
            prop_assert!(!shown.contains("s3cret"), "{text} as {shown}");
        }
    }
}

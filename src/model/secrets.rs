//! What is not to be shown, in whatever is written about a run: credentials in URLs always, and what the user names.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use url::form_urlencoded;

use super::record::Record;
use super::target::redact;

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// Where a parameter may begin in a URL: after the path, between two, in a fragment, within a path.
const BEFORE: [char; 4] = ['?', '&', '#', ';'];

/// The names whose values are secret: parameters of URLs, headers, members and columns of the input. Upper and lower case are the same.
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

    /// A record, but for its data, which is what was asked for.
    pub fn hide(&self, record: &mut Record) {
        if let Some(message) = &mut record.error_message {
            replace(message, |text| self.text(text));
        }
        if self.names.is_empty() {
            return; // its URLs have no credentials any more
        }
        replace(&mut record.url, |url| self.url(url));
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
        let (mut shown, mut done, mut at) = (String::new(), 0, 0);
        while let Some(equals) = text[at..].find('=').map(|equals| at + equals) {
            at = equals + 1;
            let start = text[done..equals].rfind(|c| BEFORE.contains(&c) || ends(c)).map_or(done, |before| done + before + 1);
            let name = text[start..equals].trim_start_matches(BEFORE);
            // As it is decoded: `to%6ben` is `token`.
            let Some((name, _)) = form_urlencoded::parse(name.as_bytes()).next() else { continue };
            if self.is_named(&name) {
                let end = text[at..].find(&ends).map_or(text.len(), |end| at + end);
                shown.extend([&text[done..at], HIDDEN]);
                (done, at) = (end, end);
            }
        }
        if done == 0 { Cow::Borrowed(text) } else { Cow::Owned(shown + &text[done..]) }
    }
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
        ] {
            assert_eq!(secrets().url(url), shown);
        }
        for url in ["http://a.example/?tokens=abc", "http://a.example/token=/x", "http://a.example/?x=token", "", "=", "?=&="] {
            assert_eq!(secrets().url(url), url);
        }
    }

    #[test]
    fn what_is_secret_in_a_text_ends_with_its_url() {
        let text = "GET http://ann:s3cret@a.example/?token=s3cret: 404 (x=1), then \"http://t0k@b.example/?api_key=s3cret\" a@b";
        let shown = "GET http://ann:***@a.example/?token=*** 404 (x=1), then \"http://***@b.example/?api_key=***\" a@b";
        assert_eq!(secrets().text(text), shown);
        assert_eq!(Secrets::default().text("http://ann:s3cret@a.example/?token=x"), "http://ann:***@a.example/?token=x");
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

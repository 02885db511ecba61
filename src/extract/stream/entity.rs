//! Character references. A few are decoded here; any text that holds another is given to html5ever's own tokenizer, so that the two
//! cannot differ.

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::TokenizerResult;
use html5ever::buffer_queue::BufferQueue;
use html5ever::tokenizer::states::{RawKind, State};
use html5ever::tokenizer::{Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use memchr::{memchr, memchr2};

use super::scan::Attribute;

/// With their `;` they mean the same wherever they stand.
const KNOWN: [(&str, &str); 10] = [
    ("amp;", "&"),
    ("lt;", "<"),
    ("gt;", ">"),
    ("quot;", "\""),
    ("nbsp;", "\u{a0}"),
    ("#39;", "'"),
    ("#x27;", "'"),
    ("copy;", "©"),
    ("mdash;", "—"),
    ("ndash;", "–"),
];

/// The text between two tags; a `<` in it begins none.
pub(in crate::extract) fn text(written: &str) -> Cow<'_, str> {
    if memchr(b'&', written.as_bytes()).is_none() {
        return Cow::Borrowed(written);
    }
    // A line break of the source may be of two characters here, of one there; both are white space.
    Cow::Owned(known(written).unwrap_or_else(|| {
        // With no start tag before it, no end tag ends it. What follows ends a reference, as the tag does that follows in the page.
        let mut text = tokenized(&[written, "<"], Some(State::RawData(RawKind::Rcdata)));
        text.pop();
        text
    }))
}

/// The value of an attribute.
pub(in crate::extract) fn value<'t>(attribute: &Attribute<'t>) -> Cow<'t, str> {
    let written = attribute.value;
    if memchr2(b'&', b'\r', written.as_bytes()).is_none() {
        return Cow::Borrowed(written);
    }
    let quote = match attribute.quote {
        Some(b'"') => "\"",
        Some(_) => "'",
        None => "",
    };
    let is_known = memchr(b'\r', written.as_bytes()).is_none();
    let value = is_known.then(|| known(written)).flatten();
    Cow::Owned(value.unwrap_or_else(|| tokenized(&["<a x=", quote, written, quote, ">"], None)))
}

/// The text, if it holds known references only.
fn known(written: &str) -> Option<String> {
    let mut decoded = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (name, meant) = KNOWN.iter().find(|(name, _)| rest.starts_with(name))?;
        decoded.push_str(meant);
        rest = &rest[name.len()..];
    }
    decoded.push_str(rest);
    Some(decoded)
}

/// What html5ever reads in the pieces: the text, or the value of the first attribute.
fn tokenized(pieces: &[&str], initial_state: Option<State>) -> String {
    let tokenizer = Tokenizer::new(Read::default(), TokenizerOpts { discard_bom: false, initial_state, ..Default::default() });
    let input = BufferQueue::default();
    input.push_back(pieces.concat().as_str().into());
    while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

#[derive(Default)]
struct Read(RefCell<String>);

impl TokenSink for Read {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::CharacterTokens(text) => self.0.borrow_mut().push_str(&text),
            Token::TagToken(tag) => {
                if let Some(first) = tag.attrs.first() {
                    self.0.borrow_mut().push_str(&first.value);
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_what_html5ever_takes_them_for() {
        for (written, read) in [
            ("x", "x"),
            ("&amp;&lt;&gt;&quot;&#39;&nbsp;", "&<>\"'\u{a0}"),
            ("&ampx &notit; &copy", "&x ¬it; ©"),
            ("&amp;&hellip; & &nosuch; &#x80;&#xe9", "&… & &nosuch; €é"),
            ("&<b", "&<b"),
            ("a < &lt", "a < <"),
            ("&#0;&#xd800;", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(text(written), read, "{written}");
        }
    }

    #[test]
    fn in_an_attribute_what_looks_like_a_query_is_one() {
        for (written, quote, read) in [
            ("?a=1&amp;b=2", Some(b'"'), "?a=1&b=2"),
            ("?a=1&b=2&copy=3&lt", Some(b'"'), "?a=1&b=2&copy=3<"),
            ("?a&copy=3", None, "?a&copy=3"),
            ("'&quot;&rsquo;", Some(b'"'), "'\"’"),
            ("\"&hellip;", Some(b'\''), "\"…"),
            ("a\r\nb\rc", Some(b'\''), "a\nb\nc"),
        ] {
            assert_eq!(value(&Attribute { name: "x", value: written, quote }), read, "{written}");
        }
    }

    #[test]
    fn each_known_reference_means_what_html5ever_says() {
        for (name, meant) in KNOWN {
            for after in ["", "x", "=", ";", "1", "&"] {
                let written = format!("&{name}{after}");
                let attribute = tokenized(&["<a x='", &written, "'>"], None);
                assert_eq!(attribute, format!("{meant}{after}"), "{written}");
                let text = tokenized(&[&written, "<"], Some(State::RawData(RawKind::Rcdata)));
                assert_eq!(text, format!("{meant}{after}<"), "{written}");
            }
        }
    }
}

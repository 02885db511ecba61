//! Character references. A few are decoded here; any text that holds another is given to html5ever's own tokenizer, so that the two
//! cannot differ.

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::TokenizerResult;
use html5ever::buffer_queue::BufferQueue;
use html5ever::data::NAMED_ENTITIES;
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
    Cow::Owned(known(written, false).unwrap_or_else(|| {
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
    let value = is_known.then(|| known(written, true)).flatten();
    Cow::Owned(value.unwrap_or_else(|| tokenized(&["<a x=", quote, written, quote, ">"], None)))
}

/// The text, if it holds known references only; `is_value` says that it is the value of an attribute.
fn known(written: &str, is_value: bool) -> Option<String> {
    let mut decoded = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some((name, meant)) = KNOWN.iter().find(|(name, _)| rest.starts_with(name)) {
            decoded.push_str(meant);
            rest = &rest[name.len()..];
        } else {
            rest = &rest[named(rest, is_value, &mut decoded)?..];
        }
    }
    decoded.push_str(rest);
    Some(decoded)
}

/// Reads a reference by name whose `&` stands before, if there is one, and says how long it is; `None` if that is not plain.
fn named(rest: &str, is_value: bool, decoded: &mut String) -> Option<usize> {
    let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let (name, after) = (&rest[..length], rest.as_bytes().get(length).copied());
    if after == Some(b';') && length > 0 {
        // A name in the table may be the beginning of another; one with its `;` is whole.
        let (first, second) = *NAMED_ENTITIES.get(&rest[..=length])?;
        let letter = |code| char::from_u32(code).filter(|letter| *letter != '\0');
        decoded.push(letter(first)?);
        decoded.extend(letter(second));
        return Some(length + 1);
    }
    // In `?a=1&copy=2` it is the name of a parameter.
    let is_parameter = is_value && after == Some(b'=');
    let is_none = length == 0 && after != Some(b'#');
    // Names that need no `;` have two to six letters.
    let is_unknown = || (2..=length.min(6)).all(|end| NAMED_ENTITIES.get(&name[..end]).is_none_or(|(code, _)| *code == 0));
    (is_none || length > 0 && (is_parameter || is_unknown())).then(|| {
        decoded.push('&');
        0
    })
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
    use proptest::prelude::*;

    /// References of all kinds, and what may stand around them.
    fn pieces() -> impl Strategy<Value = String> {
        let names: Vec<&str> = NAMED_ENTITIES.keys().copied().collect();
        let signs = prop::sample::select(vec![
            "&", "&", "#", "x", "=", ";", "a", "1", "é", " ", "\n", "&#38;", "&#x80", "&amp;", "&lt", "&b=c",
        ]);
        let piece = prop_oneof![signs.prop_map(String::from), prop::sample::select(names).prop_map(|name| format!("&{name}"))];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_references_are_what_html5ever_takes_them_for(written in pieces()) {
            let read = tokenized(&[&written, "<"], Some(State::RawData(RawKind::Rcdata)));
            prop_assert_eq!(format!("{}<", text(&written)), read);
            let read = tokenized(&["<a x='", &written, "'>"], None);
            prop_assert_eq!(value(&Attribute { name: "x", value: &written, quote: Some(b'\'') }), read);
        }
    }

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

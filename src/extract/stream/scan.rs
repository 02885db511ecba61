//! Text → tags: the part of HTML's tokenizer that well-formed pages need. What a tag is, is decided byte by byte as the standard's
//! states say; whatever is an error there and says that the page is not as it looks (a quote in a name, an end in a tag) is a hazard.

use memchr::{memchr, memmem};

use super::Hazard;
use super::name::Name;
use super::span::Span;

/// An attribute, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) struct Attribute<'t> {
    pub(in crate::extract) name: &'t str,
    pub(in crate::extract) value: &'t str,
    /// What it stands in; `None` for nothing.
    pub(in crate::extract) quote: Option<u8>,
}

/// A tag, but for its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) struct Tag {
    pub(in crate::extract) name: Name,
    /// Where it has its name.
    pub(in crate::extract) at: Span,
    pub(in crate::extract) self_closing: bool,
}

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub(in crate::extract) struct Scan<'t> {
    pub(in crate::extract) text: &'t str,
    pub(in crate::extract) at: usize,
}

impl<'t> Scan<'t> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// How far it is to the next `<`, if there is one; many tags follow at once.
    pub(super) fn ahead(&self) -> Option<usize> {
        if self.byte(0) == Some(b'<') { Some(0) } else { memchr(b'<', &self.text.as_bytes()[self.at..]) }
    }

    /// Reads a tag whose name begins here, to after its `>`. Its attributes become the only ones of `attributes`.
    pub(in crate::extract) fn tag(&mut self, attributes: &mut Vec<Attribute<'t>>) -> Result<Tag, Hazard> {
        let start = self.at;
        let (name, length) = Name::read(&self.text.as_bytes()[start..])?;
        self.at += length;
        let at = Span::new(start, self.at)?;
        let self_closing = self.attributes(attributes)?;
        Ok(Tag { name, at, self_closing })
    }

    /// Reads attributes to after the `>`, and says whether a `/` stands before it. Of two with one name the first counts, so that
    /// who looks for one takes the first.
    pub(super) fn attributes(&mut self, attributes: &mut Vec<Attribute<'t>>) -> Result<bool, Hazard> {
        attributes.clear();
        let mut slash = false;
        loop {
            match self.byte(0).ok_or("an unfinished tag")? {
                b'>' => {
                    self.at += 1;
                    return Ok(slash);
                }
                b'/' => {
                    self.at += 1;
                    slash = true;
                }
                byte if is_space(byte) => {
                    self.at += 1;
                    slash = false;
                }
                _ => {
                    slash = false;
                    attributes.push(self.attribute()?);
                }
            }
        }
    }

    /// Reads an attribute that begins here.
    fn attribute(&mut self) -> Result<Attribute<'t>, Hazard> {
        let start = self.at;
        let end = loop {
            match self.byte(0).ok_or("an unfinished tag")? {
                b'=' if self.at > start => break self.at,
                b'=' | b'"' | b'\'' | b'<' => return Err("an odd attribute name"),
                b'/' | b'>' => break self.at,
                byte if is_space(byte) => break self.at,
                _ => self.at += 1,
            }
        };
        let name = &self.text[start..end];
        self.skip_spaces();
        if self.byte(0) != Some(b'=') {
            return Ok(Attribute { name, value: "", quote: None });
        }
        self.at += 1;
        self.skip_spaces();
        let first = self.byte(0).ok_or("an unfinished tag")?;
        if matches!(first, b'"' | b'\'') {
            let start = self.at + 1;
            let length = memchr(first, &self.text.as_bytes()[start..]).ok_or("an unfinished tag")?;
            self.at = start + length + 1;
            return Ok(Attribute { name, value: &self.text[start..start + length], quote: Some(first) });
        }
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|byte| is_space(*byte) || *byte == b'>').ok_or("an unfinished tag")?;
        if length == 0 || rest[..length].iter().any(|byte| matches!(byte, b'"' | b'\'' | b'<' | b'=' | b'`')) {
            return Err("an odd attribute value");
        }
        self.at += length;
        Ok(Attribute { name, value: &self.text[self.at - length..self.at], quote: None })
    }

    fn skip_spaces(&mut self) {
        while self.byte(0).is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// Goes on after a comment, a doctype or the like whose `<` was at `self.at`.
    pub(in crate::extract) fn declaration(&mut self) -> Result<Declaration, Hazard> {
        let rest = &self.text.as_bytes()[self.at..];
        if let Some(comment) = rest.strip_prefix(b"<!--") {
            if comment.starts_with(b">") || comment.starts_with(b"->") {
                return Err("an odd comment");
            }
            let length = memmem::find(comment, b"-->").ok_or("an unfinished comment")?;
            if memmem::find(&comment[..length], b"--!>").is_some() {
                return Err("an odd comment");
            }
            self.at += 4 + length + 3;
            return Ok(Declaration::Comment);
        }
        let length = memchr(b'>', rest).ok_or("an unfinished declaration")?;
        self.at += length + 1;
        if rest[1] == b'?' {
            return Ok(Declaration::Comment); // up to the next `>`, whatever it holds
        }
        let doctype = rest[..length].get(2..9).filter(|word| word.eq_ignore_ascii_case(b"doctype"));
        doctype.map(|_| Declaration::Doctype).ok_or("an odd declaration")
    }

    /// Goes to the `</` of the end tag that ends a raw text. Case does not matter.
    pub(in crate::extract) fn raw_end(&mut self, name: &[u8]) -> Result<(), Hazard> {
        let bytes = self.text.as_bytes();
        loop {
            let skipped = memmem::find(&bytes[self.at..], b"</").ok_or("an unfinished text")?;
            self.at += skipped;
            let rest = &bytes[self.at + 2..];
            if rest.len() > name.len()
                && rest[..name.len()].eq_ignore_ascii_case(name)
                && (is_space(rest[name.len()]) || matches!(rest[name.len()], b'/' | b'>'))
            {
                return Ok(());
            }
            self.at += 2;
        }
    }
}

/// What begins with `<!` or `<?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) enum Declaration {
    Comment,
    Doctype,
}

/// HTML's white space.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | b'\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Result<(Tag, Vec<Attribute<'_>>, &str), Hazard> {
        let mut scan = Scan { text, at: 1 };
        let mut attributes = Vec::new();
        let tag = scan.tag(&mut attributes)?;
        Ok((tag, attributes, &text[scan.at..]))
    }

    #[test]
    fn a_tag_is_its_name_and_its_attributes() {
        let quoted = |name, value, quote| Attribute { name, value, quote: Some(quote) };
        let bare = |name, value| Attribute { name, value, quote: None };
        for (text, expected) in [
            ("<a>", vec![]),
            ("<a >", vec![]),
            ("<a/>", vec![]),
            ("<a\n/ >", vec![]),
            ("<a b>", vec![bare("b", "")]),
            ("<a b=c>", vec![bare("b", "c")]),
            ("<a b = c>", vec![bare("b", "c")]),
            ("<a b=c/>", vec![bare("b", "c/")]),
            ("<a b='c>d'>", vec![quoted("b", "c>d", b'\'')]),
            ("<a B=\"'\"c>", vec![quoted("B", "'", b'"'), bare("c", "")]),
            ("<a/b/c=d>", vec![bare("b", ""), bare("c", "d")]),
            ("<a b=''\t\x0c\r@:x.y=1>", vec![quoted("b", "", b'\''), bare("@:x.y", "1")]),
            ("<a b= c=d>", vec![]), // an odd value
        ] {
            let read = tag(&format!("{text}x")).map(|(tag, attributes, rest)| {
                assert_eq!((tag.name, rest), (Name::new(b"a"), "x"), "{text}");
                format!("{attributes:?}")
            });
            match read {
                Ok(read) => assert_eq!(read, format!("{expected:?}"), "{text}"),
                Err(hazard) => assert_eq!((hazard, text), ("an odd attribute value", "<a b= c=d>")),
            }
        }
    }

    #[test]
    fn a_slash_closes_a_tag_only_right_before_its_end() {
        for (text, closes) in
            [("<a/>", true), ("<a b />", true), ("<a / >", false), ("<a b=/>", false), ("<a/b>", false), ("<a //>", true)]
        {
            assert_eq!(tag(text).map(|(tag, ..)| tag.self_closing), Ok(closes), "{text}");
        }
    }

    #[test]
    fn what_is_odd_or_never_ends_is_a_hazard() {
        for text in [
            "<a",
            "<a b",
            "<a b=",
            "<a b='c>",
            "<a b=c",
            "<a<b>",
            "<a\"b\">",
            "<a =b>",
            "<a \"b\">",
            "<a b'c>",
            "<a b<c>",
            "<a b=>",
            "<a b=c\"d>",
            "<a b=c=d>",
            "<a b=`c>",
            "<é>",
            "<a&>",
        ] {
            assert!(tag(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_declaration_is_a_comment_a_doctype_or_a_hazard() {
        let comment = Ok(Declaration::Comment);
        let doctype = Ok(Declaration::Doctype);
        for (text, expected) in [
            ("<!---->", comment),
            ("<!-- a > b -- c -> <!-- -->", comment),
            ("<!--->-->", Err("an odd comment")),
            ("<!-->", Err("an odd comment")),
            ("<!-- --!> -->", Err("an odd comment")),
            ("<!-- ", Err("an unfinished comment")),
            ("<?xml version='1.0'?>", comment),
            ("<?", Err("an unfinished declaration")),
            ("<!DOCTYPE html>", doctype),
            ("<!doctype\n HTML >", doctype),
            ("<!doctype>", doctype),
            ("<!doctypehtml>", doctype),
            ("<!doctype html public 'x'>", doctype),
            ("<![CDATA[x]]>", Err("an odd declaration")),
            ("<!a>", Err("an odd declaration")),
            ("<!>", Err("an odd declaration")),
        ] {
            let mut scan = Scan { text, at: 0 };
            let read = scan.declaration();
            assert_eq!(read, expected, "{text}");
            assert!(read.is_err() || scan.at == text.len(), "{text}");
        }
    }

    #[test]
    fn a_raw_text_ends_at_its_own_end_tag() {
        for (text, end) in
            [("a</b></style >", Some(5)), ("</styles></STYLE/", Some(9)), ("</style", None), ("x", None), ("<</style>", Some(1))]
        {
            let mut scan = Scan { text, at: 0 };
            assert_eq!(scan.raw_end(b"style").ok().map(|()| scan.at), end, "{text}");
        }
    }
}

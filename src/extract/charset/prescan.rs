//! What a page says of its own encoding before anybody can read it: the HTML standard's "prescan a byte stream to determine
//! its encoding", step by step, and its "get an XML encoding".

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use memchr::{memchr, memmem};

/// How far a page is looked into.
pub(super) const BYTES: usize = 1024;

/// The bytes end before what is being read does.
#[derive(Debug)]
struct End;

/// What the first kilobyte of an HTML page declares, and where: in a `meta` element or an XML declaration.
pub(super) fn html(body: &[u8]) -> Option<(&'static Encoding, &'static str)> {
    let start = &body[..body.len().min(BYTES)];
    let meta = || Scan { bytes: start, at: 0 }.meta().ok().flatten().map(|encoding| (encoding, "meta"));
    wide_declaration(start).map(|encoding| (encoding, "xml")).or_else(meta).or_else(|| Some((declaration(start)?, "xml")))
}

/// What the XML declaration of a page says.
pub(super) fn xml(body: &[u8]) -> Option<&'static Encoding> {
    let start = &body[..body.len().min(BYTES)];
    wide_declaration(start).or_else(|| declaration(start))
}

/// `<?x` in UTF-16.
fn wide_declaration(start: &[u8]) -> Option<&'static Encoding> {
    match start {
        [b'<', 0, b'?', 0, b'x', 0, ..] => Some(UTF_16LE),
        [0, b'<', 0, b'?', 0, b'x', ..] => Some(UTF_16BE),
        _ => None,
    }
}

/// "Get an XML encoding": that of `<?xml … encoding="…" … >`.
fn declaration(start: &[u8]) -> Option<&'static Encoding> {
    let inside = start.strip_prefix(b"<?xml")?;
    let inside = &inside[..memchr(b'>', inside)?];
    let rest = &inside[memmem::find(inside, b"encoding")? + b"encoding".len()..];
    let rest = skip_blanks(skip_blanks(rest).strip_prefix(b"=")?);
    let (quote, value) = rest.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let label = &value[..memchr(*quote, value)?];
    // Whoever reads this has not read it as UTF-16.
    Some(narrow(Encoding::for_label(label)?))
}

fn skip_blanks(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte <= b' ').count()..]
}

/// UTF-16 that was read as ASCII is none, and stands for UTF-8.
fn narrow(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding }
}

/// HTML's white space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

/// A name and a value, in lower case.
type Attribute = (Vec<u8>, Vec<u8>);

/// A place in the bytes.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// The first usable declaration of a `meta` element, if one stands before the bytes end.
    fn meta(&mut self) -> Result<Option<&'static Encoding>, End> {
        while let Some(skipped) = memchr(b'<', &self.bytes[self.at..]) {
            self.at += skipped;
            let tag = &self.bytes[self.at..];
            let name = tag[1..].strip_prefix(b"/").unwrap_or(&tag[1..]);
            if tag.starts_with(b"<!--") {
                // Its dashes may be those that end it: `<!-->`.
                self.at += 2 + memmem::find(&tag[2..], b"-->").ok_or(End)? + 2;
            } else if tag.len() > 5 && tag[1..5].eq_ignore_ascii_case(b"meta") && (is_space(tag[5]) || tag[5] == b'/') {
                self.at += 5;
                if let Some(encoding) = self.meta_tag()? {
                    return Ok(Some(encoding));
                }
            } else if name.first().is_some_and(u8::is_ascii_alphabetic) {
                self.until(|byte| is_space(byte) || byte == b'>')?;
                while self.attribute()?.is_some() {}
            } else if matches!(tag.get(1), Some(b'!' | b'/' | b'?')) {
                self.until(|byte| byte == b'>')?;
            }
            self.at += 1;
        }
        Ok(None)
    }

    /// What the attributes of a `meta` element declare.
    fn meta_tag(&mut self) -> Result<Option<&'static Encoding>, End> {
        let (mut seen, mut is_pragma, mut needs_pragma) = (Vec::new(), false, None);
        let mut charset: Option<Option<&'static Encoding>> = None;
        while let Some((name, value)) = self.attribute()? {
            if seen.contains(&name) {
                continue;
            }
            match name.as_slice() {
                b"http-equiv" => is_pragma |= value == b"content-type",
                b"content" => {
                    if let (None, Some(encoding)) = (charset, from_content(&value)) {
                        (charset, needs_pragma) = (Some(Some(encoding)), Some(true));
                    }
                }
                b"charset" => (charset, needs_pragma) = (Some(Encoding::for_label(&value)), Some(false)),
                _ => {}
            }
            seen.push(name);
        }
        let is_meant = needs_pragma.is_some_and(|needs| is_pragma || !needs);
        let encoding = charset.flatten().filter(|_| is_meant).map(narrow);
        Ok(encoding.map(|encoding| if encoding == X_USER_DEFINED { WINDOWS_1252 } else { encoding }))
    }

    /// "Get an attribute"; `None` at the end of the tag.
    fn attribute(&mut self) -> Result<Option<Attribute>, End> {
        self.until(|byte| !is_space(byte) && byte != b'/')?;
        if self.byte()? == b'>' {
            return Ok(None);
        }
        let start = self.at;
        self.at += 1; // whatever it is, a `=` too, it belongs to the name
        self.until(|byte| is_space(byte) || matches!(byte, b'=' | b'/' | b'>'))?;
        let name = self.bytes[start..self.at].to_ascii_lowercase();
        self.until(|byte| !is_space(byte))?;
        if self.byte()? != b'=' {
            return Ok(Some((name, Vec::new())));
        }
        self.at += 1;
        self.until(|byte| !is_space(byte))?;
        let quote = Some(self.byte()?).filter(|byte| matches!(byte, b'"' | b'\''));
        self.at += usize::from(quote.is_some());
        let start = self.at;
        self.until(|byte| quote.map_or(is_space(byte) || byte == b'>', |quote| byte == quote))?;
        let value = self.bytes[start..self.at].to_ascii_lowercase();
        self.at += usize::from(quote.is_some());
        Ok(Some((name, value)))
    }

    /// Goes on to the next such byte.
    fn until(&mut self, is_end: impl Fn(u8) -> bool) -> Result<(), End> {
        self.at += self.bytes[self.at.min(self.bytes.len())..].iter().position(|byte| is_end(*byte)).ok_or(End)?;
        Ok(())
    }

    fn byte(&self) -> Result<u8, End> {
        self.bytes.get(self.at).copied().ok_or(End)
    }
}

/// "Extracting a character encoding from a meta element": what follows `charset=` in its `content`.
fn from_content(content: &[u8]) -> Option<&'static Encoding> {
    let mut rest = content;
    loop {
        rest = &rest[memmem::find(rest, b"charset")? + b"charset".len()..]; // it is in lower case already
        let trimmed = rest.trim_ascii_start();
        if let Some(value) = trimmed.strip_prefix(b"=") {
            let value = value.trim_ascii_start();
            let label = match value.first()? {
                quote @ (b'"' | b'\'') => &value[1..][..memchr(*quote, &value[1..])?],
                _ => value.split(|byte| is_space(*byte) || *byte == b';').next()?,
            };
            return Encoding::for_label(label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Option<&'static str> {
        html(page.as_bytes()).map(|(encoding, _)| encoding.name())
    }

    #[test]
    fn a_meta_element_says_it_in_either_form() {
        for page in [
            "<meta charset=koi8-r>",
            "<META/CHARSET='KOI8-R'>",
            "<meta charset = \"\tkoi8-r \" x>",
            "<meta\n=x charset=koi8-r>",
            "<meta charset=koi8-r charset=utf-8>",
            "<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>",
            "<meta content='text/html;charset = \"koi8-r\"' http-equiv=content-type>",
            "<meta http-equiv=content-type content='charset charset\t=\nkoi8-r;x'>",
            "<meta content='charset=utf-8' charset=koi8-r>",
            "<meta charset=koi8-r content='charset=utf-8' http-equiv=content-type>",
            "<!doctype html><html lang=ru><head><title>x</title><meta charset=koi8-r>",
            "<meta name=x><meta charset=nonsense><meta charset><meta charset=koi8-r>",
            "<!--><meta charset=koi8-r>",
            "<!-- > <meta charset=utf-8> --><meta charset=koi8-r>",
            "<a title='<meta charset=utf-8>'></a b=><meta charset=koi8-r>",
            "<?php <meta charset=utf-8><meta charset=koi8-r>",
            "< meta charset=utf-8><3><meta charset=koi8-r>",
            "<metacharset=utf-8><meta charset=koi8-r>",
            "<script>'<meta charset=koi8-r>'</script><meta charset=utf-8>", // no scripts before there is a text
        ] {
            assert_eq!(found(page), Some("KOI8-R"), "{page}");
        }
    }

    #[test]
    fn what_only_looks_like_a_declaration_is_none() {
        for page in [
            "",
            "<",
            "<meta",
            "<meta charset=koi8-r",
            "<meta charset=koi8-r ",
            "<meta charset='koi8-r>",
            "<meta content='text/html; charset=koi8-r'>",
            "<meta http-equiv=refresh content='text/html; charset=koi8-r'>",
            "<meta http-equiv=content-type content='charset=\"koi8-r'>",
            "<meta http-equiv=content-type content='charset='>",
            "<meta charset=nonsense content='charset=koi8-r' http-equiv=content-type>",
            "<meta charset=x charset=koi8-r>",
            "<!-- <meta charset=koi8-r>",
            "<p title=\"<meta charset=koi8-r>",
            "charset=koi8-r",
        ] {
            assert_eq!(found(page), None, "{page}");
        }
    }

    #[test]
    fn only_the_first_kilobyte_counts() {
        let meta = "<meta charset=koi8-r>";
        assert_eq!(found(&format!("{}{meta}", " ".repeat(BYTES - meta.len()))), Some("KOI8-R"));
        assert_eq!(found(&format!("{}{meta}", " ".repeat(BYTES - meta.len() + 1))), None);
    }

    #[test]
    fn a_label_that_cannot_be_meant_stands_for_another() {
        assert_eq!(found("<meta charset=utf-16>"), Some("UTF-8"));
        assert_eq!(found("<meta charset=utf-16be>"), Some("UTF-8"));
        assert_eq!(found("<meta charset=x-user-defined>"), Some("windows-1252"));
        assert_eq!(found("<meta charset=latin1>"), Some("windows-1252"));
    }

    #[test]
    fn an_xml_declaration_counts_where_no_meta_does() {
        for (page, name) in [
            ("<?xml version='1.0' encoding='koi8-r'?>", Some("KOI8-R")),
            ("<?xml encoding\n = \"KOI8-R\"?><p>", Some("KOI8-R")),
            ("<?xml encoding='utf-16'?>", Some("UTF-8")),
            ("<?xml encoding='koi8-r'?><meta charset=big5>", Some("Big5")),
            ("<?xml encoding='koi8-r'", None),
            ("<?xml encoding='koi8-r>'", None),
            ("<?xml encoding=koi8-r?>", None),
            ("<?xml x?><p encoding='koi8-r'>", None),
            (" <?xml encoding='koi8-r'?>", None),
            ("<\0?\0x\0m\0l\0", Some("UTF-16LE")),
            ("\0<\0?\0x\0m\0l", Some("UTF-16BE")),
        ] {
            assert_eq!(found(page), name, "{page:?}");
        }
        assert_eq!(xml(b"<?xml encoding='koi8-r'?><meta charset=big5>").map(Encoding::name), Some("KOI8-R"));
        assert_eq!(xml(b"<meta charset=big5>"), None);
    }
}

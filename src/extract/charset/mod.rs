//! Bytes → text: whether a page is markup at all, and in which encoding it is written.

mod detect;
mod prescan;

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use self::detect::detect;
use crate::model::{Charset, Page};

/// Whether a page can be parsed: text, HTML or XML by its media type; without one, whatever does not look binary.
pub(super) fn is_markup(page: &Page) -> bool {
    match page.media_type().as_deref() {
        Some("application/xml") => true,
        Some(media) => media.starts_with("text/") || media.ends_with("+xml"), // application/xhtml+xml too
        None => {
            let start = &page.body[..page.body.len().min(512)];
            let wide = [&b"\xff\xfe"[..], b"\xfe\xff", b"\0\0\xfe\xff"].iter().any(|bom| start.starts_with(bom));
            wide || !start.contains(&0)
        }
    }
}

/// The text of a page, and which encoding it is in by whose word. As a browser decides it: a byte order mark wins over the
/// charset of the `Content-Type`, that over what the page declares itself, and what declares nothing is judged by its bytes, or
/// UTF-8 if it is XML. What the encoding does not know becomes U+FFFD. Valid UTF-8 is not copied.
pub(super) fn decode(page: &Page) -> (Cow<'_, str>, Charset) {
    let ((encoding, by), mark) = match Encoding::for_bom(&page.body) {
        Some((encoding, mark)) => ((encoding, "bom"), mark),
        None => (declared(page).unwrap_or_else(|| undeclared(page)), 0),
    };
    let text = encoding.decode_without_bom_handling(&page.body[mark..]).0;
    (text, Charset { name: encoding.name(), by })
}

/// As much of the text of an HTML page as its beginning settles, whatever follows, and whether a longer beginning settles more;
/// `None` of a page that is no HTML. Where nothing names the encoding, it is judged by bytes that are not there yet. Whatever it will be
/// found to be, ASCII stays ASCII in it up to the first byte that is none; and no further byte settles what that means.
pub(super) fn settled(page: &Page) -> Option<(Cow<'_, str>, bool)> {
    if !matches!(page.media_type().as_deref(), Some("text/html" | "application/xhtml+xml")) {
        return None;
    }
    if page.body.len() < prescan::BYTES {
        return Some(("".into(), true));
    }
    let (encoding, mark) = match Encoding::for_bom(&page.body) {
        Some((encoding, mark)) => (encoding, mark),
        None => match declared(page) {
            Some((encoding, _)) => (encoding, 0),
            None if is_xml(page) => (UTF_8, 0),
            None => {
                let ascii = &page.body[..Encoding::ascii_valid_up_to(&page.body)];
                let text = str::from_utf8(ascii).expect("ASCII is UTF-8");
                return Some((text.into(), ascii.len() == page.body.len()));
            }
        },
    };
    Some((begun(encoding, &page.body[mark..]), true))
}

/// The text that bytes begin, but for a character at their end that may go on.
fn begun<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Cow<'a, str> {
    let whole = if encoding == UTF_8 { Encoding::utf8_valid_up_to(bytes) } else { 0 };
    if bytes.len() < whole + 4
        && let Ok(text) = str::from_utf8(&bytes[..whole])
    {
        return text.into();
    }
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or_default());
    // What there is no room for in a text is none of it yet.
    let _ = decoder.decode_to_string(bytes, &mut text, false);
    text.into()
}

fn declared(page: &Page) -> Option<(&'static Encoding, &'static str)> {
    let header = page.charset().and_then(|label| Encoding::for_label(label.as_bytes()));
    let own = || if is_xml(page) { prescan::xml(&page.body).map(|xml| (xml, "xml")) } else { prescan::html(&page.body) };
    header.map(|encoding| (encoding, "header")).or_else(own)
}

fn undeclared(page: &Page) -> (&'static Encoding, &'static str) {
    if is_xml(page) { (UTF_8, "default") } else { (detect(&page.body, &page.url), "detection") }
}

fn is_xml(page: &Page) -> bool {
    page.media_type().is_some_and(|media| matches!(&*media, "application/xml" | "text/xml") || media.ends_with("+xml"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::page;
    use super::*;

    fn typed(content_type: &str, body: &[u8]) -> Page {
        Page { content_type: Some(content_type.to_owned()), ..page(body) }
    }

    #[test]
    fn a_byte_order_mark_wins_over_the_header_and_the_header_over_utf_8() {
        for (content_type, body, text) in [
            ("text/html; charset=iso-8859-1", &b"\xef\xbb\xbf\xc3\xa9"[..], "é"),
            ("text/html; charset=iso-8859-1", b"\x93\xe9", "\u{201c}é"), // iso-8859-1 means windows-1252
            ("text/html; charset=utf-8", b"\xff\xfe\xe9\0", "é"),
            ("text/html", b"\xfe\xff\0\xe9", "é"),
            ("text/html; charset=utf-16", b"\xe9\0", "é"),
            ("text/html; charset=Shift_JIS", b"\x93\xfa", "日"),
            ("text/html; charset=nonsense", b"\xc3\xa9", "é"),
            ("text/html; charset=nonsense", b"<meta charset=koi8-r>\xc1", "<meta charset=koi8-r>а"),
            ("text/html; charset=utf-8", b"a\xffb\xc3", "a\u{fffd}b\u{fffd}"),
            ("text/html; charset=utf-8", b"<meta charset=koi8-r>\xc3\xa9", "<meta charset=koi8-r>é"),
            ("text/html", b"", ""),
        ] {
            assert_eq!(decode(&typed(content_type, body)).0, text, "{content_type} {body:?}");
        }
    }

    #[test]
    fn whoever_decided_is_named() {
        for (content_type, body, name, by) in [
            ("text/html; charset=big5", &b"\xef\xbb\xbf<meta charset=koi8-r>"[..], "UTF-8", "bom"),
            ("text/html; charset=BIG5", b"<meta charset=koi8-r>", "Big5", "header"),
            ("text/html; charset=nonsense", b"<meta charset=koi8-r>", "KOI8-R", "meta"),
            ("text/plain", b"<?xml encoding='koi8-r'?>", "KOI8-R", "xml"),
            ("text/html", b"\xc3\xa9", "UTF-8", "detection"),
            ("text/html", b"ascii", "UTF-8", "detection"),
            ("application/xml", b"<?xml encoding='koi8-r'?>", "KOI8-R", "xml"),
            ("application/xhtml+xml", b"<meta charset=koi8-r>\xe9", "UTF-8", "default"),
            ("text/xml; charset=koi8-r", b"<?xml encoding='big5'?>", "KOI8-R", "header"),
        ] {
            let charset = decode(&typed(content_type, body)).1;
            assert_eq!((charset.name, charset.by), (name, by), "{content_type} {body:?}");
        }
    }

    #[test]
    fn what_declares_nothing_is_judged_by_its_bytes() {
        for (text, encoding, host) in [
            ("Съешь же ещё этих мягких французских булок, да выпей чаю.", "windows-1251", "a.example"),
            ("Съешь же ещё этих мягких французских булок, да выпей чаю.", "koi8-u", "a.example"),
            ("いろはにほへと ちりぬるを わかよたれそ つねならむ", "shift_jis", "a.example"),
            ("いろはにほへと ちりぬるを わかよたれそ つねならむ", "euc-jp", "127.0.0.1"),
            ("我能吞下玻璃而不伤身体。欢迎来到我们的网站。", "gbk", "a.example"),
            ("Příliš žluťoučký kůň úpěl ďábelské ódy", "windows-1250", "a.example"),
            ("Ça et là, des élèves français dégustaient des crêpes", "windows-1252", "a.example"),
            ("Ελληνικά: ξεσκεπάζω την ψυχοφθόρα βδελυγμία", "iso-8859-7", "a.gr."),
            ("naïve café “quotes” – dash", "utf-8", "a.example"),
        ] {
            let encoding = Encoding::for_label(encoding.as_bytes()).unwrap();
            let body = encoding.encode(text).0;
            let page = Page { url: format!("http://{host}/").parse().unwrap(), ..typed("text/html", &body) };
            assert_eq!(decode(&page), (text.into(), Charset { name: encoding.name(), by: "detection" }));
        }
        // A text in UTF-8 with a few broken bytes is no other text; one that is broken all over is.
        let damaged = ["é".repeat(100).as_bytes(), b"\xff", "é".repeat(100).as_bytes()].concat();
        assert_eq!(decode(&page(&damaged)).1.name, "UTF-8");
        assert_ne!(decode(&page(b"caf\xe9 \xc3\xa9t\xc3\xa9")).1.name, "UTF-8");
        // What sets it off may come late, and what follows may be long.
        let late = [&b"<p>".repeat(100_000)[..], &b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0! ".repeat(100_000)].concat();
        let late = page(&late);
        let (text, charset) = decode(&late);
        assert_eq!(charset.name, "windows-1251");
        assert!(text.ends_with("Привет, мир! "));
    }

    #[test]
    fn valid_utf_8_is_not_copied() {
        assert!(matches!(decode(&page("é".as_bytes())).0, Cow::Borrowed("é")));
        assert!(matches!(decode(&page(b"\xef\xbb\xbfx")).0, Cow::Borrowed("x")));
    }

    #[test]
    fn only_text_html_and_xml_are_parsed() {
        for media in ["text/html", "TEXT/Plain; charset=x", "application/xhtml+xml", "application/xml", "image/svg+xml", " ; x=y"]
        {
            assert!(is_markup(&typed(media, b"x")), "{media}");
        }
        for media in ["image/png", "application/json", "application/pdf", "application/octet-stream", "font/woff"] {
            assert!(!is_markup(&typed(media, b"<title>x</title>")), "{media}");
        }
    }

    #[test]
    fn a_page_without_a_type_is_parsed_unless_it_looks_binary() {
        assert!(is_markup(&page(b"<p>x")));
        assert!(is_markup(&page(b"")));
        assert!(!is_markup(&page(b"GIF89a\0")));
        assert!(is_markup(&page(b"\xff\xfe<\0p\0>\0")));
        assert!(is_markup(&page(&[&[b'x'; 512][..], b"\0"].concat())), "only the start counts");
    }
}

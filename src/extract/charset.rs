//! Bytes → text: whether a page is markup at all, and in which encoding it is written.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use crate::model::Page;

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

/// The text of a page. A byte order mark wins over the charset of the `Content-Type`, and UTF-8 is what is left. What the
/// encoding does not know becomes U+FFFD. Valid UTF-8 is not copied.
pub(super) fn decode(page: &Page) -> Cow<'_, str> {
    let (encoding, mark) = Encoding::for_bom(&page.body).unwrap_or_else(|| {
        let named = page.charset().and_then(|label| Encoding::for_label(label.as_bytes()));
        (named.unwrap_or(UTF_8), 0)
    });
    encoding.decode_without_bom_handling(&page.body[mark..]).0
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
            ("text/html", b"a\xffb\xc3", "a\u{fffd}b\u{fffd}"),
            ("text/html", b"", ""),
        ] {
            assert_eq!(decode(&typed(content_type, body)), text, "{content_type} {body:?}");
        }
    }

    #[test]
    fn valid_utf_8_is_not_copied() {
        assert!(matches!(decode(&page("é".as_bytes())), Cow::Borrowed("é")));
        assert!(matches!(decode(&page(b"\xef\xbb\xbfx")), Cow::Borrowed("x")));
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

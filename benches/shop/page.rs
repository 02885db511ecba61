//! A page that the benches share: a shell of nested boxes around headings, paragraphs, links and a table, as shops have them.

use std::fmt::Write;

use scrape::Page;

/// The text of such a page of about `kib` KiB, whose products are described by `words`.
pub(crate) fn html(kib: usize, words: &str) -> String {
    let mut html = String::from("<!doctype html><html><head><title>A shop &amp; more</title></head><body>");
    html.push_str(&"<div class=\"shell wide\">".repeat(10));
    for n in 0.. {
        let _ = writeln!(
            html,
            "<div class=\"card\" id=\"c{n}\"><h2>Thing {n}</h2><p>Some <b>words</b> about it, and <i>more</i> of them: {words}.</p>\
             <ul><li><a href=\"/thing/{n}?from=list\">see</a></li><li><a href=\"../buy/{n}\">buy</a></li></ul>\
             <table><tr><td>price</td><td class=\"price\">{n}.99</td></tr></table></div>"
        );
        if html.len() >= kib << 10 {
            break;
        }
    }
    html
}

/// A page as a fetch gives it: with these bytes, of this type.
pub(crate) fn page(content_type: &str, body: impl Into<Vec<u8>>) -> Page {
    Page {
        url: "http://a.example/shop/list".parse().expect("a URL"),
        status: 200,
        content_type: Some(content_type.to_owned()),
        body: body.into().into(),
        codings: Vec::new(),
        asked: None,
        left_after: None,
    }
}

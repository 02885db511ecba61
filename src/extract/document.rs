//! A parsed page, as the extractors see it.

use std::cell::OnceCell;

use scraper::{ElementRef, Html};
use url::{Position, Url};

use super::Parser;
use super::limits::Limits;
use super::parse::parse;
use super::step::Steps;
use super::tree::{self, Tree};
use crate::model::Failure;

/// A parsed page. It lives within one call of [`Extractor::run`](super::Extractor::run) and never leaves its thread.
#[derive(Debug)]
pub struct Document<'a> {
    pub(super) nodes: Nodes,
    url: &'a Url,
    base: OnceCell<Base>,
    pub(super) limits: Limits<'a>,
}

/// What a page was parsed into.
#[derive(Debug)]
pub(super) enum Nodes {
    /// What is quickest.
    Own(Tree),
    /// What others use, which the other is compared with.
    Scraper(Html),
}

impl<'a> Document<'a> {
    /// Parses a page that was found at `url`.
    pub(super) fn new(text: &str, url: &'a Url, parser: Parser, limits: Limits<'a>) -> Result<Self, Failure> {
        let nodes = match parser {
            Parser::Auto => Nodes::Own(tree::parse(text, &limits)?),
            Parser::Dom => Nodes::Scraper(parse(text, &limits)?),
        };
        Ok(Self { nodes, url, base: OnceCell::new(), limits })
    }

    /// A link made absolute; what cannot be joined stays as it is.
    pub(super) fn absolute(&self, link: &str, steps: &Steps<'_, '_>) -> String {
        let find = || match &self.nodes {
            Nodes::Own(tree) => tree.base(steps),
            Nodes::Scraper(html) => {
                let mut bases = elements(html).filter(|element| element.value().name() == "base");
                bases.find_map(|base| base.attr("href"))
            }
        };
        self.base.get_or_init(|| Base::new(self.url, find())).join(link, steps)
    }
}

/// All elements, in document order. (The tree's own list is in the order of creation, which misplaced tags disturb.)
pub(super) fn elements(html: &Html) -> impl Iterator<Item = ElementRef<'_>> {
    html.tree.root().descendants().filter_map(ElementRef::wrap)
}

/// What links are relative to.
#[derive(Debug)]
pub(super) struct Base(Url);

impl Base {
    /// The first `<base href>`, itself relative to the page. A user and password of the page's URL are left out, because links are
    /// written to the output.
    pub(super) fn new(page: &Url, href: Option<&str>) -> Self {
        let mut url = page.clone();
        // Both fail only for URLs that cannot have a user.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Self(href.and_then(|href| url.join(href.trim_ascii()).ok()).unwrap_or(url))
    }

    /// A link made absolute; what cannot be joined stays as it is.
    pub(super) fn join(&self, link: &str, steps: &Steps<'_, '_>) -> String {
        steps.read(self.0.as_str().len()); // each link is joined to a copy of it
        if self.0.scheme().starts_with("http") && is_plain(link) {
            return [&self.0[..Position::BeforePath], link].concat();
        }
        self.0.join(link.trim_ascii()).map_or_else(|_| link.to_owned(), String::from)
    }
}

/// Whether a link is a path of its host, perhaps with a query, in which joining changes nothing: most links are, and joining them is
/// most of what a list of links costs.
fn is_plain(link: &str) -> bool {
    let bytes = link.as_bytes();
    let path = bytes.iter().position(|byte| *byte == b'?').map_or(bytes, |end| &bytes[..end]);
    let is_kept = |byte: &u8| KEPT[usize::from(*byte)];
    path.first() == Some(&b'/')
        && path.get(1) != Some(&b'/')
        && !path.windows(2).any(|pair| pair == b"/.") // which may mean the folder, or the one above
        && path.iter().all(is_kept)
        && bytes[path.len()..].iter().all(|byte| is_kept(byte) || matches!(byte, b'?' | b'%'))
}

/// The bytes that joining leaves as they are.
const KEPT: [bool; 256] = {
    let mut kept = [false; 256];
    let (characters, mut nth) = (b"-_~!$&()*+,;=:@/.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 0);
    while nth < characters.len() {
        kept[characters[nth] as usize] = true;
        nth += 1;
    }
    kept
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{one, page};
    use super::*;
    use crate::model::Page;

    proptest! {
        #[test]
        fn a_plain_link_is_what_it_would_be_joined(link in "/?[a/.?%:1_~!$&()*+,;=@#'\\\\ ü-]{0,12}", base in 0..5_usize) {
            let bases = ["http://a.example", "https://ann:x@a.example:8/b/c?d#e", "http://[::1]/", "http://xn--4ca/./", "HTTP://A.example:80/?/"];
            let base: Url = bases[base].parse().unwrap();
            if is_plain(&link) {
                prop_assert_eq!([&base[..Position::BeforePath], &link].concat(), String::from(base.join(&link).unwrap()));
            }
        }
    }

    #[test]
    fn links_are_absolute() {
        for (html, link) in [
            ("<a href=' \n c?d \t'>", "http://a.example/dir/c?d"),
            ("<a href=''>", "http://a.example/dir/page"),
            ("<a href='#x'>", "http://a.example/dir/page#x"),
            ("<a href='//b.example/ü'>", "http://b.example/%C3%BC"),
            ("<a href='mailto:a@b.example'>", "mailto:a@b.example"),
            ("<a href='http://[::1/ '>", "http://[::1/ "),
            ("<base><base href=/x/><base href=/y/><a href=z>", "http://a.example/x/z"),
            ("<base href='http://[/'><a href=z>", "http://a.example/dir/z"),
            ("<base href='data:x,y'><a href=z>", "z"),
        ] {
            assert_eq!(one("x=a::attr(href)", html), link, "{html}");
        }
        assert_eq!(one("x=img::attr( SRC )", "<img src=i.png>"), "http://a.example/dir/i.png");
        assert_eq!(one("x=a::attr(title)", "<a title=' c '>"), " c ", "other attributes stay verbatim");
    }

    #[test]
    fn a_password_does_not_travel_into_the_links() {
        let page = Page { url: "http://ann:secret@a.example/b/".parse().unwrap(), ..page(b"<a href=c>") };
        let extractor = super::super::tests::extractor(&["x=a::attr(href)"]);
        assert_eq!(extractor.run(&page).unwrap().get("x").unwrap(), "http://a.example/b/c");
    }
}

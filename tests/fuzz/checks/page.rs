//! Any page under tight limits: it is read as under the usual ones, whole, or it is refused as too large.

use std::sync::LazyLock;

use scrape::extract::{Extractor, Settings};
use scrape::{ErrorKind, Field, Page};

/// One field of each kind, and selectors that look in every direction.
const FIELDS: [&str; 8] = [
    "title=title",
    "links[]=a::attr(href)",
    "html=body::html",
    "all[]=*",
    "rows[]=td ~ td, li:nth-last-child(odd):not(:has(b))",
    "deep[]=div div div > *",
    "classes[]=.a.b, #c, [class~=a]::attr(class)",
    "text=:root",
];

static COMPILED: LazyLock<Vec<Field>> = LazyLock::new(|| FIELDS.iter().map(|field| field.parse().expect("a field")).collect());

/// The tags that the parser treats in ways of their own, by the byte that stands for one.
const TAGS: &str = "html head body title table tbody tr td caption colgroup select option a b i font nobr p div ul li dd h1 form \
    button svg math mi annotation-xml foreignObject desc style script template noscript textarea plaintext frameset base iframe \
    br img input hr ruby rt marquee address xmp noembed frame";

/// The first byte chooses the limits, the second whether the rest is the page or a list of tags.
pub(crate) fn check(data: &[u8]) {
    let [limits, how, rest @ ..] = data else { return };
    let body = if how & 1 == 0 { rest.to_vec() } else { tags(rest) };
    let defaults = || Settings { fields: COMPILED.clone(), ..Settings::default() };
    let tight = Settings {
        max_depth: 4 + usize::from(limits & 15),
        max_nodes: 20 + usize::from(limits >> 4) * 20,
        max_values: 1 << (limits & 7),
        max_attributes: usize::from(limits >> 2 & 3) * 2,
        max_matches: usize::from(limits >> 5) * 8,
        ..defaults()
    };
    let page = page(&body);
    let read = |settings| Extractor::new(settings).expect("the names differ").run(&page);
    let whole = read(defaults());
    assert_eq!(read(defaults()), whole, "a page is read otherwise the second time");
    let cut = read(tight);
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => assert_eq!(whole, cut, "a page is never read in part"),
        (Ok(_), Err(failure)) => assert_eq!(failure.kind, ErrorKind::TooLarge, "{failure}"),
        (Err(failure), cut) => {
            assert_eq!(failure.kind, ErrorKind::TooLarge, "{failure}");
            assert!(cut.is_err(), "what is too much is too much under tighter limits");
        }
    }
}

/// A page of tags: a byte is a tag to open, one of its attributes, a tag to close, or text.
fn tags(bytes: &[u8]) -> Vec<u8> {
    let names: Vec<_> = TAGS.split_whitespace().collect();
    let mut page = String::new();
    for byte in bytes {
        let name = names[usize::from(byte & 63) % names.len()];
        page.extend(match byte >> 6 {
            0 => ["<", name, ">"],
            1 => ["</", name, ">"],
            2 => ["<", name, " class='a b' id=c href=x>"],
            _ => ["", ["x", " ", "<!-- -->", "&amp;", "<![CDATA[y]]>", "\0"][usize::from(byte & 63) % 6], ""],
        });
    }
    page.into_bytes()
}

fn page(body: &[u8]) -> Page {
    let url = "http://a.example/dir/".parse().expect("a URL");
    let content_type = Some("text/html; charset=utf-8".to_owned());
    Page { url, status: 200, content_type, body: body.to_vec().into(), codings: Vec::new(), asked: None, left_after: None }
}

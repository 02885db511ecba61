//! Wherever a page is cut: if its beginning is said to settle the values, they are those of the page, whatever it goes on with.

use std::sync::{Arc, LazyLock};

use scrape::Page;
use scrape::extract::{Extractor, Parser, Settings};
use scrape::model::{Judge, Verdict};

/// By the first byte.
const FIELDS: [&[&str]; 6] = [
    &["t=title"],
    &["t=title", "d=meta[name=description]::attr(content)", "c=link[rel=canonical]::attr(href)"],
    &["s=script::attr(src)", "t=head title"],
    &["n=noscript link::attr(href)"],
    &["y=style", "b=base::attr(href)"],
    &["t=title, meta[charset]", "h=head::attr(class)", "m=meta:not([name])::attr(content)"],
];

/// Who judges beginnings, and the two who read: as is quickest, and the tree.
type Readers = (Arc<dyn Judge>, [Extractor; 2]);

static READERS: LazyLock<Vec<Readers>> = LazyLock::new(|| FIELDS.iter().map(|fields| readers(fields)).collect());

/// By the second byte: what the server says, and what stands before all that is fuzzed.
const STARTS: [(&str, &[u8]); 10] = [
    ("text/html; charset=utf-8", b""),
    ("text/html", b""),
    ("text/html", b"\xef\xbb\xbf"),
    ("text/html", b"<meta charset=utf-8>"),
    ("text/html", b"<meta charset=shift_jis>"),
    ("text/html; charset=iso-2022-jp", b""),
    ("text/html; charset=gb18030", b"<head class=a>"),
    ("application/xhtml+xml", b"<?xml version='1.0' encoding='windows-1251'?>"),
    ("text/html; charset=replacement", b"<title>"),
    ("text/plain; charset=utf-8", b""),
];

/// What pages may go on with, beside what they do.
const ENDS: [&[u8]; 12] = [
    b"",
    b"<base href=http://b.example/z/>",
    b"></title></script></style></noscript><base href=/z/></head><title>late</title><meta name=description content=late>",
    b"</head><html lang=x class=a><body class=a><head class=b><title>late</title><svg><title>later</title></svg>",
    b"<frameset><frame></frameset><noframes><title>late</title>",
    b"<table><title>late</title><link rel=canonical href=late><style>late</style></table><template><title>late",
    "\0\u{feff}é</title>".as_bytes(),
    b"\xcf\xf0\xe8\xe2\xe5\xf2 \xec\xe8\xf0 \xcf\xf0\xe8\xe2\xe5\xf2",
    b"\x83\x7b\x83\x57\x93\xfa\x96\x7b\x8c\xea \x5c\x7e",
    b"\x1b$B\x46\x7c\x4b\x5c\x1b(J\x5c\x7e",
    b"\xa1\xc0\x80\xff\xfe<\0t\0",
    b"\x84\x31\xa4\x37' \" --> </script></title></style><meta charset=koi8-r>",
];

/// The third and fourth byte say where the rest is cut.
pub(crate) fn check(data: &[u8]) {
    let [fields, start, cut, cut_too, rest @ ..] = data else { return };
    let (content_type, begin) = STARTS[usize::from(*start) % STARTS.len()];
    let page = padded(begin, rest);
    let read = usize::from(u16::from_le_bytes([*cut, *cut_too])) % (rest.len() + 1);
    settled(&READERS[usize::from(*fields) % FIELDS.len()], content_type, &page, page.len() - rest.len() + read);
}

/// A page whose first kilobyte says what its encoding is, so that what follows can be judged.
pub(crate) fn padded(begin: &[u8], rest: &[u8]) -> Vec<u8> {
    [begin, b"<!--", &[b'-'; 1024], b"-->", rest].concat()
}

pub(crate) fn readers<S: AsRef<str>>(fields: &[S]) -> Readers {
    let reader = |parser, head_only| {
        let fields = fields.iter().map(|field| field.as_ref().parse().expect("a field")).collect();
        Extractor::new(Settings { fields, parser, head_only, ..Settings::default() }).expect("the names differ")
    };
    let judge = Arc::new(reader(Parser::Auto, true)).judge().expect("all stand in the head");
    (judge, [reader(Parser::Auto, false), reader(Parser::Dom, false)])
}

/// Judges the page up to a place; answers whether that was said to be enough, and then it was.
pub(crate) fn settled((judge, readers): &Readers, content_type: &str, body: &[u8], cut: usize) -> bool {
    let page = |body: Vec<u8>| Page {
        url: "http://a.example/dir/page?q".parse().expect("a URL"),
        status: 200,
        content_type: Some(content_type.to_owned()),
        body: body.into(),
        codings: Vec::new(),
        asked: None,
        left_after: None,
    };
    let (beginning, rest) = body.split_at(cut);
    let begun = page(beginning.to_vec());
    if judge.judge(&begun) != Verdict::Enough {
        return false;
    }
    let values = readers[0].run(&begun).expect("what was judged can be read");
    for end in ENDS.into_iter().chain([rest]) {
        for reader in readers {
            // A whole page may be too much.
            let Ok(whole) = reader.run(&page([beginning, end].concat())) else { continue };
            let text = String::from_utf8_lossy;
            assert_eq!(whole, values, "of {:?} before {:?} ({content_type})", text(beginning), text(end));
        }
    }
    true
}

//! The beginnings of pages: one that settles the values settles them whatever follows.

use proptest::prelude::*;
use proptest::sample::select;

use super::{HEAD, START, page};
use crate::seeds::early::{padded, readers, settled};

const PIECES: &[&str] = &[
    "<!doctype html>",
    "<html lang=en>",
    "<head>",
    "<title>T &amp; t&hellip;</title>",
    "<title>\u{e9}&copy</title >",
    "<meta name=description content='a &lt; b'>",
    "<meta name=viewport content=x>",
    "<meta name=description>",
    "<link rel=canonical href=https://b.example/c?a=1&b=2>",
    "<link rel=canonical href=/c>",
    "<link rel=icon href=i>",
    "<base href=/b/>",
    "<script>'</title><title>no</title>'</script>",
    "<script src=s></script>",
    "<style>a>b{}</style>",
    "<noscript><link rel=canonical href=HTTP://c.example/></noscript>",
    "<!-- <title>no</title> -->",
    "\n ",
    "</head>",
    "<body>",
    "x",
    "<p>y</p>",
    "<template><title>t</title></template>",
    "\u{65e5}\u{672c}",
    "\0",
    "<svg><title>s</title></svg>",
    "</br>",
    "<table><title>in a table</title>",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_beginning_that_settles_the_values_settles_them_whatever_follows(
        head in prop::collection::vec(select(PIECES), 1..9),
        rest in prop::collection::vec(select(PIECES), 0..9),
        cut in any::<prop::sample::Index>(),
        (fields, kind, begin) in (0..4_usize, 0..4_usize, 0..3_usize),
    ) {
        let fields: &[&str] = [
            &["t=title"][..],
            &["t=title", "c=link[rel=canonical]::attr(href)"],
            &["d=meta[name=description]::attr(content)"],
            &["s=style, script::attr(src)", "l=link::attr(href)"],
        ][fields];
        let kind = ["text/html; charset=utf-8", "text/html", "text/html; charset=shift_jis", "application/xhtml+xml"][kind];
        let begin = ["", "<meta charset=utf-8>", "<meta charset=iso-2022-jp>"][begin];
        let page = padded(begin.as_bytes(), [head, rest].concat().concat().as_bytes());
        let shortest = begin.len() + 1031;
        settled(&readers(fields), kind, &page, shortest + cut.index(page.len() - shortest + 1));
    }
}

#[test]
fn a_head_that_says_all_is_enough_wherever_the_page_is_cut_after_it() {
    let fields: Vec<_> = HEAD.iter().copied().filter(|word| *word != "-s").collect();
    let readers = readers(&fields);
    let page = padded(b"", page(START.len() + 100).as_bytes());
    let end = page.len() - START.len() - 100 + START.find("</head>").unwrap();
    for cut in 0..page.len() {
        assert_eq!(settled(&readers, "text/html; charset=utf-8", &page, cut), cut >= end, "cut at {cut}");
    }
}

//! Any page, read as is quickest, into our own tree, and into `scraper`'s: the values are the same, and so is a refusal, unless what is
//! refused was not read.

use std::sync::LazyLock;

use scrape::extract::{Extractor, Parser, Settings};
use scrape::{ErrorKind, Page};
use serde_json::Value;

/// By the first byte. Those of single values may stop early.
const FIELDS: [&[&str]; 8] = [
    &["t=title"],
    &["t=title", "links[]=a[href]::attr(href)", "h[]=h2"],
    &["d=meta[name=description]::attr(content)", "c=link[rel=canonical]::attr(href)", "h=h1"],
    &["all[]=*", "ids[]=[id]::attr(id)"],
    &["p[]=p", "li[]=ul > li a", "td[]=table td:not(.a)", "x[]=.a .b, #c > :is(b, i)"],
    &["h=head", "b=body > *", "l=[href]::attr(href)"],
    &["r=:root", "s[]=script::attr(src)", "o[]=select option, button", "n[]=noscript *"],
    &["p=p", "c=.a", "td=td", "a=a::attr(href)"],
];

/// The readers of each.
static READERS: LazyLock<Vec<[Extractor; 3]>> = LazyLock::new(|| FIELDS.iter().map(|fields| readers(fields)).collect());

/// What shows how everything lies in the two trees, whatever else is asked for.
static TREES: LazyLock<[Extractor; 3]> = LazyLock::new(|| {
    readers(&[
        "whole=html::html",
        "nth[]=:nth-child(2n+1), :nth-last-of-type(2)",
        "after[]=p + *, li ~ li, td ~ *",
        "has[]=:has(> b, ~ p):not(:root):not(html)",
        "empty[]=:empty, :only-child",
        "names[]=viewBox, [viewBox], [xlink\\:href], foreignObject *",
    ])
});

/// What pages are made of, by the byte that stands for it.
const PIECES: &str = "<!doctype html>|<html>|<html lang=x>|<head>|</head>|<body>|<body class=a>|</body>|</html>|<title>|</title>|\
    <meta name=description content='a &amp; b'>|<link rel=canonical href=/c>|<base href=/b/>|<script>|</script>|<script src=s>a<b</script>|\
    <style>|</style>|<noscript>|</noscript>|<template>|</template>|<table>|</table>|<caption>|</caption>|<colgroup>|<col>|<tbody>|</tbody>|\
    <thead>|<tr>|</tr>|<td>|<td class=a>|</td>|<th>|</th>|<a href='?a=1&b=2&copy=3'>|<a>|</a>|<b>|</b>|<i>|</i>|<font>|</font>|<nobr>|<p>|</p>|\
    <div>|<div class='a b'>|<div id=c>|</div>|<ul>|</ul>|<li>|</li>|<dl>|</dl>|<dt>|<dd>|<h1>|</h1>|<h2>|</h2>|<pre>|\n|</pre>|<textarea>|\
    </textarea>|<select>|</select>|<option>|</option>|<optgroup>|<hr>|<br>|</br>|<img src=i>|<input>|<input type=hidden>|<form>|</form>|\
    <button>|</button>|<svg>|</svg>|<g class=b/>|<path/>|<math>|</math>|<object>|</object>|<ruby>|</ruby>|<rt>|<rp>|<rtc>|<iframe>|</iframe>|\
    <xmp>|</xmp>|<plaintext>|<frameset>|<span class=b>|</span>|<a-very-long-custom-element>|</a-very-long-custom-element>|\
    <a-very-long-custom-elements>|<!--c-->|<!--|-->|<![CDATA[|]]>|<?x>|</>|<|>|&amp;|&lt|&notit;|&#0;|&#x80;|&nbsp;| |\t\r\n|x|é y|'|\"|=|/|<TD|<P |A=1";

/// The first byte chooses the fields, the second whether the rest is the page or a list of pieces.
pub(crate) fn check(data: &[u8]) {
    let [fields, how, rest @ ..] = data else { return };
    let pieces: Vec<&str> = PIECES.split('|').collect();
    let listed = || rest.iter().map(|byte| pieces[usize::from(*byte) % pieces.len()]).collect::<String>().into_bytes();
    let body = if how & 1 == 0 { rest.to_vec() } else { listed() };
    compare(&READERS[usize::from(*fields) % FIELDS.len()], &body);
}

/// Three readers of the same fields: the quickest, that of our own tree, and that of `scraper`'s.
pub(crate) fn readers<S: AsRef<str>>(fields: &[S]) -> [Extractor; 3] {
    // No element is the sibling that it asks for, and only a tree can say that.
    let sibling = "sibling=nosuch + nosuch";
    [(Parser::Auto, None), (Parser::Auto, Some(sibling)), (Parser::Dom, None)].map(|(parser, more)| {
        let fields = fields.iter().map(AsRef::as_ref).chain(more);
        let fields = fields.map(|field| field.parse().expect("a field")).collect();
        Extractor::new(Settings { fields, parser, ..Settings::default() }).expect("the names differ")
    })
}

/// All read the same in a page.
pub(crate) fn compare(readers: &[Extractor; 3], body: &[u8]) {
    compare_all(readers, body);
    compare_all(&TREES, body);
}

fn compare_all([auto, own, scraper]: &[Extractor; 3], body: &[u8]) {
    let url = "http://a.example/dir/page?q".parse().expect("a URL");
    let content_type = Some("text/html; charset=utf-8".to_owned());
    let page =
        Page { url, status: 200, content_type, body: body.to_vec().into(), codings: Vec::new(), asked: None, left_after: None };
    let whole = scraper.read(&page);
    let own = own.read(&page).map(|(mut data, charset)| {
        assert_eq!(data.0.pop(), Some(("sibling".into(), Value::Null)));
        (data, charset)
    });
    assert_eq!(own, whole, "of {:?}", String::from_utf8_lossy(body));
    match (auto.read(&page), whole) {
        (Ok(_), Err(failure)) => assert_eq!(failure.kind, ErrorKind::TooLarge, "{failure}"),
        (quick, whole) => assert_eq!(quick, whole, "of {:?}", String::from_utf8_lossy(body)),
    }
}

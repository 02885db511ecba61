//! However a page is read, the values are those of its tree: pages as people write them, with a fault put in here and there, and soups
//! of tags, under selectors of all kinds.

use proptest::prelude::*;
use proptest::sample::select;

use crate::seeds::tiers::{compare, readers};

const NAMES: &str = "html head body title meta link base script style noscript template table caption colgroup col tbody thead tr td th \
    a b i em font nobr p div ul ol li dl dt dd h1 h2 pre listing textarea select option optgroup hr br img input form \
    button svg math object ruby rt rp rb rtc iframe noframes xmp plaintext frameset span section dialog search fieldset menu applet image \
    a-very-long-custom-element a-very-long-custom-elements blockquote x-eleven-ch x-eleven-cx selectedcontent label desc foreignObject g";

/// Elements that hold others, and end by their own tags or without.
const BOXES: &str = "div p ul li span a b em h2 section dl dt dd form select option label article button pre blockquote object noscript \
    ruby rt i";

const TEXTS: &[&str] = &[
    "x",
    "two words",
    " ",
    "\n",
    "é",
    "&amp;",
    "a &lt b",
    "&nbsp;",
    "&notit;",
    "&#38;",
    "&copy",
    "\r\n",
    " < ",
    "1<2",
    "\u{a0}",
    "\u{c}",
    "&#13;",
    "&hellip;z",
    "&#x80;",
    "&",
];

const ODD: &[&str] = &[
    "<!--c-->",
    "<!-- <b> -->",
    "<!-->",
    "<!--a--!>",
    "<?x y>",
    "<![CDATA[x]]>",
    "<!doctype html>",
    "</>",
    "<a href='",
    "\0",
    "\u{feff}",
    "<b",
    "<p<b>",
    "<a b='c'\"d>",
    "<script><!-- <script> </script> --></script>",
    "<script>var a='<b>';</script>",
    "<style>a>b{}</style>",
    "<title>T &amp; t</title>",
    "<textarea>\n<b>&lt;</textarea>",
    "<pre>\r\nx</pre>",
    "<pre>&#10;x</pre>",
    "<base href=/z/>",
    "<html lang=x>",
    "<body class=main id=x>",
    "</body></html>",
    "<frameset>",
    "<input type=hidden>",
    "&#32;",
    "<br/>",
    "<img src=i>",
    "<svg viewBox='0 0 1 1'><title>ic</title><path d='x'/><style>a{}</style><g class=x></g></svg>",
    "<meta name=description content='d'>",
];

fn words(text: &'static str) -> Vec<&'static str> {
    text.split(' ').collect()
}

fn attributes() -> impl Strategy<Value = String> {
    let name = select(&["class", "id", "href", "src", "Data-X", "type", "name", "viewBox", "xlink:href"][..]);
    let value = select(&["x y", "a&amp;b", "?a=1&b=2&copy=3&lt", "/p/q", "", "hidden", "a\r\nb", "é", "x", "main"][..]);
    let attribute = (name, value, 0..7u8).prop_map(|(name, value, how)| match how {
        0 => format!(" {name}"),
        1 => format!(" {name}=x"),
        2 => format!("\n{name} = '{value}'"),
        3 => format!("/{name}=\"{value}\""),
        4 => format!(" {name}='{value}'{name}='z'"),
        _ => format!(" {}=\"{value}\"", name.to_uppercase()),
    });
    prop::collection::vec(attribute, 0..3).prop_map(|attributes| attributes.concat())
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (select(words(NAMES)), attributes()).prop_map(|(name, attributes)| format!("<{name}{attributes}>")),
        3 => select(words(NAMES)).prop_map(|name| format!("</{name}>")),
        3 => select(TEXTS).prop_map(String::from),
        1 => select(ODD).prop_map(String::from),
    ]
}

/// What is inside an element, well-formed but for end tags that may be left out.
fn content() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![6 => select(TEXTS).prop_map(String::from), 1 => select(ODD).prop_map(String::from)];
    leaf.prop_recursive(6, 60, 5, |inside| {
        let whole = prop::collection::vec(inside.clone(), 0..5).prop_map(|pieces| pieces.concat());
        let element = (select(words(BOXES)), attributes(), whole, 0..8u8).prop_map(|(name, attributes, inside, end)| {
            let end = if end > 0 { format!("</{name}>") } else { String::new() };
            format!("<{name}{attributes}>{inside}{end}")
        });
        let cell = (select(&["<td>", "<th>", "<td class=x>"][..]), inside, select(&["", "</td>", "</th>"][..]))
            .prop_map(|(start, inside, end)| format!("{start}{inside}{end}"));
        let row = (select(&["<tr>", "<TR class=x>\n", ""][..]), prop::collection::vec(cell, 0..3), select(&["", "</tr>"][..]))
            .prop_map(|(start, cells, end)| format!("{start}{}{end}", cells.concat()));
        let parts = select(&["", "", "\n", "<caption>c</caption>", "<colgroup><col>", "<col>", "<thead>", "<form><tbody>"][..]);
        let table =
            (parts, prop::collection::vec(row, 0..3), select(&["</table>", "</tbody></table>", "</form></table>", ""][..]))
                .prop_map(|(parts, rows, end)| format!("<table>{parts}{}{end}", rows.concat()));
        prop_oneof![5 => element, 1 => table]
    })
}

const STARTS: &[&str] = &[
    "",
    "<!doctype html>",
    "<!DOCTYPE html><html lang=en>\n<head>\n<meta charset=utf-8><title>A &amp; b</title></head>\n<body>",
    "<!doctype html PUBLIC '-//W3C//DTD HTML 3.2//EN'>",
    "<?xml version='1.0'?><!doctype html>",
    "</div><!doctype html>",
    "<html class='x main'>",
    "<head><noscript><link rel=x></noscript><style>x</style></head>\n<body>",
    "<head><base href='/b/'><title>y</title></head><body class=x>",
];

/// A page: mostly as it should be, with a piece put in somewhere.
fn page() -> impl Strategy<Value = String> {
    let body = prop::collection::vec(content(), 0..4).prop_map(|pieces| pieces.concat());
    let faults = prop::collection::vec((any::<prop::sample::Index>(), piece()), 0..3);
    let written = (select(STARTS), body, faults).prop_map(|(start, body, faults)| {
        let mut page = format!("{start}{body}");
        for (at, piece) in faults {
            let at = page.floor_char_boundary(at.index(page.len() + 1));
            page.insert_str(at, &piece);
        }
        page
    });
    let soup = prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat());
    prop_oneof![3 => written, 1 => soup]
}

fn fields() -> impl Strategy<Value = Vec<String>> {
    let asks = &[
        "",
        "",
        "",
        ".x",
        "#main",
        "[href]",
        "[class=x]",
        "[class~=y]",
        "[data-x]",
        "[data-x='X' i]",
        ":root",
        ":not(.x)",
        ":is(p, li, td)",
        ":not(div .x)",
        "[src*='/']",
        "[viewBox]",
        ":first-child",
        ":has(b)",
    ][..];
    let part =
        (prop_oneof![2 => select(words(NAMES)), 1 => Just("*")], select(asks)).prop_map(|(name, ask)| format!("{name}{ask}"));
    let parts = prop::collection::vec(part, 1..4);
    let taken = select(&["", "", "::text", "::attr(href)", "::attr(Class)", "::attr(src)", "::html"][..]);
    let selector = (parts, select(&[" ", " > ", ", "][..]), taken).prop_map(|(parts, with, taken)| parts.join(with) + taken);
    let lists = prop_oneof![1 => Just("[]=*"), 2 => Just("=*")];
    (prop::collection::vec((selector, any::<bool>()), 1..4), lists).prop_map(|(selectors, lists)| {
        let named = |(at, (selector, list)): (usize, (String, bool))| {
            format!("f{at}{}={selector}", if list && lists == "[]=*" { "[]" } else { "" })
        };
        selectors.into_iter().enumerate().map(named).collect()
    })
}

/// A soup of few names, so that they meet in every way, and selectors that show how they lie.
fn few() -> impl Strategy<Value = (String, Vec<String>)> {
    let names = prop::sample::subsequence(words(NAMES), 2..6);
    let more = select(&["p div", "table tr td", "ul li", "dialog search", "a b object", "dl dt dd"][..]);
    (names, more).prop_flat_map(|(mut names, more)| {
        names.extend(more.split(' '));
        let name = || select(names.clone());
        let piece = prop_oneof![
            4 => (name(), 0..6u8).prop_map(|(name, how)| match how {
                0 => format!("<{name} class=c>"),
                1 => format!("<{name} id=x href=h type=hidden>"),
                2 => format!("<{}>", name.to_uppercase()),
                _ => format!("<{name}>"),
            }),
            4 => name().prop_map(|name| format!("</{name}>")),
            2 => select(&["x", "y", " ", "\n", "<!--c-->", "&amp;"][..]).prop_map(String::from),
        ];
        let start = select(
            &[
                "",
                "<!doctype html>",
                "<!doctype html><body>",
                "<!doctype html><head></head><body>x",
                "<!doctype html><div>",
                "<!doctype html public '-//W3C//DTD HTML 3.2//EN'><p>",
                "<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN' 'x'><p>",
                "<!doctype x><p>",
            ][..],
        );
        let page = (start, prop::collection::vec(piece, 2..22)).prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()));
        let fields = (name(), name(), name(), name(), any::<bool>()).prop_map(|(a, b, c, d, list)| {
            let list = if list { "[]" } else { "" };
            let every = if list.is_empty() { "p" } else { "*" };
            [every.to_owned(), format!("{a} > {b}"), format!("{c} {d}"), format!("{a}::attr(class)"), format!(":not({c}) > {a}")]
                .into_iter()
                .enumerate()
                .map(|(at, selector)| format!("f{at}{list}={selector}"))
                .collect()
        });
        (page, fields)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_page_read_as_is_quickest_has_the_values_of_its_tree(page in page(), fields in fields()) {
        compare(&readers(&fields), page.as_bytes());
    }

    #[test]
    fn tags_that_meet_in_any_way_lie_as_in_the_tree((page, fields) in few()) {
        compare(&readers(&fields), page.as_bytes());
    }
}

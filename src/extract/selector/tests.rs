use super::*;
use crate::model::Clean;
use proptest::prelude::*;

#[test]
fn what_is_taken_stands_at_the_end() {
    let attribute = |name: &str, link| Wanted::Attribute { name: name.into(), link };
    for (text, wanted) in [
        ("a", Wanted::Text),
        ("a::text ", Wanted::Text),
        ("a ::text", Wanted::Text),
        ("a, b::HTML", Wanted::Html),
        ("a::attr(href)", attribute("href", true)),
        ("a::attr( data-x )", attribute("data-x", false)),
        ("img:not([alt='::html'])::Attr(SRC)", attribute("SRC", true)),
        ("a[x=\"\\\"::html\"]", Wanted::Text),
        (".a\\:\\:html", Wanted::Text),
        ("use::attr(xlink:href)", attribute("xlink:href", true)),
    ] {
        assert_eq!(compile(text).unwrap().wanted, wanted, "{text}");
    }
}

/// Each selector has a `¦` where the caret belongs, then a part of the reason.
#[test]
fn a_wrong_selector_is_pointed_at_and_explained() {
    for (marked, why) in [
        ("a[href]¦:contains(x)", "`:contains` is not supported"),
        ("a¦:hover", "`:hover` is not supported"),
        ("a:not(b¦:hover) c", "`:hover` is not supported"),
        ("a:is(b, c¦:hover)", "`:hover` is not supported"),
        ("p¦::before", "`::before` is not supported: what a field takes is ::text"),
        ("p¦:before", "`:before` is not supported"),
        ("li:nth-child(2 ¦of .x)", "`of` is not supported"),
        ("li:nth-child(¦evn)", "`e` cannot stand here"),
        ("a¦:nth-child", "needs an argument in parentheses"),
        ("a:has(b¦:has(c))", "`:has` cannot stand here"),
        ("a¦:emptyish", "`:emptyish` is not supported"),
        ("div¦:first", "`:first-of-type`"),
        ("div¦:eq(2)", "`:nth-of-type(1)`"),
        ("日本¦:last é", "`:last-of-type`"),
        ("a¦: b", "a name must follow this `:`"),
        ("a¦::attr", "needs the name of an attribute"),
        ("a¦::attr()", "one bare name"),
        ("a¦::attr('href')", "one bare name"),
        ("a ¦::attr(href)", "write `*::attr(href)`"),
        ("a¦:attr(href)", "needs two colons"),
        ("a¦:text", "needs two colons"),
        ("a¦::text b", "only stand at the very end"),
        ("a¦::text, b::text", "only stand at the very end"),
        ("a:not(¦::text)", "only stand at the very end"),
        ("¦::text", "a selector must stand before this"),
        ("a¦@href", "write `::attr(href)`"),
        ("a¦/@href", "XPath"),
        ("a[¦@href]", "write `::attr(href)`"),
        ("¦//div/a", "XPath"),
        (" ¦./a", "XPath"),
        ("¦(//a)[1]", "XPath"),
        ("div¦/a", "XPath"),
        ("a¦[href=x", "`[` is never closed"),
        ("a[href=¦'x]", "`'` is never closed"),
        ("a:not¦(b", "`(` is never closed"),
        ("a¦[b)", "`[` is never closed"),
        ("a ¦/* b", "comment is never closed"),
        ("a¦]", "`]` cannot stand here"),
        ("a[href=http¦://x.example/]", "in quotes"),
        ("a[width=¦1]", "in quotes"),
        ("a[href=a¦@b]", "in quotes"),
        ("a[x=b ¦c d]", "in quotes"),
        ("a[¦=x]", "`=` cannot stand here"),
        (".¦2col", "[class~=\"2col\"]"),
        ("#¦1", "[id=\"1\"]"),
        ("a > ¦> b", "missing before this `>`"),
        ("¦, b", "missing before this `,`"),
        ("a,¦, b", "missing before this `,`"),
        ("a >¦", "something must follow"),
        ("a,¦", "something must follow"),
        ("¦<p>", "`<` cannot stand here"),
        ("svg¦|a", "namespaces"),
        ("a ¦{}", "`{` cannot stand here"),
    ] {
        let (at, text) = (marked.find('¦').unwrap(), marked.replace('¦', ""));
        let fault = compile(&text).unwrap_err();
        assert_eq!(fault.at, at, "{marked}: {}", fault.why);
        assert!(fault.why.contains(why), "{marked}: {}", fault.why);
    }
}

#[test]
fn a_reason_is_one_line_that_shows_what_is_wrong() {
    for text in ["x.\n=l", "a/**/\n!\n", "a[x=\n]", "a:\u{2028}b\u{9b}", "a\u{1b}", "a::\u{2028}"] {
        let fault = compile(text).unwrap_err();
        assert!(!fault.why.contains(Clean::is_hostile), "{text:?}: {:?}", fault.why);
    }
}

proptest! {
    #[test]
    fn any_text_is_a_selector_or_an_error_with_a_place(text in "([a-z.#:>, *()\\[\\]='\"\\\\/@é1-2-]|::attr\\(|:not\\(){0,24}") {
        match compile(&text) {
            Ok(_) => prop_assert!(scraper::Selector::parse(&text[..value_place(&text).unwrap().unwrap_or(text.len())]).is_ok()),
            Err(fault) => prop_assert!(text.is_char_boundary(fault.at) && !fault.why.is_empty()),
        }
    }
}

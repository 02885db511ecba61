use super::*;
use crate::extract::tests::{all, extractor, one, page};
use crate::extract::{Parser, Settings};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Mutex;

#[test]
fn a_page_is_walked_once_for_all_selectors_and_no_further_than_they_need() {
    let html = "<title>t</title><a href=1>x</a><h2>1</h2><p>a<p>b<h2>2</h2><i>i</i>";
    let lists = ["p + p", "h2", "a::attr(href)", "*", "nosuch"].map(|selector| (compile(selector).unwrap(), usize::MAX));
    let firsts = ["title", "a::attr(href)", "h2 + p"].map(|selector| (compile(selector).unwrap(), 1));
    let url = "http://a.example/".parse().unwrap();
    for parser in [Parser::Auto, Parser::Dom] {
        let large = Mutex::default();
        let document = Document::new(html, &url, parser, Limits::new(&Settings::default(), html.len(), &large)).unwrap();
        let walk = |asked: &[(Compiled, usize)]| {
            let mut walked = 0;
            let mut searches: Vec<_> = asked.iter().map(|(compiled, limit)| Search::new((compiled, *limit))).collect();
            in_time(&document.limits, |steps| match &document.nodes {
                Nodes::Own(tree) => pass(tree.elements(steps).inspect(|_| walked += 1), &mut searches, &document, steps),
                Nodes::Scraper(html) => {
                    let elements = elements(html).map(|element| Step { element, steps });
                    pass(elements.inspect(|_| walked += 1), &mut searches, &document, steps)
                }
            })
            .unwrap();
            (walked, searches.into_iter().map(|search| search.values).collect::<Vec<_>>())
        };
        let (walked, values) = walk(&lists);
        assert_eq!(walked, 10, "html, head, title, body, a, h2, p, p, h2, i");
        assert_eq!(values[..3], [vec!["b"], vec!["1", "2"], vec!["http://a.example/1"]]);
        assert_eq!((values[3].len(), values[4].len()), (walked, 0));
        assert_eq!(walk(&firsts), (7, ["t", "http://a.example/1", "a"].map(|value| vec![value.to_owned()]).to_vec()));
    }
}

#[test]
fn a_field_is_the_first_match_or_null_and_a_list_is_all_of_them() {
    let html = "<p>a<p class=x>b<p>c";
    assert_eq!(one("x=p", html), "a");
    assert_eq!(one("x=p.x", html), "b");
    assert_eq!(one("x=h1", html), Value::Null);
    assert_eq!(all("x[]=p", html), ["a", "b", "c"]);
    assert_eq!(all("x[]=h1", html), [""; 0]);
    assert_eq!(one("x=html::html", "<p>"), "<html><head></head><body><p></p></body></html>", "the root matches too");
}

#[test]
fn elements_without_the_attribute_are_passed_over() {
    let html = "<a>1</a><a title>2</a><a title=x>3</a><svg viewBox=v><use xlink:href=u>";
    assert_eq!(one("x=a::attr(title)", html), "");
    assert_eq!(all("x[]=a::attr( Title )", html), ["", "x"]);
    assert_eq!(one("x=a::attr(id)", html), Value::Null);
    assert_eq!(one("x=svg::attr(viewbox)", html), "v");
    assert_eq!(one("x=use::attr(href)", html), "http://a.example/dir/u");
    assert_eq!(one("x=use::attr(xlink:href)", html), "http://a.example/dir/u");
    assert_eq!(one("x=use::attr(xml:href)", html), Value::Null);
    assert_eq!(one("x=p::attr(xml:lang)", "<p xml:lang=de>"), "de");
}

#[test]
fn a_comma_means_either_in_document_order() {
    assert_eq!(all("x[]=b, a, i", "<i>1</i><a>2</a><b>3</b>"), ["1", "2", "3"]);
    // Misplaced in a table, the b is created last and stands first.
    assert_eq!(all("x[]=td, b", "<table><tr><td>1</td></tr><b>2</b></table>"), ["2", "1"]);
}

#[test]
fn text_is_all_text_inside_but_scripts_and_styles() {
    let html = "<div> a<b>b</b>\u{a0}\t\r\n <script>s</script><style>t</style><!--c--><i> &amp;</i>d \u{a0}</div>";
    assert_eq!(one("x=div", html), "ab &d");
    assert_eq!(one("x=div::TEXT", html), "ab &d");
    assert_eq!(one("x=script", html), "s");
    assert_eq!(one("x=style", html), "t");
    assert_eq!(one("x=div::html", "<div a='\"&'><br>x &lt; y</div>"), "<div a=\"&quot;&amp;\"><br>x &lt; y</div>");
    assert_eq!(one("x=p", "<p> \n </p>"), "");
    assert_eq!(one("x=title", "<title> A\u{1b}[2J\n\u{202e}B&#0; </title>"), "A\u{1b}[2J \u{202e}B\u{fffd}");
}

#[test]
fn selectors_are_those_of_a_browser() {
    let html = "<ul><li>1<li class='x y'>2<li data-a='q::text'>3</ul><p>4<p id=é>5";
    for (selector, found) in [
        ("li:nth-child(2n+1)", &["1", "3"][..]),
        ("li:nth-last-child(2)", &["2"]),
        ("li:not(.x, :first-child)", &["3"]),
        ("ul:has(> li.y) ~ p", &["4", "5"]),
        (":is(ul, p):where(:not(ul))", &["4", "5"]),
        ("[data-a$='::text']", &["3"]),
        ("[data-a='Q::TEXT' i]::text", &["3"]),
        ("#é", &["5"]),
        ("LI.x", &["2"]),
        ("li.X", &[]),
        ("p:last-of-type", &["5"]),
        ("/* a comment :: ( */ p:first-of-type", &["4"]),
    ] {
        assert_eq!(all(&format!("x[]={selector}"), html), found, "{selector}");
    }
}

#[test]
fn values_that_repeat_each_other_are_bounded() {
    let deep = "<div>".repeat(300) + &"x".repeat(1000);
    let mut settings = extractor(&["x[]=div::html"]).settings;
    settings.max_values = 100_000;
    let failure = crate::extract::Extractor::new(settings).unwrap().run(&page(deep.as_bytes())).unwrap_err();
    assert!(failure.message.contains("longer than 100000 bytes"), "{failure}");
}

proptest! {
    #[test]
    fn white_space_is_made_single_and_stays_so(pieces in prop::collection::vec("[a-c \t\r\n\u{c}\u{a0}\u{2003}é]{0,6}", 0..8)) {
        let line = |pieces: &[String]| {
            let mut words = Words::default();
            for piece in pieces {
                words.push(piece);
            }
            words.line
        };
        let once = line(&pieces);
        prop_assert_eq!(&line(std::slice::from_ref(&once)), &once);
        prop_assert_eq!(&line(&[pieces.concat()]), &once, "where the text is cut does not matter");
        let space = |c: char| c.is_ascii_whitespace() || c == '\u{a0}';
        let expected: Vec<String> = pieces.concat().split(space).filter(|word| !word.is_empty()).map(String::from).collect();
        prop_assert_eq!(json!(once), json!(expected.join(" ")));
    }
}

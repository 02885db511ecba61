//! The `css` extractor: matching a compiled selector, and the value that is taken from an element.

use std::io::{self, Write};
use std::sync::Arc;

use html5ever::QualName;
use html5ever::serialize::{Serialize, SerializeOpts, TraversalScope, serialize};
use scraper::selector::Simple;
use selectors::Element;
use selectors::context::SelectorCaches;
use selectors::matching::{
    MatchingContext, MatchingForInvalidation, MatchingMode, NeedsSelectorFlags, QuirksMode, matches_selector,
};
use selectors::parser::Selector;

use super::document::{Nodes, elements};
use super::limits::Limits;
use super::selector::{Compiled, Wanted, compile};
use super::step::{Step, Steps, in_time};
use super::tree::{Found, Need};
use super::{Document, Extract, Kind};
use crate::model::Failure;

/// The entry of the table.
pub(super) const KIND: Kind = Kind {
    name: "css",
    meaning: "a CSS selector, then what to take: ::text (the default), ::attr(NAME) or ::html",
    compile: |selector| {
        let compiled = compile(selector)?;
        let needs = compiled.selectors.slice().iter().map(Need::new).collect();
        Ok(Arc::new(Css { compiled, needs }))
    },
};

#[derive(Debug)]
struct Css {
    compiled: Compiled,
    /// What each of its selectors needs.
    needs: Vec<Need>,
}

/// An element that values are taken from.
pub(super) trait Source: Serialize {
    /// The value of the attribute that [is named](is_named) so.
    fn attribute(&self, name: &str) -> Option<&str>;

    /// The text in it, its white space made single blanks. Scripts and style sheets in it are left out; they hold nothing but text,
    /// so a text's parent tells.
    fn text(&self) -> String;
}

impl Extract for Css {
    fn values(&self, document: &Document<'_>, limit: usize) -> Result<Vec<String>, Failure> {
        in_time(&document.limits, |steps| {
            let mut caches = SelectorCaches::default();
            match &document.nodes {
                Nodes::Own(tree) => {
                    let is_meant = |element: &Found<'_, '_>| {
                        let selectors = self.compiled.selectors.slice().iter().zip(&self.needs);
                        let mut close = selectors.map(|(selector, need)| (selector, need.decides(element)));
                        close.any(|(selector, decided)| decided.unwrap_or_else(|| is_match([selector], element, &mut caches)))
                    };
                    self.collect(tree.elements(steps), is_meant, document, limit, steps)
                }
                Nodes::Scraper(html) => {
                    let is_meant = |element: &Step<'_, '_>| is_match(self.compiled.selectors.slice(), element, &mut caches);
                    self.collect(elements(html).map(|element| Step { element, steps }), is_meant, document, limit, steps)
                }
            }
        })
    }

    fn compiled(&self) -> Option<&Compiled> {
        Some(&self.compiled)
    }
}

/// Whether an element matches one of the selectors.
pub(super) fn is_match<'s, E: Element<Impl = Simple>>(
    selectors: impl IntoIterator<Item = &'s Selector<Simple>>,
    element: &E,
    caches: &mut SelectorCaches,
) -> bool {
    let mut context = MatchingContext::new(
        MatchingMode::Normal,
        None,
        caches,
        QuirksMode::NoQuirks, // classes keep their case, also where a doctype is missing
        NeedsSelectorFlags::No,
        MatchingForInvalidation::No,
    );
    selectors.into_iter().any(|selector| matches_selector(selector, 0, None, element, &mut context))
}

impl Css {
    /// The values of those elements that are meant.
    fn collect<E: Source>(
        &self,
        elements: impl Iterator<Item = E>,
        mut is_meant: impl FnMut(&E) -> bool,
        document: &Document<'_>,
        limit: usize,
        steps: &Steps<'_, '_>,
    ) -> Result<Vec<String>, Failure> {
        let mut values = Vec::new();
        for element in elements {
            steps.step();
            if is_meant(&element)
                && let Some(value) = self.value(&element, document, steps)?
            {
                let bytes = value.len();
                values.push(value);
                document.limits.count_value(values.len(), bytes)?;
                if values.len() == limit {
                    break;
                }
            }
        }
        Ok(values)
    }

    /// What is taken from an element that matches; `None` where it lacks the attribute.
    fn value(&self, element: &impl Source, document: &Document<'_>, steps: &Steps<'_, '_>) -> Result<Option<String>, Failure> {
        Ok(match &self.compiled.wanted {
            Wanted::Text => Some(element.text()),
            Wanted::Html => Some(html(element, &document.limits)?),
            Wanted::Attribute { name, link } => {
                element.attribute(name).map(|value| if *link { document.absolute(value, steps) } else { value.to_owned() })
            }
        })
    }
}

/// Whether an attribute has a name in any letter case; one of SVG's answers to `href` as well as to `xlink:href`.
pub(super) fn is_named(attribute: &QualName, name: &str) -> bool {
    let local: &str = &attribute.local;
    let prefixed = |prefix: &str| {
        let named = name.split_once(':');
        named.is_some_and(|(first, rest)| prefix.eq_ignore_ascii_case(first) && local.eq_ignore_ascii_case(rest))
    };
    local.eq_ignore_ascii_case(name) || attribute.prefix.as_deref().is_some_and(prefixed)
}

/// An element as HTML. Where the parser repeated an element, this repeats all its attributes, so that it may be far longer than
/// the page.
fn html(element: &impl Source, limits: &Limits<'_>) -> Result<String, Failure> {
    let mut html = Capped { bytes: Vec::new(), room: limits.room() };
    let scope = TraversalScope::IncludeNode;
    let opts = SerializeOpts { scripting_enabled: false, traversal_scope: scope, create_missing_parent: false };
    serialize(&mut html, element, opts).map_err(|_| limits.too_long())?;
    Ok(String::from_utf8(html.bytes).expect("what is written of texts is text"))
}

/// Bytes up to a number of them.
struct Capped {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Words on one line: runs of HTML white space and no-break spaces become one blank, none at the ends.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) line: String,
    gap: bool,
}

impl Words {
    pub(super) fn push(&mut self, text: &str) {
        let is_space = |c: char| c.is_ascii_whitespace() || c == '\u{a0}';
        for (nth, word) in text.split(is_space).enumerate() {
            self.gap |= nth > 0;
            if !word.is_empty() {
                if self.gap && !self.line.is_empty() {
                    self.line.push(' ');
                }
                self.gap = false;
                self.line.push_str(word);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all, extractor, one, page};
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

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
        let failure = super::super::Extractor::new(settings).unwrap().run(&page(deep.as_bytes())).unwrap_err();
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
}

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
use selectors::relative_selector::cache::RelativeSelectorCache;
use selectors::relative_selector::filter::RelativeSelectorFilterMap;

use super::document::{Nodes, elements};
use super::limits::Limits;
use super::selector::{Compiled, Wanted, compile};
use super::step::{Step, Steps, in_time};
use super::{Document, Extract, Kind};
use crate::model::Failure;

/// The entry of the table.
pub(super) const KIND: Kind = Kind {
    name: "css",
    meaning: "a CSS selector, then what to take: ::text (the default), ::attr(NAME) or ::html",
    compile: |selector| Ok(Arc::new(Css(compile(selector)?))),
};

#[derive(Debug)]
struct Css(Compiled);

impl Extract for Css {
    fn values(&self, document: &Document<'_>, limit: usize) -> Result<Vec<String>, Failure> {
        Ok(values(document, [(&self.0, limit)])?.swap_remove(0))
    }

    fn compiled(&self) -> Option<&Compiled> {
        Some(&self.0)
    }
}

/// An element that a selector may mean, and that values are taken from.
pub(super) trait Source: Serialize {
    /// Whether a selector means it.
    fn is_meant(&self, compiled: &Compiled, caches: &mut SelectorCaches) -> bool;

    /// The value of the attribute that [is named](is_named) so.
    fn attribute(&self, name: &str) -> Option<&str>;

    /// The text in it, its white space made single blanks. Scripts and style sheets in it are left out; they hold nothing but text,
    /// so a text's parent tells.
    fn text(&self) -> String;
}

/// The values of selectors, at most so many of each, found in one pass through the page: it is walked once, however many they are.
pub(super) fn values<'a>(
    document: &Document<'_>,
    asked: impl IntoIterator<Item = (&'a Compiled, usize)>,
) -> Result<Vec<Vec<String>>, Failure> {
    in_time(&document.limits, |steps| {
        let mut searches: Vec<_> = asked.into_iter().map(Search::new).collect();
        match &document.nodes {
            Nodes::Own(tree) => pass(tree.elements(steps), &mut searches, document, steps)?,
            Nodes::Scraper(html) => {
                pass(elements(html).map(|element| Step { element, steps }), &mut searches, document, steps)?;
            }
        }
        Ok(searches.into_iter().map(|search| search.values).collect())
    })
}

/// A selector that looks for its values.
struct Search<'a> {
    compiled: &'a Compiled,
    limit: usize,
    values: Vec<String>,
}

impl<'a> Search<'a> {
    fn new((compiled, limit): (&'a Compiled, usize)) -> Self {
        Self { compiled, limit, values: Vec::new() }
    }
}

/// What `:has` came to for elements is forgotten after so many: each selector remembers it of each element.
const REMEMBERED: usize = 1 << 13;

/// Asks each element in turn which of the searches mean it, until all of them have all that they want.
fn pass(
    elements: impl Iterator<Item: Source>,
    searches: &mut [Search<'_>],
    document: &Document<'_>,
    steps: &Steps<'_, '_>,
) -> Result<(), Failure> {
    let mut left = searches.len();
    let mut caches = SelectorCaches::default();
    for (nth, element) in elements.enumerate() {
        if nth % REMEMBERED == 0 {
            caches.relative_selector = RelativeSelectorCache::default();
        }
        for search in &mut *searches {
            if search.values.len() == search.limit {
                continue;
            }
            steps.step();
            steps.may_remember(search.compiled.asks_twice);
            if element.is_meant(search.compiled, &mut caches)
                && let Some(value) = value(&element, &search.compiled.wanted, document, steps)?
            {
                let bytes = value.len();
                search.values.push(value);
                document.limits.count_value(search.values.len(), bytes)?;
                left -= usize::from(search.values.len() == search.limit);
            }
        }
        if left == 0 {
            break;
        }
    }
    Ok(())
}

/// What is taken from an element that is meant; `None` where it lacks the attribute.
fn value(
    element: &impl Source,
    wanted: &Wanted,
    document: &Document<'_>,
    steps: &Steps<'_, '_>,
) -> Result<Option<String>, Failure> {
    Ok(match wanted {
        Wanted::Text => Some(element.text()),
        Wanted::Html => Some(html(element, &document.limits)?),
        Wanted::Attribute { name, link } => {
            element.attribute(name).map(|value| if *link { document.absolute(value, steps) } else { value.to_owned() })
        }
    })
}

/// Whether an element matches one of the selectors.
pub(super) fn is_match<'s, E: Element<Impl = Simple>>(
    selectors: impl IntoIterator<Item = &'s Selector<Simple>>,
    element: &E,
    caches: &mut SelectorCaches,
) -> bool {
    // For each element that two `:has` ask it keeps a filter of 4 KiB, of use only where elements tell their hashes.
    caches.relative_selector_filter_map = RelativeSelectorFilterMap::default();
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
mod tests;

//! The syntax of a `css` field: a CSS selector list, then at most one of `::text`, `::attr(NAME)` and `::html`.
//!
//! The CSS parser says only that a selector is wrong, so the place is found by asking it about ever shorter beginnings.

use std::borrow::Cow;

use cssparser::Parser as Input;
use scraper::selector::Simple;
use selectors::parser::{Component, ParseRelative, Parser, Selector, SelectorList, SelectorParseErrorKind};

use super::Fault;
use super::tree::Need;

/// A selector, ready to match.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) selectors: SelectorList<Simple>,
    /// What each of them needs of an element at the least.
    pub(super) needs: Vec<Need>,
    /// Whether several `:has` may ask one element: then something is remembered of it (see [`Steps`](super::step::Steps::may_remember)).
    pub(super) asks_twice: bool,
    pub(super) wanted: Wanted,
}

/// What is taken from an element that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The text inside.
    Text,
    /// The element as HTML.
    Html,
    /// The value of an attribute; a `link` is made absolute.
    Attribute { name: Box<str>, link: bool },
}

/// Compiles a selector.
pub(super) fn compile(text: &str) -> Result<Compiled, Fault> {
    let start = text.len() - text.trim_start().len();
    if start == text.len() {
        return Err(Fault::new(0, "the selector is missing: a field is NAME=SELECTOR, such as title=h1"));
    }
    if text[start..].starts_with(['/', '(']) && !text[start..].starts_with("/*") || text[start..].starts_with("./") {
        return Err(Fault::new(start, XPATH));
    }
    let (css, wanted) = match value_place(text)? {
        Some(at) => (&text[..at], wanted(text, at)?),
        None => (text, Wanted::Text),
    };
    let css = css.trim_end();
    if css.trim_start().is_empty() {
        return Err(Fault::new(start, "a selector must stand before this: `*` is any element"));
    }
    let selectors = parse(css).ok_or_else(|| {
        let at = place(css);
        Fault::new(at, reason(css, at))
    })?;
    let needs = selectors.slice().iter().map(Need::new).collect();
    let asks_twice = relatives(&selectors) > 1;
    Ok(Compiled { selectors, needs, asks_twice, wanted })
}

/// How many selectors stand in a `:has`.
fn relatives(selectors: &SelectorList<Simple>) -> usize {
    let parts = selectors.slice().iter().flat_map(Selector::iter_raw_match_order);
    let count = |part: &Component<Simple>| match part {
        Component::Has(relatives) => relatives.len(),
        Component::Negation(list) | Component::Is(list) | Component::Where(list) => relatives(list),
        _ => 0,
    };
    parts.map(count).sum()
}

const XPATH: &str = "this is XPath; a field is a CSS selector, such as `div > a::attr(href)`";
const AT_THE_END: &str = "::text, ::attr(NAME) or ::html";

/// The byte of the last `::` outside brackets and quotes, if any. Refuses what is never closed, which CSS would close at
/// the end by itself.
fn value_place(text: &str) -> Result<Option<usize>, Fault> {
    let unclosed = |at, c: char| Fault::new(at, format!("`{c}` is never closed"));
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut place = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match c {
            '\\' => drop(chars.next()),
            '/' if next == Some('*') => {
                let end = text[at + 2..].find("*/").ok_or_else(|| Fault::new(at, "this comment is never closed"))?;
                while chars.next_if(|(inner, _)| *inner < at + 2 + end + 2).is_some() {}
            }
            '"' | '\'' => loop {
                match chars.next() {
                    Some((_, '\\')) => drop(chars.next()),
                    Some((_, end)) if end == c => break,
                    Some(_) => {}
                    None => return Err(unclosed(at, c)),
                }
            },
            '[' | '(' | '{' => open.push((at, c)),
            ']' | ')' | '}' => drop(open.pop_if(|(_, opening)| matches!((*opening, c), ('[', ']') | ('(', ')') | ('{', '}')))),
            ':' if open.is_empty() && next == Some(':') => {
                chars.next();
                place = Some(at);
            }
            _ => {}
        }
    }
    open.pop().map_or(Ok(place), |(at, c)| Err(unclosed(at, c)))
}

/// What the `::` at a place asks for.
fn wanted(text: &str, at: usize) -> Result<Wanted, Fault> {
    let tail = text[at + 2..].trim_end();
    let (name, rest) = tail.split_at(tail.find(|c| !is_name(c)).unwrap_or(tail.len()));
    let argument = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).map(str::trim);
    match (name.to_ascii_lowercase().as_str(), argument) {
        ("text", None) if rest.is_empty() => Ok(Wanted::Text),
        ("html", None) if rest.is_empty() => Ok(Wanted::Html),
        ("attr", Some(attribute)) if !attribute.is_empty() && attribute.chars().all(|c| is_name(c) || ".:@".contains(c)) => {
            if text[..at].ends_with(|c: char| c.is_ascii_whitespace()) {
                let why = format!("the blank before `::attr` would mean anything inside: write `*::attr({attribute})` for that");
                return Err(Fault::new(at, why));
            }
            let local = attribute.strip_prefix("xlink:").unwrap_or(attribute);
            let link = ["href", "src"].iter().any(|link| local.eq_ignore_ascii_case(link));
            Ok(Wanted::Attribute { name: attribute.into(), link })
        }
        ("attr", None) if rest.is_empty() => {
            Err(Fault::new(at, "`::attr` needs the name of an attribute, such as `::attr(href)`"))
        }
        ("attr", Some(_)) => Err(Fault::new(at, "`::attr` takes one bare name of an attribute, such as `::attr(href)`")),
        _ => Err(Fault::new(at, reason(text, at))),
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_' || !c.is_ascii()
}

/// scraper's CSS, without its forgiveness: `:is(a:hover)` is an error here, where a browser would quietly match nothing.
struct Strict;

impl Parser<'_> for Strict {
    type Impl = Simple;
    type Error = SelectorParseErrorKind;

    fn parse_is_and_where(&self) -> bool {
        true
    }

    fn parse_has(&self) -> bool {
        true
    }

    fn allow_forgiving_selectors(&self) -> bool {
        false
    }
}

fn parse(css: &str) -> Option<SelectorList<Simple>> {
    SelectorList::parse(&Strict, &mut Input::new(css), ParseRelative::No).ok()
}

/// Where a wrong selector goes wrong: after its longest beginning that something could follow. (The parser closes open
/// brackets by itself at the end.) A pseudo-class is pointed at with its colon.
fn place(css: &str) -> usize {
    let can_go_on = |start: &str| ["", "x", "1"].iter().any(|end| parse(&format!("{start}{end}")).is_some());
    let mut ends = (0..=css.len()).rev().filter(|at| css.is_char_boundary(*at));
    let at = ends.find(|at| can_go_on(&css[..*at])).unwrap_or(0);
    if css[at..].starts_with(|c| is_name(c) || c == '(') {
        let before = css[..at].trim_end_matches(is_name);
        let colon = before.trim_end_matches(':');
        if colon.len() < before.len() {
            return colon.len();
        }
    }
    at
}

/// Why a selector cannot go on at a place, in plain words.
fn reason(css: &str, at: usize) -> Cow<'static, str> {
    let (before, rest) = css.split_at(at);
    let Some(c) = rest.chars().next() else { return "something must follow here".into() };
    let brackets = before.rfind('[').filter(|open| before.rfind(']').is_none_or(|close| close < *open));
    let name: String = rest.trim_start_matches([':', '@']).chars().take_while(|c| is_name(*c)).collect();
    let previous = before.chars().next_back();
    match c {
        _ if brackets.is_some_and(|open| before[open..].contains('=')) => {
            "such a value must stand in quotes: [href=\"/a?b=c\"]".into()
        }
        '@' => {
            format!("`@{name}` is XPath: write `::attr({name})` at the end for the value, `[{name}]` for elements that have it")
                .into()
        }
        ':' if brackets.is_none() => pseudo(rest, &name),
        '/' if brackets.is_none() => XPATH.into(),
        '0'..='9' if previous == Some('.') => {
            format!("the name of a class cannot start with a digit here: write [class~=\"{name}\"]").into()
        }
        '0'..='9' if previous == Some('#') => format!("an id cannot start with a digit here: write [id=\"{name}\"]").into(),
        '|' => "namespaces are not supported".into(),
        _ if name == "of" => "`of` is not supported: take all matches with NAME[]= and pick from the list".into(),
        ',' | '>' | '+' | '~' => format!("a selector is missing before this `{c}`").into(),
        _ => format!("`{c}` cannot stand here").into(),
    }
}

/// What is wrong with a `:name` or `::name`, and what to write instead.
fn pseudo(rest: &str, name: &str) -> Cow<'static, str> {
    let colons = if rest.starts_with("::") { "::" } else { ":" };
    let lower = name.to_ascii_lowercase();
    let instead = match (colons, lower.as_str()) {
        (_, "") => return format!("a name must follow this `{colons}`").into(),
        ("::", "text" | "html" | "attr") => {
            return format!("`::{lower}` can only stand at the very end, once for the whole field").into();
        }
        ("::", _) => return format!("`::{name}` is not supported: what a field takes is {AT_THE_END}, at its end").into(),
        (_, "contains" | "icontains" | "has-text" | "matches") => {
            "CSS cannot look for text; select by structure, or filter the records"
        }
        (_, "first") => "a field without [] takes the first match; `:first-of-type` is the first of its siblings",
        (_, "last") => "`:last-of-type` is the last of its siblings",
        (_, "eq" | "nth" | "gt" | "lt" | "even" | "odd") => "`:nth-of-type(1)` counts siblings, from 1",
        (_, "text" | "attr" | "html") => return format!("`:{name}` needs two colons: {AT_THE_END}").into(),
        (_, "not" | "is" | "where" | "has" | "nth-child" | "nth-last-child" | "nth-of-type" | "nth-last-of-type") => {
            return if rest[1 + name.len()..].starts_with('(') {
                format!("`:{name}` cannot stand here, or what is in its parentheses is wrong").into()
            } else {
                format!("`:{name}` needs an argument in parentheses").into()
            };
        }
        (_, "checked" | "selected" | "disabled" | "required") => "select by the attribute, such as `[checked]`",
        _ => "a fetched page knows structure (`:nth-child`, `:not`, `:has`, …), but no state and no style",
    };
    format!("`:{name}` is not supported: {instead}").into()
}

#[cfg(test)]
mod tests;

//! `NAME=SELECTOR`: the syntax of a field, and the errors that show where it is wrong.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;

use super::selector::Compiled;
use super::{Document, EXTRACTORS, Extract, css};
use crate::model::{Clean, Failure};

/// One field of the record, compiled: `title=h1`, `links[]=a::attr(href)`.
///
/// `NAME` takes the first match (`null` without one), `NAME[]` all of them as a list.
///
/// ```
/// use scrape::extract::Field;
/// let field: Field = "links[]=a::attr(href)".parse().unwrap();
/// assert_eq!(&**field.name(), "links");
/// assert!(field.is_list());
/// ```
#[derive(Clone, Debug)]
pub struct Field {
    name: Arc<str>,
    list: bool,
    extract: Arc<dyn Extract>,
}

/// Where and why a selector is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The place in the selector, in bytes.
    pub at: usize,
    /// The reason, in plain words on one line.
    pub why: Cow<'static, str>,
}

impl Fault {
    /// A fault whose reason may quote anything.
    pub(super) fn new(at: usize, why: impl Into<Cow<'static, str>>) -> Self {
        let why = why.into();
        Self { at, why: if why.contains(Clean::is_hostile) { Clean(&why).to_string().into() } else { why } }
    }
}

/// A field that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The text is no field. Shown on three lines: what cannot be read, the text, and a caret under the place with the reason.
    #[error("{}", show(name.as_deref(), argument, fault))]
    Syntax {
        /// The name, as far as there is one.
        name: Option<Arc<str>>,
        /// The whole text, as given.
        argument: String,
        /// Where and why it is wrong; the place counts from the start of `argument`.
        fault: Fault,
    },
    /// Two fields have one name.
    #[error("two fields are named {name:?}: one of them needs another name")]
    Twice {
        /// The name.
        name: Arc<str>,
    },
}

fn show(name: Option<&str>, argument: &str, fault: &Fault) -> String {
    let what = name.map_or_else(|| "the field".to_owned(), |name| format!("the selector of {name:?}"));
    let before = argument.get(..fault.at).unwrap_or(argument);
    let column = Clean(before).to_string().chars().count();
    format!("{what} cannot be read:\n    {}\n    {:column$}^ {}", Clean(argument), "", fault.why)
}

impl FromStr for Field {
    type Err = FieldError;

    fn from_str(argument: &str) -> Result<Self, FieldError> {
        let wrong = |name, at, fault: Fault| FieldError::Syntax {
            name,
            argument: argument.to_owned(),
            fault: Fault { at: at + fault.at, ..fault },
        };
        let Some((left, right)) = argument.split_once('=') else {
            return Err(wrong(None, argument.len(), Fault::new(0, "`=` is missing: a field is NAME=SELECTOR, such as title=h1")));
        };
        let (name, list) = left.trim().strip_suffix("[]").map_or((left.trim(), false), |name| (name.trim_end(), true));
        if name.is_empty() {
            return Err(wrong(None, 0, Fault::new(0, "the name is missing: a field is NAME=SELECTOR, such as title=h1")));
        }
        if name.contains(['[', ']']) {
            let why = "this is no name: a field is NAME=SELECTOR, such as link=a[href], or NAME[]=SELECTOR for all matches";
            return Err(wrong(None, 0, Fault::new(0, why)));
        }
        let name: Arc<str> = name.into();
        let kind = EXTRACTORS.iter().find(|kind| right.strip_prefix(kind.name).is_some_and(|rest| rest.starts_with(':')));
        let (compile, prefix) = kind.map_or((EXTRACTORS[0].compile, 0), |kind| (kind.compile, kind.name.len() + 1));
        let extract = compile(&right[prefix..]).map_err(|fault| wrong(Some(name.clone()), left.len() + 1 + prefix, fault))?;
        Ok(Self { name, list, extract })
    }
}

impl Field {
    /// A field that takes the first value of an extractor.
    #[cfg(test)]
    pub(crate) fn of(name: &str, extract: Arc<dyn Extract>) -> Self {
        Self { name: name.into(), list: false, extract }
    }

    /// The name: the key in `data`.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether the value is a list of all matches.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.list
    }

    /// The selector, if it is one and nothing else, and whether all matches are taken.
    pub(super) fn compiled(&self) -> Option<(&Compiled, bool)> {
        self.extract.compiled().map(|compiled| (compiled, self.list))
    }

    /// The value of a page that has none.
    pub(super) fn nothing(&self) -> Value {
        if self.list { Value::Array(Vec::new()) } else { Value::Null }
    }

    /// How many values are taken.
    fn limit(&self) -> usize {
        if self.list { usize::MAX } else { 1 }
    }

    /// What is said of values.
    fn value(&self, values: Vec<String>) -> Value {
        let mut values = values.into_iter().map(Value::String);
        if self.list { Value::Array(values.collect()) } else { values.next().unwrap_or(Value::Null) }
    }
}

/// The values of fields in a page: those of all selectors in one pass, then those that are read in other ways.
pub(super) fn read(fields: &[Field], document: &Document<'_>) -> Result<Vec<Value>, Failure> {
    let selectors = fields.iter().filter_map(|field| Some((field.extract.compiled()?, field.limit())));
    let mut found = css::values(document, selectors)?.into_iter();
    let read = |field: &Field| {
        let is_selector = field.extract.compiled().is_some();
        let found = if is_selector { found.next() } else { None };
        Ok(field.value(found.map_or_else(|| field.extract.values(document, field.limit()), Ok)?))
    };
    fields.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(argument: &str) -> String {
        argument.parse::<Field>().unwrap_err().to_string()
    }

    #[test]
    fn the_first_equals_sign_ends_the_name() {
        for (argument, name, list) in [
            ("title=title", "title", false),
            ("links[]=a[href=x]", "links", true),
            (" a b [] = p ", "a b", true),
            ("größe=.x", "größe", false),
            ("x=css:a", "x", false),
        ] {
            let field: Field = argument.parse().unwrap();
            assert_eq!((&**field.name(), field.is_list()), (name, list), "{argument}");
        }
    }

    #[test]
    fn an_error_shows_the_argument_and_a_caret_under_the_place() {
        let expected = "the selector of \"links\" cannot be read:
    links[]=a[href]:contains(x)
                   ^ `:contains` is not supported: CSS cannot look for text";
        assert!(refused("links[]=a[href]:contains(x)").starts_with(expected), "{}", refused("links[]=a[href]:contains(x)"));
        let expected = "the selector of \"größe\" cannot be read:
    größe=css:.日本 > !
                    ^ `!` cannot stand here";
        assert_eq!(refused("größe=css:.日本 > !"), expected);
    }

    #[test]
    fn an_error_is_three_lines_whatever_the_argument_holds() {
        let shown = refused("x=a\n\u{1b}\u{9b}2J >\r!");
        assert_eq!(shown.lines().count(), 3, "{shown}");
        assert!(!shown.contains(['\u{1b}', '\r']));
        let mut lines = shown.lines().skip(1);
        let place = lines.next().unwrap().find("\\u{1b}").unwrap();
        assert_eq!(lines.next().unwrap().find('^'), Some(place), "{shown}");
    }

    #[test]
    fn what_is_no_field_is_told_the_form() {
        for (argument, column, why) in [
            ("h1", 2, "`=` is missing"),
            ("", 0, "`=` is missing"),
            ("=h1", 0, "the name is missing"),
            ("[]=h1", 0, "the name is missing"),
            ("a[href=x]", 0, "this is no name"),
            ("x=", 2, "the selector is missing"),
            ("x= ", 2, "the selector is missing"),
            ("x=css:", 6, "the selector is missing"),
        ] {
            let shown = refused(argument);
            assert!(shown.lines().last().unwrap().starts_with(&format!("    {:column$}^ {why}", "")), "{shown}");
            assert!(shown.contains("NAME=SELECTOR"), "{shown}");
        }
    }
}

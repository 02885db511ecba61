//! Page → fields: the third step of a worker, between the fetch and the record (source ▸ **crawl** ▸ sink).
//!
//! Synchronous and pure CPU: it may be called inline or on a blocking thread. What one page may cost is bounded whatever
//! the page holds (see [`Settings`]); a page that costs more is a failure, never a page read in part.
//!
//! The quickest way that gives the right values is taken: nothing asked for, nothing parsed; else tag by tag, without a tree, and no
//! further than to the last value (`stream`); else the tree of the whole page ([`Document`]), which is our own (`tree`) unless that
//! of `scraper` is asked for. What the values are is defined by the tree, and the two are one. A page is refused only for what had
//! to be read of it. Where it is wished so, a page is not even received any further than to what settles its fields
//! ([`Extractor::judge`]).

mod charset;
mod css;
mod document;
mod early;
mod field;
mod guard;
mod limits;
mod parse;
mod selector;
mod shadows;
mod step;
mod stream;
mod tree;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::model::{Charset, Data, Failure, Page};

pub use document::Document;
pub use field::{Fault, Field, FieldError};
use limits::Limits;
pub use selector::Compiled;
use stream::Plan;

/// A page of so many bytes is short: also a tree of it is made at a glance, as that takes some 30 µs a KiB.
const SHORT: usize = 8 << 10;

/// The rest of a page whose values are found is only searched for what could change them, so many times as fast as it is read.
const AHEAD: usize = 8;

/// What is read from every page, and what one page may cost.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The fields, in the order of the record. Default: `title=title`.
    pub fields: Vec<Field>,
    /// Whether pages are parsed at all; without it no field is extracted. Default: true.
    pub parse: bool,
    /// How pages are read. Default: as is quickest.
    pub parser: Parser,
    /// Whether pages are to be received no further than settles all fields, where their beginning does: see
    /// [`Extractor::judge`]. The values are the same. Default: false.
    pub head_only: bool,
    /// How many elements deep a page may nest. Default: 512, which is where browsers stop too.
    pub max_depth: usize,
    /// How many nodes (elements, texts, comments) a page may build, but no more than four a byte: markup can make the parser
    /// repeat elements, so the size of the body is no bound. Default: 1 250 000, which is about 200 MiB.
    pub max_nodes: usize,
    /// How many bytes the values of a page may take, if that is more than four times its body. Default: 64 MiB.
    pub max_values: usize,
    /// How much CPU time reading a page may take: parsing it and matching its fields. Default: 5 s.
    pub max_time: Duration,
    /// How many attributes a tag may have. Default: 10 000.
    pub max_attributes: usize,
    /// How many values a list may have. Default: 500 000.
    pub max_matches: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let title = "title=title".parse().expect("a type selector is a selector");
        Self {
            fields: vec![title],
            parse: true,
            parser: Parser::default(),
            head_only: false,
            max_depth: 512,
            max_nodes: 1_250_000,
            max_values: 64 << 20,
            max_time: Duration::from_secs(5),
            max_attributes: 10_000,
            max_matches: 500_000,
        }
    }
}

/// How pages are read. What is found is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parser {
    /// No further than to the last value, and without a tree, where that cannot change the values.
    #[default]
    Auto,
    /// All of it, into the tree of `scraper`, which others use: what the others are compared with.
    Dom,
}

/// One way to read values from a page, compiled once and used for every page.
pub trait Extract: fmt::Debug + Send + Sync {
    /// The values in document order, at most `limit` of them.
    ///
    /// # Errors
    /// The page costs more than its limits allow.
    fn values(&self, document: &Document<'_>, limit: usize) -> Result<Vec<String>, Failure>;

    /// The selector, if that is all there is to it: such a field may be read without a document, or in one pass with others.
    /// Default: none.
    fn compiled(&self) -> Option<&Compiled> {
        None
    }
}

/// How much is done to read a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// A glance: some 0.2 ms at most on a usual machine. So many bytes are read as they go by; a tree is made of a short page only.
    Glance(usize),
    /// Whatever it takes.
    Any,
    /// The same, of a page that only a tree has the values of.
    Tree,
}

/// A kind of extractor: an entry of [`EXTRACTORS`].
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What stands before the selector, `NAME=KIND:SELECTOR`; the first kind of the table needs no prefix.
    pub name: &'static str,
    /// What it reads, in the words of `--help`.
    pub meaning: &'static str,
    /// Compiles a selector.
    pub compile: fn(&str) -> Result<Arc<dyn Extract>, Fault>,
}

/// All kinds of extractors. A new one is a file beside this one and an entry here.
pub static EXTRACTORS: &[Kind] = &[css::KIND];

/// Reads the fields of a page. Compiled once, shared by all workers.
///
/// ```
/// use scrape::extract::{Extractor, Settings};
/// # use scrape::model::Page;
/// let fields = vec!["title=h1".parse().unwrap(), "links[]=a::attr(href)".parse().unwrap()];
/// let extractor = Extractor::new(Settings { fields, ..Settings::default() }).unwrap();
/// # let url = "http://a.example/b/".parse().unwrap();
/// # let body = b"<h1> A\n&amp; B </h1><a href=c>d</a>".to_vec().into();
/// # let page = Page { url, status: 200, content_type: None, body, codings: vec![], asked: None, left_after: None };
/// let data = extractor.run(&page).unwrap();
/// assert_eq!(data.get("title").unwrap(), "A & B");
/// assert_eq!(data.get("links").unwrap()[0], "http://a.example/b/c");
/// ```
#[derive(Debug)]
pub struct Extractor {
    settings: Settings,
    /// What can be read without a tree.
    plan: Option<Plan>,
    /// Held by the one page at a time that may be large: see [`Limits`].
    large: Mutex<()>,
}

impl Extractor {
    /// An extractor for these settings.
    ///
    /// # Errors
    /// Two fields have one name.
    pub fn new(mut settings: Settings) -> Result<Self, FieldError> {
        if !settings.parse {
            settings.fields.clear();
        }
        let mut names = HashSet::new();
        if let Some(field) = settings.fields.iter().find(|field| !names.insert(field.name())) {
            return Err(FieldError::Twice { name: field.name().clone() });
        }
        let fields = settings.fields.iter().map(Field::compiled);
        let plan = if settings.parser == Parser::Auto { Plan::new(fields) } else { None };
        Ok(Self { settings, plan, large: Mutex::new(()) })
    }

    /// The names of the fields, in the order of the record.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        self.settings.fields.iter().map(|field| field.name().clone()).collect()
    }

    /// Whether there is nothing to read, so that [`run`](Self::run) costs nothing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.settings.fields.is_empty()
    }

    /// The fields of a page whose body is already free of content codings. A page that is no HTML or XML has all fields,
    /// without values.
    ///
    /// # Errors
    /// The page costs more than its limits allow: `too_large`.
    pub fn run(&self, page: &Page) -> Result<Data, Failure> {
        self.read(page).map(|(data, _)| data)
    }

    /// The same, and in which charset the page was read; `None` where it was not read at all.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn read(&self, page: &Page) -> Result<(Data, Option<Charset>), Failure> {
        self.read_by(page, Effort::Any).map(|read| read.expect("nothing is more than whatever it takes"))
    }

    /// The same with some effort, or the one that it takes.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(crate) fn read_by(&self, page: &Page, effort: Effort) -> Result<Result<(Data, Option<Charset>), Effort>, Failure> {
        let fields = &self.settings.fields;
        if fields.is_empty() || !charset::is_markup(page) {
            let nothing = fields.iter().map(|field| (field.name().clone(), field.nothing())).collect();
            return Ok(Ok((Data(nothing), None)));
        }
        let glance = match effort {
            Effort::Glance(most) if page.body.len() > SHORT => Some(most),
            _ => None,
        };
        if glance.is_some_and(|most| !self.may_be_near(page, most)) {
            return Ok(Err(Effort::Any));
        }
        let limits = Limits::new(&self.settings, page.body.len(), &self.large);
        let (text, charset) = charset::decode(page);
        let named = |values: Vec<Value>| Data(fields.iter().map(|field| field.name().clone()).zip(values).collect());
        let read = move || -> Result<Result<Data, Effort>, Failure> {
            if let Some(plan) = self.plan.as_ref().filter(|_| effort != Effort::Tree) {
                match stream::read(&text, &page.url, plan, &limits, glance) {
                    Ok(values) => return Ok(Ok(named(values))),
                    Err(effort) if glance.is_some() => return Ok(Err(effort)),
                    Err(_) => {}
                }
            }
            let document = Document::new(&text, &page.url, self.settings.parser, limits)?;
            drop(text);
            Ok(Ok(named(field::read(fields, &document)?)))
        };
        read().map(|read| read.map(|data| (data, Some(charset)))).map_err(|failure| Failure {
            status: Some(page.status),
            content_type: page.content_type.clone(),
            ..failure
        })
    }

    /// Whether the values of a page may be found without a tree, in so many bytes of it. More than these are looked at only where they
    /// need not be decoded, which takes longer than to search them.
    fn may_be_near(&self, page: &Page, most: usize) -> bool {
        let Some(plan) = &self.plan else { return false };
        let bytes = page.body.len();
        bytes <= most || plan.ends && bytes <= most.saturating_mul(AHEAD) && str::from_utf8(&page.body).is_ok()
    }
}

#[cfg(test)]
mod tests;

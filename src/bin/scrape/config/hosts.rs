//! The tables of single hosts: `[hosts."*.example.com"]` with `rps`, `per-host`, `robots` and `headers`.

use std::ffi::OsStr;
use std::num::NonZeroUsize;

use anyhow::{anyhow, bail};
use http::{HeaderMap, HeaderName, HeaderValue};
use scrape::policy::hosts::Rule;
use scrape::policy::{HostRules, Rate, robots};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::{HOSTS, Page, text};
use super::near;
use crate::args::{Opt, Value};

/// What a table may have.
const KEYS: [&str; 4] = ["rps", "per-host", "robots", "headers"];

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    pub(super) tables: Vec<Table>,
}

/// One table: what it means, and what is to be printed of it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) pattern: String,
    pub(super) place: String,
    pub(super) rule: Rule,
    pub(super) entries: Vec<Entry>,
}

/// One line of a table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: &'static str,
    pub(super) texts: Texts,
    pub(super) place: String,
    /// The stronger setting that it has to give way to.
    pub(super) overruled_by: Option<&'static str>,
}

/// What stands behind the key.
#[derive(Debug)]
pub(super) enum Texts {
    One(String),
    Many(Vec<String>),
    /// Names and values.
    Headers(Vec<(String, String)>),
}

impl Hosts {
    pub(super) fn read(page: Page<'_>, hosts: &Spanned<DeValue<'_>>, options: &[Opt]) -> anyhow::Result<Self> {
        let DeValue::Table(tables) = hosts.get_ref() else {
            bail!("{}: {HOSTS} is a table of hosts: [hosts.\"a.example\"]", page.place(hosts.span()));
        };
        let (mut read, mut rules) = (Self::default(), HostRules::default());
        for (pattern, table) in tables {
            let (name, place) = (pattern.get_ref(), page.place(pattern.span()));
            let DeValue::Table(entries) = table.get_ref() else {
                bail!("{place}: {name} is a host and so a table: [hosts.\"{name}\"]");
            };
            let (rule, entries) = Reader { page, options, pattern: name }.rule(entries)?;
            rules.insert(name, rule.clone()).map_err(|error| anyhow!("{place}: {error}"))?;
            read.tables.push(Table { pattern: name.clone().into_owned(), place, rule, entries });
        }
        Ok(read)
    }

    /// The rules of all tables.
    pub(super) fn rules(&self) -> HostRules {
        let mut rules = HostRules::default();
        for table in &self.tables {
            rules.insert(&table.pattern, table.rule.clone()).expect("the patterns were taken when they were read");
        }
        rules
    }
}

/// Reads one table.
struct Reader<'a> {
    page: Page<'a>,
    options: &'a [Opt],
    pattern: &'a str,
}

impl Reader<'_> {
    fn rule(&self, table: &DeTable<'_>) -> anyhow::Result<(Rule, Vec<Entry>)> {
        let (mut rule, mut entries) = (Rule::default(), Vec::new());
        for (key, value) in table {
            let place = self.page.place(key.span());
            let (key, texts) = match key.get_ref().as_ref() {
                "rps" => {
                    let texts = self.texts("host-rps", "rps", value)?;
                    rule.rps = Some(texts.iter().map(|text| self.typed::<Rate>("host-rps", text)).collect::<Result<_, _>>()?);
                    ("rps", Texts::Many(texts))
                }
                "per-host" => {
                    let text = self.text("per-host", value)?;
                    rule.per_host = Some(self.typed::<NonZeroUsize>("per-host", &text)?.into());
                    ("per-host", Texts::One(text))
                }
                "robots" => {
                    let text = self.text("robots", value)?;
                    rule.robots = Some(self.typed::<robots::Mode>("robots", &text)?);
                    ("robots", Texts::One(text))
                }
                "headers" => {
                    let (headers, texts) = self.headers(value)?;
                    rule.headers = Some(headers);
                    ("headers", Texts::Headers(texts))
                }
                unknown => bail!("{place}: {}", self.unknown(unknown, value.get_ref())),
            };
            entries.push(Entry { key, texts, place, overruled_by: None });
        }
        Ok((rule, entries))
    }

    fn headers(&self, value: &Spanned<DeValue<'_>>) -> anyhow::Result<(HeaderMap, Vec<(String, String)>)> {
        let wrong = |span, why: &str| anyhow!("{}: headers: {why}", self.page.place(span));
        let DeValue::Table(table) = value.get_ref() else {
            return Err(wrong(value.span(), "they are a table: headers = { Authorization = \"Bearer …\" }"));
        };
        let (mut headers, mut texts) = (HeaderMap::new(), Vec::new());
        for (name, value) in table {
            let items: Vec<_> = match value.get_ref() {
                DeValue::Array(items) => items.iter().collect(),
                _ => vec![value],
            };
            for item in items {
                let text = text(item.get_ref()).ok_or_else(|| wrong(item.span(), "a header's value is a text"))?;
                let name = name.get_ref();
                let line = format!("{name}: {text}");
                let one = self.option("header").parse::<(HeaderName, HeaderValue)>(line.as_ref());
                let one =
                    one.and_then(|one| if name.contains(':') { Err(format!("{name:?} is no header name")) } else { Ok(one) });
                let (own, value) = one.map_err(|why| wrong(item.span(), &why))?;
                headers.append(own, value);
                texts.push((name.clone().into_owned(), text));
            }
        }
        Ok((headers, texts))
    }

    /// The values of a key, as the option of this name checks them.
    fn texts(&self, option: &str, key: &str, value: &Spanned<DeValue<'_>>) -> anyhow::Result<Vec<String>> {
        let Value::Texts(texts) = self.page.value(self.option(option), key, value)? else { return Ok(Vec::new()) };
        Ok(texts.iter().map(|text| text.to_string_lossy().into_owned()).collect())
    }

    fn text(&self, key: &str, value: &Spanned<DeValue<'_>>) -> anyhow::Result<String> {
        Ok(self.texts(key, key, value)?.pop().unwrap_or_default())
    }

    /// A text that has been checked already, as what it means.
    fn typed<T: Clone + Send + Sync + 'static>(&self, option: &str, text: &str) -> anyhow::Result<T> {
        self.option(option).parse(OsStr::new(text)).map_err(|why| anyhow!("{text:?}: {why}"))
    }

    fn option(&self, key: &str) -> &Opt {
        self.options.iter().find(|option| option.key == key).expect("these options exist for all hosts too")
    }

    fn unknown(&self, name: &str, value: &DeValue<'_>) -> String {
        let pattern = self.pattern;
        match near(name, KEYS.into_iter()) {
            Some(meant) => format!("a host has no setting {name}: did you mean {meant}?"),
            None if matches!(value, DeValue::Table(_)) => {
                format!("a host's name stands in quotes: [hosts.\"{pattern}.{name}\"]")
            }
            None if self.options.iter().any(|option| option.is_called(name)) => {
                format!("{name} is no setting of one host ({}): write it above the first [hosts]", KEYS.join(", "))
            }
            None => format!("a host has no setting {name}: it has {}", KEYS.join(", ")),
        }
    }
}

//! What the file says: TOML with a key for every long flag, and a table for every host that has rules of its own.

use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use toml::de::{DeTable, DeValue};

use super::env::Variables;
use super::hosts::Hosts;
use super::{Given, Origin, near, print};
use crate::args::{Opt, Shape, Typed, Value, typed_only};

/// The key of the tables.
pub(super) const HOSTS: &str = "hosts";

/// A file that settings may come from.
pub(super) struct Candidate {
    path: PathBuf,
    /// Somebody named it, so it has to be there.
    is_named: bool,
}

/// What a file said.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) given: Vec<Given>,
    pub(super) hosts: Hosts,
}

/// The file that was named, or else the one in the user's folder of settings, if there is such a folder.
pub(super) fn path(typed: &Typed, variables: &Variables) -> Option<Candidate> {
    let named = typed.config().cloned();
    if let Some(path) = named {
        return Some(Candidate { path, is_named: true });
    }
    if !typed.may_have_config() {
        return None;
    }
    if let Some(path) = variables.get("SCRAPE_CONFIG") {
        return Some(Candidate { path: path.into(), is_named: true });
    }
    let folder = |name: &str| variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))?;
    Some(Candidate { path: folder.join("scrape/config.toml"), is_named: false })
}

impl Candidate {
    /// Reads it; `None` where it is not there and need not be.
    pub(super) fn read(self, options: &[Opt]) -> anyhow::Result<Option<Found>> {
        let name = self.path.display().to_string();
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if !self.is_named && is_missing(&error) => return Ok(None),
            Err(error) => {
                let hint = if self.is_named { "" } else { " (--no-config does without)" };
                return Err(error).with_context(|| format!("{name}: cannot read the settings{hint}"));
            }
        };
        let text = String::from_utf8(text).map_err(|error| {
            let line = line(error.as_bytes(), error.utf8_error().valid_up_to());
            anyhow!("{name}:{line}: the settings are not UTF-8")
        })?;
        let page = Page { name: &name, text: &text };
        let (given, hosts) = page.read(options)?;
        Ok(Some(Found { name, given, hosts }))
    }
}

/// Whether there is no such file: a parent that is none is not there either (`HOME=/dev/null`).
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn line(text: &[u8], at: usize) -> usize {
    text.iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// The text of a file, for telling where something stands in it.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    name: &'a str,
    text: &'a str,
}

impl Page<'_> {
    /// `config.toml:3`.
    pub(super) fn place(&self, span: Range<usize>) -> String {
        format!("{}:{}", self.name, line(self.text.as_bytes(), span.start))
    }

    fn read(self, options: &[Opt]) -> anyhow::Result<(Vec<Given>, Hosts)> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let why = error.message().lines().collect::<Vec<_>>().join(", ");
            anyhow!("{}: {why}", self.place(error.span().unwrap_or_default()))
        })?;
        let (mut given, mut hosts): (Vec<Given>, _) = (Vec::new(), Hosts::default());
        for (key, value) in table.get_ref() {
            let (name, place) = (key.get_ref().as_ref(), self.place(key.span()));
            if name == HOSTS {
                hosts = Hosts::read(self, value, options)?;
                continue;
            }
            let Some(option) = options.iter().position(|option| option.is_called(name)) else {
                bail!("{place}: {}", unknown(name, value.get_ref(), options));
            };
            if let Some(Given { origin, .. }) = given.iter().find(|given| given.option == option) {
                bail!("{place}: {name} and what stands in {origin} are the same setting: keep one");
            }
            let option_value = self.value(&options[option], name, value)?;
            given.push(Given { option, value: option_value, origin: Origin::File(place) });
        }
        Ok((given, hosts))
    }

    /// The value of a key, checked as the flag checks it.
    pub(super) fn value(&self, option: &Opt, key: &str, value: &toml::Spanned<DeValue<'_>>) -> anyhow::Result<Value> {
        let wrong = |span, why: &str| anyhow!("{}: {key}: {why}", self.place(span));
        let items: Vec<_> = match (option.shape, value.get_ref()) {
            (Shape::Switch | Shape::Count, DeValue::Boolean(on)) => return Ok(Value::Times(u8::from(*on))),
            (Shape::Count, DeValue::Integer(number)) => {
                let times = u8::from_str_radix(number.as_str(), number.radix()).ok();
                return times.map(Value::Times).ok_or_else(|| wrong(value.span(), "it is true, false, or a number up to 255"));
            }
            (Shape::Switch | Shape::Count, _) => return Err(wrong(value.span(), "it is true or false")),
            (Shape::Many, DeValue::Array(items)) => items.iter().collect(),
            (Shape::One, DeValue::Array(_)) => return Err(wrong(value.span(), "it has one value and no list")),
            (Shape::One | Shape::Many, _) => vec![value],
        };
        let texts = items.into_iter().map(|item| {
            let text = text(item.get_ref()).ok_or_else(|| wrong(item.span(), "its value is a text or a number"))?;
            let text = OsString::from(text);
            option.check(&text).map_err(|why| wrong(item.span(), &print::refusal(option, &text, &why)))?;
            Ok(text)
        });
        texts.collect::<anyhow::Result<_>>().map(Value::Texts)
    }
}

/// A text, or a number as the flag would have it.
pub(super) fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

/// What is to be said about a key that is no option's.
fn unknown(name: &str, value: &DeValue<'_>, options: &[Opt]) -> String {
    if typed_only().any(|only| only == name) {
        return format!("{name} is a flag only: it has no place in a file");
    }
    let names = options.iter().map(|option| option.key.as_str()).chain([HOSTS]);
    match near(name, names) {
        Some(meant) => format!("there is no setting {name}: did you mean {meant}?"),
        None if matches!(value, DeValue::Table(_)) => {
            format!(
                "there is no table {name}: settings stand at the top of the file, and what hosts have in [hosts.\"a.example\"]"
            )
        }
        None => format!("there is no setting {name}: the settings are the long flags of --help, without their dashes"),
    }
}

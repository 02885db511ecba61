//! What the settings of a run are when a flag, the environment (`SCRAPE_…`) and a file may all set them, and where each comes from.
//!
//! The order is flag, environment, file, default. A stronger source replaces what a weaker one says as a whole, never a part of a
//! list; and where two options exclude each other the stronger source's choice wins, while one source that asks for both is mistaken.
//! The tables of single hosts stand in the file: what they say has to agree with what is stronger than it.

mod env;
mod file;
mod hosts;
mod print;
mod stronger;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use anyhow::bail;
use scrape::model::Clean;

use self::hosts::Hosts;
pub(crate) use self::print::shown;
use crate::args::{Args, Opt, Typed, Value, options};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// It was typed.
    Flag,
    /// The variable of this name.
    Env(String),
    /// A line of the file, as `config.toml:3`.
    File(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Env(name) => write!(f, "env {}", Clean(name)),
            Self::File(place) => write!(f, "{}", Clean(place)),
        }
    }
}

/// What one source says about one option.
#[derive(Clone, Debug)]
struct Given {
    /// The option's place in the table.
    option: usize,
    value: Value,
    origin: Origin,
}

/// An option with what counts of it.
#[derive(Debug)]
struct Setting {
    option: Opt,
    /// What the strongest source says.
    given: Option<Given>,
    /// What a source said that a stronger one has excluded, and by which option.
    overruled: Option<(Given, String)>,
}

/// The settings of a run, and where they come from.
#[derive(Debug, Default)]
pub(crate) struct Config {
    settings: Vec<Setting>,
    hosts: Hosts,
    /// The file that was read.
    file: Option<String>,
}

/// Why there are no settings.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line is wrong, or asks for `--help` or `--version`.
    Typed(clap::Error),
    /// The environment or the file is wrong.
    Mistake(anyhow::Error),
}

impl From<clap::Error> for Error {
    fn from(error: clap::Error) -> Self {
        Self::Typed(error)
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Mistake(error)
    }
}

/// Reads the command line and what lies under it.
pub(crate) fn read(
    words: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(Args, Config), Error> {
    let typed = Typed::read(words)?;
    if typed.only_generates() {
        return Ok((typed.complete(&[])?, Config::default()));
    }
    let options = options();
    let variables = env::Variables::new(variables);
    let flags = options.iter().enumerate().filter_map(|(option, opt)| {
        let value = typed.value(opt)?;
        Some(Given { option, value, origin: Origin::Flag })
    });
    let flags = flags.collect();
    let env = variables.read(&options)?;
    let file = match file::path(&typed, &variables) {
        Some(path) => path.read(&options)?,
        None => None,
    };
    let (lines, hosts, file) = file.map(|file| (file.given, file.hosts, Some(file.name))).unwrap_or_default();
    let settings = settle(options, [flags, env, lines])?;
    let mut config = Config { settings, hosts, file };
    let elsewhere = config.settings.iter().filter_map(|setting| {
        let given = setting.given.as_ref().filter(|given| given.origin != Origin::Flag)?;
        Some((&setting.option, &given.value))
    });
    let mut args = typed.complete(&elsewhere.collect::<Vec<_>>())?;
    stronger::lay_over(&mut config.hosts, &config.settings, &args);
    args.hosts = Arc::new(config.hosts.rules());
    Ok((args, config))
}

/// What counts of each option, of what the sources say, the strongest first.
fn settle(options: Vec<Opt>, sources: [Vec<Given>; 3]) -> anyhow::Result<Vec<Setting>> {
    let settings = options.into_iter().map(|option| Setting { option, given: None, overruled: None });
    let mut settings: Vec<_> = settings.collect();
    for source in sources {
        let on = source.iter().filter(|given| given.value.is_on());
        for (given, other) in on.clone().flat_map(|given| on.clone().map(move |other| (given, other))) {
            let (one, two) = (&settings[given.option].option, &settings[other.option].option);
            if given.option < other.option && one.excludes(two) {
                bail!("{} and {}: {} and {} exclude each other", given.origin, other.origin, one.key, two.key);
            }
        }
        for given in source {
            let option = &settings[given.option].option;
            let stronger = settings.iter().find(|other| {
                let is_on = other.given.as_ref().is_some_and(|stronger| stronger.value.is_on());
                is_on && other.option.excludes(option) && given.value.is_on()
            });
            let by = stronger.map(|stronger| stronger.option.key.clone());
            let setting = &mut settings[given.option];
            match by {
                _ if setting.given.is_some() => {}
                Some(by) => setting.overruled = setting.overruled.take().or(Some((given, by))),
                None => setting.given = Some(given),
            }
        }
    }
    Ok(settings)
}

/// The name that a wrong one was probably meant to be: one with few letters changed.
fn near<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase().replace('_', "-");
    let letters = |text: &str| {
        let mut letters: Vec<_> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    let swapped = |name: &str| letters(&wrong) == letters(name);
    let edits = |name: &str| if swapped(name) { 1 } else { edits(&wrong, name) };
    let near = names.map(|name| (edits(name), name)).min_by_key(|(edits, _)| *edits)?;
    (near.0 <= 2 && near.0 * 3 <= near.1.len()).then_some(near.1)
}

/// How many letters have to be changed, added or taken away to make one text the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (at, other) in to.iter().enumerate() {
            let kept = diagonal + usize::from(letter != *other);
            diagonal = row[at + 1];
            row[at + 1] = kept.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

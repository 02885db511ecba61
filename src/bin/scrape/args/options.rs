//! The options as a table: what each is called, what its values look like, what it excludes; and what was typed of them, so that
//! what the environment and a file say can be laid under it.

use std::any::Any;
use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::Resettable::Reset;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};
use scrape::model::{Secrets, redact_text};

use super::help::{command, defaults};
use super::{Args, Generate};

/// What is said on the command line only.
const TYPED_ONLY: [&str; 8] = ["config", "no_config", "print_config", "dry_run", "demo", "generate", "help", "version"];

/// An option that may be set elsewhere than on the command line too.
#[derive(Clone, Debug)]
pub(crate) struct Opt {
    /// Its long flag, without the dashes.
    pub(crate) key: String,
    /// What else the flag is called.
    pub(crate) aliases: Vec<String>,
    /// What its values look like.
    pub(crate) shape: Shape,
    /// What `--help` calls a value.
    pub(crate) value_name: String,
    /// Where `--help` has it.
    pub(crate) heading: String,
    /// What counts when nobody says anything.
    pub(crate) default: Option<String>,
    /// The keys that it excludes.
    conflicts: Vec<String>,
    arg: Arg,
}

/// What the values of an option look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// It is given or not.
    Switch,
    /// It is given so many times.
    Count,
    /// It has one value.
    One,
    /// It has any number of values.
    Many,
}

/// What an option is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A switch or a count: given so many times.
    Times(u8),
    /// The values, as texts.
    Texts(Vec<OsString>),
}

impl Value {
    /// Whether it changes anything, and so may exclude another option.
    pub(crate) const fn is_on(&self) -> bool {
        match self {
            Self::Times(times) => *times > 0,
            Self::Texts(texts) => !texts.is_empty(),
        }
    }
}

/// Every option that has a long flag and may be set elsewhere, in the order of `--help`.
pub(crate) fn options() -> Vec<Opt> {
    let (command, defaults) = (command(), defaults());
    let settable = command.get_arguments().filter(|arg| !TYPED_ONLY.contains(&arg.get_id().as_str()));
    settable.filter_map(|arg| option(&command, &defaults, arg)).collect()
}

/// The flags that exist on the command line only.
pub(crate) fn typed_only() -> impl Iterator<Item = String> {
    TYPED_ONLY.iter().map(|id| id.replace('_', "-"))
}

fn option(command: &Command, defaults: &[(&str, String)], arg: &Arg) -> Option<Opt> {
    let long = |arg: &Arg| arg.get_long().map(str::to_owned);
    let shape = match arg.get_action() {
        ArgAction::SetTrue => Shape::Switch,
        ArgAction::Count => Shape::Count,
        ArgAction::Append => Shape::Many,
        _ => Shape::One,
    };
    let default = defaults.iter().find(|(id, _)| arg.get_id() == id);
    Some(Opt {
        key: long(arg)?,
        aliases: arg.get_all_aliases().unwrap_or_default().into_iter().map(str::to_owned).collect(),
        shape,
        value_name: arg.get_value_names().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default(),
        heading: arg.get_help_heading().unwrap_or_default().to_owned(),
        default: default.map(|(_, text)| text.clone()),
        conflicts: command.get_arg_conflicts_with(arg).into_iter().filter_map(long).collect(),
        arg: arg.clone().requires(Reset).conflicts_with(Reset),
    })
}

impl Opt {
    /// Whether this is what a name means.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.key == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// Whether both cannot be on.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        self.conflicts.contains(&other.key) || other.conflicts.contains(&self.key)
    }

    /// Reads a value as the flag does. The error says what is allowed.
    pub(crate) fn parse<T: Any + Clone + Send + Sync>(&self, text: &OsStr) -> Result<T, String> {
        let matches = self.matches(text)?;
        Ok(matches.get_one::<T>(self.arg.get_id().as_str()).expect("it has just been read").clone())
    }

    /// Whether the flag takes a value. The error says what is allowed.
    pub(crate) fn check(&self, text: &OsStr) -> Result<(), String> {
        self.matches(text).map(drop)
    }

    fn matches(&self, text: &OsStr) -> Result<ArgMatches, String> {
        let words = [OsString::from("scrape"), self.word(text)];
        Command::new("scrape").arg(self.arg.clone()).try_get_matches_from(words).map_err(|error| allowed(&error))
    }

    /// The word that gives the value on a command line.
    fn word(&self, text: &OsStr) -> OsString {
        let mut word = OsString::from(format!("--{}=", self.key));
        word.push(text);
        word
    }

    /// What gives the option this value on a command line.
    fn words(&self, value: &Value) -> Vec<OsString> {
        match value {
            Value::Times(times) => vec![format!("--{}", self.key).into(); usize::from(*times)],
            Value::Texts(texts) => texts.iter().map(|text| self.word(text)).collect(),
        }
    }
}

/// The options whose values may be secret.
pub(crate) const SECRET: [&str; 5] = ["header", "data", "json", "cookie", "user"];

/// A refusal without what is secret in the value that is refused.
fn unshown(mut error: clap::Error) -> clap::Error {
    let is_of = |keys: &[&str]| {
        let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else { return false };
        keys.iter().any(|key| arg.strip_prefix("--").is_some_and(|arg| arg.split(' ').next() == Some(key)))
    };
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) {
        let shown = match value {
            _ if is_of(&SECRET) => "***".into(),
            // Which it is, its host tells.
            _ if is_of(&["proxy"]) => redact_text(value),
            _ => Secrets::default().text(value),
        };
        let shown = shown.into_owned();
        error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    }
    error
}

/// What is allowed instead, as clap or the value's own parser says it.
fn allowed(error: &clap::Error) -> String {
    if let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue)
        && !valid.is_empty()
    {
        let near = error.get(ContextKind::SuggestedValue).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return format!("it is one of {}{near}", valid.join(", "));
    }
    match (error.source(), error.kind()) {
        (Some(source), _) => source.to_string(),
        (None, clap::error::ErrorKind::InvalidUtf8) => "it is not UTF-8".to_owned(),
        (None, _) => "it needs a value".to_owned(),
    }
}

/// A command line that has been read, and may be completed from elsewhere.
#[derive(Debug)]
pub(crate) struct Typed {
    words: Vec<OsString>,
    matches: ArgMatches,
}

impl Typed {
    /// Reads a command line. The error is clap's: a usage error, or the text of `--help` or `--version`.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let words: Vec<_> = words.into_iter().collect();
        // What an option needs may come from elsewhere.
        let matches = command().mut_args(|arg| arg.requires(Reset)).try_get_matches_from(&words).map_err(unshown)?;
        Ok(Self { words, matches })
    }

    /// What was typed of an option, if it was.
    pub(crate) fn value(&self, option: &Opt) -> Option<Value> {
        let id = option.arg.get_id().as_str();
        (self.matches.value_source(id)? == ValueSource::CommandLine).then(|| match option.shape {
            Shape::Switch => Value::Times(u8::from(self.matches.get_flag(id))),
            Shape::Count => Value::Times(self.matches.get_count(id)),
            Shape::One | Shape::Many => {
                Value::Texts(self.matches.get_raw(id).into_iter().flatten().map(OsStr::to_owned).collect())
            }
        })
    }

    /// The file that settings are to be taken from.
    pub(crate) fn config(&self) -> Option<&PathBuf> {
        self.matches.get_one("config")
    }

    /// Whether settings are to be taken from a file at all.
    pub(crate) fn may_have_config(&self) -> bool {
        !self.matches.get_flag("no_config")
    }

    /// Whether the run has no settings.
    pub(crate) fn only_generates(&self) -> bool {
        self.matches.contains_id("generate") && self.matches.get_one::<Generate>("generate").is_some()
    }

    /// The arguments, with what was set elsewhere.
    pub(crate) fn complete(mut self, elsewhere: &[(&Opt, &Value)]) -> Result<Args, clap::Error> {
        // A habit from a file needs nothing beside it: `overwrite = true` has nothing to say where the output is stdout.
        let is_typed = |id: &&str| self.matches.value_source(id) == Some(ValueSource::CommandLine);
        let of_database = ["table", "upsert"].into_iter().find(is_typed);
        let is_habit = |arg: &Arg| elsewhere.iter().any(|(option, _)| option.arg.get_id() == arg.get_id());
        let mut command = command().mut_args(|arg| if is_habit(&arg) { arg.requires(Reset) } else { arg });
        // In front: what was typed may end with an open list of inputs.
        let words = elsewhere.iter().flat_map(|(option, value)| option.words(value));
        let at = self.words.len().min(1);
        self.words.splice(at..at, words.collect::<Vec<_>>());
        let matches = command.try_get_matches_from_mut(self.words).map_err(unshown)?;
        let args = Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        Ok(Args { of_database, ..args })
    }
}

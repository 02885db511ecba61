//! The settings as a file that gives the same settings again, each with where it comes from. Secrets are not in it.

use std::ffi::OsStr;

use scrape::model::{Clean, Secrets, redact, redact_text};

use super::hosts::{Table, Texts};
use super::{Config, Setting};
use crate::args::{Opt, SECRET, Shape, Value};

/// What stands for a secret.
const HIDDEN: &str = "***";
/// The options whose default depends on another one, so that writing it down would change what it means; and how.
const DEPENDENT: [(&str, &str); 2] = [("format", "or by the output's extension"), ("max-memory", "or what max-body needs")];

impl Config {
    /// The text of `--print-config`, in lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let file = self.file.as_deref().map_or_else(|| "no file".to_owned(), |file| Clean(file).to_string());
        let mut lines = vec![format!("# strongest first: flags, the environment (SCRAPE_...), {file}, defaults")];
        let secrets = self.secrets();
        let mut heading = "";
        for setting in &self.settings {
            if setting.option.heading != heading {
                heading = &setting.option.heading;
                lines.extend([String::new(), format!("# {heading}")]);
            }
            lines.push(self.line(setting, &secrets));
        }
        for table in &self.hosts.tables {
            lines.push(String::new());
            lines.extend(host(table, &secrets));
        }
        lines
    }

    /// What is secret by its name.
    fn secrets(&self) -> Secrets {
        let given =
            self.settings.iter().find(|setting| setting.option.key == "redact").and_then(|setting| setting.given.as_ref());
        let names = given.map(|given| match &given.value {
            Value::Texts(names) => names.iter().map(|name| name.to_string_lossy().into_owned()).collect(),
            Value::Times(_) => Vec::new(),
        });
        Secrets::new(names.unwrap_or_default())
    }

    fn line(&self, setting: &Setting, secrets: &Secrets) -> String {
        let Setting { option, given, overruled } = setting;
        let key = &option.key;
        if let Some(given) = given {
            return format!("{key} = {}  # {}", value(option, &given.value, secrets), given.origin);
        }
        if let Some((given, by)) = overruled {
            return format!("# {key} = {}  # {}, overruled by {by}", value(option, &given.value, secrets), given.origin);
        }
        let on = DEPENDENT.iter().find(|(dependent, _)| dependent == key).map(|(_, on)| on);
        match (option.shape, &option.default) {
            (Shape::Switch, _) => format!("{key} = false  # default"),
            (Shape::Count, _) => format!("{key} = 0  # default"),
            (_, Some(default)) if let Some(on) = on => format!("# {key} = {}  # {on}", text(default)),
            (_, Some(default)) if self.is_excluded(option) => format!("# {key} = {}", default_value(option, default)),
            (_, Some(default)) => format!("{key} = {}  # default", default_value(option, default)),
            (Shape::One, None) => format!("# {key} = {}", option.value_name),
            (Shape::Many, None) => format!("# {key} = [{}]", option.value_name),
        }
    }

    /// Whether an option that is set excludes this one.
    fn is_excluded(&self, option: &Opt) -> bool {
        let is_on = |setting: &Setting| setting.given.as_ref().is_some_and(|given| given.value.is_on());
        self.settings.iter().any(|other| is_on(other) && other.option.excludes(option))
    }
}

fn host(Table { pattern, place, entries, .. }: &Table, secrets: &Secrets) -> Vec<String> {
    let mut lines = vec![format!("[hosts.{}]  # {}", key(pattern), Clean(place))];
    lines.extend(entries.iter().map(|entry| {
        let value = match &entry.texts {
            Texts::One(one) => text(one),
            Texts::Many(many) => list(many.iter().map(|one| text(one))),
            Texts::Headers(headers) => headers_table(headers, secrets),
        };
        let (key, place) = (entry.key, Clean(&entry.place));
        match entry.overruled_by {
            Some(by) => format!("# {key} = {value}  # {place}, overruled by {by}"),
            None => format!("{key} = {value}  # {place}"),
        }
    }));
    lines
}

/// Headers of one name have a list of values.
fn headers_table(headers: &[(String, String)], secrets: &Secrets) -> String {
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    let entries = names.into_iter().map(|name| {
        let own = headers.iter().filter(|(other, _)| other == name);
        let mut values: Vec<_> = own.map(|(_, value)| quote(if is_secret(name, secrets) { HIDDEN } else { value })).collect();
        let value = if values.len() == 1 { values.remove(0) } else { list(values.into_iter()) };
        format!("{} = {value}", key(name))
    });
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

fn value(option: &Opt, value: &Value, secrets: &Secrets) -> String {
    match (option.shape, value) {
        (Shape::Switch, Value::Times(times)) => (*times > 0).to_string(),
        (_, Value::Times(times)) => times.to_string(),
        (Shape::Many, Value::Texts(texts)) => list(texts.iter().map(|one| quote(&shown(&option.key, one, secrets)))),
        (_, Value::Texts(texts)) => texts.first().map(|one| text(&shown(&option.key, one, secrets))).unwrap_or_default(),
    }
}

fn default_value(option: &Opt, default: &str) -> String {
    if option.shape == Shape::Many { list(std::iter::once(quote(default))) } else { text(default) }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A number as a number, all else in quotes.
fn text(text: &str) -> String {
    let is_number = text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
    if is_number { text.to_owned() } else { quote(text) }
}

fn quote(text: &str) -> String {
    use std::fmt::Write as _;
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // A String takes whatever is written.
            c if Clean::is_hostile(c) => drop(write!(quoted, "\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_bare { name.to_owned() } else { quote(name) }
}

/// A value of an option, or with no key an input, as it may be shown: without what gives access to something.
pub(crate) fn shown(key: &str, value: &OsStr, secrets: &Secrets) -> String {
    let value = value.to_string_lossy();
    match (key, value.split_once(':')) {
        ("header", Some((name, _))) if is_secret(name, secrets) => format!("{name}: {HIDDEN}"),
        ("user", Some((name, _))) => format!("{name}:{HIDDEN}"),
        ("user", None) => HIDDEN.to_owned(),
        ("proxy", _) => redact_text(&value).into_owned(),
        // The name of a file is none.
        ("data" | "json", _) if !value.starts_with('@') => HIDDEN.to_owned(),
        ("cookie", _) if value.contains('=') => format!("{HIDDEN}={HIDDEN}"),
        _ => secrets.text(&redact_all(&value)).into_owned(),
    }
}

/// Why a value is refused, with the value in front where the reason does not show it and it cannot be a secret.
pub(super) fn refusal(option: &Opt, value: &OsStr, why: &str) -> String {
    let value = format!("{:?}", shown(&option.key, value, &Secrets::default()));
    if SECRET.contains(&option.key.as_str()) || why.contains(&value) { why.to_owned() } else { format!("{value}: {why}") }
}

/// Whether a header's value gives access to something, as far as its name tells.
fn is_secret(name: &str, secrets: &Secrets) -> bool {
    if secrets.is_named(name) {
        return true;
    }
    let name = name.to_ascii_lowercase();
    ["auth", "cookie", "key", "token", "secret", "password", "session", "credential", "signature"]
        .iter()
        .any(|word| name.contains(word))
}

/// Hides the credentials of the URL in a text, if there is one.
fn redact_all(text: &str) -> String {
    if text.contains("://") { redact(text).into_owned() } else { text.to_owned() }
}

//! What the environment says: `SCRAPE_HOST_RPS` for `--host-rps`. An empty variable says nothing.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use anyhow::{anyhow, bail};

use super::{Given, Origin, near};
use crate::args::{Opt, Shape, Value, typed_only};

const PREFIX: &str = "SCRAPE_";
/// Variables that name something else than an option of ours where they are often set: a package's version, a file that is read.
const OTHERS: [&str; 3] = ["help", "version", "config"];

/// The variables that are not empty, by their names.
pub(super) struct Variables(BTreeMap<String, OsString>);

impl Variables {
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let set = variables.into_iter().filter(|(_, value)| !value.is_empty());
        Self(set.filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(name).map(OsString::as_os_str)
    }

    /// What the variables set. One that is nearly an option's is a mistake, and not ignored: it may be what should keep us polite.
    pub(super) fn read(&self, options: &[Opt]) -> anyhow::Result<Vec<Given>> {
        let mut given: Vec<Given> = Vec::new();
        for (name, text) in &self.0 {
            let Some(key) = name.strip_prefix(PREFIX).map(|rest| rest.to_lowercase().replace('_', "-")) else { continue };
            if OTHERS.contains(&key.as_str()) {
                continue;
            }
            if typed_only().any(|only| only == key) {
                bail!("{name}: --{key} is a flag only, and has no variable");
            }
            let Some(option) = options.iter().position(|option| *name == variable(&option.key) || option.is_called(&key)) else {
                let names = options.iter().map(|option| option.key.as_str());
                match near(&key, names) {
                    Some(meant) => bail!("{name} is no variable of scrape: did you mean {}?", variable(meant)),
                    None => continue,
                }
            };
            if let Some(Given { origin, .. }) = given.iter().find(|given| given.option == option) {
                bail!("{name} and {origin} are the same setting: keep one");
            }
            let value = value(&options[option], text).map_err(|why| anyhow!("{name}: {why}"))?;
            given.push(Given { option, value, origin: Origin::Env(name.clone()) });
        }
        Ok(given)
    }
}

/// The variable of an option.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('-', "_"))
}

fn value(option: &Opt, text: &OsStr) -> Result<Value, String> {
    let texts = match option.shape {
        Shape::Switch | Shape::Count => return times(option.shape, text).map(Value::Times),
        Shape::One => vec![text.to_owned()],
        Shape::Many => {
            let lines = text.as_bytes().split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            lines.filter(|line| !line.trim_ascii().is_empty()).map(|line| OsStr::from_bytes(line).to_owned()).collect()
        }
    };
    for text in &texts {
        option.check(text).map_err(|why| super::print::refusal(option, text, &why))?;
    }
    Ok(Value::Texts(texts))
}

fn times(shape: Shape, text: &OsStr) -> Result<u8, String> {
    let text = text.to_str().unwrap_or_default().to_lowercase();
    let number = if shape == Shape::Count { text.parse().ok() } else { None };
    let more = if shape == Shape::Count { ", or a number" } else { "" };
    match text.as_str() {
        "1" | "true" | "yes" => Ok(1),
        "0" | "false" | "no" => Ok(0),
        _ => number.ok_or_else(|| format!("it is 1, true or yes, or 0, false or no{more}")),
    }
}

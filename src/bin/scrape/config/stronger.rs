//! What the tables of single hosts come to under what was typed or stands in the environment, which goes before the whole file.
//!
//! A limit that was typed holds for every host, and a host's own limit keeps it from more: of rates both count, of numbers the smaller.
//! Of anything else only one can be, and that is what was typed.

use super::hosts::{Entry, Hosts, Table, Texts};
use super::{Origin, Setting};
use crate::args::{Args, Value};

/// Lays what is stronger than the file over its tables of hosts.
pub(super) fn lay_over(hosts: &mut Hosts, settings: &[Setting], args: &Args) {
    for Table { rule, entries, .. } in &mut hosts.tables {
        let mut overruled = Vec::new();
        for entry in entries.iter_mut() {
            let (option, is_overruled) = match entry.key {
                "rps" => ("host-rps", false),
                "per-host" => ("per-host", args.per_host.is_some_and(|typed| rule.per_host > Some(typed.into()))),
                "robots" => ("robots", true),
                _ => ("header", false),
            };
            let Some((texts, origin)) = typed(settings, option) else { continue };
            match &mut entry.texts {
                Texts::Many(own) => {
                    rule.rps.get_or_insert_default().extend(&args.host_rps);
                    own.extend(texts);
                    entry.place = format!("{}, {origin}", entry.place);
                }
                Texts::One(own) if is_overruled => {
                    let own = std::mem::replace(own, texts.into_iter().next().unwrap_or_default());
                    let place = std::mem::replace(&mut entry.place, origin.to_string());
                    overruled.push(Entry { key: entry.key, texts: Texts::One(own), place, overruled_by: Some(option) });
                    match entry.key {
                        "robots" => rule.robots = args.robots,
                        _ => rule.per_host = args.per_host.map(Into::into),
                    }
                }
                Texts::One(_) => {}
                Texts::Headers(own) => {
                    let is_typed = |name: &str| args.headers.iter().any(|(typed, _)| name.eq_ignore_ascii_case(typed.as_str()));
                    let taken: Vec<_> = own.extract_if(.., |(name, _)| is_typed(name)).collect();
                    for (name, _) in &taken {
                        rule.headers.get_or_insert_default().remove(name);
                    }
                    if !taken.is_empty() {
                        let (key, place) = (entry.key, entry.place.clone());
                        overruled.push(Entry { key, texts: Texts::Headers(taken), place, overruled_by: Some(option) });
                    }
                }
            }
        }
        entries.extend(overruled);
    }
}

/// What an option is set to by something that is stronger than the file, and by what.
fn typed<'a>(settings: &'a [Setting], key: &str) -> Option<(Vec<String>, &'a Origin)> {
    let setting = settings.iter().find(|setting| setting.option.key == key)?;
    let given = setting.given.as_ref().filter(|given| !matches!(given.origin, Origin::File(_)))?;
    let Value::Texts(texts) = &given.value else { return None };
    let texts: Vec<_> = texts.iter().map(|text| text.to_string_lossy().into_owned()).collect();
    (!texts.is_empty()).then_some((texts, &given.origin))
}

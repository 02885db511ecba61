//! A command line word by word: which of it is a flag, and which is the value of what. So that it can be shown again as it was typed,
//! but for what is secret.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::Arg;

use super::help::command;

/// One word, or what one word has of two things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// What was typed in front of a value: `--header=`, `-kH`; or the whole word.
    pub(crate) front: OsString,
    /// The value in it.
    pub(crate) value: Option<Said>,
}

/// A value, and of what: the long name of an option, or nothing for an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) key: String,
    pub(crate) text: OsString,
}

/// The words after the name of the program. They have been read once without an error.
pub(crate) fn words(typed: &[OsString]) -> Vec<Word> {
    let command = command();
    let args: Vec<_> = command.get_arguments().collect();
    let mut found = Vec::new();
    let (mut pending, mut is_open): (Option<String>, bool) = (None, false);
    for word in typed.iter().skip(1) {
        let bytes = word.as_bytes();
        if let Some(key) = pending.take() {
            found.push(value(OsStr::new(""), key, bytes));
        } else if is_open || bytes == b"-" || !bytes.starts_with(b"-") {
            found.push(value(OsStr::new(""), String::new(), bytes));
        } else if bytes == b"--" {
            is_open = true;
            found.push(flag(word));
        } else if let Some(long) = bytes.strip_prefix(b"--") {
            let end = long.iter().position(|byte| *byte == b'=');
            let name = String::from_utf8_lossy(&long[..end.unwrap_or(long.len())]);
            let arg = args.iter().find(|arg| is_called(arg, &name));
            match (arg.and_then(|arg| key(arg)), end) {
                (Some(key), Some(end)) => found.push(value(OsStr::from_bytes(&bytes[..end + 3]), key, &long[end + 1..])),
                (key, _) => {
                    found.push(flag(word));
                    pending = key.filter(|_| arg.is_some_and(|arg| needs_value(arg)));
                }
            }
        } else {
            let letters = &bytes[1..];
            let of = |letter: u8| args.iter().find(|arg| arg.get_short() == Some(char::from(letter)));
            let taker = letters.iter().position(|letter| of(*letter).is_some_and(|arg| key(arg).is_some()));
            match taker.and_then(|at| Some((at, key(of(letters[at])?)?))) {
                Some((at, key)) if at + 1 < letters.len() => {
                    let begin = at + 2 + usize::from(letters[at + 1] == b'=');
                    found.push(value(OsStr::from_bytes(&bytes[..begin]), key, &bytes[begin..]));
                }
                taker => {
                    found.push(flag(word));
                    pending = taker.map(|(_, key)| key);
                }
            }
        }
    }
    found
}

fn flag(word: &OsStr) -> Word {
    Word { front: word.to_owned(), value: None }
}

fn value(front: &OsStr, key: String, text: &[u8]) -> Word {
    Word { front: front.to_owned(), value: Some(Said { key, text: OsString::from_vec(text.to_vec()) }) }
}

fn is_called(arg: &Arg, name: &str) -> bool {
    arg.get_long() == Some(name) || arg.get_all_aliases().unwrap_or_default().contains(&name)
}

/// The name of an option that takes a value.
fn key(arg: &Arg) -> Option<String> {
    arg.get_long().filter(|_| arg.get_action().takes_values()).map(str::to_owned)
}

/// Whether its value is the next word, whatever that looks like.
fn needs_value(arg: &Arg) -> bool {
    arg.get_num_args().is_none_or(|range| range.min_values() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fronts, and the values with what they are of.
    fn read(typed: &[&str]) -> Vec<(String, String)> {
        let typed: Vec<_> = std::iter::once("scrape").chain(typed.iter().copied()).map(OsString::from).collect();
        let show = |Word { front, value }: Word| {
            let value = value.map(|Said { key, text }| format!("{key}:{}", text.display()));
            (front.display().to_string(), value.unwrap_or_default())
        };
        words(&typed).into_iter().map(show).collect()
    }

    #[test]
    fn every_way_to_write_a_value_is_known() {
        for (typed, expected) in [
            (vec!["urls.txt"], vec![("", ":urls.txt")]),
            (vec!["--header", "A: b"], vec![("--header", ""), ("", "header:A: b")]),
            (vec!["--header=A: b"], vec![("--header=", "header:A: b")]),
            (vec!["-H", "-A: b"], vec![("-H", ""), ("", "header:-A: b")]),
            (vec!["-HA: b"], vec![("-H", "header:A: b")]),
            (vec!["-H=A: b"], vec![("-H=", "header:A: b")]),
            (vec!["-kqHA: b"], vec![("-kqH", "header:A: b")]),
            (vec!["-kqu", "ann:x"], vec![("-kqu", ""), ("", "user:ann:x")]),
            (vec!["--rate-limit", "5", "-vv", "-"], vec![("--rate-limit", ""), ("", "rps:5"), ("-vv", ""), ("", ":-")]),
            (vec!["--request=GET"], vec![("--request=", "method:GET")]),
            (vec!["--demo", "-q"], vec![("--demo", ""), ("-q", "")]),
            (vec!["-q", "--", "-u", "x"], vec![("-q", ""), ("--", ""), ("", ":-u"), ("", ":x")]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(front, value)| (front.to_owned(), value.to_owned())).collect();
            assert_eq!(read(&typed), expected, "{typed:?}");
        }
    }
}

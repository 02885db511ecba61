//! How a run that was cut short is gone on with: the command that was typed, with `--resume`, and without what is secret in it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use scrape::model::{Clean, Ended, Secrets, Summary};
use scrape::{Destination, Origin, Plan};

use crate::args::{Args, SECRET, Word, words};
use crate::config::shown;

/// What is to be done to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// This command.
    Command {
        /// The command, quoted for a shell.
        line: String,
        /// The list was read from stdin.
        needs_list: bool,
        /// What is secret has to be put in again.
        is_redacted: bool,
    },
    /// It cannot be gone on with, for this reason; and what would help the next time.
    Never(&'static str),
}

impl Resume {
    /// How to go on with this run, should it be cut short.
    pub(crate) fn new(typed: &[OsString], args: &Args, plan: &Plan) -> Option<Self> {
        if args.demo.is_some() {
            return None; // the next practice shop has another address
        }
        if args.append {
            return Some(Self::Never(
                "--append does not tell this run's records from older ones: with -o and a file of its own --resume goes on where a run was stopped",
            ));
        }
        let is_file = plan.sink.outputs.iter().any(|output| match &output.place {
            Destination::File(path) => path.metadata().map_or(true, |about| about.is_file()),
            _ => false,
        });
        if !is_file {
            return Some(Self::Never(
                "the records were not written to a file: with -o FILE --resume goes on where a run was stopped",
            ));
        }
        let (line, is_redacted) = line(typed, &plan.crawl.secrets);
        let needs_list = plan.source.inputs.iter().any(|input| matches!(input, Origin::Stdin));
        Some(Self::Command { line, needs_list, is_redacted })
    }

    /// The same, if a run that came to this has something to be gone on with.
    pub(crate) fn of(self, summary: &Summary) -> Option<Self> {
        let is_cut = matches!(summary.ended, Ended::Stopped | Ended::Deadline | Ended::FirstFailure | Ended::Broken);
        let has_rest = summary.left > 0 || !summary.input_complete || !summary.partial.is_empty();
        (is_cut && has_rest).then_some(self)
    }

    /// The command.
    pub(crate) fn command(&self) -> Option<&str> {
        if let Self::Command { line, .. } = self { Some(line) } else { None }
    }

    /// The line for a person.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Command { line, needs_list, is_redacted } => {
                let list = needs_list.then_some("give it the same list on stdin");
                let secrets = is_redacted.then_some("put in what *** stands for");
                let notes: Vec<_> = list.into_iter().chain(secrets).collect();
                let notes = if notes.is_empty() { String::new() } else { format!("    ({})", notes.join("; ")) };
                format!("to go on: {line}{notes}")
            }
            Self::Never(why) => (*why).to_owned(),
        }
    }
}

/// The command line with `--resume`, and whether something in it is hidden.
fn line(typed: &[OsString], secrets: &Secrets) -> (String, bool) {
    let mut parts = vec![quoted(typed.first().map_or(b"scrape", |name| name.as_bytes()))];
    let (mut is_redacted, mut at) = (false, None);
    let mut has_resume = false;
    for Word { front, value } in words(typed) {
        let mut word = front.as_bytes().to_vec();
        match &value {
            Some(said) => {
                let text = kept(&said.key, &said.text, secrets);
                is_redacted |= text != said.text.as_bytes();
                word.extend(text);
            }
            None if front == "--" => at = Some(parts.len()),
            None => has_resume |= front == "--resume",
        }
        parts.push(quoted(&word));
    }
    if !has_resume {
        parts.insert(at.unwrap_or(parts.len()), "--resume".to_owned());
    }
    (parts.join(" "), is_redacted)
}

/// The headers whose values give access to nothing. What any other one says is not written where anybody may read it: this ends up in
/// logs and mails.
const HARMLESS: [&str; 6] = ["accept", "accept-encoding", "accept-language", "cache-control", "content-type", "user-agent"];

/// A value as it may be shown.
fn kept(key: &str, value: &OsStr, secrets: &Secrets) -> Vec<u8> {
    if key == "header" {
        let text = value.to_string_lossy();
        let name = text.split(':').next().unwrap_or_default();
        let is_harmless = HARMLESS.iter().any(|harmless| harmless.eq_ignore_ascii_case(name.trim())) && !secrets.is_named(name);
        return if is_harmless { text.into_owned() } else { format!("{name}: ***") }.into_bytes();
    }
    let is_plain = !SECRET.contains(&key) && !value.to_string_lossy().contains("://");
    if value.to_str().is_none() && is_plain {
        return value.as_bytes().to_vec(); // the name of a file
    }
    shown(key, value, secrets).into_bytes()
}

/// A word as a shell takes it: as it is, in quotes, or where it has bytes that would act on a terminal as `$'…'`.
fn quoted(word: &[u8]) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | ',' | '@' | '%' | '+' | '=');
    match std::str::from_utf8(word) {
        Ok(text) if !text.is_empty() && text.chars().all(is_safe) && !text.starts_with('=') => text.to_owned(),
        Ok(text) if !text.contains(Clean::is_hostile) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let bytes = word.iter().map(|byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                byte => format!("\\{byte:03o}"),
            });
            format!("$'{}'", bytes.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;
    use std::process::Command;

    use super::*;

    fn typed(words: &[&str]) -> Vec<OsString> {
        std::iter::once("scrape").chain(words.iter().copied()).map(OsString::from).collect()
    }

    fn resumed(words: &[&str]) -> Option<Resume> {
        let args = Args::read(typed(words)).expect("it is a command line");
        let plan = crate::plan::plan(args.clone()).expect("it is a plan");
        Resume::new(&typed(words), &args, &plan)
    }

    #[track_caller]
    fn command(words: &[&str]) -> String {
        match resumed(words) {
            Some(Resume::Command { line, .. }) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_is_the_one_that_was_typed_with_resume() {
        assert_eq!(command(&["urls.txt", "-o", "out.csv"]), "scrape urls.txt -o out.csv --resume");
        assert_eq!(
            command(&["u", "-oout.csv", "--overwrite", "-s", "title=h1 > a"]),
            "scrape u -oout.csv --overwrite -s 'title=h1 > a' --resume"
        );
        assert_eq!(command(&["-o", "out.csv", "--", "-odd"]), "scrape -o out.csv --resume -- -odd");
        assert_eq!(
            command(&["it's", "-o", "a b", "http://a.example/?x=1&y=[1-9]"]),
            r"scrape 'it'\''s' -o 'a b' 'http://a.example/?x=1&y=[1-9]' --resume"
        );
    }

    #[test]
    fn resume_is_not_said_twice() {
        let typed = typed(&["urls.txt", "-o", "out.csv", "--resume"]);
        assert_eq!(line(&typed, &Secrets::default()).0, "scrape urls.txt -o out.csv --resume");
    }

    #[test]
    fn nothing_secret_is_in_it_and_that_is_said() {
        for words in [
            &["-H", "Authorization: s3cret"][..],
            &["-kHAuthorization:s3cret"],
            &["--header=X-Api-Key: s3cret"],
            &["--header", "X-Flag: s3cret"],
            &["-us3cret:s3cret", "--user=ann:s3cret"],
            &["-d", "p=s3cret"],
            &["--json={\"p\":\"s3cret\"}"],
            &["-b", "a=s3cret"],
            &["-xhttp://u:s3cret@127.0.0.1:1"],
            &["--proxy", "u:s3cret@127.0.0.1:1"],
            &["https://ann:s3cret@a.example/"],
            &["https://a.example/?x=1&token=s3cret"],
            &["--", "https://a.example/?token=s3cret"],
        ] {
            let words = [&["urls.txt", "-o", "out.csv", "--redact", "token", "--redact=x-flag"], words].concat();
            let Some(resume @ Resume::Command { .. }) = resumed(&words) else { panic!("{words:?}") };
            let text = resume.text();
            let name = text.replace("-us3cret:", ""); // who it is, is no secret
            assert!(!name.contains("s3cret") && text.contains("***"), "{text}");
            assert!(text.ends_with("(put in what *** stands for)"), "{text}");
        }
        let typed = typed(&["u", "-o", "out.csv", "-d", "@form.txt"]);
        assert_eq!(line(&typed, &Secrets::default()), ("scrape u -o out.csv -d @form.txt --resume".to_owned(), false));
    }

    #[test]
    fn where_nothing_can_be_resumed_it_is_said_what_would_help() {
        for (words, said) in [
            (&["urls.txt"][..], "with -o FILE --resume goes on"),
            (&["urls.txt", "-o", "-"], "with -o FILE --resume goes on"),
            (&["urls.txt", "-o", "/dev/null"], "with -o FILE --resume goes on"),
            (&["urls.txt", "-o", "out.csv", "--append"], "--append does not tell"),
        ] {
            let resume = resumed(words).unwrap();
            assert!(resume.text().contains(said) && resume.command().is_none(), "{words:?}: {resume:?}");
        }
        assert_eq!(resumed(&["--demo", "-o", "out.csv"]), None);
        let stdin = resumed(&["-", "-o", "out.csv"]).unwrap();
        assert_eq!(stdin.text(), "to go on: scrape - -o out.csv --resume    (give it the same list on stdin)");
    }

    #[test]
    fn only_what_was_cut_short_is_gone_on_with() {
        let resume = || Resume::Never("");
        let done = Summary { input_complete: true, ..Summary::default() };
        let cut = |ended, left| Summary { ended, left, read: left, ..done.clone() };
        assert!(resume().of(&cut(Ended::Deadline, 1)).is_some() && resume().of(&cut(Ended::Broken, 1)).is_some());
        assert!(resume().of(&Summary { input_complete: false, ..cut(Ended::Stopped, 0) }).is_some());
        assert!(resume().of(&Summary { partial: vec!["p".into()], ..cut(Ended::FirstFailure, 0) }).is_some());
        for (ended, left) in [(Ended::Finished, 0), (Ended::Stopped, 0), (Ended::OutputClosed, 5)] {
            assert!(resume().of(&cut(ended, left)).is_none(), "{ended:?}");
        }
    }

    #[test]
    fn a_shell_reads_every_word_as_it_was() {
        let words = [
            "a",
            "",
            " ",
            "'",
            "a'b\"c",
            "$x",
            "`x`",
            "*",
            "~",
            "#",
            "=ls",
            "!",
            "a\\b",
            "größe",
            "{a,b}",
            "[1-2]",
            "-",
            "a;b&c|d<e>f",
        ];
        let line = words.map(|word| quoted(word.as_bytes())).join(" ");
        let shell = Command::new("sh").args(["-c", &format!("printf '%s\\n' {line}")]).output().expect("there is a shell");
        assert_eq!(String::from_utf8(shell.stdout).unwrap(), words.map(|word| format!("{word}\n")).concat());
    }

    #[test]
    fn what_would_act_on_a_terminal_is_written_as_numbers() {
        for (word, expected) in [
            (&b"a\nb"[..], r"$'a\012b'"),
            (b"\x1b[2J'\\", r"$'\033[2J\'\\'"),
            (b"\xff.txt", r"$'\377.txt'"),
            ("\u{202e}".as_bytes(), r"$'\342\200\256'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
        let typed = vec!["scrape".into(), OsString::from_vec(b"\xff.txt".to_vec())];
        assert_eq!(line(&typed, &Secrets::default()), (r"scrape $'\377.txt' --resume".to_owned(), false));
    }
}

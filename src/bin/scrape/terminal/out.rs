//! The one way to stderr: whole texts, cleaned of what would act on a terminal, with the bar out of the way.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::thread::{self, Builder};

use indicatif::ProgressBar;
use scrape::Destination;
use scrape::model::{Clean, Secrets};

use super::canvas;

/// Stderr, with the bar that may be on it.
#[derive(Clone)]
pub(super) struct Out {
    /// The bar; it is on the screen from its first message on.
    pub(super) bar: Option<ProgressBar>,
    /// What nobody is to read here, whoever writes it.
    secrets: Secrets,
}

impl Out {
    pub(super) fn new(bar: bool, secrets: Secrets) -> Self {
        Self { bar: bar.then(canvas::new_bar), secrets }
    }

    /// Writes a text in one piece. That nobody reads stderr any more is no reason to end a run, so errors are dropped.
    pub(super) fn write(&self, text: &str, form: Form) {
        let text = self.secrets.text(text);
        let text = form.clean(&text);
        let write = || {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        };
        if thread::panicking() {
            // In a thread that panics indicatif leaves the bar where it is: another takes it away, or the text goes beside it.
            thread::scope(|scope| {
                if Builder::new().spawn_scoped(scope, || self.suspended(write)).is_err() {
                    write();
                }
            });
        } else {
            self.suspended(write);
        }
    }

    /// Does something to the screen while the bar is off it.
    pub(super) fn suspended<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// Whether the records go to a program that may print on our screen: into a pipe, or a socket as some shells have it.
pub(super) fn has_reader(records: &Destination) -> bool {
    let kind = match records {
        Destination::Stdout => io::stdout().as_fd().try_clone_to_owned().and_then(|stdout| File::from(stdout).metadata()),
        Destination::File(path) => fs::metadata(path),
        Destination::Writer(_) => return false,
    };
    kind.is_ok_and(|kind| kind.file_type().is_fifo() || kind.file_type().is_socket())
}

/// What a text may hold besides what is shown as it is: tabs and its last newline always, and:
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing else: a log line.
    Line,
    /// Our own colours: a log line.
    ColourLine,
    /// Nothing else, and what is escaped is escaped as in JSON.
    Json,
    /// Newlines: a message for a person.
    Text,
    /// Newlines and our own colours: a text whose parts were cleaned when it was put together.
    Painted,
}

impl Form {
    /// The text with everything escaped that would act on a terminal.
    pub(super) fn clean(self, text: &str) -> Cow<'_, str> {
        let colours = matches!(self, Self::ColourLine | Self::Painted);
        let newlines = matches!(self, Self::Text | Self::Painted);
        if !text.contains(|c| Clean::is_hostile(c) && c != '\n' && c != '\t') && (newlines || is_one_line(text)) {
            return Cow::Borrowed(text);
        }
        let mut clean = String::with_capacity(text.len() + 16);
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let kept = match c {
                '\t' => 1,
                '\n' if newlines || rest.len() == 1 => 1,
                '\u{1b}' if colours => colour_len(rest),
                c if Clean::is_hostile(c) => 0,
                c => c.len_utf8(),
            };
            if kept > 0 {
                clean.push_str(&rest[..kept]);
            } else if self == Self::Json {
                // Hostile characters are all in the basic plane: no surrogates are needed.
                let _ = write!(clean, "\\u{:04x}", u32::from(c));
            } else {
                clean.extend(c.escape_default());
            }
            rest = &rest[kept.max(c.len_utf8())..];
        }
        Cow::Owned(clean)
    }
}

fn is_one_line(text: &str) -> bool {
    !text.strip_suffix('\n').unwrap_or(text).contains('\n')
}

/// The length of the colour sequence that a text starts with, 0 if it starts with another: `ESC [ digits and semicolons m`.
fn colour_len(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    let len = parameters.bytes().take_while(|b| b.is_ascii_digit() || *b == b';').count();
    if parameters[len..].starts_with('m') { len + 3 } else { 0 }
}

/// Records on the screen that the bar is on too. A line is held back until it is whole, as the bar would be drawn over its
/// beginning; a last one without a newline comes at the end and gets one.
pub(super) struct Lines<W: Write> {
    out: Out,
    to: W,
    held: Vec<u8>,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: Out, to: W) -> Self {
        Self { out, to, held: Vec::new() }
    }

    fn release(&mut self, len: usize) -> io::Result<()> {
        let Self { out, to, held } = self;
        let written = out.suspended(|| to.write_all(&held[..len]).and_then(|()| to.flush()));
        held.drain(..len);
        written
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if let Some(newline) = memchr::memrchr(b'\n', &self.held) {
            self.release(newline + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Drop for Lines<W> {
    fn drop(&mut self) {
        if !self.held.is_empty() {
            self.held.push(b'\n');
            // Only a screen is written to here: if it is gone, nobody misses the rest of the line.
            let _ = self.release(self.held.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_log_line_stays_one_line() {
        assert_eq!(Form::Line.clean("a\nb\tc\r\n"), "a\\nb\tc\\r\n");
        assert_eq!(Form::Line.clean("plain\n"), "plain\n");
        assert_eq!(Form::Text.clean("a\nb\u{9b}2J"), "a\nb\\u{9b}2J");
    }

    #[test]
    fn only_our_colours_pass_and_only_where_they_are_wanted() {
        let line = "\u{1b}[2m12:00\u{1b}[0m \u{1b}[1;31mERROR\u{1b}[m \u{1b}[2J\u{1b}]0;title\u{7}\u{1b}\n";
        let clean = "\u{1b}[2m12:00\u{1b}[0m \u{1b}[1;31mERROR\u{1b}[m \\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{1b}\n";
        assert_eq!(Form::ColourLine.clean(line), clean);
        assert_eq!(Form::Line.clean("\u{1b}[31mred"), "\\u{1b}[31mred");
    }

    #[test]
    fn json_stays_json_when_it_is_cleaned() {
        let line = "{\"message\":\"a\u{7f}b\u{9b}c\u{202e}d\"}\n";
        let clean = Form::Json.clean(line);
        assert_eq!(clean, "{\"message\":\"a\\u007fb\\u009bc\\u202ed\"}\n");
        let [before, after] = [line, &*clean].map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
        assert_eq!(before, after);
    }

    #[test]
    fn records_come_to_the_screen_in_whole_lines() {
        let mut screen = Vec::new();
        let mut lines = Lines::new(Out::new(false, Secrets::default()), &mut screen);
        for (written, shown) in
            [("{\"a\":", ""), ("1}\n{", "{\"a\":1}\n"), ("}\n[\n", "{\"a\":1}\n{}\n[\n"), ("]", "{\"a\":1}\n{}\n[\n")]
        {
            lines.write_all(written.as_bytes()).unwrap();
            lines.flush().unwrap();
            assert_eq!(String::from_utf8_lossy(lines.to), shown);
        }
        drop(lines);
        assert!(screen.ends_with(b"[\n]\n"));
    }

    #[test]
    fn a_screen_that_is_gone_is_an_error_to_the_sink() {
        let mut nowhere: &mut [u8] = &mut [];
        let mut lines = Lines::new(Out::new(false, Secrets::default()), &mut nowhere);
        assert!(lines.write_all(b"x\n").is_err());
    }

    proptest! {
        #[test]
        fn no_form_lets_through_more_than_it_says(text in "(\\PC|[\\x00-\\x1f\\x7f-\\x9f\u{2028}\u{202e}]|\\x1b\\[[0-9;]*[mK])*") {
            for form in [Form::Line, Form::Json] {
                let clean = form.clean(&text);
                let body = clean.strip_suffix('\n').unwrap_or(&clean);
                prop_assert!(!body.contains(|c| Clean::is_hostile(c) && c != '\t'), "{form:?} {body:?}");
            }
            let clean = Form::ColourLine.clean(&text);
            for (at, _) in clean.match_indices('\u{1b}') {
                prop_assert!(colour_len(&clean[at..]) > 0, "{clean:?}");
            }
            if !text.contains(Clean::is_hostile) {
                prop_assert_eq!(&*clean, &text);
            }
        }
    }
}

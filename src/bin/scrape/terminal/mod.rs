//! The talk: everything that goes to stderr, and nothing that goes anywhere else. Logs, the progress, the summary and the
//! error that ends a run share one writer ([`out`]), so that none of them tears another and no server's text reaches the
//! terminal unescaped. It stands beside the line (source ▸ crawl ▸ sink) and is fed by its observer.

mod canvas;
mod clock;
mod logs;
mod out;
mod progress;
mod summary;
mod waits;

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use scrape::Destination;
use scrape::model::{Ended, Secrets};

use crate::ending::End;
use clock::Clock;
use out::{Form, Out};
pub(crate) use progress::Watch;
use waits::Voice;

/// How much is said on stderr, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Talk {
    /// Nothing is said but the error that breaks the run. It wins over the other fields.
    pub(crate) quiet: bool,
    /// How many steps the logs go beyond warnings: info, debug, trace.
    pub(crate) verbose: u8,
    /// Whether the run shows how far it is.
    pub(crate) progress: Progress,
    /// Whether there are colours.
    pub(crate) color: Color,
    /// How a log line is written.
    pub(crate) log_format: LogFormat,
}

/// Whether the run shows how far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Progress {
    /// A bar when stderr is a terminal; away while records go into a pipe
    #[default]
    Auto,
    /// A bar
    Always,
    /// Nothing
    Never,
    /// A line every ten seconds
    Log,
}

/// Whether there are colours on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// When stderr is a terminal, unless the environment objects
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For a person
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// What the environment says about stderr.
#[derive(Clone, Copy, Debug)]
struct Screen {
    /// Stderr is a terminal.
    terminal: bool,
    /// It is one that takes escape sequences.
    capable: bool,
    /// `NO_COLOR` asks for no colours.
    plain: bool,
}

impl Screen {
    fn detect() -> Self {
        Self::new(io::stderr().is_terminal(), env::var_os("TERM").as_deref(), env::var_os("NO_COLOR").as_deref())
    }

    fn new(terminal: bool, term: Option<&OsStr>, no_color: Option<&OsStr>) -> Self {
        let capable = term.is_some_and(|term| term != "dumb" && !term.is_empty());
        Self { terminal, capable, plain: no_color.is_some_and(|value| !value.is_empty()) }
    }

    fn has_colour(self, asked: Color) -> bool {
        match asked {
            Color::Auto => self.terminal && self.capable && !self.plain,
            Color::Always => true,
            Color::Never => false,
        }
    }

    fn has_bar(self, talk: Talk) -> bool {
        !talk.quiet
            && match talk.progress {
                Progress::Auto => self.terminal && self.capable,
                Progress::Always => true,
                Progress::Never | Progress::Log => false,
            }
    }
}

/// The terminal of a run. Dropping it takes the bar away.
pub(crate) struct Terminal {
    talk: Talk,
    colour: bool,
    out: Out,
    clock: Mutex<Option<Clock>>,
}

impl Terminal {
    /// A terminal that talks as asked. Nothing is shown and nothing global is changed yet.
    pub(crate) fn new(talk: Talk, secrets: Secrets) -> Self {
        let screen = Screen::detect();
        let out = Out::new(screen.has_bar(talk), secrets);
        Self { talk, colour: screen.has_colour(talk.color), out, clock: Mutex::new(None) }
    }

    /// Makes this terminal the process's: its logs and its panics are written here from now on. Once a process.
    pub(crate) fn install(&self) {
        if !self.talk.quiet {
            logs::install(&self.out, self.talk, self.colour);
        }
        logs::hook_panics(&self.out, self.talk.quiet);
    }

    /// Starts to show how far the run is, and gives what is to be told about it.
    pub(crate) fn watch<'a>(&self, records: impl IntoIterator<Item = &'a Destination>) -> Watch {
        let Talk { log_format, quiet, .. } = self.talk;
        let voice = Voice { out: self.out.clone(), format: log_format, quiet };
        let watch = Watch::new(voice);
        let clock = match &self.out.bar {
            Some(bar) => {
                Some(watch.draw_on(bar.clone(), self.talk.progress == Progress::Auto && records.into_iter().any(out::has_reader)))
            }
            None if self.talk.progress == Progress::Log && !self.talk.quiet => {
                Some(watch.log_to(self.out.clone(), self.talk.log_format))
            }
            None => None,
        };
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = clock.flatten();
        watch
    }

    /// A writer to stdout for records that are shown on the screen the bar is on: lines come whole, with the bar out of the way.
    pub(crate) fn stdout(&self) -> Box<dyn Write + Send> {
        if self.out.bar.is_some() && io::stdout().is_terminal() {
            Box::new(out::Lines::new(self.out.clone(), io::stdout()))
        } else {
            Box::new(io::stdout())
        }
    }

    /// Takes the bar away and writes what the run came to. The last line is the summary's identity.
    pub(crate) fn summary(&self, end: &End) {
        self.clear();
        // Whoever closes a pipe has what he wanted, and needs to hear only of a file beside it that did not get its name.
        let is_closed = end.summary.ended == Ended::OutputClosed;
        if !self.talk.quiet && (!is_closed || !end.summary.partial.is_empty()) {
            match self.talk.log_format {
                LogFormat::Text if is_closed => {
                    let line = summary::partial(&end.summary).unwrap_or_default();
                    self.out.write(&format!("{line}\n"), Form::Painted);
                }
                LogFormat::Text => self.out.write(&summary::text(end, self.colour), Form::Painted),
                LogFormat::Json => self.out.write(&summary::json(end, SystemTime::now()), Form::Json),
            }
        }
    }

    /// Takes the bar away and writes the error that ends the run, with its causes; also when the terminal is quiet.
    pub(crate) fn error(&self, chain: &anyhow::Error) {
        self.clear();
        match self.talk.log_format {
            LogFormat::Text => self.out.write(&error_line(chain, self.colour), Form::Painted),
            LogFormat::Json => {
                let line = logs::json_line("ERROR", &format!("{chain:#}"), SystemTime::now(), serde_json::json!({}));
                self.out.write(&line, Form::Json);
            }
        }
    }

    fn clear(&self) {
        drop(self.clock.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(bar) = &self.out.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.clear();
    }
}

fn error_line(chain: &anyhow::Error, colour: bool) -> String {
    let chain = format!("{chain:#}");
    format!("scrape: {} {}\n", paint("error:", Paint::Red, colour), Form::Text.clean(chain.trim_end()))
}

/// The colours there are: one for each thing that a reader looks for.
#[derive(Clone, Copy, Debug)]
enum Paint {
    Red = 31,
    Green = 32,
    Yellow = 33,
}

fn paint(text: &str, paint: Paint, colour: bool) -> String {
    if colour { format!("\u{1b}[{}m{text}\u{1b}[0m", paint as u8) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    fn screen(terminal: bool, term: &str, no_color: &str) -> Screen {
        Screen::new(terminal, Some(term.as_ref()), Some(no_color.as_ref()))
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        assert!(screen(true, "xterm", "").has_colour(Color::Auto));
        assert!(!screen(true, "xterm", "1").has_colour(Color::Auto));
        assert!(!screen(true, "dumb", "").has_colour(Color::Auto));
        assert!(!screen(false, "xterm", "").has_colour(Color::Auto));
        assert!(!Screen::new(true, None, None).has_colour(Color::Auto));
        assert!(screen(false, "dumb", "1").has_colour(Color::Always));
        assert!(!screen(true, "xterm", "").has_colour(Color::Never));
    }

    #[test]
    fn the_bar_is_for_terminals_that_are_not_told_to_be_quiet() {
        let talk = |progress, quiet| Talk { quiet, progress, ..Talk::default() };
        let (good, pipe) = (screen(true, "xterm", "1"), screen(false, "xterm", ""));
        assert!(good.has_bar(talk(Progress::Auto, false)));
        assert!(!good.has_bar(talk(Progress::Auto, true)));
        assert!(!good.has_bar(talk(Progress::Never, false)));
        assert!(!good.has_bar(talk(Progress::Log, false)));
        assert!(!pipe.has_bar(talk(Progress::Auto, false)));
        assert!(!screen(true, "dumb", "").has_bar(talk(Progress::Auto, false)));
        assert!(pipe.has_bar(talk(Progress::Always, false)));
        assert!(!good.has_bar(talk(Progress::Always, true)), "quiet wins");
    }

    #[test]
    fn an_error_is_one_line_with_its_causes() {
        let chain = Err::<(), _>(io::Error::other("no \u{1b}[2J space")).context("out.csv: cannot be written").unwrap_err();
        assert_eq!(error_line(&chain, false), "scrape: error: out.csv: cannot be written: no \\u{1b}[2J space\n");
        assert!(error_line(&chain, true).starts_with("scrape: \u{1b}[31merror:\u{1b}[0m out.csv"));
    }

    #[test]
    fn a_caret_stays_below_what_it_points_at() {
        let chain = anyhow::anyhow!("the selector is wrong:\n  a[href\n    ^ here\n");
        assert_eq!(error_line(&chain, false), "scrape: error: the selector is wrong:\n  a[href\n    ^ here\n");
    }
}

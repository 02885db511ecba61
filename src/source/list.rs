//! The plainest input: one URL a line. And the URL that stands on the command line itself.

use super::lines::{Lines, is_blank};
use super::{Entry, Error, Opening, Row, Source};
use crate::model::redact;

/// No URL is longer; servers refuse far shorter ones.
const CAP: usize = 64 * 1024;

pub(super) const ENTRY: Entry = Entry {
    name: "list",
    extensions: &["txt", "list", "lst"],
    help: "one URL a line; blank lines and lines that begin with # are skipped",
    free_input: false,
    open: |Opening { name, from, .. }| Ok(Box::new(List(Lines::new(name, from, CAP)))),
};

struct List(Lines);

impl Source for List {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        let Self(lines) = self;
        if !lines.advance_past(is_skipped)? {
            return Ok(None);
        }
        let url = lines.text().map(str::to_owned);
        Ok(Some(Row { place: lines.place(lines.number()), url, input: None, request: None }))
    }

    fn passed_over(&self) -> u64 {
        self.0.passed_over()
    }

    fn is_ready(&mut self) -> bool {
        self.0.is_ready(is_skipped)
    }
}

fn is_skipped(line: &[u8]) -> bool {
    is_blank(line) || line.trim_ascii_start().starts_with(b"#")
}

/// A URL argument: a list of one line, until its globs expand.
pub(super) struct Argument(Option<String>);

impl Argument {
    pub(super) const fn new(url: String) -> Self {
        Self(Some(url))
    }
}

impl Source for Argument {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        let row = |url: String| {
            let place = format!("argument \"{}\"", redact(&url));
            Row { place, url: Ok(url), input: None, request: None }
        };
        Ok(self.0.take().map(row))
    }

    fn is_ready(&mut self) -> bool {
        true
    }
}

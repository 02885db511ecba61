//! The rows of a table. The rules of quoting are the csv crate's; `Feed` stands below it and hands it one whole row at a time.
//!
//! So a row is read as soon as it has arrived, its lines can be numbered, and a quote that is never closed costs the row that it
//! stands in: the lines after that row's first, which it swallowed, are kept and read as what they are.

use std::io::{self, Read};

use csv::{ByteRecord, ReaderBuilder};
use memchr::memchr;

use super::lines::{Lines, escape, shorten};
use super::quotes::Quotes;
use super::{Bad, Error};

/// The longest row in bytes, its quoted line breaks included.
const CAP: usize = 1024 * 1024;

/// What the csv crate is given for a row that it is not to see: one empty cell.
const STAND_IN: &[u8] = b"\"\"\n";

/// What reading a row came to.
pub(super) enum Next {
    End,
    Row,
    Bad(Bad),
}

/// The rows of a table, of any width.
pub(super) struct Rows {
    from: csv::Reader<Feed>,
    record: ByteRecord,
}

impl Rows {
    pub(super) fn new(name: String, from: Box<dyn Read + Send>, delimiter: u8) -> Self {
        let feed = Feed {
            lines: Lines::new(name, from, CAP),
            over: None,
            delimiter,
            held: Vec::new(),
            start: 0,
            at: 0,
            end: 0,
            first: 1,
            line: 0,
            verdict: Verdict::Whole,
            stand_in: &[],
        };
        let from = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(feed);
        Self { from, record: ByteRecord::new() }
    }

    /// Goes to the next row as soon as it has arrived.
    pub(super) fn advance(&mut self) -> Result<Next, Error> {
        let found = self.from.read_byte_record(&mut self.record);
        let feed = self.from.get_mut();
        match found {
            Ok(false) => feed.over.replace(Ok(())).unwrap_or(Ok(())).map(|()| Next::End),
            Ok(true) => Ok(match feed.verdict {
                Verdict::Whole => Next::Row,
                Verdict::Long => Next::Bad(feed.lines.too_long()),
                Verdict::Open => {
                    Next::Bad(feed.bad("a quote in this row is never closed: close it, or write it twice in a cell in quotes"))
                }
            }),
            // `Feed` never fails, and rows of bytes and of any width are always rows.
            Err(error) => Err(Error::Read { place: self.place(), source: error.into() }),
        }
    }

    /// Takes the row at hand, which is more than a line, for one whose quote is stray: its first line is a bad row, and those
    /// after it are yet to be read.
    pub(super) fn disown(&mut self) -> Bad {
        let feed = self.from.get_mut();
        let last = feed.line;
        feed.rewind();
        feed.at = feed.end;
        feed.bad(&format!("a quote in this row is not closed before line {last}, and up to there it is no row of this table"))
    }

    /// The row at hand.
    pub(super) const fn record(&self) -> &ByteRecord {
        &self.record
    }

    /// Whether a further row has arrived: its first line, at least.
    pub(super) fn is_ready(&mut self) -> bool {
        let feed = self.from.get_mut();
        // Lines that are held come first; what is skipped of the input would be missing between those and what follows them.
        feed.end < feed.held.len() || feed.lines.is_ready(is_empty)
    }

    fn feed(&self) -> &Feed {
        self.from.get_ref()
    }

    /// How messages name the row at hand: by its first line.
    pub(super) fn place(&self) -> String {
        self.feed().lines.place(self.feed().first)
    }

    /// Whether the row at hand is more than a line.
    pub(super) fn spans_lines(&self) -> bool {
        self.feed().line > self.feed().first
    }

    /// Says of a bad row that it is more than the line that it is named by.
    pub(super) fn extent(&self) -> String {
        if self.spans_lines() {
            format!(" (between quotes, the row runs on to line {})", self.feed().line)
        } else {
            String::new()
        }
    }
}

/// What the csv crate reads from: whole rows, one at a time.
struct Feed {
    lines: Lines,
    /// The input has ended, or reading it failed; it is not asked again.
    over: Option<Result<(), Error>>,
    delimiter: u8,
    /// The row at hand and the lines after it that were read with an earlier one, each with its newline. In place of a line beyond
    /// the cap, which can only be the last one, stands the stand-in.
    held: Vec<u8>,
    /// Where the row at hand begins, how far it was handed on, and where it ends.
    start: usize,
    at: usize,
    end: usize,
    /// The row's first line and its last one.
    first: u64,
    line: u64,
    verdict: Verdict,
    /// What is left to hand on in place of the row.
    stand_in: &'static [u8],
}

/// What the csv crate cannot tell us of a row.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Whole,
    /// Its first line is beyond the cap.
    Long,
    /// Its quotes are not closed as they should be: by the end of the input, up to the cap, or at all.
    Open,
}

impl Feed {
    /// Goes to the next row; false where there is none.
    fn advance(&mut self) -> bool {
        loop {
            self.forget();
            if !self.extend() {
                return false;
            }
            if !is_empty(&self.held[self.start..self.end - 1]) {
                break;
            }
        }
        self.first = self.line;
        self.verdict = self.complete();
        if self.verdict != Verdict::Whole {
            self.rewind();
            self.at = self.end;
            self.stand_in = STAND_IN;
        }
        true
    }

    /// Adds lines to the row's first one until its quotes are closed.
    fn complete(&mut self) -> Verdict {
        if self.is_cut() {
            return Verdict::Long;
        }
        let mut quotes = Quotes::new(self.delimiter);
        let mut from = self.start;
        loop {
            quotes.read(&self.held[from..self.end - 1]);
            let is_one_line = from == self.start;
            match (quotes.is_open(), quotes.is_lax()) {
                (false, lax) if is_one_line || !lax => return Verdict::Whole,
                (true, false) => {}
                _ => return Verdict::Open,
            }
            from = self.end;
            if !self.extend() || self.is_cut() || self.end - self.start > CAP {
                return Verdict::Open;
            }
        }
    }

    /// Adds the next line to the row; false where there is none.
    fn extend(&mut self) -> bool {
        if let Some(length) = memchr(b'\n', &self.held[self.end..]) {
            self.end += length + 1;
            self.line += 1;
            return true;
        }
        if self.over.is_some() {
            return false;
        }
        match self.lines.advance() {
            Ok(true) => {}
            over => {
                // Where reading failed, what was read before comes first.
                self.over = Some(over.map(drop));
                return false;
            }
        }
        if self.lines.is_cut() {
            self.held.extend_from_slice(STAND_IN);
        } else {
            self.held.extend_from_slice(self.lines.bytes());
            self.held.push(b'\n');
        }
        self.end = self.held.len();
        self.line = self.lines.number();
        true
    }

    /// Whether the line at the row's end is beyond the cap.
    fn is_cut(&self) -> bool {
        self.lines.is_cut() && self.end == self.held.len()
    }

    /// Leaves the row nothing but its first line.
    fn rewind(&mut self) {
        let length = memchr(b'\n', &self.held[self.start..self.end]).expect("a row has a line, and that a newline");
        self.end = self.start + length + 1;
        self.line = self.first;
    }

    /// Leaves the row behind, and makes room where that moves no more than was read.
    fn forget(&mut self) {
        if self.end == self.held.len() || self.end > CAP {
            self.held.drain(..self.end);
            self.end = 0;
        }
        (self.start, self.at) = (self.end, self.end);
    }

    /// The row's first line as a bad row.
    fn bad(&self, why: &str) -> Bad {
        Bad { shown: shorten(&escape(self.held[self.start..self.end].trim_ascii())), why: why.to_owned() }
    }
}

impl Read for Feed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.end && self.stand_in.is_empty() && !self.advance() {
            return Ok(0);
        }
        if !self.stand_in.is_empty() {
            return self.stand_in.read(into);
        }
        let length = (&self.held[self.at..self.end]).read(into)?;
        self.at += length;
        Ok(length)
    }
}

/// Whether a line is no row at all; one of blanks is.
fn is_empty(line: &[u8]) -> bool {
    matches!(line, b"" | b"\r")
}

#[cfg(test)]
mod tests;

//! The rows of a table. The rules of quoting are the csv crate's; `Feed` stands below it and hands it one line at a time.
//!
//! So a row is read as soon as it has arrived, its lines can be numbered, and a quote that is never closed can neither fill the
//! memory nor swallow the list unnoticed.

use std::io::{self, Read};

use csv::{ByteRecord, ReaderBuilder};

use super::lines::{Lines, escape, shorten};
use super::{Bad, Error};

/// The longest row in bytes, its quoted line breaks included.
const CAP: usize = 1024 * 1024;

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
        let lines = Lines::new(name, from, CAP);
        let feed = Feed { lines, line: Vec::new(), at: 0, given: 0, first: 1, trouble: None };
        let from = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(feed);
        Self { from, record: ByteRecord::new() }
    }

    /// Goes to the next row as soon as it has arrived.
    pub(super) fn advance(&mut self) -> Result<Next, Error> {
        self.from.get_mut().given = 0;
        let found = self.from.read_byte_record(&mut self.record);
        match (self.from.get_mut().trouble.take(), found) {
            (Some(Trouble::Failed(error)), _) => Err(error),
            (Some(Trouble::Long), _) => Ok(Next::Bad(self.feed().lines.too_long())),
            (Some(Trouble::Open), _) => self.open_quote(),
            (None, Ok(true)) => Ok(Next::Row),
            (None, Ok(false)) => Ok(Next::End),
            // Only `Feed` can fail, and it says why: rows of bytes and of any width are always rows.
            (None, Err(error)) => Err(Error::Read { place: self.place(), source: error.into() }),
        }
    }

    /// A quote that is not closed: where it swallowed rows there is no telling which, so that is more than one bad row.
    fn open_quote(&self) -> Result<Next, Error> {
        let last = self.feed().lines.number();
        if last > self.feed().first {
            return Err(Error::Quote { place: self.place(), last });
        }
        let shown = shorten(&escape(self.feed().line.trim_ascii()));
        Ok(Next::Bad(Bad { shown, why: "a quote in this row is never closed".to_owned() }))
    }

    /// The row at hand.
    pub(super) const fn record(&self) -> &ByteRecord {
        &self.record
    }

    /// Whether a further row has arrived: its first line, at least.
    pub(super) fn is_ready(&mut self) -> bool {
        self.from.get_mut().lines.is_ready(is_empty)
    }

    fn feed(&self) -> &Feed {
        self.from.get_ref()
    }

    /// How messages name the row at hand: by its first line.
    pub(super) fn place(&self) -> String {
        self.feed().lines.place(self.feed().first)
    }

    /// Says of a bad row that it is more than the line that it is named by.
    pub(super) fn extent(&self) -> String {
        let last = self.feed().lines.number();
        if last > self.feed().first { format!(" (between quotes, the row runs on to line {last})") } else { String::new() }
    }
}

/// What the csv crate reads from: whole lines, one at a time.
struct Feed {
    lines: Lines,
    /// The line at hand with its newline, and how much of it was handed on.
    line: Vec<u8>,
    at: usize,
    /// How much the row at hand has been given.
    given: usize,
    /// The row's first line.
    first: u64,
    trouble: Option<Trouble>,
}

/// What the csv crate cannot tell us.
enum Trouble {
    /// A line is beyond the cap; an empty row stands in for it.
    Long,
    /// The row is beyond the cap, or the input at its end, and the row is still within quotes.
    Open,
    /// Reading failed.
    Failed(Error),
}

impl Feed {
    /// Goes to the next line; false where there is none to hand on.
    fn advance(&mut self) -> Result<bool, Error> {
        loop {
            if !self.lines.advance()? {
                // Every line was handed on with a newline, the last one too: a row that asks for more is within quotes.
                self.trouble = (self.given > 0).then_some(Trouble::Open);
                return Ok(false);
            }
            if self.given > 0 || !is_empty(self.lines.bytes()) {
                break;
            }
        }
        let is_first = self.given == 0;
        if is_first {
            self.first = self.lines.number();
        }
        self.line.clear();
        self.at = 0;
        if self.lines.is_cut() && is_first {
            self.trouble = Some(Trouble::Long);
            self.line.extend_from_slice(b"\"\"\n");
        } else if self.given + self.lines.bytes().len() > CAP || self.lines.is_cut() {
            self.trouble = Some(Trouble::Open);
            return Ok(false);
        } else {
            self.line.extend_from_slice(self.lines.bytes());
            self.line.push(b'\n');
        }
        Ok(true)
    }
}

impl Read for Feed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => {
                    self.trouble = Some(Trouble::Failed(error));
                    return Err(io::ErrorKind::Other.into());
                }
            }
        }
        let rest = &self.line[self.at..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        self.given += length;
        Ok(length)
    }
}

/// Whether a line is no row at all; one of blanks is.
fn is_empty(line: &[u8]) -> bool {
    matches!(line, b"" | b"\r")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::Pieces;
    use super::*;

    /// Every row, and whether the last one is within quotes.
    fn rows(pieces: Vec<Vec<u8>>) -> (Vec<ByteRecord>, bool) {
        let mut rows = Rows::new("x".to_owned(), Box::new(Pieces::new(pieces)), b',');
        let mut all = Vec::new();
        loop {
            match rows.advance() {
                Ok(Next::Row) => all.push(rows.record.clone()),
                Ok(Next::End) => return (all, false),
                Ok(Next::Bad(_)) | Err(Error::Quote { .. }) => return (all, true),
                Err(error) => panic!("{error}"),
            }
        }
    }

    proptest! {
        #[test]
        fn feeding_by_the_line_never_changes_what_csv_reads(
            pieces in prop::collection::vec(prop::collection::vec(prop::sample::select(b"ab,\"\r\n\n".to_vec()), 1..6), 0..12),
        ) {
            // A carriage return by itself ends a row too, in files that no program has written for decades.
            let bytes = [b"ab".to_vec(), pieces.concat()].concat();
            let bytes = String::from_utf8(bytes).unwrap().replace("\r\n", "\n").replace('\r', "").replace('\n', "\r\n");
            let whole = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes.as_bytes());
            let expected: Vec<ByteRecord> = whole.into_byte_records().map(Result::unwrap).collect();
            let sizes = pieces.iter().map(Vec::len);
            let mut rest = bytes.as_bytes();
            let mut split: Vec<Vec<u8>> = sizes.map(|size| rest.split_off(..size.min(rest.len())).unwrap().to_vec()).collect();
            split.push(rest.to_vec());
            let (read, is_open) = rows(split);
            prop_assert_eq!(&expected[..expected.len() - usize::from(is_open)], &read[..]);
        }
    }
}

//! CSV and TSV, read back by RFC 4180 to the letter: what another program would read in another way is damage here.

use std::borrow::Cow;

use memchr::memchr2;

use super::super::table::is_formula;
use super::refusal::Refusal;
use super::scan::{Entry, Grammar, Head, Item, LONGEST_HEAD};

/// Reads a table.
pub(in crate::sink) struct Rows {
    delimiter: u8,
    csv_safe: bool,
    /// The names of the run's columns, in its order, and the header that it would write.
    names: Vec<String>,
    header: Vec<u8>,
    /// What each column of the file holds.
    kinds: Vec<Kind>,
    /// The line at hand has begun before these bytes.
    inside: bool,
}

impl Rows {
    pub(in crate::sink) fn new(delimiter: u8, csv_safe: bool, header: Vec<u8>) -> Self {
        let names = names(&header, delimiter).unwrap_or_default();
        Self { delimiter, csv_safe, names, header, kinds: vec![], inside: false }
    }

    /// The row at the beginning of these bytes.
    fn row<'a>(&self, bytes: &'a [u8]) -> Result<(usize, Entry<'a>), Split> {
        let (mut index, mut url, mut failed, mut columns) = (None, None, false, 0);
        let split = split(bytes, self.delimiter, |at, cell| {
            columns = at + 1;
            match self.kinds.get(at) {
                Some(Kind::Index) => {
                    index = number(cell.bytes);
                    index.is_some()
                }
                Some(Kind::Url) => {
                    url = Some(cell);
                    true
                }
                Some(Kind::Error) => {
                    failed = !cell.bytes.is_empty();
                    cell.bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'_'))
                }
                Some(Kind::Count) => number(cell.bytes).is_some(),
                Some(Kind::Number) => cell.bytes.is_empty() || number(cell.bytes).is_some(),
                Some(Kind::Time) => cell.bytes.is_empty() || cell.bytes.len() == TIME.len() && cell.bytes.ends_with(b"Z"),
                Some(Kind::Text) => true,
                None => false,
            }
        });
        let Split::Whole(length) = split else { return Err(split) };
        let raw = &bytes[..length];
        match (index, url) {
            (Some(index), Some(url)) if columns == self.kinds.len() && std::str::from_utf8(raw).is_ok() => {
                let url = self.given(url.text().ok_or(Split::Bad)?);
                Ok((length, Entry { index, url, failed, raw }))
            }
            _ => Err(Split::Bad),
        }
    }

    /// A cell's text before it was made safe for a spreadsheet.
    fn given<'a>(&self, cell: Cow<'a, str>) -> Cow<'a, str> {
        let guarded = self.csv_safe && cell.starts_with('\'') && is_formula(&cell);
        match cell {
            Cow::Borrowed(cell) if guarded => Cow::Borrowed(&cell[1..]),
            Cow::Owned(cell) if guarded => Cow::Owned(cell[1..].to_owned()),
            cell => cell,
        }
    }
}

impl Grammar for Rows {
    fn head(&mut self, bytes: &[u8], ended: bool) -> Head {
        self.inside = false;
        let text = super::without_bom(bytes);
        let mut found = Vec::new();
        let split = split(text, self.delimiter, |_, cell| {
            found.extend(cell.text().map(Cow::into_owned));
            true
        });
        let Split::Whole(length) = split else {
            // A beginning of the header, whose rest was lost.
            let shown = memchr::memchr(0, text).unwrap_or(text.len());
            let torn = self.header.starts_with(&text[..shown]) && super::is_nothing(&text[shown..]);
            return match split {
                Split::More if !ended && bytes.len() < LONGEST_HEAD => Head::More,
                _ if torn && !ended => Head::More,
                _ if torn => Head::Torn,
                _ => Head::Foreign(Refusal::other(bytes)),
            };
        };
        let Some(order) = order(&found, &self.names) else {
            let ours = ["index", "url", "error"].iter().all(|name| found.iter().any(|own| own == name));
            return Head::Foreign(if ours { Refusal::names("columns", &found, &self.names) } else { Refusal::other(bytes) });
        };
        // The record's own columns come first, and a field has none of their names.
        self.kinds = order.iter().map(|own| Kind::of(&self.names[*own])).collect();
        Head::Ours(bytes.len() - text.len() + length)
    }

    fn item<'a>(&mut self, bytes: &'a [u8], ended: bool) -> Item<'a> {
        if self.inside {
            return Item::Bad(self.skip(bytes, ended));
        }
        if bytes[0] == b'\n' {
            return Item::Gap(1);
        }
        if bytes.starts_with(b"\r\n") {
            return Item::Gap(2);
        }
        match self.row(bytes) {
            Ok((length, entry)) => Item::Record { length, apart: true, entry },
            Err(Split::More) if !ended => Item::More,
            // A row that was cut. Its text is not searched for rows: a page that holds some would have its own way with what is finished.
            Err(Split::More) => Item::Bad(bytes.len()),
            Err(_) => Item::Bad(self.skip(bytes, ended)),
        }
    }

    fn skip(&mut self, bytes: &[u8], _: bool) -> usize {
        let line = memchr::memchr(b'\n', bytes);
        self.inside = line.is_none();
        line.map_or(bytes.len(), |end| end + 1)
    }

    fn is_same_head(&self, one: &[u8], other: &[u8]) -> bool {
        names(one, self.delimiter) == names(other, self.delimiter)
    }

    fn around(&self, _: bool) -> (&'static [u8], &'static [u8]) {
        (b"", b"")
    }
}

/// The cells of the first row.
pub(in crate::sink) fn names(header: &[u8], delimiter: u8) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let split = split(super::without_bom(header), delimiter, |_, cell| {
        names.extend(cell.text().map(Cow::into_owned));
        true
    });
    matches!(split, Split::Whole(_)).then_some(names)
}

/// Which of our columns stands at each place of the file, where it has the same ones.
pub(in crate::sink) fn order(found: &[String], ours: &[String]) -> Option<Vec<usize>> {
    let places = found.iter().map(|name| ours.iter().position(|own| own == name)).collect::<Option<Vec<_>>>()?;
    let each_once = (0..ours.len()).all(|at| places.iter().filter(|place| **place == at).count() == 1);
    (each_once && found.len() == ours.len()).then_some(places)
}

/// A number as we write it.
fn number(cell: &[u8]) -> Option<u64> {
    let digits = !cell.is_empty() && cell.len() <= 20 && cell.iter().all(u8::is_ascii_digit);
    digits.then(|| cell.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))))?
}

/// What a cell is, by its column. The more is asked of it, the less can damage look like a row.
#[derive(Clone, Copy)]
enum Kind {
    Index,
    Url,
    Error,
    /// A number that is always there.
    Count,
    Number,
    Time,
    Text,
}

/// As long as every time.
const TIME: &str = "2026-11-20T10:30:00.000Z";

impl Kind {
    fn of(column: &str) -> Self {
        match column {
            "index" => Self::Index,
            "url" => Self::Url,
            "error" => Self::Error,
            "attempts" => Self::Count,
            "status" | "bytes" | "elapsed_ms" => Self::Number,
            "fetched_at" => Self::Time,
            _ => Self::Text,
        }
    }
}

/// What a row of a table is.
enum Split {
    /// Whole, so many bytes with its line end.
    Whole(usize),
    /// Not ended yet.
    More,
    /// None.
    Bad,
}

/// A cell without its quotes.
#[derive(Clone, Copy)]
struct Cell<'a> {
    bytes: &'a [u8],
    /// There are quotes in it, each twice.
    doubled: bool,
}

impl<'a> Cell<'a> {
    fn text(self) -> Option<Cow<'a, str>> {
        let text = std::str::from_utf8(self.bytes).ok()?;
        Some(if self.doubled { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) })
    }
}

/// Takes a row apart, until `each` says that a cell does not belong there. No row of ours has a NUL.
fn split<'a>(bytes: &'a [u8], delimiter: u8, mut each: impl FnMut(usize, Cell<'a>) -> bool) -> Split {
    let mut at = 0;
    for column in 0.. {
        let (cell, end) = if bytes.get(at) == Some(&b'"') {
            let (mut from, mut doubled) = (at + 1, false);
            loop {
                let Some(found) = memchr2(b'"', 0, &bytes[from..]) else { return Split::More };
                let quote = from + found;
                match (bytes[quote], bytes.get(quote + 1)) {
                    (0, _) => return Split::Bad,
                    (_, None) => return Split::More,
                    (_, Some(b'"')) => (from, doubled) = (quote + 2, true),
                    _ => break (Cell { bytes: &bytes[at + 1..quote], doubled }, quote + 1),
                }
            }
        } else {
            let rest = &bytes[at..];
            let special = |byte: &u8| *byte == delimiter || matches!(*byte, b'\n' | b'\r' | b'"' | 0);
            let Some(length) = rest.iter().position(special) else { return Split::More };
            (Cell { bytes: &rest[..length], doubled: false }, at + length)
        };
        if !each(column, cell) {
            return Split::Bad;
        }
        match (bytes[end], bytes.get(end + 1)) {
            (byte, _) if byte == delimiter => at = end + 1,
            (b'\n', _) => return Split::Whole(end + 1),
            (b'\r', None) => return Split::More,
            (b'\r', Some(b'\n')) => return Split::Whole(end + 2),
            _ => return Split::Bad,
        }
    }
    Split::Bad
}

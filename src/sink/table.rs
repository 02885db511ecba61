//! CSV and TSV: a header, then a row a record, with every field in a column of its own. RFC 4180 quoting, lines end in `\n`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Terminator, WriterBuilder};
use serde_json::Value;

use super::escape::write_json;
use super::journal::{self, Grammar, Kept, Rows};
use super::{Error, Format, Style, tail};
use crate::model::{Clean, Columns, ErrorKind, Record};

/// The columns that every table begins with: the record's own keys.
const OWN: [&str; 11] = [
    "index",
    "url",
    "final_url",
    "status",
    "content_type",
    "bytes",
    "attempts",
    "elapsed_ms",
    "fetched_at",
    "error",
    "error_message",
];

/// What follows them where bodies are saved.
const BODY: &str = "body";

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Whether a text is written with a `'` more before it, where tables are to be safe. What looks as if it had got one gets one too:
/// so what it was can always be told.
pub(super) fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

/// No header of ours is longer than this; a file whose first line is, is not looked through.
const LONGEST_HEADER: u64 = 1 << 20;

/// The CSV and TSV formats.
pub(super) struct Table {
    row: Row,
    columns: Columns,
    delimiter: u8,
}

impl Table {
    /// A table with these columns.
    ///
    /// # Errors
    /// A field with the name of another column.
    pub(super) fn new(delimiter: u8, style: Style, columns: Columns) -> Result<Self, Error> {
        let mut taken: HashSet<String> = own_names(&columns).map(str::to_owned).chain(input_names(&columns)).collect();
        if let Some(name) = columns.data.iter().find(|name| !taken.insert(name.to_string())) {
            return Err(Error::Clash { name: name.to_string() });
        }
        Ok(Self { row: Row::new(delimiter, style), columns, delimiter })
    }

    /// The first row of a new table.
    fn own_header(&self) -> Vec<u8> {
        let (mut row, mut out) = (Row::new(self.delimiter, self.row.style), Vec::new());
        for name in own_names(&self.columns).chain(self.columns.data.iter().map(|name| &**name)) {
            row.text(name);
        }
        for name in input_names(&self.columns) {
            row.text(&name);
        }
        row.end(&mut out);
        out
    }

    /// The first row of a table.
    fn header(&self, table: impl Read) -> io::Result<ByteRecord> {
        let mut reader = ReaderBuilder::new().delimiter(self.delimiter).has_headers(false).from_reader(table);
        let mut header = ByteRecord::new();
        reader.read_byte_record(&mut header)?;
        Ok(header)
    }
}

/// The names of the columns for the record's own keys.
fn own_names(columns: &Columns) -> impl Iterator<Item = &str> {
    OWN.into_iter().chain(columns.bodies.then_some(BODY))
}

/// The names of the columns for what the input carries.
fn input_names(columns: &Columns) -> impl Iterator<Item = String> {
    columns.input.iter().map(|name| format!("input.{name}")).chain(columns.free_input.then(|| "input".to_owned()))
}

impl Format for Table {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend(self.own_header());
    }

    fn record(&mut self, record: &Record, out: &mut Vec<u8>) {
        let row = &mut self.row;
        row.shown(Some(record.index));
        row.text(&record.url);
        row.text(record.final_url.as_deref().unwrap_or_default());
        row.shown(record.status);
        row.text(record.content_type.as_deref().unwrap_or_default());
        row.shown(record.bytes);
        row.shown(Some(record.attempts));
        row.shown(record.elapsed_ms);
        row.shown(record.fetched_at);
        row.text(record.error.map_or("", ErrorKind::name));
        row.text(record.error_message.as_deref().unwrap_or_default());
        if self.columns.bodies {
            row.text(record.body.as_ref().and_then(|body| body.0.as_deref()).unwrap_or_default());
        }
        for (at, name) in self.columns.data.iter().enumerate() {
            // The fields come in the columns' order, so that the first look finds them.
            let expected = record.data.0.get(at).filter(|(field, _)| field == name).map(|(_, value)| value);
            row.value(expected.or_else(|| record.data.get(name)));
        }
        for name in &self.columns.input {
            row.value(record.input.as_ref().and_then(|input| input.get(&**name)));
        }
        if self.columns.free_input {
            match &record.input {
                Some(input) => row.json(&**input),
                None => row.text(""),
            }
        }
        row.end(out);
    }

    fn raw(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        // No row is whole without its line end.
        out.extend_from_slice(raw);
    }

    fn end(&mut self, _: &mut Vec<u8>) {}

    fn reopen(&mut self, path: &Path, file: &mut File, out: &mut Vec<u8>) -> Result<u64, Error> {
        let own = self.own_header();
        let failed = |cause| Error::open(path, cause);
        let read = |file: &mut File| file.rewind().and_then(|()| self.header(file.take(LONGEST_HEADER)));
        let found = read(file).map_err(failed)?;
        let ours = self.header(own.as_slice()).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let line = own.strip_suffix(b"\n").unwrap_or(&own);
        let starts = tail::first(file).map_err(failed)?;
        if length <= line.len() as u64 && line.starts_with(&starts) {
            // A header and no more: whole, it lacks its newline only.
            if starts.len() < line.len() {
                return Err(Error::Torn { path: path.to_owned() });
            }
            out.push(b'\n');
            return Ok(length);
        }
        if found == ours {
            let is_whole = tail::ends_after_row(file).map_err(failed)?;
            return if is_whole { Ok(length) } else { Err(Error::Torn { path: path.to_owned() }) };
        }
        let shown = |header: &ByteRecord| header.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
        Err(Error::Columns { path: path.to_owned(), found: shown(&found), ours: shown(&ours) })
    }

    fn grammar(&self) -> Box<dyn Grammar> {
        let Style { csv_safe, .. } = self.row.style;
        Box::new(Rows::new(self.delimiter, csv_safe, self.own_header()))
    }

    fn go_on(&mut self, kept: &Kept, out: &mut Vec<u8>) {
        let names = |header: &[u8]| journal::names(header, self.delimiter).unwrap_or_default();
        let order = journal::order(&names(&kept.head), &names(&self.own_header()));
        self.row.order = order.filter(|order| !order.is_sorted());
        if kept.last.is_some_and(|byte| byte != b'\n') {
            out.push(b'\n');
        }
    }
}

/// One row in the making.
struct Row {
    csv: csv::Writer<Made>,
    style: Style,
    scratch: Vec<u8>,
    /// For a file whose columns stand in another order: which of ours comes at each place, and the cells of the row in our order.
    order: Option<Vec<usize>>,
    cells: ByteRecord,
}

impl Row {
    fn new(delimiter: u8, style: Style) -> Self {
        let csv = WriterBuilder::new().delimiter(delimiter).terminator(Terminator::Any(b'\n')).from_writer(Made::default());
        Self { csv, style, scratch: Vec::new(), order: None, cells: ByteRecord::new() }
    }

    /// A cell of text.
    fn text(&mut self, text: &str) {
        let Style { csv_safe, terminal } = self.style;
        // NUL is text to no reader of tables; the rest may stay in a file, but must not act on a screen.
        let foul = |c: char| c == '\0' || terminal && Clean::is_hostile(c) && !matches!(c, '\n' | '\t');
        let formula = csv_safe && is_formula(text);
        let is_foul = if terminal { text.contains(foul) } else { text.contains('\0') };
        if !formula && !is_foul {
            return self.cell(text.as_bytes());
        }
        self.made(|cell| {
            if formula {
                cell.push(b'\'');
            }
            for c in text.chars() {
                let c = if foul(c) { char::REPLACEMENT_CHARACTER } else { c };
                cell.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        });
    }

    /// A cell of a number or a time; empty for none.
    fn shown(&mut self, value: Option<impl std::fmt::Display>) {
        match value {
            Some(value) => self.made(|cell| write!(cell, "{value}").expect("a Vec takes every write")),
            None => self.cell(b""),
        }
    }

    /// A cell of a field: text as it is, nothing for null, JSON for the rest.
    fn value(&mut self, value: Option<&Value>) {
        match value {
            None | Some(Value::Null) => self.cell(b""),
            Some(Value::String(text)) => self.text(text),
            Some(other) => self.json(other),
        }
    }

    /// A cell of JSON.
    fn json(&mut self, value: &impl serde::Serialize) {
        self.made(|cell| write_json(value, cell));
    }

    /// A cell that is put together first.
    fn made(&mut self, make: impl FnOnce(&mut Vec<u8>)) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        make(&mut scratch);
        self.cell(&scratch);
        self.scratch = scratch;
    }

    /// A cell, quoted where it must be.
    fn cell(&mut self, cell: &[u8]) {
        if self.order.is_some() {
            return self.cells.push_field(cell);
        }
        self.csv.write_field(cell).expect("a Vec takes every write");
    }

    /// Ends the row and moves it to `out`.
    fn end(&mut self, out: &mut Vec<u8>) {
        for place in self.order.iter().flatten() {
            self.csv.write_field(&self.cells[*place]).expect("a Vec takes every write");
        }
        self.cells.clear();
        self.csv.write_record(None::<&[u8]>).expect("every row has as many cells as the header");
        self.csv.flush().expect("a Vec takes every write");
        out.append(&mut self.csv.get_ref().0.borrow_mut());
    }
}

/// What csv writes into. It lends this out only for reading, hence the cell.
#[derive(Default)]
struct Made(RefCell<Vec<u8>>);

impl Write for Made {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Tables, comma- or tab-separated: one column is the URL, the others travel to the record.

use std::collections::HashSet;
use std::sync::Arc;

use super::lines::{escape, shorten};
use super::rows::{Next, Rows};
use super::{Bad, Entry, Error, Opening, Row, Source};
use crate::model::{Clean, Input, redact};

/// How many of the header's names a message lists.
const LISTED: usize = 20;

pub(super) const CSV: Entry = Entry {
    name: "csv",
    extensions: &["csv"],
    help: "comma-separated, with a header: the column --url-field is fetched, the others travel to `input`",
    free_input: false,
    open: |opening| open(opening, b','),
};

pub(super) const TSV: Entry = Entry {
    name: "tsv",
    extensions: &["tsv", "tab"],
    help: "the same, tab-separated",
    free_input: false,
    open: |opening| open(opening, b'\t'),
};

fn open(Opening { name, from, url_field }: Opening<'_>, delimiter: u8) -> Result<Box<dyn Source>, Error> {
    let mut rows = Rows::new(name.clone(), from, delimiter);
    let header = match rows.advance()? {
        Next::End => return Err(Error::Empty { name }),
        Next::Bad(bad) => return Err(Error::Header { place: rows.place(), why: bad.why }),
        Next::Row => rows.record().iter().map(|cell| str::from_utf8(cell).map(str::trim)).collect::<Result<Vec<_>, _>>(),
    };
    let header = header.map_err(|error| Error::Header { place: rows.place(), why: format!("not UTF-8: {error}") })?;
    let mut urls = header.iter().enumerate().filter(|(_, name)| **name == url_field).map(|(at, _)| at);
    let (url, others) = (urls.next(), urls.count());
    let Some(url) = url.filter(|_| others == 0) else {
        let count = if url.is_some() { (others + 1).to_string() } else { "no".to_owned() };
        let columns = listed(&header);
        return Err(Error::UrlField { place: rows.place(), count, wanted: url_field.to_owned(), columns });
    };
    let names = distinct(&header);
    Ok(Box::new(Table { rows, url, url_field: url_field.to_owned(), names }))
}

/// The names of a header as a message shows them.
fn listed(header: &[&str]) -> String {
    let mut names: Vec<_> = header.iter().take(LISTED).map(|name| format!("`{}`", Clean(&shorten(&redact(name))))).collect();
    if header.len() > LISTED {
        names.push(format!("and {} more", header.len() - LISTED));
    }
    names.join(", ")
}

/// A name of its own for every column: one that has none, or that of a column before it, gets its position.
fn distinct(header: &[&str]) -> Vec<Arc<str>> {
    // A name that a column bears by right is never made up for another.
    let given: HashSet<&str> = header.iter().copied().collect();
    let mut taken: HashSet<Arc<str>> = HashSet::new();
    let names = header.iter().zip(1_usize..).map(|(name, position)| {
        let mut own: Arc<str> = (*name).into();
        if name.is_empty() || taken.contains(*name) {
            let stem = if name.is_empty() { "column" } else { name };
            let mut made = format!("{stem}_{position}");
            while given.contains(made.as_str()) || taken.contains(made.as_str()) {
                made.push('_');
            }
            own = made.into();
        }
        taken.insert(own.clone());
        own
    });
    names.collect()
}

/// A table behind its header.
struct Table {
    rows: Rows,
    /// Which column is the URL.
    url: usize,
    /// What the user calls it, for messages.
    url_field: String,
    /// The names of all columns.
    names: Vec<Arc<str>>,
}

impl Source for Table {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        let (url, input) = match self.rows.advance()? {
            Next::End => return Ok(None),
            Next::Row if self.rows.spans_lines() && !self.fits() => (Err(self.rows.disown()), None),
            Next::Row => self.row(),
            Next::Bad(bad) => (Err(bad), None),
        };
        let url = url.map_err(|bad| Bad { why: bad.why + &self.rows.extent(), ..bad });
        Ok(Some(Row { place: self.rows.place(), url, input, request: None }))
    }

    fn is_ready(&mut self) -> bool {
        self.rows.is_ready()
    }

    fn columns(&self) -> Vec<Arc<str>> {
        let others = self.names.iter().enumerate().filter(|(at, _)| *at != self.url);
        others.map(|(_, name)| name.clone()).collect()
    }
}

impl Table {
    /// Whether the row at hand can be one of this table; else the quote that makes it run on over several lines is stray.
    fn fits(&self) -> bool {
        let record = self.rows.record();
        record.len() <= self.names.len() && record.get(self.url).is_some_and(|url| !url.trim_ascii().contains(&b'\n'))
    }

    /// The row at hand: its URL, or why it has none, and its other cells; those that are missing at its end are null.
    fn row(&self) -> (Result<String, Bad>, Option<Input>) {
        let record = self.rows.record();
        let shown = escape(record.get(self.url).unwrap_or_default().trim_ascii());
        let bad = |why: String| Err(Bad { shown: shown.clone(), why });
        let mut input = Input::default();
        for (at, name) in self.names.iter().enumerate() {
            match record.get(at).map(str::from_utf8).transpose() {
                Ok(text) if at != self.url => drop(input.insert(name.to_string(), text.into())),
                Ok(_) => {}
                Err(_) => return (bad(format!("the column `{name}` is not UTF-8")), None),
            }
        }
        let url = shown.trim();
        let url = if record.len() > self.names.len() || record.len() <= self.url {
            bad(format!("columns in this row: {}, in the header: {}", record.len(), self.names.len()))
        } else if url.is_empty() {
            bad(format!("the column `{}` is empty", self.url_field))
        } else {
            Ok(url.to_owned())
        };
        (url, (!input.is_empty()).then_some(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_name_of_its_own() {
        let names = |header: &[&str]| distinct(header).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&["url", "a", "a", "", ""]), ["url", "a", "a_3", "column_4", "column_5"]);
        assert_eq!(names(&["a", "a", "a_2", "column_4", ""]), ["a", "a_2_", "a_2", "column_4", "column_5"]);
        assert_eq!(names(&["", "column_1"]), ["column_1_", "column_1"]);
    }
}

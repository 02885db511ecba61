//! Output files in every format that a run can go on with, as the records that they hold.

use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::scrape::NAP;
use super::{LIMIT, Work};

/// A format of output files.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// Its name and its extension.
    pub(crate) name: &'static str,
    /// Lines of a file before its first record.
    pub(crate) head: usize,
    read: fn(&Path) -> Vec<Row>,
}

/// Every format that `--resume` goes on with.
pub(crate) const FORMS: [Form; 4] = [
    Form { name: "jsonl", head: 0, read: |path| super::records(&text(path)).iter().map(row).collect() },
    Form { name: "json", head: 1, read: |path| array(path).iter().map(row).collect() },
    Form { name: "csv", head: 1, read: |path| table(path, b',') },
    Form { name: "tsv", head: 1, read: |path| table(path, b'\t') },
];

/// A database, which is no text.
pub(crate) const DATABASE: Form = Form { name: "db", head: 0, read: database };

/// What a record says that matters for going on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) index: u64,
    pub(crate) url: String,
    /// The kind of failure, or nothing.
    pub(crate) error: String,
    /// The title, or nothing.
    pub(crate) title: String,
}

impl Form {
    /// The name of the output.
    pub(crate) fn file(self) -> String {
        format!("out.{}", self.name)
    }

    /// The records of the output, by their index. Each must be whole.
    #[track_caller]
    pub(crate) fn rows(self, work: &Work) -> Vec<Row> {
        let mut rows = (self.read)(&work.path(&self.file()));
        rows.sort();
        rows
    }

    /// Waits until the output has so many records.
    #[track_caller]
    pub(crate) fn wait_for_rows(self, work: &Work, rows: usize) {
        if self.name != DATABASE.name {
            return work.wait_for_lines(&self.file(), self.head + rows);
        }
        let start = Instant::now();
        let count = || {
            let database = Connection::open_with_flags(work.path(&self.file()), OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
            database.query_row("SELECT count(*) FROM records", [], |row| row.get::<_, i64>(0)).ok()
        };
        while count().is_none_or(|count| usize::try_from(count).unwrap() < rows) {
            assert!(start.elapsed() < LIMIT, "waited in vain for {rows} rows in {}", self.file());
            std::thread::park_timeout(NAP);
        }
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn array(path: &Path) -> Vec<Value> {
    let text = text(path);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in:\n{text}"))
}

fn row(record: &Value) -> Row {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Row {
        index: record["index"].as_u64().expect("a record has an index"),
        url: text(&record["url"]),
        error: text(&record["error"]),
        title: text(record["data"].get("title").unwrap_or(&Value::Null)),
    }
}

fn database(path: &Path) -> Vec<Row> {
    let database = Connection::open(path).expect("it is a database");
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it can be read");
    assert_eq!(check, "ok");
    let sql = "SELECT \"index\", url, coalesce(error, ''), coalesce(title, '') FROM records";
    let mut select = database.prepare(sql).expect("it has the table");
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Row { index: row.get::<_, i64>(0)?.unsigned_abs(), url: row.get(1)?, error: row.get(2)?, title: row.get(3)? })
    };
    let rows = select.query_map([], row).expect("it has the columns");
    rows.map(|row| row.expect("each row has all of them")).collect()
}

fn table(path: &Path, delimiter: u8) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_path(path).expect("it can be read");
    let header = reader.headers().expect("it has a header").clone();
    let rows = reader.records().map(|row| {
        let row = row.expect("each row has all columns");
        let cell = |name: &str| header.iter().zip(&row).find(|(own, _)| *own == name).map_or("", |(_, cell)| cell).to_owned();
        assert_ne!(&row[0], "index", "a second header");
        Row {
            index: cell("index").parse().expect("a record has an index"),
            url: cell("url"),
            error: cell("error"),
            title: cell("title"),
        }
    });
    rows.collect()
}

//! The table of formats: what an output can be written as, and which names mean it.

use std::path::Path;

use super::{Error, Format, Style, json, jsonl, table};
use crate::model::Columns;

/// One format as the command line, the file names and the tests know it.
#[derive(Debug)]
pub struct FormatEntry {
    /// The value of `-f`.
    pub name: &'static str,
    /// The file extensions that mean it, in lower case, without the dot.
    pub extensions: &'static [&'static str],
    /// What it is, in the words of `--help`.
    pub help: &'static str,
    /// What it is made of.
    pub(super) kind: Kind,
}

/// Makes a format of bytes.
pub(super) type Make = fn(Style, Columns) -> Result<Box<dyn Format>, Error>;

/// What a format is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Bytes, from the first to the last. Makes one; fails where the columns do not fit the format.
    Bytes(Make),
    /// A file that is written in many places, and needs to be one: [`Database`].
    Database,
}

/// Every format; the first is the default.
pub static FORMATS: &[FormatEntry] = &[
    FormatEntry {
        name: "jsonl",
        extensions: &["jsonl", "ndjson"],
        help: "one JSON object a line",
        kind: Kind::Bytes(|_, columns| Ok(Box::new(jsonl::JsonLines { columns }))),
    },
    FormatEntry {
        name: "json",
        extensions: &["json"],
        help: "one JSON array of all records",
        kind: Kind::Bytes(|_, columns| Ok(Box::new(json::Json::new(columns)))),
    },
    FormatEntry {
        name: "csv",
        extensions: &["csv"],
        help: "a header and a row a record, one column a field",
        kind: Kind::Bytes(|style, columns| Ok(Box::new(table::Table::new(b',', style, columns)?))),
    },
    FormatEntry {
        name: "tsv",
        extensions: &["tsv"],
        help: "the same, separated by tabs",
        kind: Kind::Bytes(|style, columns| Ok(Box::new(table::Table::new(b'\t', style, columns)?))),
    },
    FormatEntry {
        name: "sqlite",
        extensions: &["sqlite", "sqlite3", "db"],
        help: "a database of SQLite with a table of records, one column a field",
        kind: Kind::Database,
    },
];

impl FormatEntry {
    /// Whether it is a database, and not bytes from the first to the last.
    #[must_use]
    pub const fn is_database(&self) -> bool {
        matches!(self.kind, Kind::Database)
    }

    /// The format of a name, or of an extension given as one.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name || format.extensions.contains(&name))
    }

    /// The format that a file's extension means, in either case; JSONL where it means none (`out`, `today.log`).
    ///
    /// # Errors
    /// An extension that promises something which none of the formats is, as `.xlsx` or `.gz`.
    pub fn for_file(path: &Path) -> Result<&'static Self, Error> {
        let Some(extension) = path.extension() else { return Ok(&FORMATS[0]) };
        if FOREIGN.iter().any(|foreign| extension.eq_ignore_ascii_case(foreign)) {
            return Err(Error::ForeignExtension { path: path.to_owned() });
        }
        Ok(Self::named_by(path).unwrap_or(&FORMATS[0]))
    }

    /// The format whose extension a file has, if it has one's.
    #[must_use]
    pub fn named_by(path: &Path) -> Option<&'static Self> {
        let extension = path.extension()?;
        FORMATS.iter().find(|format| format.extensions.iter().any(|known| extension.eq_ignore_ascii_case(known)))
    }
}

/// Extensions of formats that are not written: a file of that name with JSONL inside would mislead whoever opens it.
const FOREIGN: &[&str] =
    &["xls", "xlsx", "ods", "parquet", "arrow", "xml", "html", "yaml", "yml", "gz", "zst", "bz2", "xz", "zip"];

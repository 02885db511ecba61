//! Why there can be no database, or no more of it.

use std::path::PathBuf;

use super::schema::MOST_COLUMNS;

/// What an output that is a database can fail with.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It would have to be written from its beginning to its end.
    #[error(
        "a database needs a regular file of its own, which {place} is not: name one (-o out.db), or write another format (-f jsonl)"
    )]
    NoFile {
        /// The place.
        place: String,
    },
    /// Two columns would have one name.
    #[error(
        "{one:?} and {other:?} are one column to SQLite, which takes capitals for small letters: call one of them something else, or write JSONL (-f jsonl)"
    )]
    Clash {
        /// The column that is there first.
        one: String,
        /// The other one.
        other: String,
    },
    /// A column would hide the rows' own number.
    #[error("SQLite has _rowid_ for itself: call the field something else, or write JSONL (-f jsonl)")]
    RowId,
    /// A table has so many columns at most.
    #[error(
        "a table of SQLite has at most {MOST_COLUMNS} columns, and this would have {count}: take fewer, or write JSONL (-f jsonl)"
    )]
    TooManyColumns {
        /// How many there would be.
        count: usize,
    },
    /// No table can be called that.
    #[error("no table can be called {name:?}: {why}")]
    TableName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file is something else.
    #[error("{} is no SQLite database, and is left alone: name another file, or have it replaced (--overwrite)", .path.display())]
    NoDatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is no longer whole.
    #[error("{} is a damaged database, and is left alone: save what is left of it (sqlite3 FILE .recover), or have it replaced (--overwrite)", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// `SQLite`'s cause.
        source: rusqlite::Error,
    },
    /// The database has something else of that name.
    #[error("cannot go on with the table {table:?} of {}: {difference}; another table of the file is named by --table", .path.display())]
    OtherTable {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
        /// What this run would need to be otherwise.
        difference: String,
    },
    /// The file may be read and not written.
    #[error("cannot write {}: it may only be read", .path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// `SQLite` cannot work with the file.
    #[error("cannot open the database {}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// `SQLite`'s cause.
        source: rusqlite::Error,
    },
    /// A write failed. What was written before it is whole.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// `SQLite`'s cause.
        source: rusqlite::Error,
    },
    /// The file is no longer the one under its name.
    #[error("cannot write {}: somebody has deleted, moved or replaced it meanwhile", .path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// The new database is complete, and cannot take the old one's place while that is in use; both are still there.
    #[error("cannot put {} in the place of {}, which another program is using", .partial.display(), .target.display())]
    InUse {
        /// The new file.
        partial: PathBuf,
        /// The name it should have had.
        target: PathBuf,
        /// `SQLite`'s cause.
        source: rusqlite::Error,
    },
}

impl DatabaseError {
    /// Whether the settings are at fault, and not the machine.
    pub(in crate::sink) const fn is_usage(&self) -> bool {
        match self {
            Self::NoFile { .. }
            | Self::Clash { .. }
            | Self::RowId
            | Self::TooManyColumns { .. }
            | Self::TableName { .. }
            | Self::NoDatabase { .. }
            | Self::OtherTable { .. } => true,
            Self::Damaged { .. }
            | Self::ReadOnly { .. }
            | Self::Open { .. }
            | Self::Write { .. }
            | Self::Gone { .. }
            | Self::InUse { .. } => false,
        }
    }
}

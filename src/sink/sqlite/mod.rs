//! An `SQLite` database: a table with a row a record.
//!
//! Each batch of the writer is one transaction. In WAL mode, so that others read while it is written; with `synchronous=NORMAL`,
//! so that a record is handed to the operating system as soon as it is written: a process that is killed loses nothing that was
//! committed, and a machine that loses power leaves a whole database, which may lack the last records. With --fsync the log goes to the
//! disk too. At the end everything is in one file, in the rollback mode that copies and read-only media want.

mod earlier;
mod error;
mod files;
mod lock;
mod open;
mod row;
mod schema;
mod unfinished;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

pub use error::DatabaseError;
pub(super) use files::BESIDE;
use files::{FileId, Swap, checkpoint, remove, sync, sync_name, with_suffix};
use lock::Lock;
use schema::Schema;
use unfinished::Since;

use super::claims::Claim;
use super::output::{Output, Wrote};
use super::{Destination, Error, Existing, Finished};
use crate::model::{Columns, Record};

/// How long other programs' locks are waited for.
const WAIT: Duration = Duration::from_secs(10);

/// The same at the end, where everything is written.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// A transaction is committed when it has so many rows, or so many bytes of text, or when no record is waiting.
const ROWS: usize = 1000;
const BYTES: usize = 1 << 20;

/// What outputs that are databases have of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// The table's name. Default: `records`.
    pub table: String,
    /// One row a URL, which the newest record replaces, with the columns `first_seen` and `last_seen`: when the first and the
    /// last record of the URL ended. A database that is there is gone on with. [`Existing::Resume`] takes for finished what the run that
    /// is not complete yet has seen; where there is none, nothing.
    pub upsert: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self { table: "records".to_owned(), upsert: false }
    }
}

/// An open database.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Sqlite {
    // Closed before the lock is given up: fields are dropped in their order.
    connection: Connection,
    insert: String,
    schema: Schema,
    path: PathBuf,
    id: FileId,
    /// The name that the file takes once it is complete.
    swap: Option<Swap>,
    /// This run has made it.
    is_new: bool,
    /// This run has made the table.
    is_begun: bool,
    /// It was in WAL mode when it was found, for others too.
    keeps_wal: bool,
    /// Records replace those of failed targets.
    retries: bool,
    /// Which rows were written by the run that is gone on with.
    since: Since,
    batch: Batch,
    /// A write failed, and what it should have written was rolled back: nothing is written any more.
    has_failed: bool,
    lock: Lock,
}

/// What is in the open transaction.
#[derive(Default)]
struct Batch {
    rows: usize,
    bytes: usize,
    /// Why it cannot be committed.
    failure: Option<rusqlite::Error>,
}

impl Sqlite {
    /// Opens a database. The table is made if there is none.
    ///
    /// # Errors
    /// It is no place for one, the columns are none for a table, something else is there, or another run is.
    pub(super) fn open(place: &Destination, existing: Existing, database: &Database, columns: &Columns) -> Result<Self, Error> {
        let no_file = |place: &str| DatabaseError::NoFile { place: place.to_owned() };
        match place {
            Destination::File(path) => open::open(path, existing, Schema::new(database, columns.clone())?),
            Destination::Stdout => Err(no_file("standard output").into()),
            Destination::Writer(_) => Err(no_file("the output").into()),
        }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this run has made its table.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    fn insert(&self, record: &Record) -> rusqlite::Result<usize> {
        if self.connection.is_autocommit() {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        if self.retries {
            self.make_way(record)?;
        }
        let mut insert = self.connection.prepare_cached(&self.insert)?;
        let bytes = row::bind(&self.schema, &mut insert, record)?;
        insert.raw_execute().map(|_| bytes)
    }

    fn commit(&mut self, failure: Option<rusqlite::Error>) -> Result<(), DatabaseError> {
        let committed = match failure {
            Some(cause) => Err(cause),
            None if self.connection.is_autocommit() => Ok(()),
            None => self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]).map(drop)),
        };
        committed.map_err(|source| self.failed(source))?;
        // SQLite would go on writing into a file that nobody can find.
        if self.is_there() { Ok(()) } else { Err(DatabaseError::Gone { path: self.path.clone() }) }
    }

    /// Undoes what is not committed; it may have been undone already.
    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    fn failed(&self, source: rusqlite::Error) -> DatabaseError {
        let path = self.path.clone();
        if self.is_there() { DatabaseError::Write { path, source } } else { DatabaseError::Gone { path } }
    }

    /// Whether the file is still the one under its name.
    fn is_there(&self) -> bool {
        FileId::of(&self.path).is_ok_and(|found| found == self.id)
    }

    /// Has everything in the one file, and that on the disk.
    fn settle(self) -> Result<Settled, Error> {
        let Self { connection, path, swap, keeps_wal, lock, .. } = self;
        // A reader in the middle of something is worth a long wait only where the file is to be moved.
        let _ = connection.busy_timeout(if swap.is_some() { WAIT } else { LAST_WAIT });
        let whole = checkpoint(&connection);
        // Others that have it open keep it in WAL mode: then they, or who opens it next, end that.
        if !keeps_wal {
            let _ = connection.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()));
        }
        drop(connection);
        match whole {
            // Whoever reads it finds the rest in the log, and whoever closes it last puts it into the file.
            Err(cause) if swap.is_none() && cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
            whole => whole.map_err(|source| DatabaseError::Write { path: path.clone(), source })?,
        }
        sync(&path)?;
        sync_name(&path);
        Ok(Settled { path, swap, _lock: lock })
    }
}

/// A database that is whole and closed.
struct Settled {
    path: PathBuf,
    swap: Option<Swap>,
    _lock: Lock,
}

impl Output for Sqlite {
    fn start(&mut self) -> Result<(), Error> {
        let begun = self.begin();
        self.has_failed |= begun.is_err();
        begun.map_err(|source| self.failed(source).into())
    }

    fn add(&mut self, record: &Record) {
        self.batch.rows += 1;
        if self.batch.failure.is_none() && !self.has_failed {
            match self.insert(record) {
                Ok(bytes) => self.batch.bytes += bytes,
                Err(cause) => self.batch.failure = Some(cause),
            }
        }
    }

    fn is_full(&self) -> bool {
        let Batch { rows, bytes, failure } = &self.batch;
        *rows >= ROWS || *bytes >= BYTES || failure.is_some()
    }

    fn forget(&mut self) {
        self.batch = Batch::default();
        self.roll_back();
    }

    fn is_atomic(&self) -> bool {
        true
    }

    fn write(&mut self) -> Wrote {
        let Batch { rows, failure, .. } = std::mem::take(&mut self.batch);
        if self.has_failed {
            return Wrote { whole: 0, outcome: Ok(()) };
        }
        let committed = self.commit(failure);
        self.has_failed = committed.is_err();
        if self.has_failed {
            self.roll_back();
        }
        Wrote { whole: if self.has_failed { 0 } else { rows }, outcome: committed.map_err(Error::from) }
    }

    /// Has the write-ahead log on the disk, which holds what the file itself does not. Without such a log every write has done so.
    fn sync(&mut self) -> Result<(), Error> {
        let log = with_suffix(&self.path, "-wal");
        // SQLite has its locks in other files: this one may be closed.
        match File::open(&log).and_then(|log| log.sync_data()) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                // The system forgets what it could not write: a later sync that goes well says nothing.
                self.has_failed = true;
                Err(Error::Sync { place: self.path.display().to_string(), source: cause })
            }
            _ => {
                sync_name(&self.path);
                self.look()
            }
        }
    }

    fn look(&self) -> Result<(), Error> {
        if self.is_there() { Ok(()) } else { Err(DatabaseError::Gone { path: self.path.clone() }.into()) }
    }

    fn partial(&self) -> Option<PathBuf> {
        self.swap.as_ref().map(|_| self.path.clone())
    }

    fn abandon(self: Box<Self>, _: &Claim) {
        let Self { connection, path, is_new, is_begun, lock, schema, .. } = *self;
        if is_begun && !is_new {
            let _ = connection.execute_batch(&format!("DROP TABLE {}", schema.quoted_table()));
        }
        drop(connection);
        if is_new {
            let _ = remove(&path);
        }
        drop(lock);
    }

    fn is_closed(&self) -> bool {
        false
    }

    fn end(&mut self) -> bool {
        false
    }

    fn finish(self: Box<Self>, complete: bool) -> Result<Finished, Error> {
        let has_failed = self.has_failed;
        let complete = complete && !has_failed;
        if complete {
            self.complete().map_err(|source| self.failed(source))?;
        }
        let unfinished = Finished { partial: self.partial().into_iter().collect() };
        match self.settle() {
            // Why it ends is known, and what is there is whole: the next run does what could not be done.
            Err(_) if has_failed => Ok(unfinished),
            Err(error) => Err(error),
            Ok(Settled { path, swap: Some(swap), _lock }) if complete => swap.carry_out(&path).map(|()| Finished::default()),
            Ok(_) => Ok(unfinished),
        }
    }
}

#[cfg(test)]
mod tests;

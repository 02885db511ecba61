//! A database as a journal: its rows in the order in which they were written.

use std::borrow::Cow;
use std::path::Path;

use super::super::Error;
use super::super::sqlite::Sqlite;
use super::scan::Entry;
use super::{Bits, Journal, Keep};

/// A database that is gone on with.
pub(super) struct Table {
    database: Sqlite,
    /// Rows with an error are none: each is there until its successor comes.
    again: bool,
    /// It has one row a URL.
    pub(super) upsert: bool,
}

impl Table {
    pub(super) fn new(database: Sqlite, again: bool, upsert: bool) -> Self {
        Self { database, again, upsert }
    }

    /// Whether this run has made its table.
    pub(super) fn is_new(&self) -> bool {
        self.database.is_begun()
    }

    pub(super) fn into_output(self) -> Sqlite {
        self.database
    }
}

impl Journal for Table {
    fn path(&self) -> &Path {
        self.database.path()
    }

    fn read(&mut self, each: &mut dyn FnMut(&Entry<'_>)) -> Result<(), Error> {
        self.database.each(&mut |index, url, failed| {
            if !(failed && self.again) {
                each(&Entry { index, url: Cow::Borrowed(url), failed, raw: &[] });
            }
        })?;
        Ok(())
    }

    fn keep(&mut self, keep: &Keep) -> Result<(), Error> {
        let (mut passed_over, mut rows, mut read) = (Bits::default(), 0, 0);
        self.database.each(&mut |_, _, failed| {
            if failed && self.again {
                passed_over.set(rows);
            } else {
                read += 1;
            }
            rows += 1;
        })?;
        if keep.prefix(read) == Some(read) {
            return Ok(());
        }
        let mut place = 0;
        self.database.retain(&mut |row| {
            passed_over.has(row) || {
                place += 1;
                keep.has(place - 1)
            }
        })?;
        Ok(())
    }
}

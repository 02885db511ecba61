//! What an earlier run has written: which targets it finished, and what of it is to be done again.

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::unfinished::Since;
use super::{DatabaseError, Sqlite};
use crate::model::Record;

/// The rows that are to be replaced, of this connection only: in a temporary file, so that they take no memory.
const FAILED: &str = "CREATE TEMP TABLE failed (url TEXT NOT NULL, nth INTEGER NOT NULL, at INTEGER PRIMARY KEY) STRICT";

impl Sqlite {
    /// Tells the index and the URL of every record of the run that is gone on with, and whether it failed, in the order in which they
    /// were written.
    ///
    /// # Errors
    /// The database cannot be read to its end.
    pub(in crate::sink) fn each(&self, told: &mut dyn FnMut(u64, &str, bool)) -> Result<(), DatabaseError> {
        let since = match &self.since {
            Since::Ever => None,
            Since::Now(_) => return Ok(()),
            Since::Then { began, opened } => Some([began, opened]),
        };
        let seen = if since.is_some() { "WHERE \"last_seen\" BETWEEN ?1 AND ?2" } else { "" };
        let table = self.schema.quoted_table();
        let sql = format!("SELECT \"index\", \"url\", \"error\" IS NOT NULL FROM {table} {seen} ORDER BY _rowid_");
        let mut read = |connection: &Connection| {
            let mut select = connection.prepare(&sql)?;
            let mut rows = select.query(params_from_iter(since.into_iter().flatten()))?;
            while let Some(row) = rows.next()? {
                told(index(row.get(0)?), row.get_ref(1)?.as_str()?, row.get(2)?);
            }
            Ok(())
        };
        read(&self.connection).map_err(|cause| self.unreadable(cause))
    }

    /// Removes the records that are not to be kept, by their places in the order of [`each`](Self::each): all at once. Where a URL
    /// has one row its record is replaced by the next one anyway, and stays until then.
    ///
    /// # Errors
    /// The database cannot be read or written. Then all of them are there still.
    pub(in crate::sink) fn retain(&mut self, is_kept: &mut dyn FnMut(u64) -> bool) -> Result<(), DatabaseError> {
        if self.schema.upsert {
            return Ok(());
        }
        let table = self.schema.quoted_table();
        let mut retain = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            transaction.execute_batch("CREATE TEMP TABLE dropped (at INTEGER PRIMARY KEY) STRICT")?;
            {
                let mut select = transaction.prepare(&format!("SELECT _rowid_ FROM {table} ORDER BY _rowid_"))?;
                let mut insert = transaction.prepare("INSERT INTO temp.dropped VALUES (?1)")?;
                let mut rows = select.query([])?;
                for place in 0.. {
                    let Some(row) = rows.next()? else { break };
                    if !is_kept(place) {
                        insert.execute([row.get::<_, i64>(0)?])?;
                    }
                }
            }
            transaction.execute_batch(&format!(
                "DELETE FROM {table} WHERE _rowid_ IN (SELECT at FROM temp.dropped); DROP TABLE temp.dropped"
            ))?;
            transaction.commit()
        };
        let retained = retain(&mut self.connection);
        retained.map_err(|cause| self.unreadable(cause))
    }

    /// Marks the records that failed as to be replaced by those of this run.
    ///
    /// In place, and not in a file beside as other formats: each is replaced in the transaction that its successor comes with, so
    /// that a run that is killed at any point leaves one record a target. What no target of this run has replaced stays. Where a URL
    /// has one row, that replaces itself.
    pub(super) fn list_failed(&mut self) -> Result<(), DatabaseError> {
        if self.schema.upsert {
            return Ok(());
        }
        self.retries = true;
        let table = self.schema.quoted_table();
        let sql = format!(
            "{FAILED}; INSERT INTO temp.failed SELECT \"url\", \"index\", _rowid_ FROM {table} WHERE \"error\" IS NOT NULL;
             CREATE INDEX temp.failed_url ON failed (url, nth)"
        );
        self.connection.execute_batch(&sql).map_err(|cause| self.unreadable(cause))
    }

    /// Removes the record that this one replaces: of its index and URL, else the first of its URL.
    pub(super) fn make_way(&self, record: &Record) -> rusqlite::Result<()> {
        let index = i64::try_from(record.index).unwrap_or(i64::MAX);
        let same = "SELECT at FROM temp.failed WHERE url = ?1 AND nth = ?2 LIMIT 1";
        let alike = "SELECT at FROM temp.failed WHERE url = ?1 ORDER BY nth LIMIT 1";
        let at = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let mut found = self.connection.prepare_cached(same)?.query_row((&record.url, index), at).optional()?;
        if found.is_none() {
            found = self.connection.prepare_cached(alike)?.query_row([&record.url], at).optional()?;
        }
        let Some(at) = found else { return Ok(()) };
        let table = self.schema.quoted_table();
        self.connection.prepare_cached(&format!("DELETE FROM {table} WHERE _rowid_ = ?1"))?.execute([at])?;
        self.connection.prepare_cached("DELETE FROM temp.failed WHERE at = ?1")?.execute([at])?;
        Ok(())
    }

    fn unreadable(&self, cause: rusqlite::Error) -> DatabaseError {
        DatabaseError::Open { path: self.path.clone(), source: cause }
    }
}

/// An index as it was before it was stored. Nobody's is 0.
fn index(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

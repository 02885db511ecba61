//! When the unfinished run began, where each URL has one row.
//!
//! Such a row says when its URL was last seen, and not by which run. So what `--resume` is to take for finished needs to be known
//! from elsewhere: a run leaves the moment at which it was opened in a small table beside its own, where it stays over any number of
//! interruptions and goes when a run is complete. What was seen since then is finished, whoever goes on. A clock that was put back
//! has more fetched again than is needed, and so has one that ran ahead: what was seen in the future is not believed.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::open::refusal;
use super::schema::Schema;
use super::{DatabaseError, Sqlite};
use crate::model::Timestamp;
use crate::sink::Existing;

/// Which rows are those of the run that is gone on with. The times are texts as in the rows.
pub(super) enum Since {
    /// All: each record has a row of its own, or the whole file is this run's.
    Ever,
    /// None: this run begins. It is not in the database yet.
    Now(String),
    /// Those that were seen since that run began, and before this one was opened.
    Then { began: String, opened: String },
}

impl Since {
    /// `began` is what the database says.
    pub(super) fn new(schema: &Schema, existing: Existing, began: Option<String>) -> Self {
        let opened = Timestamp(SystemTime::now()).to_string();
        match (existing, began) {
            _ if !schema.upsert => Self::Ever,
            // Failures are tried again of a complete run too: what succeeded in it stays.
            (Existing::Overwrite | Existing::ResumeOverwrite, _) | (Existing::RetryFailed, None) => Self::Ever,
            (Existing::Resume | Existing::RetryFailed, Some(began)) => Self::Then { began, opened },
            // A complete run is not gone on with: where --resume is a habit, each day's run is to have all of its rows.
            (Existing::Refuse | Existing::Append | Existing::Resume, _) => Self::Now(opened),
        }
    }
}

/// When the unfinished run began, if there is one.
///
/// # Errors
/// Something else has the table's name.
pub(super) fn began(connection: &Connection, path: &Path, schema: &Schema) -> Result<Option<String>, DatabaseError> {
    if !schema.upsert {
        return Ok(None);
    }
    let table = schema.unfinished();
    let sql =
        "SELECT type = 'table' AND (SELECT group_concat(name || ' ' || type) FROM pragma_table_xinfo(?1, 'main')) IS 'began TEXT'
               FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE";
    let is_ours = connection.query_row(sql, [&table], |row| row.get(0)).optional();
    match is_ours.map_err(|cause| refusal(path, cause))? {
        None => Ok(None),
        Some(true) => {
            let sql = format!("SELECT max(began) FROM {}", schema.quoted_unfinished());
            connection.query_row(&sql, [], |row| row.get(0)).map_err(|cause| refusal(path, cause))
        }
        Some(false) => {
            let difference = "it is something else than when a run began, which --upsert keeps under that name".to_owned();
            Err(DatabaseError::OtherTable { path: path.to_owned(), table, difference })
        }
    }
}

impl Sqlite {
    /// Has the database remember that this run has begun, unless it goes on with another.
    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        let Since::Now(began) = &self.since else { return Ok(()) };
        let table = self.schema.quoted_unfinished();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let make = format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (began TEXT NOT NULL) STRICT");
        transaction.execute_batch(&make)?;
        transaction.execute(&format!("INSERT INTO {table} VALUES (?1)"), [began])?;
        transaction.commit()?;
        self.since = Since::Then { began: began.clone(), opened: began.clone() };
        Ok(())
    }

    /// Removes what only an unfinished run needs.
    pub(super) fn complete(&self) -> rusqlite::Result<()> {
        if self.schema.upsert {
            self.connection.execute_batch(&format!("DROP TABLE IF EXISTS {}", self.schema.quoted_unfinished()))?;
        }
        Ok(())
    }
}

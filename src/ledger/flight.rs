//! How many requests all the runs have in flight to one host.
//!
//! A run that died has none, and cannot say so: each run that takes part holds an OS lock on an empty file of its own beside the
//! state, `FILE.run-ID`, which ends with the process however it ends. Looked at when a limit is reached, and when a file is
//! opened or closed, which also removes what a dead run has left.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, params};

use super::store::{FileId, with_suffix};

/// What this run has in flight, and the lock that says it is alive.
#[derive(Debug)]
pub(super) struct Flight {
    path: PathBuf,
    run: i64,
    /// By host: kept here too, so that the file can be told whatever became of it meanwhile.
    counts: HashMap<Box<str>, usize>,
    lease: Option<Lease>,
}

/// The lock; its file is removed with it.
#[derive(Debug)]
struct Lease {
    path: PathBuf,
    _held: File,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Flight {
    pub(super) fn new(path: &Path, run: i64) -> Self {
        Self { path: path.to_owned(), run, counts: HashMap::new(), lease: None }
    }

    /// Counts one more or one less here, and returns how many that makes.
    pub(super) fn count(&mut self, key: &str, is_more: bool) -> usize {
        let count = self.counts.entry(key.into()).or_default();
        *count = if is_more { *count + 1 } else { count.saturating_sub(1) };
        let count = *count;
        if count == 0 {
            self.counts.remove(key);
        }
        count
    }

    /// Whether the lock is held.
    pub(super) fn is_held(&self) -> bool {
        self.lease.is_some()
    }

    /// Writes down that this run will hold a lock, so that somebody removes its file if this run cannot.
    pub(super) fn announce(&self, file: &Connection) -> rusqlite::Result<()> {
        file.execute("REPLACE INTO flight (key, run, count) VALUES ('', ?, 0)", [self.run]).map(drop)
    }

    /// Takes the lock.
    pub(super) fn hold(&mut self) -> io::Result<()> {
        let path = lease(&self.path, self.run);
        for _ in 0..1_000 {
            let held = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            match held.try_lock() {
                Err(TryLockError::Error(cause)) => {
                    let _ = fs::remove_file(&path);
                    return Err(cause);
                }
                // Between the two, another run may have looked, found nobody alive, and be removing the file. It does so once.
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
                Ok(()) if FileId::of(&path).ok() != FileId::of_open(&held).ok() => {}
                Ok(()) => {
                    self.lease = Some(Lease { path, _held: held });
                    return Ok(());
                }
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Whether one more may go; it is then written down.
    pub(super) fn enter(&self, file: &Connection, key: &str, limit: usize) -> rusqlite::Result<bool> {
        let own = self.counts.get(key).copied().unwrap_or(0);
        if own >= limit {
            return Ok(false);
        }
        let mut others = self.others(file, key)?;
        let total = |others: &[(i64, usize)]| others.iter().fold(own, |sum, (_, count)| sum.saturating_add(*count));
        if total(&others) >= limit {
            self.bury(file, &mut others)?;
        }
        let may = total(&others) < limit;
        if may {
            self.tell(file, key, own + 1)?;
        }
        Ok(may)
    }

    /// Writes down how many this run has.
    pub(super) fn tell(&self, file: &Connection, key: &str, count: usize) -> rusqlite::Result<()> {
        if count == 0 {
            file.prepare_cached("DELETE FROM flight WHERE key = ? AND run = ?")?.execute(params![key, self.run])?;
        } else {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            file.prepare_cached("REPLACE INTO flight (key, run, count) VALUES (?, ?, ?)")?
                .execute(params![key, self.run, count])?;
        }
        Ok(())
    }

    /// Writes down everything that this run has, and nothing that it had.
    pub(super) fn tell_all(&self, file: &Connection) -> rusqlite::Result<()> {
        file.execute("DELETE FROM flight WHERE run = ? AND key <> ''", [self.run])?;
        self.counts.iter().try_for_each(|(key, count)| self.tell(file, key, *count))
    }

    /// Forgets the runs that have died.
    pub(super) fn prune(&self, file: &Connection) -> rusqlite::Result<()> {
        let sql = format!("SELECT DISTINCT run, 0 FROM flight WHERE run <> ? LIMIT {}", super::PRUNED);
        let mut runs: Vec<_> = file.prepare(&sql)?.query_map([self.run], read)?.collect::<rusqlite::Result<_>>()?;
        self.bury(file, &mut runs)
    }

    /// Gives up everything of this run.
    pub(super) fn release(&self, file: &Connection) -> rusqlite::Result<()> {
        file.execute("DELETE FROM flight WHERE run = ?", [self.run]).map(drop)
    }

    fn others(&self, file: &Connection, key: &str) -> rusqlite::Result<Vec<(i64, usize)>> {
        let mut query = file.prepare_cached("SELECT run, count FROM flight WHERE key = ? AND run <> ?")?;
        query.query_map(params![key, self.run], read)?.collect()
    }

    /// Keeps the living and forgets the dead.
    fn bury(&self, file: &Connection, runs: &mut Vec<(i64, usize)>) -> rusqlite::Result<()> {
        for (dead, _) in runs.extract_if(.., |(run, _)| !is_alive(&lease(&self.path, *run))) {
            file.execute("DELETE FROM flight WHERE run = ?", [dead])?;
        }
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, usize)> {
    Ok((row.get(0)?, usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
}

fn lease(path: &Path, run: i64) -> PathBuf {
    with_suffix(path, &format!(".run-{run:016x}"))
}

/// Whether somebody holds the lock. A dead run's file is removed.
fn is_alive(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let is_held = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    if !is_held {
        let _ = fs::remove_file(path);
    }
    is_held
}

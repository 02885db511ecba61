//! The file, kept usable: its failures end here.

use std::path::{Path, PathBuf};

use rusqlite::Transaction;

use super::store::{self, Store};
use super::{Error, PATIENCE, PAUSE, SHORT};

/// A file that may fail at any time, and then is nothing for a while.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    store: Option<Store>,
    /// When it failed last.
    failed_at: i64,
    /// It is left alone for some seconds after that.
    is_off: bool,
    has_warned: bool,
}

impl Keeper {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let store = Store::open(path, PATIENCE)?;
        Ok(Self { path: path.to_owned(), store: Some(store), failed_at: i64::MIN, is_off: false, has_warned: false })
    }

    /// Waits only as long as a crawl's loop can from now on.
    pub(super) fn hurry(&self) {
        if let Some(store) = &self.store {
            store.set_patience(SHORT);
        }
    }

    /// Asks the file; `None` if it cannot be asked.
    pub(super) fn with<T>(&mut self, now: i64, call: impl FnOnce(&mut Store) -> rusqlite::Result<T>) -> Option<T> {
        match call(self.ready(now)?) {
            Ok(answer) => Some(answer),
            Err(cause) => {
                self.fail(&cause, now);
                None
            }
        }
    }

    /// Changes the file, wholly or not at all, while no other process does; `None` if it could not be.
    pub(super) fn write<T>(&mut self, now: i64, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Option<T> {
        self.with(now, |store| store.write(change))
    }

    /// Says once what is wrong.
    pub(super) fn warn(&mut self, what: &dyn std::error::Error) {
        if !self.has_warned {
            self.has_warned = true;
            let cause = what.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            tracing::warn!(
                "what is learned of hosts is not kept for now, and not shared with other runs: {}: {what}{cause}",
                self.path.display()
            );
        }
    }

    /// The file, opened again where that is due.
    fn ready(&mut self, now: i64) -> Option<&mut Store> {
        if self.store.as_ref().is_some_and(Store::is_gone) {
            // Another run found it damaged, or somebody deleted it: go on with what is there now, as the other runs do.
            self.store = None;
        }
        if self.store.is_none() && (!self.is_off || self.is_long_ago(now)) {
            match Store::open(&self.path, SHORT) {
                Ok(store) => (self.store, self.is_off) = (Some(store), false),
                Err(error) => {
                    (self.failed_at, self.is_off) = (now, true);
                    self.warn(&error);
                }
            }
        }
        self.store.as_mut()
    }

    /// Whether the last failure is so long ago that the file may be trusted again.
    fn is_long_ago(&self, now: i64) -> bool {
        now.abs_diff(self.failed_at) >= PAUSE.unsigned_abs()
    }

    fn fail(&mut self, cause: &rusqlite::Error, now: i64) {
        let is_rare = self.is_long_ago(now);
        (self.failed_at, self.is_off) = (now, true);
        let Some(store) = self.store.take() else { return };
        if !store::is_damage(cause) {
            return self.warn(cause);
        }
        match store.condemn(cause) {
            Ok(()) => self.is_off = !is_rare,
            Err(error) => self.warn(&error),
        }
    }

    #[cfg(test)]
    pub(super) fn store(&mut self) -> Option<&mut Store> {
        self.store.as_mut()
    }
}

//! One database, one run: the lock is on a file beside it.
//!
//! It cannot be on the database. `SQLite` keeps programs apart by POSIX locks, which a process loses as soon as it closes any
//! descriptor of the file; and where the file system turns `flock` into such locks (NFS), ours would shut out `SQLite` itself. For
//! the same reason nothing in this folder opens the database's own file while a connection to it stands.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::files::with_suffix;
use crate::sink::Error;
use crate::sink::file::DATABASE_LOCK;
use crate::sink::lock::open_locked;

/// A lock on everything that belongs to a database. Its file goes when it does; one that a killed run has left is no lock.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    #[expect(dead_code, reason = "nobody reads it: that it is open keeps other runs away")]
    file: File,
}

impl Lock {
    /// Locks the database of this name, be it there or not.
    ///
    /// # Errors
    /// Another run holds it, or its directory cannot be written.
    pub(super) fn take(database: &Path) -> Result<Self, Error> {
        let path = with_suffix(database, DATABASE_LOCK);
        let database = database.to_owned();
        let file = open_locked(OpenOptions::new().write(true).create(true).truncate(false), &path);
        let file = file.map_err(|error| match error {
            Error::Busy { holder, .. } => Error::Busy { path: database, holder },
            Error::NoDirectory { directory, .. } => Error::NoDirectory { path: database, directory },
            other => other,
        })?;
        // It is removed at the end, so it must be one of ours: those are empty.
        if file.metadata().is_ok_and(|file| file.len() > 0) {
            return Err(Error::open(&path, io::Error::other("something that is no lock is in the way")));
        }
        Ok(Self { path, file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is locked: whoever has opened it meanwhile finds that it is no longer the file of that name, and makes a new one.
        let _ = fs::remove_file(&self.path);
    }
}

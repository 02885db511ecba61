//! The files of a database: its own, and what `SQLite` may have beside it.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{DatabaseError, WAIT};
use crate::sink::Error;

/// What `SQLite` may have beside a database: a transaction half done, or those that are done and not in the file yet.
pub(in crate::sink) const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A file beside another.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A file by device and inode: what stays the same when it is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    /// The file of that name.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|file| Self::from(&file))
    }
}

impl From<&Metadata> for FileId {
    fn from(file: &Metadata) -> Self {
        Self(file.dev(), file.ino())
    }
}

/// Removes a file that may not be there.
fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// Removes what is beside a database, which is whole without it or of no use with it.
pub(super) fn remove_beside(path: &Path) -> io::Result<()> {
    BESIDE.iter().try_for_each(|suffix| remove_file(&with_suffix(path, suffix)))
}

/// Removes a database.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    remove_beside(path)?;
    remove_file(path)
}

/// Whether a file is there and has something in it.
pub(super) fn has_bytes(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// Makes sure that the disk has a file. No connection to it may stand.
pub(super) fn sync(path: &Path) -> Result<(), Error> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|source| Error::Sync { place: path.display().to_string(), source })
}

/// Makes sure that the disk has a file's name. Not every file system can.
pub(super) fn sync_name(path: &Path) {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// The name that a database takes once it is complete.
#[derive(Debug)]
pub(super) struct Swap {
    /// The name.
    target: PathBuf,
    /// The file that has the name now: open, so that no other one gets its number. Nothing is read through it, and it is closed
    /// when no connection of ours stands: see the head of the lock.
    pub(super) old: Option<File>,
}

impl Swap {
    /// Looks at what has the name now.
    ///
    /// # Errors
    /// It may not be written.
    pub(super) fn to(target: PathBuf) -> Result<Self, Error> {
        match OpenOptions::new().write(true).open(&target) {
            Ok(old) => Ok(Self { target, old: Some(old) }),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Self { target, old: None }),
            Err(cause) => Err(Error::open(&target, cause)),
        }
    }

    /// Puts a whole database in the place of another.
    ///
    /// `SQLite` takes a `-wal` or a `-journal` beside a file for that file's own. So those of the old one have to go before the new
    /// one comes, and before they go what they hold is written into the old file: a process that is killed in between leaves it
    /// whole.
    ///
    /// # Errors
    /// Another program keeps the old one from being made whole, somebody has put another file there, or the system refuses. Both
    /// files are still there.
    pub(super) fn carry_out(self, partial: &Path) -> Result<(), Error> {
        let Self { target, old } = &self;
        let old = old.as_ref().and_then(|old| old.metadata().ok()).as_ref().map(FileId::from);
        let both = || (partial.to_owned(), target.clone());
        if FileId::of(target).is_ok_and(|found| Some(found) != old) {
            let (partial, target) = both();
            return Err(Error::Replaced { partial, target });
        }
        if ["-wal", "-journal"].iter().any(|suffix| has_bytes(&with_suffix(target, suffix))) {
            make_whole(target).map_err(|source| {
                let (partial, target) = both();
                DatabaseError::InUse { partial, target, source }
            })?;
        }
        let swapped = remove_beside(target).and_then(|()| fs::rename(partial, target));
        swapped.map_err(|source| {
            let (partial, target) = both();
            Error::Swap { partial, target, source }
        })?;
        sync_name(target);
        Ok(())
    }
}

/// Has `SQLite` write into a file what it has beside it.
fn make_whole(path: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let whole = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(WAIT)?;
        // Alone with it for a moment: nobody is in the middle of a change, and one that was cut short is taken back.
        connection.execute_batch("BEGIN EXCLUSIVE; SELECT count(*) FROM main.sqlite_schema; ROLLBACK")?;
        checkpoint(&connection)
    });
    match whole {
        // What is no database, or none that can be read, has nothing beside it that could be saved.
        Err(cause) if matches!(cause.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)) => Ok(()),
        whole => whole,
    }
}

/// Writes all that is in the write-ahead log into the database, and empties the log. Waits for readers, as long as they may
/// be waited for.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    let is_busy: bool = connection.query_row("PRAGMA main.wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_busy {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(busy, Some("somebody is reading the database".to_owned())));
    }
    Ok(())
}

//! The file: an `SQLite` database that several processes have open at once.
//!
//! WAL, so that a start costs one page appended and no one waits for a reader. `synchronous=OFF`: nothing here is worth an fsync
//! on the crawl's own thread. A process that is killed at any point loses nothing, because the system has what was written; a
//! machine that loses power may leave a damaged file, and a damaged file is a fresh start.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior, ffi};

use super::Error;

/// "scrp": says in the header whose file it is.
const APPLICATION: i64 = 0x7363_7270;
/// The format of the tables below.
const VERSION: i64 = 1;
/// Files up to this many bytes are checked whole when they are opened, at about 1 ms a MiB; the damage of others is met when it
/// is read.
const CHECKED: u64 = 8 << 20;
/// `SQLite`'s unit, of which a file is a multiple. It takes a part for a whole one, filled up with zeros.
const PAGE: u64 = 4096;
/// How often opening is tried: each time, another run may have moved the file aside, or somebody may have put another damaged one
/// there.
const ROUNDS: u32 = 10;

/// All times are nanoseconds since 1970, all durations nanoseconds.
const SCHEMA: &str = "
CREATE TABLE host (key TEXT PRIMARY KEY, seen INTEGER NOT NULL, not_before INTEGER NOT NULL, rate REAL) STRICT, WITHOUT ROWID;
CREATE TABLE bucket (key TEXT NOT NULL, run INTEGER NOT NULL, nth INTEGER NOT NULL, period INTEGER NOT NULL, slack INTEGER NOT NULL,
    tat INTEGER NOT NULL, named INTEGER NOT NULL, PRIMARY KEY (key, run, nth)) STRICT, WITHOUT ROWID;
CREATE TABLE turn (key TEXT NOT NULL, run INTEGER NOT NULL, place INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (key, run)) STRICT, WITHOUT ROWID;
CREATE TABLE flight (key TEXT NOT NULL, run INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (key, run)) STRICT, WITHOUT ROWID;
CREATE TABLE robots (origin TEXT PRIMARY KEY, fetched INTEGER NOT NULL, text BLOB) STRICT;
";

/// An open file.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    path: PathBuf,
    file: FileId,
}

/// A file by device and inode: what stays the same when it is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    /// The file of that name.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|of| Self::from(&of))
    }

    /// The file that is open.
    pub(super) fn of_open(file: &File) -> io::Result<Self> {
        file.metadata().map(|of| Self::from(&of))
    }
}

impl From<&Metadata> for FileId {
    fn from(of: &Metadata) -> Self {
        Self(of.dev(), of.ino())
    }
}

/// Why a file was not opened.
enum Fault {
    /// It is beyond repair.
    Damaged(FileId, rusqlite::Error),
    /// Another file came under the name meanwhile.
    Swapped,
    /// It is not to be touched.
    Final(Error),
}

impl Store {
    /// Opens the file or begins one, waiting up to `wait` for others' locks. What is damaged is moved to `FILE.corrupt` with a
    /// warning. That goes for every file that is not empty and no database: it may be a list of URLs that was named by mistake,
    /// and no guess at what a text looks like tells that from a damaged file for certain. Moved, not deleted: one `mv` undoes it.
    pub(super) fn open(path: &Path, wait: Duration) -> Result<Self, Error> {
        let path = std::path::absolute(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let mut rounds = 0;
        loop {
            let cause = match Self::begin(&path, wait) {
                Ok(store) => return Ok(store),
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Damaged(file, cause)) => {
                    move_aside(&path, file, &cause)?;
                    Some(cause)
                }
                Err(Fault::Swapped) => None,
            };
            rounds += 1;
            if rounds == ROUNDS {
                return Err(cause
                    .map_or_else(|| Error::Locked { path: path.clone() }, |source| Error::Open { path: path.clone(), source }));
            }
        }
    }

    fn begin(path: &Path, wait: Duration) -> Result<Self, Fault> {
        let io = |source| Fault::Final(Error::Io { path: path.to_owned(), source });
        let before = match fs::metadata(path) {
            Ok(found) if !found.is_file() => return Err(Fault::Final(Error::NotAFile { path: path.to_owned() })),
            Ok(found) => Some(found),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(io(cause)),
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(path, flags);
        let mut connection = opened.map_err(|source| Fault::Final(Error::Open { path: path.to_owned(), source }))?;
        let file = match FileId::of(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Err(Fault::Swapped),
            Err(cause) => return Err(io(cause)),
        };
        if before.as_ref().is_some_and(|before| FileId::from(before) != file) {
            return Err(Fault::Swapped);
        }
        if connection.is_readonly(MAIN_DB).unwrap_or(false) {
            return Err(Fault::Final(Error::ReadOnly { path: path.to_owned() }));
        }
        let size = before.map_or(0, |before| before.len());
        let fault = |cause| match cause {
            cause if is_damage(&cause) => Fault::Damaged(file, cause),
            cause if is_lock(&cause) => Fault::Final(Error::Locked { path: path.to_owned() }),
            source => Fault::Final(Error::Open { path: path.to_owned(), source }),
        };
        match prepare(&mut connection, wait, size).map_err(fault)? {
            Whose::Ours => Ok(Self { connection, path: path.to_owned(), file }),
            Whose::Foreign => Err(Fault::Final(Error::Foreign { path: path.to_owned() })),
            Whose::Newer(found) => Err(Fault::Final(Error::Newer { path: path.to_owned(), found, known: VERSION })),
        }
    }

    /// Waits at most this long for others' locks from now on.
    pub(super) fn set_patience(&self, wait: Duration) {
        // It only sets a number.
        let _ = self.connection.busy_timeout(wait);
    }

    /// Whether the file is no longer the one under its name: somebody deleted it, or moved it aside.
    pub(super) fn is_gone(&self) -> bool {
        FileId::of(&self.path).map_or(true, |found| found != self.file)
    }

    /// To read.
    pub(super) fn read(&self) -> &Connection {
        &self.connection
    }

    /// All of it or nothing, while no other process writes.
    pub(super) fn write<T>(&mut self, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = change(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    }

    /// Closes the file and moves it aside.
    pub(super) fn condemn(self, cause: &rusqlite::Error) -> Result<(), Error> {
        let Self { connection, path, file } = self;
        drop(connection);
        move_aside(&path, file, cause)
    }
}

/// Whose a database is.
enum Whose {
    Ours,
    Foreign,
    Newer(i64),
}

/// Looks whose database it is, and makes it ready if it is ours or nobody's. Nothing of another's is written to.
fn prepare(connection: &mut Connection, wait: Duration, size: u64) -> rusqlite::Result<Whose> {
    connection.busy_timeout(wait)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(
        "PRAGMA page_size=4096; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=250;",
    )?;
    let whose = whose(connection)?;
    match whose {
        (0, 0, 0) | (APPLICATION, VERSION, _) => {}
        (APPLICATION, newer, _) if newer > VERSION => return Ok(Whose::Newer(newer)),
        (APPLICATION, ..) => return Err(damage("its format's number makes no sense")),
        _ => return Ok(Whose::Foreign),
    }
    // Refused while another process opens the file too, which then does it, and where there is no shared memory: slower, not
    // wrong.
    let _ = connection.pragma_update(None, "journal_mode", "wal");
    if whose.0 == 0 {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if self::whose(&transaction)? == (0, 0, 0) {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
    } else if !size.is_multiple_of(PAGE) {
        return Err(damage("it has been cut"));
    } else if size <= CHECKED {
        let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(damage(&found));
        }
    }
    for table in ["host", "bucket", "turn", "flight", "robots"] {
        connection.prepare(&format!("SELECT * FROM {table}"))?;
    }
    Ok(Whose::Ours)
}

/// The header's two numbers, and how many tables and indexes there are.
fn whose(connection: &Connection) -> rusqlite::Result<(i64, i64, i64)> {
    let get = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let sql = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version";
    connection.query_row(sql, [], get)
}

fn damage(what: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(what.to_owned()))
}

/// Whether the cause is what the file holds. The queries are ours and are right, so a file of ours that they fail on is not.
pub(super) fn is_damage(cause: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = cause else { return true };
    match failure.code {
        ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::InternalMalfunction
        | ErrorCode::TooBig
        | ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::Unknown => true,
        // Not the file system's word, which was asked before, but a damaged header's.
        ErrorCode::ReadOnly => failure.extended_code == ffi::SQLITE_READONLY,
        ErrorCode::SystemIoFailure => failure.extended_code == ffi::SQLITE_IOERR_SHORT_READ,
        _ => false,
    }
}

fn is_lock(cause: &rusqlite::Error) -> bool {
    matches!(cause.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Moves a damaged file to `FILE.corrupt`, unless somebody else has: two runs that start together on one damaged file both find
/// it so, and the second must not take the first one's fresh file for it.
fn move_aside(path: &Path, damaged: FileId, cause: &rusqlite::Error) -> Result<(), Error> {
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // What was moved there before is not overwritten: it may be somebody's file that was named by mistake.
    let names = (1..1000).map(|nth| if nth == 1 { ".corrupt".to_owned() } else { format!(".corrupt-{nth}") });
    let free = names.map(|suffix| with_suffix(path, &suffix)).find(|to| !to.exists());
    let to = free.unwrap_or_else(|| with_suffix(path, ".corrupt"));
    let failed = |source| Error::Aside { path: path.clone(), to: to.clone(), source };
    // The lock is held for two system calls, so others' is worth a few turns. If it is not another run's, it is a good reason
    // to leave the file where it is.
    for _ in 0..10_000 {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(failed(cause)),
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                std::thread::yield_now();
                continue;
            }
            Err(TryLockError::Error(cause)) if cause.kind() != io::ErrorKind::Unsupported => return Err(failed(cause)),
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        if FileId::of(path).map_err(failed)? != damaged {
            return Ok(());
        }
        // First, so that they are never taken for those of the next file.
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(with_suffix(path, suffix));
        }
        fs::rename(path, &to).map_err(failed)?;
        tracing::warn!(
            "{} is no usable state of hosts ({cause}): it was moved to {}, and nothing is known of any host",
            path.display(),
            to.display()
        );
        return Ok(());
    }
    Err(Error::Locked { path: path.clone() })
}

/// A file beside another.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

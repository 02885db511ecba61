//! Opening: what may be there already, and what becomes of it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, OptionalExtension, ffi};

use super::files::{FileId, Swap, has_bytes, remove, remove_beside, with_suffix};
use super::lock::Lock;
use super::schema::Schema;
use super::unfinished::{Since, began};
use super::{Batch, DatabaseError, Sqlite, WAIT};
use crate::sink::file::{follow, is_stdout, partial_of, take_after};
use crate::sink::lock::ensure_free;
use crate::sink::{Error, Existing};

/// Files up to this many bytes are looked through when they are opened, at about 1 ms a MiB; the damage of others is met when it
/// is read.
const CHECKED: u64 = 256 << 20;

/// Opens the database, or makes one.
///
/// # Errors
/// It is no place for a database, `existing` refuses it, another run holds it, or the system does not let us.
pub(super) fn open(path: &Path, existing: Existing, schema: Schema) -> Result<Sqlite, Error> {
    // One row a URL is for going on with.
    let existing = if existing == Existing::Refuse && schema.upsert { Existing::Append } else { existing };
    if is_there(path)? && existing == Existing::Refuse {
        return Err(Error::Exists { path: path.to_owned() });
    }
    // An absolute path, so that SQLite does not take `:memory:` or `file:x` for something else.
    let target = std::path::absolute(follow(path)).map_err(|cause| Error::open(path, cause))?;
    let lock = Lock::take(&target)?;
    let is_beside = matches!(existing, Existing::Overwrite | Existing::ResumeOverwrite);
    let file = if is_beside { partial_of(&target) } else { target.clone() };
    // Nor may a run that writes bytes have it.
    [&target, &file].into_iter().try_for_each(|file| ensure_free(file))?;
    if fs::symlink_metadata(&file).is_ok_and(|found| is_beside && !found.is_file()) {
        return Err(Error::open(&file, io::Error::other("something that is no file is in the way")));
    }
    let swap = is_beside.then(|| Swap::to(target)).transpose()?;
    if existing == Existing::Overwrite {
        remove(&file).map_err(|cause| Error::open(&file, cause))?;
    }
    let is_new = make(&file, swap.as_ref().and_then(|swap| swap.old.as_ref()), existing)?;
    let Connected { connection, keeps_wal, is_begun, unfinished } = connect(&file, &schema).inspect_err(|_| {
        if is_new {
            let _ = remove(&file);
        }
    })?;
    let id = FileId::of(&file).map_err(|cause| Error::open(&file, cause))?;
    let (insert, since) = (schema.insert(), Since::new(&schema, existing, unfinished));
    let mut opened = Sqlite {
        connection,
        insert,
        schema,
        path: file,
        id,
        swap,
        is_new,
        is_begun,
        keeps_wal,
        retries: false,
        since,
        batch: Batch::default(),
        has_failed: false,
        lock,
    };
    if existing == Existing::RetryFailed {
        opened.list_failed()?;
    }
    Ok(opened)
}

/// Whether something is there that may be a database.
fn is_there(path: &Path) -> Result<bool, Error> {
    let no_file = || DatabaseError::NoFile { place: path.display().to_string() }.into();
    match fs::metadata(path) {
        _ if is_stdout(path) => Err(no_file()),
        Ok(found) if found.is_dir() => Err(Error::open(path, io::ErrorKind::IsADirectory.into())),
        Ok(found) if !found.is_file() => Err(no_file()),
        Ok(_) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::open(path, cause)),
    }
}

/// Makes the file if there is none, for those who may see the one that it will replace.
fn make(path: &Path, old: Option<&File>, existing: Existing) -> Result<bool, Error> {
    let failed = |cause| Error::open(path, cause);
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(new) => {
            old.map_or(Ok(()), |old| take_after(&new, old)).and_then(|()| remove_beside(path)).map_err(failed)?;
            Ok(true)
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && existing != Existing::Refuse => Ok(false),
        Err(cause) => Err(failed(cause)),
    }
}

/// A database that is connected to.
struct Connected {
    connection: Connection,
    /// It stays in WAL mode.
    keeps_wal: bool,
    /// The table was made.
    is_begun: bool,
    /// When the unfinished run in it began.
    unfinished: Option<String>,
}

/// Connects to a database that has our table, or can have it. What is refused is left as it was.
fn connect(path: &Path, schema: &Schema) -> Result<Connected, DatabaseError> {
    let refused = |cause| refusal(path, cause);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    let prepare = || {
        connection.busy_timeout(WAIT)?;
        // What a run that was killed has left beside another's database is not ours to write into it.
        if has_bytes(&with_suffix(path, "-wal")) {
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        }
        connection.execute_batch("PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA synchronous=NORMAL;")?;
        connection.is_readonly(MAIN_DB)
    };
    if prepare().map_err(refused)? {
        return Err(DatabaseError::ReadOnly { path: path.to_owned() });
    }
    check(&connection, path).map_err(refused)?;
    let has_table = has_table(&connection, path, schema)?;
    let unfinished = began(&connection, path, schema)?;
    let begin = || {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        let keeps_wal = is_wal(&connection)? && is_shared(&connection, schema)?;
        // Refused where there is no shared memory, or while another program is about: slower, not wrong.
        let set = connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()));
        if set.is_err() || !is_wal(&connection)? {
            connection.execute_batch("PRAGMA synchronous=FULL")?;
        }
        if !has_table {
            connection.execute_batch(&schema.create())?;
        }
        connection.prepare_cached(&schema.insert())?;
        Ok(keeps_wal)
    };
    let keeps_wal = begin().map_err(|source| match refusal(path, source) {
        DatabaseError::Open { path, source } => DatabaseError::Write { path, source },
        other => other,
    })?;
    Ok(Connected { connection, keeps_wal, is_begun: !has_table, unfinished })
}

/// Looks for damage.
fn check(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let (pages, size): (u32, u32) =
        connection.query_row("SELECT page_count, page_size FROM pragma_page_count, pragma_page_size", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let length = fs::metadata(path).map_or(0, |file| file.len());
    // SQLite takes a part of a page for a whole one.
    if !length.is_multiple_of(u64::from(size.max(1))) && !has_bytes(&with_suffix(path, "-wal")) {
        return Err(damage("it has been cut"));
    }
    if u64::from(pages) * u64::from(size) <= CHECKED {
        let found: String = connection.query_row("PRAGMA main.quick_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(damage(&found));
        }
    }
    Ok(())
}

fn damage(what: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(what.to_owned()))
}

/// Whether our table is there.
///
/// # Errors
/// Something else is, under its name.
fn has_table(connection: &Connection, path: &Path, schema: &Schema) -> Result<bool, DatabaseError> {
    let refused = |cause| refusal(path, cause);
    let other = |difference| {
        let (path, table) = (path.to_owned(), schema.table.clone());
        Err(DatabaseError::OtherTable { path, table, difference })
    };
    let sql = "SELECT type, name FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE";
    let found = connection.query_row(sql, [&schema.table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let Some((kind, name)) = found.optional().map_err(refused)? else { return Ok(false) };
    if kind != "table" {
        return other(format!("that is no table but {}", if kind == "index" { "an index" } else { "a view" }));
    }
    let sql = "SELECT name, type, \"notnull\" FROM pragma_table_xinfo(?1, 'main')";
    let columns = connection.prepare(sql).and_then(|mut columns| {
        let rows = columns.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect::<Result<Vec<(String, String, bool)>, _>>()
    });
    let sql = "SELECT strict FROM pragma_table_list(?1) WHERE schema = 'main'";
    let is_strict = connection.query_row(sql, [&name], |row| row.get(0)).map_err(refused)?;
    if let Some(difference) = schema.differs(&columns.map_err(refused)?, is_strict) {
        return other(difference);
    }
    if schema.upsert && connection.prepare(&schema.insert()).is_err() {
        return other("its column \"url\" is not UNIQUE, which --upsert needs".to_owned());
    }
    Ok(true)
}

fn is_wal(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA main.journal_mode", [], |row| Ok(row.get::<_, String>(0)? == "wal"))
}

/// Whether the database has other tables too, and so may be somebody else's.
fn is_shared(connection: &Connection, schema: &Schema) -> rusqlite::Result<bool> {
    let own = [schema.table.clone(), if schema.upsert { schema.unfinished() } else { schema.table.clone() }];
    let sql = "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name COLLATE NOCASE NOT IN (?1, ?2)
               AND name NOT GLOB 'sqlite_*'";
    connection.query_row(sql, own, |row| row.get::<_, i64>(0)).map(|others| others > 0)
}

/// Why a file is not opened, by what `SQLite` says of it.
pub(super) fn refusal(path: &Path, cause: rusqlite::Error) -> DatabaseError {
    let path = path.to_owned();
    match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => DatabaseError::NoDatabase { path },
        Some(ErrorCode::DatabaseCorrupt) => DatabaseError::Damaged { path, source: cause },
        Some(ErrorCode::ReadOnly) => DatabaseError::ReadOnly { path },
        _ => DatabaseError::Open { path, source: cause },
    }
}

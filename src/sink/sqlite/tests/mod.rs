//! Databases that are written, read back by another connection, and met in every state.

mod beside;
mod existing;
mod faults;
mod resume;
mod tables;
mod unfinished;
mod upsert;
mod values;

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use tempfile::TempDir;

use super::*;
use crate::sink::samples::{columns, into, sent, write_all};
use crate::sink::{End, Settings, Writer};

/// A folder with a name for a database in it.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.db");
    (folder, path)
}

/// The settings of one database.
fn to(path: &Path, existing: Existing) -> Settings {
    Settings { existing, ..into(Destination::File(path.to_owned()), None) }
}

fn upserting(path: &Path) -> Settings {
    Settings { database: Database { upsert: true, ..Database::default() }, ..to(path, Existing::Refuse) }
}

fn write(path: &Path, existing: Existing, records: &[Record]) -> Result<(), Error> {
    write_all(to(path, existing), &columns(), records)
}

fn opened(path: &Path, existing: Existing) -> Result<Writer, Error> {
    crate::sink::open(to(path, existing), &columns())
}

/// Writes records without an end.
fn run(writer: &mut Writer, records: &[Record]) {
    assert_eq!(writer.run(&mut sent(records), &mut |_| ()).unwrap(), End::Done);
}

/// Opens one for its own methods.
fn database(path: &Path, existing: Existing) -> Sqlite {
    let database = Database::default();
    Sqlite::open(&Destination::File(path.to_owned()), existing, &database, &columns()).unwrap()
}

fn refusal(path: &Path, existing: Existing) -> Error {
    opened(path, existing).err().expect("it must not open")
}

/// What another connection reads.
fn rows(path: &Path, sql: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).unwrap();
    let mut select = connection.prepare(sql).unwrap();
    let width = select.column_count();
    let rows = select.query_map([], |row| (0..width).map(|at| row.get(at)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

/// What another connection reads in the first column, as text.
fn texts(path: &Path, sql: &str) -> Vec<String> {
    let text = |row: Vec<Value>| match &row[0] {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    rows(path, sql).into_iter().map(text).collect()
}

fn count(path: &Path) -> usize {
    texts(path, "SELECT count(*) FROM records")[0].parse().unwrap()
}

/// The names of the files in a folder, sorted.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs SQL as another program would.
fn execute(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

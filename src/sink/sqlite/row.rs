//! A record as a row.
//!
//! A text is a text, and null is NULL. A number is an INTEGER if it is a whole one of 64 bits, else a REAL; a whole number beyond is
//! kept to its last digit as text, and so is what no REAL can hold (`1e400`). Lists, objects, `true` and `false` are JSON text. A
//! NUL in a text is kept: whoever reads the value gets it, but `SQLite`'s own `length()` and the `sqlite3` program stop at it.

use std::time::SystemTime;

use rusqlite::Statement;
use rusqlite::types::{Null, ToSqlOutput, Value as Owned, ValueRef};
use serde_json::{Number, Value};

use super::schema::Schema;
use crate::model::{ErrorKind, Record, Timestamp};
use crate::sink::escape::write_json;

/// Binds a record to the statement that inserts it. Answers how many bytes of text it has.
pub(super) fn bind(schema: &Schema, insert: &mut Statement<'_>, record: &Record) -> rusqlite::Result<usize> {
    let mut row = Row { insert, at: 0, bytes: 0 };
    row.integer(Some(record.index))?;
    row.text(Some(&record.url))?;
    row.text(record.final_url.as_deref())?;
    row.integer(record.status)?;
    row.text(record.content_type.as_deref())?;
    row.integer(record.bytes)?;
    row.integer(Some(record.attempts))?;
    row.integer(record.elapsed_ms)?;
    row.text(record.fetched_at.map(|at| at.to_string()).as_deref())?;
    row.text(record.error.map(ErrorKind::name))?;
    row.text(record.error_message.as_deref())?;
    if schema.sources.bodies {
        row.text(record.body.as_ref().and_then(|body| body.0.as_deref()))?;
    }
    for (at, name) in schema.sources.data.iter().enumerate() {
        // The fields come in the columns' order, so that the first look finds them.
        let expected = record.data.0.get(at).filter(|(field, _)| field == name).map(|(_, value)| value);
        row.value(expected.or_else(|| record.data.get(name)))?;
    }
    for name in &schema.sources.input {
        row.value(record.input.as_ref().and_then(|input| input.get(&**name)))?;
    }
    if schema.sources.free_input {
        row.text(record.input.as_deref().map(json).as_deref())?;
    }
    if schema.upsert {
        // What was never fetched, as a line that is no URL, was seen when it is written.
        let seen = record.fetched_at.unwrap_or_else(|| Timestamp(SystemTime::now())).to_string();
        row.text(Some(&seen))?;
        row.text(Some(&seen))?;
    }
    debug_assert_eq!(row.at, schema.width());
    Ok(row.bytes)
}

/// One row in the making.
struct Row<'a, 'c> {
    insert: &'a mut Statement<'c>,
    at: usize,
    bytes: usize,
}

impl Row<'_, '_> {
    fn bind(&mut self, value: ToSqlOutput<'_>) -> rusqlite::Result<()> {
        self.at += 1;
        self.bytes += match &value {
            ToSqlOutput::Borrowed(ValueRef::Text(text)) => text.len(),
            ToSqlOutput::Owned(Owned::Text(text)) => text.len(),
            _ => 0,
        };
        self.insert.raw_bind_parameter(self.at, value)
    }

    fn text(&mut self, text: Option<&str>) -> rusqlite::Result<()> {
        self.bind(text.map_or(Null.into(), ToSqlOutput::from))
    }

    fn integer(&mut self, number: Option<impl Into<u64>>) -> rusqlite::Result<()> {
        let number = number.map(|number| i64::try_from(number.into()).unwrap_or(i64::MAX));
        self.bind(number.map_or(Null.into(), ToSqlOutput::from))
    }

    fn value(&mut self, value: Option<&Value>) -> rusqlite::Result<()> {
        self.bind(value.map_or(Null.into(), stored))
    }
}

/// A value as it is stored.
pub(super) fn stored(value: &Value) -> ToSqlOutput<'_> {
    match value {
        Value::Null => Null.into(),
        Value::String(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        Value::Number(number) => ToSqlOutput::Owned(number_of(number)),
        other => ToSqlOutput::Owned(Owned::Text(json(other))),
    }
}

fn number_of(number: &Number) -> Owned {
    let digits = number.as_str();
    let is_whole = !digits.contains(['.', 'e', 'E']);
    match (number.as_i64(), number.as_f64().filter(|real| real.is_finite())) {
        (Some(whole), _) => Owned::Integer(whole),
        (None, Some(real)) if !is_whole => Owned::Real(real),
        _ => Owned::Text(digits.to_owned()),
    }
}

/// A value as JSON text.
fn json(value: &(impl serde::Serialize + ?Sized)) -> String {
    let mut json = Vec::new();
    write_json(value, &mut json);
    String::from_utf8(json).expect("JSON is written in UTF-8")
}

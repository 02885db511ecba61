//! The table: its columns, their types, and the SQL that makes it and writes to it.
//!
//! `STRICT`, so that a value stays what it is: in other tables, a text that looks like a number becomes one. What a page or a list
//! says goes into columns of the type `ANY`, which have texts, whole numbers and others side by side.

use std::collections::HashMap;

use super::{Database, DatabaseError};
use crate::model::Columns;

/// `SQLite`'s own limit, as it is compiled in.
pub(super) const MOST_COLUMNS: usize = 2000;

/// The columns that every table begins with: the record's own keys.
const OWN: [(&str, &str); 11] = [
    ("index", "INTEGER NOT NULL"),
    ("url", "TEXT NOT NULL"),
    ("final_url", "TEXT"),
    ("status", "INTEGER"),
    ("content_type", "TEXT"),
    ("bytes", "INTEGER"),
    ("attempts", "INTEGER NOT NULL"),
    ("elapsed_ms", "INTEGER"),
    ("fetched_at", "TEXT"),
    ("error", "TEXT"),
    ("error_message", "TEXT"),
];

/// The columns that a table with one row a URL ends with.
const SEEN: [(&str, &str); 2] = [("first_seen", "TEXT NOT NULL"), ("last_seen", "TEXT NOT NULL")];

/// The table of one output.
#[derive(Debug)]
pub(super) struct Schema {
    /// The table's name.
    pub(super) table: String,
    /// One row a URL.
    pub(super) upsert: bool,
    /// Where the columns between the record's own and those of `SEEN` come from.
    pub(super) sources: Columns,
    columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    /// Its type, and whether it may be NULL.
    declared: &'static str,
}

impl Schema {
    /// The table for these columns.
    ///
    /// # Errors
    /// The table's name is none, or there are too many columns, or two of one name.
    pub(super) fn new(database: &Database, sources: Columns) -> Result<Self, DatabaseError> {
        let Database { table, upsert } = database.clone();
        let unusable = match &table {
            name if name.is_empty() => Some("it is empty"),
            name if name.contains('\0') => Some("it contains a NUL"),
            name if starts_with(name, "sqlite_") => Some("SQLite has what begins with sqlite_ for itself"),
            _ => None,
        };
        if let Some(why) = unusable {
            return Err(DatabaseError::TableName { name: table, why });
        }
        let column = |name: String, declared| Column { name, declared };
        let fixed = |own: &'static [(&str, &'static str)]| own.iter().map(|(name, declared)| (*name, *declared));
        // A NUL would end the statement.
        let text = |name: &str| name.replace('\0', "\u{fffd}");
        let columns: Vec<_> = fixed(&OWN)
            .map(|(name, declared)| column(name.to_owned(), declared))
            .chain(sources.bodies.then(|| column("body".to_owned(), "TEXT")))
            .chain(sources.data.iter().map(|name| column(text(name), "ANY")))
            .chain(sources.input.iter().map(|name| column(text(&format!("input.{name}")), "ANY")))
            .chain(sources.free_input.then(|| column("input".to_owned(), "TEXT")))
            .chain(fixed(if upsert { &SEEN } else { &[] }).map(|(name, declared)| column(name.to_owned(), declared)))
            .collect();
        check(&columns)?;
        Ok(Self { table, upsert, sources, columns })
    }

    /// How many columns there are.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The table's name as SQL has it.
    pub(super) fn quoted_table(&self) -> String {
        // Named in full: a temporary table of the name would come first.
        format!("main.{}", quoted(&self.table))
    }

    /// The table that has when the unfinished run began.
    pub(super) fn unfinished(&self) -> String {
        format!("{}_unfinished", self.table)
    }

    /// Its name as SQL has it.
    pub(super) fn quoted_unfinished(&self) -> String {
        format!("main.{}", quoted(&self.unfinished()))
    }

    /// Makes the table.
    pub(super) fn create(&self) -> String {
        let declared = |column: &Column| {
            let unique = if self.upsert && column.name == "url" { " UNIQUE" } else { "" };
            format!("{} {}{unique}", quoted(&column.name), column.declared)
        };
        let columns: Vec<_> = self.columns.iter().map(declared).collect();
        format!("CREATE TABLE {} ({}) STRICT", self.quoted_table(), columns.join(", "))
    }

    /// Adds a row, or with one row a URL puts it in the place of the URL's.
    pub(super) fn insert(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        let places: Vec<_> = (1..=names.len()).map(|place| format!("?{place}")).collect();
        let mut sql = format!("INSERT INTO {} ({}) VALUES ({})", self.quoted_table(), names.join(", "), places.join(", "));
        if self.upsert {
            let kept = |name: &&String| !matches!(name.as_str(), "\"url\"" | "\"first_seen\"");
            let set: Vec<_> = names.iter().filter(kept).map(|name| format!("{name}=excluded.{name}")).collect();
            sql = format!("{sql} ON CONFLICT (\"url\") DO UPDATE SET {}", set.join(", "));
        }
        sql
    }

    /// In what a table that has these columns (name, type, whether it must not be NULL) is another one; `None` if it is ours.
    pub(super) fn differs(&self, found: &[(String, String, bool)], is_strict: bool) -> Option<String> {
        if let Some(more) = found.iter().find(|(name, ..)| !self.columns.iter().any(|column| column.name == *name)) {
            let hint = match more.0.as_str() {
                "first_seen" | "last_seen" if !self.upsert => " (was it written with --upsert?)",
                _ => "",
            };
            return Some(format!("it has a column {:?}, which this run has not{hint}", more.0));
        }
        if let Some(less) = self.columns.iter().find(|column| !found.iter().any(|(name, ..)| column.name == *name)) {
            let hint = match less.name.as_str() {
                "first_seen" | "last_seen" if self.upsert => " (it was not written with --upsert)",
                _ => "",
            };
            return Some(format!("it has no column {:?}{hint}", less.name));
        }
        let mut pairs = found.iter().zip(&self.columns);
        if let Some(((name, ..), column)) = pairs.clone().find(|((name, ..), column)| *name != column.name) {
            return Some(format!("it has the column {name:?} where this run has {:?}", column.name));
        }
        let declared = |kind: &str, not_null: bool| format!("{kind}{}", if not_null { " NOT NULL" } else { "" });
        let other = pairs.find(|((_, kind, not_null), column)| declared(&kind.to_uppercase(), *not_null) != column.declared);
        if let Some(((name, kind, not_null), column)) = other {
            return Some(format!("its column {name:?} is {}, and this run's {}", declared(kind, *not_null), column.declared));
        }
        (!is_strict).then(|| "it is not STRICT, so that it would change values".to_owned())
    }
}

/// Refuses columns that one table cannot have.
fn check(columns: &[Column]) -> Result<(), DatabaseError> {
    if columns.len() > MOST_COLUMNS {
        return Err(DatabaseError::TooManyColumns { count: columns.len() });
    }
    let mut taken = HashMap::new();
    for Column { name, .. } in columns {
        // As SQLite does: only the letters of ASCII have small ones.
        let folded = name.to_ascii_lowercase();
        if folded == "_rowid_" {
            return Err(DatabaseError::RowId);
        }
        if let Some(one) = taken.insert(folded, name) {
            return Err(DatabaseError::Clash { one: one.clone(), other: name.clone() });
        }
    }
    Ok(())
}

/// Whether a text begins with this, in capitals or not.
fn starts_with(text: &str, start: &str) -> bool {
    text.as_bytes().get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

/// A name as SQL has it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

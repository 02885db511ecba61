use std::sync::Arc;

use super::*;
use crate::model::Data;
use crate::sink::samples::{full, with_title};

/// A run with these fields, whose values are their names.
fn with_fields(path: &Path, fields: &[&str], input: &[&str]) -> Result<(), Error> {
    let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<_>>();
    let columns = Columns { data: names(fields), input: names(input), free_input: false, bodies: false };
    let data = columns.data.iter().map(|name| (Arc::clone(name), (&**name).into())).collect();
    write_all(to(path, Existing::Refuse), &columns, &[Record { data: Data(data), ..full() }])
}

#[test]
fn any_name_is_a_column() {
    let hostile = [
        "select",
        "\"",
        "\"\"; DROP TABLE records; --",
        "'",
        "`",
        "[x]",
        "",
        " ",
        "a b",
        "ünï",
        "日本",
        "🧑‍🚀",
        "\u{202e}x",
        "\n",
        "\t",
        "?1",
        ":x",
        "@x",
        "$x",
        "rowid",
        "oid",
        "data",
        "records",
        "main",
        "CONSTRAINT",
        "x\0y",
        "index.",
        "input.x",
        "first_seen",
    ];
    let (_folder, path) = folder();
    with_fields(&path, &hostile, &["\"", "select"]).unwrap();
    let names = texts(&path, "SELECT name FROM pragma_table_info('records')");
    let expected: Vec<_> = hostile.iter().map(|name| name.replace('\0', "\u{fffd}")).collect();
    assert_eq!(names[11..11 + hostile.len()], expected);
    assert_eq!(names[11 + hostile.len()..], ["input.\"", "input.select"]);
    let row = rows(&path, "SELECT * FROM records").remove(0);
    let values: Vec<_> = hostile.iter().map(|name| Value::Text((*name).to_owned())).collect();
    assert_eq!(row[11..11 + hostile.len()], values);
    let error = with_fields(&path, &["x"], &[]).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
}

#[test]
fn two_columns_of_one_name_are_a_usage_error() {
    let (folder, path) = folder();
    for (fields, input, words) in [
        (&["index"][..], &[][..], ["\"index\"", "\"index\""]),
        (&["INDEX"], &[], ["\"index\"", "\"INDEX\""]),
        (&["Url"], &[], ["\"url\"", "\"Url\""]),
        (&["a", "A"], &[], ["\"a\"", "\"A\""]),
        (&["INPUT.sku"], &["sku"], ["\"INPUT.sku\"", "\"input.sku\""]),
        (&[], &["a", "A"], ["\"input.a\"", "\"input.A\""]),
        (&["x\0", "x\u{fffd}"], &[], ["\"x\u{fffd}\"", "-f jsonl"]),
        (&["_RowId_"], &[], ["_rowid_", "-f jsonl"]),
    ] {
        let error = with_fields(&path, fields, input).unwrap_err();
        assert!(error.is_usage() && words.iter().all(|word| error.to_string().contains(word)), "{error}");
    }
    assert!(names(&folder).is_empty());
    with_fields(&path, &["é", "É"], &[]).expect("SQLite tells these apart");
}

#[test]
fn a_table_is_as_wide_as_sqlite_lets_it_be() {
    let fields: Vec<_> = (0..MOST - 11).map(|at| format!("f{at}")).collect();
    let mut fields: Vec<_> = fields.iter().map(String::as_str).collect();
    let (_folder, path) = folder();
    with_fields(&path, &fields, &[]).unwrap();
    assert_eq!(rows(&path, "SELECT * FROM records")[0].len(), MOST);
    fields.push("more");
    let error = with_fields(&path, &fields, &[]).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("2000") && error.to_string().contains("2001"), "{error}");
}

const MOST: usize = schema::MOST_COLUMNS;

#[test]
fn a_table_has_any_name_that_sqlite_does_not_have_for_itself() {
    let (_folder, path) = folder();
    let into_table = |table: &str, existing| {
        let database = Database { table: table.to_owned(), upsert: true };
        write_all(Settings { database, ..to(&path, existing) }, &columns(), &[full()])
    };
    let tables = ["records", "select", "my \"own\" 'table'", "日本", "temp.x", "failed", "dropped", "a;b", "-- "];
    for table in tables {
        into_table(table, Existing::Append).unwrap();
        into_table(table, Existing::RetryFailed).unwrap();
    }
    assert_eq!(texts(&path, "SELECT name FROM sqlite_schema WHERE type = 'table'"), tables);
    let (folder, path) = folder();
    for table in ["", "sqlite_x", "SQLite_", "a\0b"] {
        let database = Database { table: table.to_owned(), upsert: false };
        let settings = Settings { database, ..to(&path, Existing::Refuse) };
        let error = crate::sink::open(settings, &columns()).err().unwrap();
        assert!(error.is_usage() && error.to_string().starts_with("no table can be called"), "{error}");
    }
    assert!(names(&folder).is_empty());
}

#[test]
fn what_is_written_is_read_at_once_by_another_connection() {
    let (_folder, path) = folder();
    let mut writer = opened(&path, Existing::Refuse).unwrap();
    let reader = Connection::open(&path).unwrap();
    let count = |reader: &Connection| reader.query_row("SELECT count(*) FROM records", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(&reader), 0);
    run(&mut writer, &[with_title(1, "alone")]);
    assert_eq!(count(&reader), 1);
    // A reader that holds on to what it sees holds nobody up.
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count(&reader), 1);
    run(&mut writer, &[with_title(2, "next")]);
    assert_eq!(count(&reader), 1);
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&reader), 2);
    writer.finish(true).unwrap();
    assert_eq!(count(&reader), 2);
}

#[test]
fn a_batch_is_one_transaction_and_seen_when_it_is_written() {
    let (_folder, path) = folder();
    let mut output = database(&path, Existing::Refuse);
    let most = i64::try_from(ROWS).unwrap();
    for index in 1..=most {
        assert!(!output.is_full());
        output.add(&with_title(index.unsigned_abs(), "x"));
        assert_eq!(count(&path), 0);
    }
    assert!(output.is_full());
    assert_eq!(output.write().whole, ROWS);
    assert_eq!(count(&path), ROWS);
    assert!(!output.is_full() && !output.end());
    let half = with_title(1, &"x".repeat(BYTES / 2));
    output.add(&half);
    assert!(!output.is_full());
    output.add(&half);
    assert!(output.is_full(), "so that long ones do not take the memory of a thousand");
    assert_eq!(output.write().whole, 2);
    Box::new(output).finish(true).unwrap();
}

#[test]
fn a_finished_database_is_one_file_in_rollback_mode() {
    let (folder, path) = folder();
    let mut writer = opened(&path, Existing::Refuse).unwrap();
    run(&mut writer, &[full()]);
    assert_eq!(names(&folder), ["out.db", "out.db-lock", "out.db-shm", "out.db-wal"]);
    writer.finish(false).unwrap();
    assert_eq!(names(&folder), ["out.db"]);
    assert_eq!(texts(&path, "PRAGMA journal_mode"), ["delete"]);
    assert_eq!(texts(&path, "PRAGMA integrity_check"), ["ok"]);
    assert_eq!(count(&path), 1);
}

#[test]
fn what_was_synced_is_in_the_file_or_in_its_log() {
    let (_folder, path) = folder();
    let mut output = database(&path, Existing::Refuse);
    output.add(&full());
    assert!(output.write().outcome.is_ok());
    output.sync().unwrap();
    // SQLite's locks are still held: another connection that comes and goes does not take the log away.
    drop(Connection::open(&path).unwrap().query_row("SELECT 1 FROM records", [], |_| Ok(())));
    assert!(with_suffix(&path, "-wal").exists());
    fs::remove_file(with_suffix(&path, "-wal")).unwrap();
    output.sync().expect("without a log there is nothing to do");
}

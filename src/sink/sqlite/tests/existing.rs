use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use super::*;
use crate::sink::FormatEntry;
use crate::sink::samples::{failed, full, with_title};

const ALL: [Existing; 6] =
    [Existing::Refuse, Existing::Overwrite, Existing::Append, Existing::Resume, Existing::ResumeOverwrite, Existing::RetryFailed];

#[test]
fn a_new_file_is_made_whatever_existing_says() {
    for existing in ALL {
        let (folder, path) = folder();
        write(&path, existing, &[full(), failed()]).unwrap();
        assert_eq!(count(&path), 2, "{existing:?}");
        assert_eq!(names(&folder), ["out.db"], "{existing:?}");
    }
}

#[test]
fn an_existing_file_is_refused_and_the_ways_out_are_named() {
    let (folder, path) = folder();
    write(&path, Existing::Refuse, &[full()]).unwrap();
    let before = fs::read(&path).unwrap();
    let error = refusal(&path, Existing::Refuse);
    assert!(error.is_usage() && error.to_string().contains("--overwrite") && error.to_string().contains("--append"));
    assert_eq!((fs::read(&path).unwrap(), names(&folder)), (before, vec!["out.db".to_owned()]));
}

#[test]
fn appending_adds_rows_and_leaves_other_tables_alone() {
    let (folder, path) = folder();
    execute(&path, "CREATE TABLE other (x); INSERT INTO other VALUES (1); CREATE VIEW seen AS SELECT * FROM other");
    for runs in 1..=3 {
        write(&path, Existing::Append, &[full(), failed()]).unwrap();
        assert_eq!(count(&path), 2 * runs);
    }
    assert_eq!(texts(&path, "SELECT x FROM seen"), ["1"]);
    assert_eq!(names(&folder), ["out.db"]);
    assert_eq!(texts(&path, "PRAGMA journal_mode"), ["delete"]);
}

#[test]
fn a_database_that_others_keep_in_wal_mode_stays_there() {
    let (folder, path) = folder();
    execute(&path, "PRAGMA journal_mode=wal; CREATE TABLE other (x)");
    write(&path, Existing::Append, &[full()]).unwrap();
    assert_eq!(names(&folder), ["out.db"]);
    assert_eq!(texts(&path, "PRAGMA journal_mode"), ["wal"]);
}

#[test]
fn a_table_with_other_columns_is_refused_with_what_differs() {
    let records = "CREATE TABLE records (\"index\" INTEGER NOT NULL, url TEXT NOT NULL, final_url TEXT, status INTEGER, \
                   content_type TEXT, bytes INTEGER, attempts INTEGER NOT NULL, elapsed_ms INTEGER, fetched_at TEXT, error TEXT, \
                   error_message TEXT, title ANY, links ANY, price ANY, \"input.sku\" ANY, \"input.note\" ANY) STRICT";
    let with = |from: &str, to: &str| {
        assert!(records.contains(from), "{from}");
        records.replace(from, to)
    };
    for (sql, difference) in [
        ("CREATE TABLE records (x)".to_owned(), "it has a column \"x\", which this run has not"),
        (with("price ANY", "price ANY, more ANY"), "it has a column \"more\", which this run has not"),
        (with("price ANY,", ""), "it has no column \"price\""),
        (with("price ANY,", "price ANY, first_seen TEXT,"), "--upsert?"),
        (with("title ANY, links ANY", "links ANY, title ANY"), "it has the column \"links\" where this run has \"title\""),
        (with("status INTEGER", "status TEXT"), "its column \"status\" is TEXT, and this run's INTEGER"),
        (with("title ANY", "Title ANY"), "it has a column \"Title\""),
        (with(") STRICT", ")"), "it is not STRICT"),
        ("CREATE VIEW records AS SELECT 1".to_owned(), "that is no table but a view"),
        ("CREATE TABLE x (y); CREATE INDEX records ON x (y)".to_owned(), "that is no table but an index"),
    ] {
        let (folder, path) = folder();
        execute(&path, &sql);
        let before = fs::read(&path).unwrap();
        for existing in [Existing::Append, Existing::Resume, Existing::RetryFailed] {
            let error = refusal(&path, existing);
            assert!(error.is_usage() && error.to_string().contains(difference), "{difference}: {error}");
            assert!(error.to_string().contains("out.db") && error.to_string().contains("--table"), "{error}");
        }
        assert!(fs::read(&path).unwrap() == before && names(&folder) == ["out.db"], "{difference}");
        let database = Database { table: "mine".to_owned(), upsert: false };
        write_all(Settings { database, ..to(&path, Existing::Append) }, &columns(), &[full()]).unwrap();
    }
    let (_folder, path) = folder();
    execute(&path, records);
    write(&path, Existing::Append, &[full()]).expect("what is the same is ours");
}

#[test]
fn overwriting_swaps_the_database_in_whole_at_the_end() {
    let (folder, path) = folder();
    write(&path, Existing::Refuse, &[full()]).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let before = fs::read(&path).unwrap();
    let mut writer = opened(&path, Existing::Overwrite).unwrap();
    let partial = folder.path().join("out.db.partial");
    run(&mut writer, &[with_title(1, "new"), failed(), failed()]);
    for name in [partial.clone(), with_suffix(&partial, "-wal")] {
        assert_eq!(fs::metadata(&name).unwrap().permissions().mode() & 0o777, 0o640, "{}", name.display());
    }
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(writer.finish(true).unwrap(), Finished::default());
    assert_eq!((count(&path), names(&folder)), (3, vec!["out.db".to_owned()]));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn an_incomplete_run_leaves_the_old_database_and_names_its_own() {
    let (folder, path) = folder();
    write(&path, Existing::Refuse, &[full()]).unwrap();
    let partial = folder.path().join("out.db.partial");
    for records in [&[full(), failed()][..], &[failed()]] {
        let mut writer = opened(&path, Existing::Overwrite).unwrap();
        run(&mut writer, records);
        assert_eq!(writer.finish(false).unwrap().partial, std::slice::from_ref(&partial));
        assert_eq!((count(&path), count(&partial)), (1, records.len()), "also over an earlier one");
        assert_eq!(names(&folder), ["out.db", "out.db.partial"]);
    }
    let mut writer = opened(&path, Existing::ResumeOverwrite).unwrap();
    assert_eq!(writer.take_earlier().len(), 1);
    run(&mut writer, &[full()]);
    writer.finish(true).unwrap();
    assert_eq!((count(&path), names(&folder)), (2, vec!["out.db".to_owned()]));
}

#[test]
fn the_log_of_the_old_database_is_not_applied_to_the_new_one() {
    for is_killed in [true, false] {
        let (folder, path) = folder();
        // As a run that was killed leaves it: its rows are in the log alone.
        let other = folder.path().join("other.db");
        let old = Connection::open(&other).unwrap();
        old.execute_batch("PRAGMA journal_mode=wal; CREATE TABLE t (x); INSERT INTO t VALUES ('old')").unwrap();
        for suffix in ["", "-wal"] {
            fs::copy(with_suffix(&other, suffix), with_suffix(&path, suffix)).unwrap();
        }
        let mut writer = opened(&path, Existing::Overwrite).unwrap();
        run(&mut writer, &[full()]);
        writer.finish(!is_killed).unwrap();
        if is_killed {
            assert_eq!(texts(&path, "SELECT x FROM t"), ["old"], "nothing of it is lost before the swap");
        } else {
            assert_eq!(count(&path), 1);
            assert_eq!(texts(&path, "PRAGMA integrity_check"), ["ok"]);
        }
    }
}

#[test]
fn the_change_that_was_cut_short_in_the_old_database_is_taken_back_before_the_swap() {
    let (folder, path) = folder();
    let other = folder.path().join("other.db");
    let old = Connection::open(&other).unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT hex(zeroblob(500)) FROM n";
    old.execute_batch(&format!("CREATE TABLE t (x); INSERT INTO t {rows}; PRAGMA cache_size=2; BEGIN; UPDATE t SET x = 1"))
        .unwrap();
    for suffix in ["", "-journal"] {
        fs::copy(with_suffix(&other, suffix), with_suffix(&path, suffix)).unwrap();
    }
    let partial = folder.path().join("out.db.partial");
    write(&partial, Existing::Refuse, &[full()]).unwrap();
    // The swap stops short of its last step, where a kill might have come.
    fs::remove_file(&partial).unwrap();
    Swap::to(path.clone()).unwrap().carry_out(&partial).unwrap_err();
    assert!(!with_suffix(&path, "-journal").exists());
    assert_eq!(texts(&path, "SELECT count(*) FROM t WHERE x <> 1"), ["500"]);
    assert_eq!(texts(&path, "PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn a_file_that_somebody_has_put_there_meanwhile_is_not_replaced() {
    let (folder, path) = folder();
    for old in [true, false] {
        let _ = fs::remove_file(&path);
        if old {
            write(&path, Existing::Append, &[full()]).unwrap();
        }
        let mut writer = opened(&path, Existing::Overwrite).unwrap();
        run(&mut writer, &[full()]);
        let _ = fs::remove_file(&path);
        fs::write(&path, "precious").unwrap();
        let error = writer.finish(true).unwrap_err();
        assert!(error.to_string().contains("out.db.partial") && !error.is_usage(), "{error}");
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), count(&folder.path().join("out.db.partial"))), ("precious", 1));
    }
}

#[test]
fn a_database_that_is_given_up_before_the_run_is_there_as_it_was() {
    for existing in ALL {
        let (folder, path) = folder();
        let outputs = [path.clone(), folder.path().join("no/such/file.csv")].map(|path| Destination::File(path).into()).into();
        let error = crate::sink::open(Settings { outputs, existing, ..Settings::default() }, &columns()).err().unwrap();
        assert!(error.to_string().contains("file.csv"), "{error}");
        assert!(names(&folder).is_empty(), "{existing:?}");
    }
    let (folder, path) = folder();
    write(&path, Existing::Append, &[full()]).unwrap();
    let outputs = [path.clone(), folder.path().join("no/such/file.csv")].map(|path| Destination::File(path).into()).into();
    crate::sink::open(Settings { outputs, existing: Existing::Append, ..Settings::default() }, &columns()).err().unwrap();
    assert_eq!((count(&path), names(&folder)), (1, vec!["out.db".to_owned()]));
}

#[test]
fn what_is_no_lock_is_not_removed() {
    let (folder, path) = folder();
    fs::write(with_suffix(&path, "-lock"), "precious").unwrap();
    let error = refusal(&path, Existing::Refuse);
    assert!(error.to_string().contains("out.db-lock"), "{error}");
    assert_eq!(fs::read_to_string(with_suffix(&path, "-lock")).unwrap(), "precious");
    assert_eq!(names(&folder), ["out.db-lock"]);
}

#[test]
fn an_old_database_that_is_being_read_is_not_torn_from_its_log() {
    let (folder, path) = folder();
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("PRAGMA journal_mode=wal; CREATE TABLE t (x); INSERT INTO t VALUES ('old')").unwrap();
    let mut writer = opened(&path, Existing::Overwrite).unwrap();
    run(&mut writer, &[full()]);
    // An idle connection is no hindrance: it goes on with the file it has.
    writer.finish(true).unwrap();
    assert_eq!(reader.query_row("SELECT x FROM t", [], |row| row.get::<_, String>(0)).unwrap(), "old");
    drop(reader);
    assert_eq!(count(&path), 1);
    assert_eq!(names(&folder), ["out.db"]);
}

#[test]
fn overwriting_replaces_what_is_no_database_too() {
    let (folder, path) = folder();
    for suffix in ["", "-wal", "-journal"] {
        fs::write(with_suffix(&path, suffix), "precious").unwrap();
    }
    write(&path, Existing::Overwrite, &[full()]).unwrap();
    assert_eq!((count(&path), names(&folder)), (1, vec!["out.db".to_owned()]));
}

#[test]
fn the_file_behind_a_link_is_the_one_that_is_written() {
    let (folder, path) = folder();
    symlink("behind.db", &path).unwrap();
    for (existing, expected) in [(Existing::Append, 1), (Existing::Append, 2), (Existing::Overwrite, 1)] {
        write(&path, existing, &[full()]).unwrap();
        assert_eq!(count(&folder.path().join("behind.db")), expected);
        assert_eq!(names(&folder), ["behind.db", "out.db"]);
        assert!(path.is_symlink());
    }
}

#[test]
fn a_name_that_means_something_to_sqlite_is_a_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["file:x?mode=memory.db", ":memory:", "a%20b#c?d.db", " .db", "ü'\".db"] {
        let path = folder.path().join(name);
        let settings = into(Destination::File(path.clone()), FormatEntry::named("sqlite"));
        write_all(settings, &columns(), &[full()]).unwrap();
        assert!(path.is_file(), "{name}");
    }
    assert_eq!(names(&folder).len(), 5);
}

#[test]
fn a_second_run_on_the_same_database_is_stopped_and_leaves_nothing() {
    for (first, second) in ALL.into_iter().flat_map(|first| ALL.map(|second| (first, second))) {
        let (folder, path) = folder();
        let mut holder = opened(&path, first).unwrap();
        let before = names(&folder);
        let error = refusal(&path, second);
        let Error::Busy { path: named, holder: pid } = &error else {
            assert!(matches!(error, Error::Exists { .. }) && second == Existing::Refuse, "{first:?} {second:?}: {error}");
            continue;
        };
        assert_eq!(named, &path);
        assert!(pid.is_none_or(|pid| pid == std::process::id()) && !error.is_usage());
        assert_eq!(names(&folder), before);
        run(&mut holder, &[full()]);
        holder.finish(true).unwrap();
        assert_eq!(count(&path), 1);
    }
}

#[test]
fn a_lock_that_a_killed_run_has_left_is_none() {
    let (folder, path) = folder();
    fs::write(with_suffix(&path, "-lock"), "").unwrap();
    write(&path, Existing::Refuse, &[full()]).unwrap();
    assert_eq!(names(&folder), ["out.db"]);
}

#[test]
fn a_run_that_writes_bytes_to_the_file_keeps_a_database_away() {
    let (_folder, path) = folder();
    let bytes = |existing| Settings { existing, ..into(Destination::File(path.clone()), FormatEntry::named("jsonl")) };
    for existing in [Existing::Append, Existing::Overwrite] {
        let holder = crate::sink::open(bytes(existing), &columns()).unwrap();
        let error = refusal(&path, Existing::Overwrite);
        assert!(matches!(error, Error::Busy { .. }), "{error}");
        holder.finish(true).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn what_cannot_be_a_database_is_said_before_any_record() {
    let (folder, path) = folder();
    let socket = folder.path().join("socket.db");
    let _listener = UnixListener::bind(&socket).unwrap();
    for existing in ALL {
        for place in ["/dev/null", "/dev/stdout", "/dev/full", socket.to_str().unwrap()] {
            let settings = Settings { existing, ..into(Destination::File(place.into()), FormatEntry::named("sqlite")) };
            let error = crate::sink::open(settings, &columns()).err().unwrap();
            assert!(error.is_usage() && error.to_string().contains(place), "{error}");
        }
        let error = refusal(&folder.path().join("no/such/out.db"), existing);
        assert!(matches!(&error, Error::NoDirectory { .. }), "{error}");
        assert_eq!(error.to_string().matches("out.db ").count() + error.to_string().matches("out.db:").count(), 1, "{error}");
        let directory = folder.path().join("results.db");
        fs::create_dir_all(&directory).unwrap();
        let error = refusal(&directory, existing);
        assert!(!error.is_usage() && error.to_string().contains("results.db"), "{error}");
    }
    for place in [Destination::Stdout, Destination::Writer(Box::new(Vec::new()))] {
        let error = crate::sink::open(into(place, FormatEntry::named("db")), &columns()).err().unwrap();
        assert!(error.is_usage() && error.to_string().contains("-o out.db"), "{error}");
    }
    assert!(!path.exists());
}

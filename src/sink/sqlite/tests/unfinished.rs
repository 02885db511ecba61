use std::time::{Duration, SystemTime};

use super::*;
use crate::model::{ErrorKind, Timestamp};
use crate::sink::samples::with_title;

/// A record of an earlier day.
fn old(url: &str) -> Record {
    let fetched_at = Some(Timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(1)));
    Record { url: url.to_owned(), fetched_at, ..with_title(1, "old") }
}

/// A record that is seen when it is written.
fn new(url: &str) -> Record {
    Record { fetched_at: None, ..old(url) }
}

fn missing(record: Record) -> Record {
    Record { error: Some(ErrorKind::HttpStatus), ..record }
}

fn upserted(path: &Path, existing: Existing) -> Writer {
    crate::sink::open(Settings { existing, ..upserting(path) }, &columns()).unwrap()
}

/// A run that is killed after these records. Answers how many targets were finished before it.
fn killed(path: &Path, existing: Existing, records: &[Record]) -> usize {
    let mut writer = upserted(path, existing);
    run(&mut writer, records);
    writer.take_earlier().len()
}

/// A database with a row of an earlier day for each of three URLs.
fn yesterday() -> (TempDir, PathBuf) {
    let (folder, path) = folder();
    write_all(upserting(&path), &columns(), &[old("a"), old("b"), missing(old("c"))]).unwrap();
    (folder, path)
}

fn tables(path: &Path) -> Vec<String> {
    texts(path, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
}

#[test]
fn what_an_earlier_run_has_seen_is_not_finished_however_often_this_one_is_killed() {
    for existing in [Existing::Refuse, Existing::Append, Existing::Resume] {
        let (_folder, path) = yesterday();
        assert_eq!(killed(&path, existing, &[new("a")]), 0);
        assert_eq!(tables(&path), ["records", "records_unfinished"]);
        let began = texts(&path, "SELECT began FROM records_unfinished");
        assert_eq!(killed(&path, Existing::Resume, &[missing(new("c"))]), 1, "{existing:?}");
        let mut writer = upserted(&path, Existing::Resume);
        assert_eq!(writer.take_earlier().len(), 2, "a failure is finished too");
        assert_eq!(texts(&path, "SELECT began FROM records_unfinished"), began, "it is still that run");
        run(&mut writer, &[new("b")]);
        writer.finish(false).unwrap();
        assert_eq!(killed(&path, Existing::Resume, &[]), 3);
        upserted(&path, Existing::Resume).finish(true).unwrap();
        assert_eq!(tables(&path), ["records"]);
        assert_eq!(texts(&path, "PRAGMA journal_mode"), ["delete"], "the table that is gone made it nobody else's");
        assert_eq!(killed(&path, Existing::Resume, &[]), 0, "the next one is a new run");
    }
}

#[test]
fn a_run_that_does_not_go_on_begins_anew() {
    let (_folder, path) = yesterday();
    killed(&path, Existing::Refuse, &[old("a")]);
    execute(&path, "UPDATE records_unfinished SET began = '1970-01-01T00:00:00.999Z'");
    assert_eq!(killed(&path, Existing::Resume, &[]), 3);
    killed(&path, Existing::Refuse, &[new("c")]);
    assert_eq!(killed(&path, Existing::Resume, &[]), 1);
    assert_eq!(texts(&path, "SELECT count(*) FROM records_unfinished"), ["1"]);
}

#[test]
fn what_was_seen_by_a_clock_that_ran_ahead_is_not_finished() {
    let (_folder, path) = yesterday();
    execute(&path, "UPDATE records SET last_seen = '9998-01-01T00:00:00.000Z'");
    for existing in [Existing::Refuse, Existing::Resume] {
        assert_eq!(killed(&path, existing, &[]), 0);
    }
    assert_eq!(killed(&path, Existing::Resume, &[new("a")]), 0);
    assert_eq!(killed(&path, Existing::Resume, &[]), 1);
}

#[test]
fn a_run_that_is_opened_and_never_begins_leaves_all_as_it_was() {
    let (_folder, path) = yesterday();
    for existing in [Existing::Refuse, Existing::Resume] {
        drop(upserted(&path, existing));
        assert_eq!(tables(&path), ["records"]);
    }
    killed(&path, Existing::Refuse, &[new("a")]);
    let began = texts(&path, "SELECT began FROM records_unfinished");
    drop(upserted(&path, Existing::Refuse));
    assert_eq!(texts(&path, "SELECT began FROM records_unfinished"), began);
}

#[test]
fn failures_are_tried_again_of_the_unfinished_run_or_else_of_the_last_one() {
    let (_folder, path) = yesterday();
    assert_eq!(killed(&path, Existing::RetryFailed, &[missing(new("c"))]), 2);
    assert_eq!(tables(&path), ["records"], "the last run was complete");
    killed(&path, Existing::Refuse, &[new("a"), missing(new("b"))]);
    assert_eq!(killed(&path, Existing::RetryFailed, &[new("b")]), 1);
    assert_eq!(killed(&path, Existing::RetryFailed, &[]), 2);
}

#[test]
fn a_new_database_takes_the_old_ones_place_without_it() {
    let (folder, path) = yesterday();
    let partial = folder.path().join("out.db.partial");
    killed(&path, Existing::Overwrite, &[old("a"), old("b")]);
    assert_eq!(tables(&partial), ["records"]);
    let mut writer = upserted(&path, Existing::ResumeOverwrite);
    assert_eq!(writer.take_earlier().len(), 2, "every row there is of this run");
    run(&mut writer, &[new("c")]);
    writer.finish(true).unwrap();
    assert_eq!((count(&path), tables(&path)), (3, vec!["records".to_owned()]));
}

#[test]
fn each_table_has_its_own_and_what_another_program_has_under_its_name_is_left_alone() {
    let (_folder, path) = yesterday();
    killed(&path, Existing::Refuse, &[new("a")]);
    let database = Database { table: "it's \"mine\"".to_owned(), upsert: true };
    let mine = Settings { database, ..upserting(&path) };
    write_all(mine, &columns(), &[new("x")]).unwrap();
    assert_eq!(tables(&path), ["it's \"mine\"", "records", "records_unfinished"]);
    assert_eq!(killed(&path, Existing::Resume, &[]), 1);
    for other in ["CREATE TABLE Records_Unfinished (began)", "CREATE VIEW records_unfinished AS SELECT 1 AS began"] {
        let (folder, path) = yesterday();
        execute(&path, other);
        let before = fs::read(&path).unwrap();
        let error = crate::sink::open(upserting(&path), &columns()).err().expect("it is refused");
        assert!(error.is_usage() && error.to_string().contains("\"records_unfinished\""), "{error}");
        assert!(error.to_string().contains("--table"), "{error}");
        assert!(fs::read(&path).unwrap() == before && names(&folder) == ["out.db"]);
    }
    let (_folder, path) = folder();
    execute(&path, "CREATE TABLE records_unfinished (began TEXT NOT NULL)");
    write(&path, Existing::Append, &[new("a")]).expect("without one row a URL it is anybody's");
    assert_eq!(tables(&path), ["records", "records_unfinished"]);
}

use std::time::{Duration, SystemTime};

use super::*;
use crate::model::Timestamp;
use crate::sink::samples::{failed, full, with_title};

/// A record that ended so many seconds after 1970.
fn at(seconds: u64, index: u64, url: &str, title: &str) -> Record {
    let fetched_at = Some(Timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)));
    Record { url: url.to_owned(), fetched_at, ..with_title(index, title) }
}

#[test]
fn a_url_has_one_row_with_when_it_was_first_and_last_seen_over_all_runs() {
    let (folder, path) = folder();
    let runs = [
        vec![at(1, 1, "http://a/", "one"), at(2, 2, "http://b/", "two"), at(3, 3, "http://a/", "three")],
        vec![at(4, 1, "http://b/", "four"), at(5, 2, "http://c/", "five")],
    ];
    for records in &runs {
        write_all(upserting(&path), &columns(), records).unwrap();
    }
    let found = rows(&path, "SELECT url, title, \"index\", first_seen, last_seen FROM records ORDER BY url");
    let row = |url: &str, title: &str, index, first: u8, last: u8| {
        let time = |second| Value::Text(format!("1970-01-01T00:00:0{second}.000Z"));
        vec![Value::Text(url.to_owned()), Value::Text(title.to_owned()), Value::Integer(index), time(first), time(last)]
    };
    let expected = [row("http://a/", "three", 3, 1, 3), row("http://b/", "four", 1, 2, 4), row("http://c/", "five", 2, 5, 5)];
    assert_eq!(found, expected);
    assert_eq!(names(&folder), ["out.db"]);
}

#[test]
fn what_was_never_fetched_is_seen_when_it_is_written() {
    let (_folder, path) = folder();
    let before = Timestamp(SystemTime::now()).to_string();
    write_all(upserting(&path), &columns(), &[failed()]).unwrap();
    let after = Timestamp(SystemTime::now()).to_string();
    let seen = texts(&path, "SELECT first_seen FROM records").remove(0);
    assert!(before <= seen && seen <= after, "{before} {seen} {after}");
    assert_eq!(texts(&path, "SELECT last_seen FROM records"), [seen]);
}

#[test]
fn a_failure_replaces_a_success_and_the_other_way_round() {
    let (_folder, path) = folder();
    let gone = Record { url: full().url, ..failed() };
    for (record, error) in [(full(), "none"), (gone, "invalid_url"), (full(), "none")] {
        write_all(upserting(&path), &columns(), &[record]).unwrap();
        assert_eq!(texts(&path, "SELECT coalesce(error, 'none') FROM records"), [error]);
    }
}

#[test]
fn tables_with_and_without_one_row_a_url_are_not_mixed() {
    let (_folder, path) = folder();
    write(&path, Existing::Refuse, &[full()]).unwrap();
    let error = write_all(upserting(&path), &columns(), &[full()]).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("it was not written with --upsert"), "{error}");
    fs::remove_file(&path).unwrap();
    write_all(upserting(&path), &columns(), &[full()]).unwrap();
    let error = write(&path, Existing::Append, &[full()]).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("was it written with --upsert?"), "{error}");
    execute(&path, "ALTER TABLE records RENAME TO old; CREATE TABLE records AS SELECT * FROM old");
    let error = write_all(upserting(&path), &columns(), &[full()]).unwrap_err();
    assert!(error.is_usage(), "{error}");
}

#[test]
fn first_seen_and_last_seen_are_no_names_for_fields_then() {
    let (_folder, path) = folder();
    let columns = Columns { data: vec!["Last_Seen".into()], ..Columns::default() };
    let error = crate::sink::open(upserting(&path), &columns).err().unwrap();
    assert!(error.is_usage() && error.to_string().contains("Last_Seen"), "{error}");
    crate::sink::open(to(&path, Existing::Refuse), &columns).unwrap().finish(true).unwrap();
}

#[test]
fn overwriting_begins_anew() {
    let (_folder, path) = folder();
    write_all(upserting(&path), &columns(), &[at(1, 1, "http://a/", "one")]).unwrap();
    let settings = Settings { existing: Existing::Overwrite, ..upserting(&path) };
    write_all(settings, &columns(), &[at(2, 1, "http://a/", "two")]).unwrap();
    assert_eq!(texts(&path, "SELECT first_seen FROM records"), ["1970-01-01T00:00:02.000Z"]);
}

#[test]
fn the_failed_ones_are_tried_again_and_nothing_else_goes() {
    let (_folder, path) = folder();
    let old = Record { url: "http://old/".to_owned(), ..failed() };
    write_all(upserting(&path), &columns(), &[full(), failed(), old]).unwrap();
    let mut writer = crate::sink::open(Settings { existing: Existing::RetryFailed, ..upserting(&path) }, &columns()).unwrap();
    assert_eq!(writer.take_earlier().len(), 1);
    run(&mut writer, &[Record { url: failed().url, ..with_title(2, "now") }]);
    writer.finish(true).unwrap();
    assert_eq!(texts(&path, "SELECT coalesce(error, 'none') FROM records ORDER BY url DESC"), ["none", "none", "invalid_url"]);
}

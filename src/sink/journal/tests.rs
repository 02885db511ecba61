//! Files that are gone on with, whole, cut and damaged.

use std::fs::{read, read_to_string, write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::model::{Columns, Data, Earlier, ErrorKind, Record};
use crate::sink::samples::{byte_formats, columns, full, sent, written};
use crate::sink::{Destination, Error, Existing, FORMATS, FormatEntry, Settings, To, Writer, open};

mod damage;
mod outputs;
mod refused;
mod tries;

/// A record with text that every format must quote: commas, quotes, lines, what looks like a record.
fn record(index: u64) -> Record {
    let title = match index % 5 {
        0 => "plain".to_owned(),
        1 => format!("lines\nof \"text\", and\r\n{index},http://x.example/,,,,,,,,,,,,,,\n"),
        2 => String::new(),
        3 => "{\"index\":1,\"url\":\"http://x.example/\"}".to_owned(),
        _ => "naïve 日本 \u{1f9d1}\u{200d}\u{1f680}, long ".repeat(9),
    };
    let failed = index % 7 == 3;
    let data = [("title", json!(title)), ("links", json!(["/a,b", title])), ("price", Value::Null)];
    Record {
        index,
        // Every third page is the same one.
        url: format!("http://a.example/\"{}\",x", if index.is_multiple_of(3) { 0 } else { index }),
        error: failed.then_some(ErrorKind::Timeout),
        error_message: failed.then(|| "late,\n\"very\" late".to_owned()),
        data: Data(if failed { vec![] } else { data.map(|(name, value)| (name.into(), value)).to_vec() }),
        ..full()
    }
}

fn records(count: u64) -> Vec<Record> {
    (1..=count).map(record).collect()
}

/// A folder, in memory where the system has such a place: every end of a file waits for its disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The file of a format, in a folder of its own.
fn file_of(format: &FormatEntry) -> (TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join(format!("out.{}", format.name));
    (folder, path)
}

fn settings(paths: &[&Path], existing: Existing) -> Settings {
    let outputs = paths.iter().map(|path| To::from(Destination::File(path.to_path_buf()))).collect();
    Settings { outputs, existing, ..Settings::default() }
}

fn opened(paths: &[&Path], existing: Existing) -> Result<Writer, Error> {
    open(settings(paths, existing), &columns())
}

/// Goes on as a run would: with the records that are not finished. Answers how many that were.
fn go_on(writer: Result<Writer, Error>, records: &[Record], complete: bool) -> Result<usize, Error> {
    let mut writer = writer?;
    let earlier = writer.take_earlier();
    let left = left(&earlier, records);
    writer.run(&mut sent(&left), &mut |_| ())?;
    writer.finish(complete)?;
    Ok(left.len())
}

/// The records of a list that no finished one stands for: not by index and URL, and not by URL among those that are left.
fn left(earlier: &Earlier, records: &[Record]) -> Vec<Record> {
    let mut finished = earlier.entries().to_vec();
    let mut take = |wanted: &dyn Fn(u128) -> bool| {
        finished.iter().position(|entry| wanted(*entry)).map(|at| finished.swap_remove(at)).is_some()
    };
    let mut left: Vec<_> = records.to_vec();
    left.retain(|record| !take(&|entry| entry == earlier.entry(record.index, &record.url)));
    let url = |entry: u128, url: &str| (0..100).any(|index| entry == earlier.entry(index, url));
    left.retain(|record| !take(&|entry| url(entry, &record.url)));
    left
}

/// What a file holds, as another program reads it: index, URL and error.
fn read_back(format: &str, path: &Path) -> Vec<(u64, String, String)> {
    let text = read_to_string(path).unwrap();
    let of = |value: &Value| {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        (value["index"].as_u64().unwrap(), text("url"), text("error"))
    };
    match format {
        "jsonl" => text.lines().map(|line| of(&serde_json::from_str(line).expect(line))).collect(),
        "json" => serde_json::from_str::<Vec<Value>>(&text).expect(&text).iter().map(of).collect(),
        _ => {
            let delimiter = if format == "tsv" { b'\t' } else { b',' };
            let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
            let header = reader.headers().unwrap().clone();
            let at = |name: &str| header.iter().position(|own| own == name).unwrap();
            let row = |row: csv::StringRecord| {
                (row[at("index")].parse().unwrap(), row[at("url")].to_owned(), row[at("error")].to_owned())
            };
            reader.records().map(|found| row(found.unwrap())).collect()
        }
    }
}

/// What should be read back.
fn expected(records: &[Record]) -> Vec<(u64, String, String)> {
    let kind = |record: &Record| record.error.map_or("", ErrorKind::name).to_owned();
    records.iter().map(|record| (record.index, record.url.clone(), kind(record))).collect()
}

#[test]
fn a_file_that_is_not_there_is_begun_and_a_whole_one_stays_as_it_is() {
    for format in byte_formats() {
        for count in [0, 1, 9] {
            let (folder, path) = file_of(format);
            let records = records(count);
            for round in 0..3 {
                let fetched = go_on(opened(&[&path], Existing::Resume), &records, true).unwrap();
                assert_eq!(fetched, if round == 0 { records.len() } else { 0 }, "{}", format.name);
                assert_eq!(read_to_string(&path).unwrap(), written(format.name, &records), "{}", format.name);
            }
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        }
    }
}

#[test]
fn wherever_a_file_was_cut_going_on_makes_it_what_it_would_have_been() {
    let records = records(4);
    for format in byte_formats() {
        let whole = written(format.name, &records);
        let (_folder, path) = file_of(format);
        for cut in 0..whole.len() {
            write(&path, &whole.as_bytes()[..cut]).unwrap();
            let before = go_on(opened(&[&path], Existing::Resume), &records, true);
            assert!(before.is_ok(), "{} {cut}: {}", format.name, before.unwrap_err());
            assert_eq!(read_to_string(&path).unwrap(), whole, "{} cut at {cut}", format.name);
        }
    }
}

#[test]
fn what_is_gone_on_with_twice_is_as_if_once() {
    let records = records(12);
    for format in byte_formats() {
        let whole = written(format.name, &records);
        let (_folder, path) = file_of(format);
        for (first, second) in [(300, 900), (whole.len() / 2, 20), (whole.len() - 1, 700)] {
            write(&path, &whole.as_bytes()[..first]).unwrap();
            // Stopped twice: once after some records, and once within one.
            go_on(opened(&[&path], Existing::Resume), &records[..8], false).unwrap();
            let now = read(&path).unwrap();
            write(&path, &now[..now.len() - second.min(now.len() / 3)]).unwrap();
            go_on(opened(&[&path], Existing::Resume), &records, true).unwrap();
            assert_eq!(read_back(format.name, &path).len(), records.len());
            assert_eq!(read_to_string(&path).unwrap(), whole, "{}", format.name);
        }
    }
}

#[test]
fn an_array_may_have_been_laid_out_by_another_program() {
    let records = records(5);
    let array: Vec<Value> = serde_json::from_str(&written("json", &records[..4])).unwrap();
    let sorted = |value: &Value| {
        let mut members: Vec<_> = value.as_object().unwrap().iter().collect();
        members.sort_by_key(|(name, _)| *name);
        members.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>()
    };
    let by_name: Vec<_> = array.iter().map(sorted).collect();
    let (pretty, compact) = (serde_json::to_string_pretty(&array).unwrap(), serde_json::to_string(&array).unwrap());
    for text in [pretty.clone(), compact, serde_json::to_string_pretty(&by_name).unwrap(), pretty[..pretty.len() - 40].to_owned()]
    {
        for lead in ["", "\u{feff}", " \n"] {
            let (_folder, path) = file_of(&FORMATS[1]);
            write(&path, format!("{lead}{text}")).unwrap();
            go_on(opened(&[&path], Existing::Resume), &records, true).unwrap();
            let text = read_to_string(&path).unwrap();
            let text = text.trim_start_matches('\u{feff}');
            write(&path, text).unwrap();
            assert_eq!(read_back("json", &path), expected(&records), "{text}");
        }
    }
}

#[test]
fn rows_go_on_in_the_order_of_the_columns_that_the_file_has() {
    let records = records(6);
    for (format, delimiter) in [("csv", b','), ("tsv", b'\t')] {
        let whole = written(format, &records[..3]);
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(whole.as_bytes());
        // Its columns from the last to the first, and lines as a spreadsheet ends them.
        let mut turned = csv::WriterBuilder::new().delimiter(delimiter).terminator(csv::Terminator::CRLF).from_writer(vec![]);
        for row in reader.byte_records().map(Result::unwrap) {
            turned.write_record((0..row.len()).rev().map(|at| &row[at])).unwrap();
        }
        let turned = turned.into_inner().unwrap();
        let (_folder, path) = file_of(FormatEntry::named(format).unwrap());
        for existing in [Existing::Resume, Existing::RetryFailed] {
            write(&path, [b"\xef\xbb\xbf".as_slice(), &turned].concat()).unwrap();
            go_on(opened(&[&path], existing), &records, true).unwrap();
            let text = read_to_string(&path).unwrap();
            assert!(text.starts_with("\u{feff}input.note") && text.matches("error_message").count() == 1, "{text}");
            write(&path, text.trim_start_matches('\u{feff}')).unwrap();
            let mut found = read_back(format, &path);
            found.sort();
            assert_eq!(found, expected(&records), "{format} {existing:?}");
        }
    }
}

#[test]
fn a_cell_made_safe_for_a_spreadsheet_is_read_as_what_it_was() {
    let mut records = records(3);
    for (record, url) in records.iter_mut().zip(["=1+1", "'=1", "a\0b"]) {
        url.clone_into(&mut record.url);
    }
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        let open = || open(Settings { csv_safe: true, ..settings(&[&path], Existing::Resume) }, &columns());
        assert_eq!(go_on(open(), &records, true).unwrap(), 3);
        // No table can hold a NUL, so that it is another character to all.
        let mut writer = open().unwrap();
        let earlier = writer.take_earlier();
        let known = ["=1+1", "'=1", "a\u{fffd}b"].iter().zip(1..).map(|(url, index)| earlier.entry(index, url));
        assert_eq!(known.collect::<Vec<_>>(), earlier.entries(), "{}", format.name);
    }
}

#[test]
fn a_file_behind_a_link_is_gone_on_with_and_the_link_stays() {
    let records = records(4);
    for existing in [Existing::Resume, Existing::RetryFailed, Existing::ResumeOverwrite] {
        for damaged in [false, true] {
            let (folder, link) = file_of(&FORMATS[0]);
            let behind = folder.path().join("behind.jsonl");
            std::os::unix::fs::symlink("behind.jsonl", &link).unwrap();
            let mut text = written("jsonl", &records[..3]);
            if damaged {
                text = text.replacen("\"attempts\"", "\"attempts", 1);
            }
            write(&behind, text).unwrap();
            go_on(opened(&[&link], existing), &records, true).unwrap();
            assert!(link.is_symlink() && !behind.is_symlink());
            let mut found = read_back("jsonl", &behind);
            found.sort();
            assert_eq!(found, expected(&records), "{existing:?} {damaged}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }
}

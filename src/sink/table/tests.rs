use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::Data;
use crate::sink::samples::{appended, columns, failed, full, into, with_title, write_all, written, written_with};
use crate::sink::{Destination, FormatEntry, Settings};

fn csv_of(mut settings: Settings, columns: &Columns, records: &[Record]) -> String {
    settings.outputs[0].format = FormatEntry::named("csv");
    written_with(settings, columns, records)
}

fn rows(delimiter: u8, text: &str) -> Vec<Vec<String>> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn a_row_has_the_own_columns_then_the_fields_then_the_input() {
    assert_eq!(
        written("csv", &[full(), failed()]),
        "index,url,final_url,status,content_type,bytes,attempts,elapsed_ms,fetched_at,error,error_message,\
         title,links,price,input.sku,input.note\n\
         1,https://a.example/,https://a.example/home,200,text/html; charset=utf-8,1234,2,56,2026-11-20T10:30:00.007Z,,,\
         \"Hello, \"\"you\"\"\",\"[\"\"/a\"\",\"\"/b\"\"]\",,A-1,x\n\
         2,nonsense,,,,,0,,,invalid_url,urls.txt:2: not a URL,,,,,\n"
    );
}

#[test]
fn tsv_is_the_same_with_tabs() {
    let (commas, tabs) = (written("csv", &[full(), failed()]), written("tsv", &[full(), failed()]));
    assert!(tabs.starts_with("index\turl\tfinal_url\t"));
    assert_eq!(rows(b',', &commas), rows(b'\t', &tabs));
}

#[test]
fn the_own_columns_are_the_keys_of_a_record() {
    let record = serde_json::to_value(failed()).unwrap();
    let keys: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).filter(|key| *key != "data").collect();
    assert_eq!(keys, OWN);
}

#[test]
fn the_header_is_there_without_a_row() {
    assert_eq!(csv_of(Settings::default(), &Columns::default(), &[]), OWN.join(",") + "\n");
}

#[test]
fn free_input_is_one_column_of_json() {
    let columns = Columns { data: vec![], input: vec![], free_input: true };
    let table = rows(b',', &csv_of(Settings::default(), &columns, &[full(), failed()]));
    assert_eq!(table[0].last().unwrap(), "input");
    assert_eq!(table[1].last().unwrap(), r#"{"sku":"A-1","note":"x"}"#);
    assert_eq!(table[2].last().unwrap(), "");
}

#[test]
fn values_that_are_no_text_are_json() {
    let mut record = full();
    record.data = Data(vec![("price".into(), json!(-1.5)), ("links".into(), json!(["ü\u{9b}"])), ("title".into(), json!(true))]);
    let settings = Settings { csv_safe: true, ..Settings::default() };
    let table = rows(b',', &csv_of(settings, &columns(), &[record]));
    assert_eq!(table[1][11..14], ["true", "[\"ü\\u009b\"]", "-1.5"]);
}

#[test]
fn formulas_are_text_only_when_asked_for() {
    for (text, safe) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("'=1", "''=1"),
        ("'a", "'a"),
        ("a=1", "a=1"),
        ("", ""),
    ] {
        let cell = |csv_safe| {
            let settings = Settings { csv_safe, ..Settings::default() };
            rows(b',', &csv_of(settings, &columns(), &[with_title(1, text)]))[1][11].clone()
        };
        assert_eq!((cell(false).as_str(), cell(true).as_str()), (text, safe));
    }
}

#[test]
fn a_file_keeps_control_characters_but_no_nul() {
    let table = rows(b',', &written("csv", &[with_title(1, "a\0\u{1b}[m\u{202e}")]));
    assert_eq!(table[1][11], "a\u{fffd}\u{1b}[m\u{202e}");
}

#[test]
fn a_field_with_the_name_of_another_column_is_refused() {
    let with = |data: &[&str], input: &[&str], free_input| Columns {
        data: data.iter().map(|name| (*name).into()).collect(),
        input: input.iter().map(|name| (*name).into()).collect(),
        free_input,
    };
    for (columns, clash) in [
        (with(&["title", "url"], &[], false), "url"),
        (with(&["a", "a"], &[], false), "a"),
        (with(&["input.x"], &["x"], false), "input.x"),
        (with(&["input"], &[], true), "input"),
    ] {
        let settings = into(Destination::Stdout, FormatEntry::named("tsv"));
        let error = write_all(settings, &columns, &[]).unwrap_err();
        assert!(matches!(&error, Error::Clash { name } if name == clash) && error.is_usage(), "{error}");
    }
    assert!(csv_of(Settings::default(), &with(&["input"], &["url"], false), &[]).ends_with(",input,input.url\n"));
}

#[test]
fn other_columns_in_the_file_are_shown_and_refused() {
    for old in ["a,b\n1,2\n", "\n", "index\n", &written("tsv", &[])] {
        let error = appended("csv", old, &[full()]).unwrap_err();
        let shown = error.to_string();
        assert!(error.is_usage() && shown.contains(",title,links,price,input.sku,input.note"), "{shown}");
    }
    assert!(appended("csv", "a,b\n", &[full()]).unwrap_err().to_string().contains("columns are a,b and"));
}

#[test]
fn a_header_as_a_spreadsheet_saves_it_is_the_same_header() {
    let saved = format!("\u{feff}{}", written("csv", &[full()]).replace('\n', "\r\n"));
    let table = rows(b',', &appended("csv", &saved, &[failed()]).unwrap());
    assert_eq!((table.len(), table[2][0].as_str()), (3, "2"));
}

proptest! {
    #[test]
    fn any_text_reads_back_and_every_row_has_every_column(
        titles in proptest::collection::vec("(.|[\u{1}-\u{ff}]|[\",\t\r\n=])*", 0..5)
    ) {
        let records: Vec<_> = (1..).zip(&titles).map(|(index, title)| with_title(index, title)).collect();
        for (format, delimiter) in [("csv", b','), ("tsv", b'\t')] {
            let table = rows(delimiter, &written(format, &records));
            prop_assert_eq!(table.len(), titles.len() + 1);
            prop_assert!(table.iter().all(|row| row.len() == OWN.len() + 5));
            let read: Vec<_> = table[1..].iter().map(|row| row[11].replace('\u{fffd}', "\0")).collect();
            let meant: Vec<_> = titles.iter().map(|title| title.replace('\u{fffd}', "\0")).collect();
            prop_assert_eq!(read, meant);
        }
    }
}

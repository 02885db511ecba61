//! JSON lines: one object a line, in the record's key order.

use std::fs::File;
use std::path::Path;

use super::escape::write_json;
use super::journal::{Grammar, Kept, Lines};
use super::{Error, Format, tail};
use crate::model::{Columns, Record};

/// The JSONL format. A line says all: of the columns only what reads files back wants to know.
pub(super) struct JsonLines {
    pub(super) columns: Columns,
}

impl Format for JsonLines {
    fn begin(&mut self, _: &mut Vec<u8>) {}

    fn record(&mut self, record: &Record, out: &mut Vec<u8>) {
        write_json(record, out);
        out.push(b'\n');
    }

    fn raw(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(raw);
        out.push(b'\n');
    }

    fn end(&mut self, _: &mut Vec<u8>) {}

    fn reopen(&mut self, path: &Path, file: &mut File, out: &mut Vec<u8>) -> Result<u64, Error> {
        let head = tail::first(file).map_err(|cause| Error::open(path, cause))?;
        match head.trim_ascii_start().first() {
            // Empty lines are as good as none.
            None | Some(b'{') => tail::end_line(path, file, out),
            Some(_) => Err(Error::NoLines { path: path.to_owned() }),
        }
    }

    fn grammar(&self) -> Box<dyn Grammar> {
        Box::new(Lines::new(self.columns.clone()))
    }

    fn go_on(&mut self, kept: &Kept, out: &mut Vec<u8>) {
        if kept.last.is_some_and(|byte| byte != b'\n') {
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::sink::Error;
    use crate::sink::samples::{appended, failed, full, with_title, written};

    #[test]
    fn a_record_is_one_object_with_every_key_in_order() {
        assert_eq!(
            written("jsonl", &[full(), failed()]),
            concat!(
                r#"{"index":1,"url":"https://a.example/","final_url":"https://a.example/home","status":200,"#,
                r#""content_type":"text/html; charset=utf-8","bytes":1234,"attempts":2,"elapsed_ms":56,"#,
                r#""fetched_at":"2026-11-20T10:30:00.007Z","error":null,"error_message":null,"#,
                r#""data":{"title":"Hello, \"you\"","links":["/a","/b"],"price":null},"input":{"sku":"A-1","note":"x"}}"#,
                "\n",
                r#"{"index":2,"url":"nonsense","final_url":null,"status":null,"content_type":null,"bytes":null,"attempts":0,"#,
                r#""elapsed_ms":null,"fetched_at":null,"error":"invalid_url","error_message":"urls.txt:2: not a URL","data":{}}"#,
                "\n",
            )
        );
    }

    #[test]
    fn what_is_no_json_lines_is_left_alone() {
        for old in ["hello\n", "[\n{}\n]\n", "\"x\"\n", "index,url\n", "x{}\n"] {
            let error = appended("jsonl", old, &[full()]).unwrap_err();
            assert!(matches!(error, Error::NoLines { .. }) && error.is_usage(), "{old}: {error}");
        }
        for old in ["\n", "{}\n\n", "{\"other\": 1}\n"] {
            assert_eq!(appended("jsonl", old, &[full()]).unwrap(), old.to_owned() + &written("jsonl", &[full()]));
        }
    }

    proptest! {
        #[test]
        fn one_record_is_one_line_that_reads_back(title in "(.|[\u{0}-\u{ff}]|\n|\r|\u{2028})*") {
            let text = written("jsonl", &[with_title(1, &title)]);
            prop_assert_eq!(text.matches('\n').count(), 1);
            prop_assert_eq!(text.lines().count(), 1);
            let read: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read["data"]["title"], &json!(title));
        }
    }
}

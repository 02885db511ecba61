//! One JSON array of all records, one record a line, valid also when it is empty or ends early.

use std::fs::File;
use std::path::Path;

use super::escape::write_json;
use super::journal::{Array, Grammar, Kept};
use super::{Error, Format, tail};
use crate::model::{Columns, Record};

/// The JSON format.
pub(super) struct Json {
    columns: Columns,
    /// A record precedes the next one, so that a comma must.
    follows: bool,
}

impl Json {
    pub(super) fn new(columns: Columns) -> Self {
        Self { columns, follows: false }
    }

    fn separate(&mut self, out: &mut Vec<u8>) {
        if self.follows {
            out.extend_from_slice(b",\n");
        }
        self.follows = true;
    }
}

impl Format for Json {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"[\n");
    }

    // The comma goes before a record and not after one, so that the file can be closed after any record.
    fn record(&mut self, record: &Record, out: &mut Vec<u8>) {
        self.separate(out);
        write_json(record, out);
    }

    fn raw(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        self.separate(out);
        out.extend_from_slice(raw);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.follows { b"\n]\n" } else { b"]\n" });
    }

    fn reopen(&mut self, path: &Path, file: &mut File, out: &mut Vec<u8>) -> Result<u64, Error> {
        let read = |file: &mut File| Ok((tail::first(file)?, tail::last(file)?));
        let (head, (start, tail)) = read(file).map_err(|cause| Error::open(path, cause))?;
        let no_array = || Error::NoArray { path: path.to_owned() };
        let gap = head.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let elements = tail.trim_ascii_end().strip_suffix(b"]").ok_or_else(no_array)?.trim_ascii_end();
        let keep = start + elements.len() as u64;
        match elements.last() {
            _ if head.get(gap) != Some(&b'[') => return Err(no_array()),
            Some(b'[') if keep == gap as u64 + 1 => out.push(b'\n'),
            None | Some(b'[' | b',') => return Err(no_array()),
            Some(_) => self.follows = true,
        }
        // A record that was cut short may end with a bracket of its own, but not in a line of its own as our arrays do.
        let is_ours = head[gap..].starts_with(b"[\n{\"index\":") && tail.ends_with(b"}\n]\n");
        if is_ours || tail::is_json(file, 0).map_err(|cause| Error::open(path, cause))? { Ok(keep) } else { Err(no_array()) }
    }

    fn grammar(&self) -> Box<dyn Grammar> {
        Box::new(Array::new(self.columns.clone()))
    }

    fn go_on(&mut self, kept: &Kept, out: &mut Vec<u8>) {
        self.follows = kept.records > 0;
        if !self.follows {
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::sink::samples::{appended, failed, full, with_title, written};

    #[test]
    fn the_array_has_a_line_a_record() {
        let text = written("json", &[full(), failed()]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines[0], lines[3], lines.len()), ("[", "]", 4));
        assert!(lines[1].ends_with("},") && lines[2].ends_with("}}"), "{text}");
        assert_eq!(serde_json::from_str::<Vec<Value>>(&text).unwrap().len(), 2);
    }

    #[test]
    fn no_records_are_an_empty_array() {
        assert_eq!(written("json", &[]), "[\n]\n");
    }

    #[test]
    fn an_array_is_opened_again_and_goes_on() {
        let long = format!("[{}1]", "1,".repeat(9000));
        for old in ["[]", " [ ]\n", "[\n]\n", "[1]", "[{\"a\":[]}\n]\n \n", "[[]]", &long] {
            let count = serde_json::from_str::<Vec<Value>>(old).unwrap().len();
            let text = appended("json", old, &[with_title(1, "x"), with_title(2, "y")]).unwrap();
            let read: Vec<Value> = serde_json::from_str(&text).expect(&text);
            assert_eq!(read.len(), count + 2, "{old}");
        }
    }

    #[test]
    fn appending_nothing_leaves_the_array_valid() {
        for old in ["[]", "[1]", "[\n1\n]\n"] {
            let text = appended("json", old, &[]).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), serde_json::from_str::<Value>(old).unwrap());
        }
    }

    #[test]
    fn what_is_no_array_is_left_alone() {
        for old in [
            "{}",
            "[",
            "]",
            "[1",
            "[1,]",
            "x]",
            "{\"a\":1}\n{\"a\":[]}\n",
            "1",
            " \n",
            "x[]",
            "]]",
            "[[1]",
            "[\n{\"index\":1,\"data\":{\"a\":[1]",
        ] {
            let error = appended("json", old, &[with_title(1, "x")]).unwrap_err();
            assert!(matches!(error, Error::NoArray { .. }) && error.is_usage(), "{old}: {error}");
        }
    }
}

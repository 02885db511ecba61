//! JSON lines, read back. No line end stands within a record, so that after any damage the next line is a new beginning.

use memchr::memchr;

use super::objects::{self, Object};
use super::refusal::Refusal;
use super::scan::{Grammar, Head, Item};
use crate::model::Columns;

/// Reads JSONL.
pub(in crate::sink) struct Lines {
    columns: Columns,
    /// Nothing but blanks stands before this on its line.
    fresh: bool,
}

impl Lines {
    pub(in crate::sink) fn new(columns: Columns) -> Self {
        Self { columns, fresh: true }
    }
}

impl Grammar for Lines {
    fn head(&mut self, bytes: &[u8], ended: bool) -> Head {
        self.fresh = true;
        let Some(lead) = super::lead(bytes, ended) else { return Head::More };
        let (mark, first) = (bytes.len() - super::without_bom(bytes).len(), &bytes[lead..]);
        let line = memchr(b'\n', first).map(|end| &first[..end]);
        match first.first() {
            None => Head::Ours(mark),
            Some(0) if super::is_nothing(first) => Head::Ours(mark),
            Some(b'{') => match objects::begins(line.unwrap_or(first), ended && line.is_none(), &self.columns) {
                Some(true) => Head::Ours(mark),
                None if line.is_none() => Head::More,
                Some(false) | None => Head::Foreign(Refusal::other(bytes)),
            },
            Some(_) => Head::Foreign(Refusal::other(bytes)),
        }
    }

    fn item<'a>(&mut self, bytes: &'a [u8], ended: bool) -> Item<'a> {
        let blanks = bytes.len() - bytes.trim_ascii_start().len();
        if blanks > 0 {
            self.fresh |= bytes[..blanks].contains(&b'\n');
            return Item::Gap(blanks);
        }
        if bytes[0] != b'{' {
            return Item::Bad(self.skip(bytes, ended));
        }
        let end = memchr(b'\n', bytes);
        let line = match end {
            Some(end) => &bytes[..end],
            None if !ended => return Item::More,
            None => bytes,
        };
        match objects::read(line, &self.columns) {
            Object::Whole(length, entry) => {
                let ends = end.is_some() && line[length..].trim_ascii().is_empty();
                let apart = std::mem::replace(&mut self.fresh, ends);
                Item::Record { length: if ends { line.len() + 1 } else { length }, apart, entry }
            }
            Object::Foreign(refusal) => Item::Foreign(refusal),
            Object::More | Object::Bad => Item::Bad(self.skip(bytes, ended)),
        }
    }

    fn skip(&mut self, bytes: &[u8], ended: bool) -> usize {
        let line = memchr(b'\n', bytes).map(|end| &bytes[..=end]);
        self.fresh = line.is_some();
        match line {
            Some(line) => objects::skip(line, true),
            None => objects::skip(bytes, ended),
        }
    }

    fn around(&self, _: bool) -> (&'static [u8], &'static [u8]) {
        (b"", b"\n")
    }
}

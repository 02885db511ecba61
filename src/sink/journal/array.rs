//! A JSON array, read back: as it was written, closed or not, or as another program has laid it out since.

use super::objects::{self, Object};
use super::refusal::Refusal;
use super::scan::{Grammar, Head, Item};
use crate::model::Columns;

/// Reads JSON.
pub(in crate::sink) struct Array {
    columns: Columns,
    state: State,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// A record or the end: nothing was there yet.
    Begun,
    /// A comma or the end.
    After,
    /// A record.
    Comma,
    /// Nothing.
    Closed,
}

impl Array {
    pub(in crate::sink) fn new(columns: Columns) -> Self {
        Self { columns, state: State::Begun }
    }
}

impl Grammar for Array {
    fn head(&mut self, bytes: &[u8], ended: bool) -> Head {
        self.state = State::Begun;
        let Some(lead) = super::lead(bytes, ended) else { return Head::More };
        match bytes.get(lead) {
            Some(b'[') => {}
            _ if super::is_nothing(&bytes[lead..]) => return Head::Torn,
            _ => return Head::Foreign(Refusal::other(bytes)),
        }
        let first = bytes[lead + 1..].trim_ascii_start();
        match first.first() {
            None if !ended => Head::More,
            None | Some(b']' | 0) => Head::Ours(lead + 1),
            Some(b'{') => match objects::begins(first, ended, &self.columns) {
                Some(true) => Head::Ours(lead + 1),
                Some(false) => Head::Foreign(Refusal::Other(Some("a JSON array of something else"))),
                None => Head::More,
            },
            Some(_) => Head::Foreign(Refusal::Other(Some("a JSON array of something else"))),
        }
    }

    fn item<'a>(&mut self, bytes: &'a [u8], ended: bool) -> Item<'a> {
        let blanks = bytes.len() - bytes.trim_ascii_start().len();
        if blanks > 0 {
            return Item::Gap(blanks);
        }
        self.state = match (bytes[0], self.state) {
            (b',', State::After) => State::Comma,
            (b']', State::Begun | State::After) => State::Closed,
            (b'{', state) => match objects::read(bytes, &self.columns) {
                Object::Whole(length, entry) => {
                    self.state = State::After;
                    return Item::Record { length, apart: matches!(state, State::Begun | State::Comma), entry };
                }
                Object::Foreign(refusal) => return Item::Foreign(refusal),
                Object::More => return Item::More,
                Object::Bad => return Item::Bad(self.skip(bytes, ended)),
            },
            _ => return Item::Bad(self.skip(bytes, ended)),
        };
        Item::Gap(1)
    }

    fn skip(&mut self, bytes: &[u8], ended: bool) -> usize {
        objects::skip(bytes, ended)
    }

    fn is_torn(&self) -> bool {
        self.state == State::Comma
    }

    fn around(&self, first: bool) -> (&'static [u8], &'static [u8]) {
        (if first { b"\n" } else { b",\n" }, b"")
    }
}

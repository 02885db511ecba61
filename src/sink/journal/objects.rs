//! A record as JSON, which the two formats of JSON share.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use memchr::memmem;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::refusal::Refusal;
use super::scan::Entry;
use crate::model::Columns;

/// The first key of every record.
const FIRST: &[u8] = b"\"index\"";

/// What stands where a record should begin.
pub(super) enum Object<'a> {
    /// A record of so many bytes.
    Whole(usize, Entry<'a>),
    /// The beginning of an object, as far as the bytes go.
    More,
    /// No record.
    Bad,
    /// A record of another kind of run.
    Foreign(Refusal),
}

/// Reads the record that begins with the first byte.
pub(super) fn read<'a>(bytes: &'a [u8], columns: &Columns) -> Object<'a> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let seen = match (AsRecord { columns }).deserialize(&mut json) {
        Ok(seen) => seen,
        Err(error) if error.classify() == Category::Eof => return Object::More,
        Err(_) => return Object::Bad,
    };
    let length = json.into_iter::<IgnoredAny>().byte_offset();
    let raw = &bytes[..length];
    // What is skipped is not looked at: its text may be damaged too.
    if std::str::from_utf8(raw).is_err() {
        return Object::Bad;
    }
    if !seen.failed && !seen.has_fields {
        return Object::Foreign(Refusal::names("fields", &names(raw, "data"), &columns.data));
    }
    if seen.has_body != columns.bodies {
        let named = |has: bool| if has { vec!["body".to_owned()] } else { vec![] };
        return Object::Foreign(Refusal::names("keys", &named(seen.has_body), &named(columns.bodies)));
    }
    if !seen.has_input {
        // Of a table whose rows lack some, what is lacking is no difference.
        let surplus: Vec<_> =
            names(raw, "input").into_iter().filter(|name| columns.input.iter().all(|own| **own != **name)).collect();
        return Object::Foreign(Refusal::names("input columns", &surplus, &[""; 0]));
    }
    let url = if seen.url.contains('\0') { seen.url.replace('\0', "\u{fffd}").into() } else { seen.url };
    Object::Whole(length, Entry { index: seen.index, url, failed: seen.failed, raw })
}

/// The names within a member of a record.
fn names(record: &[u8], member: &str) -> Vec<String> {
    let record: Value = serde_json::from_slice(record).unwrap_or_default();
    record[member].as_object().map(|member| member.keys().cloned().collect()).unwrap_or_default()
}

/// Whether a record begins at a `{`, even one that is torn or damaged; `None` is not to be told yet.
pub(super) fn begins(bytes: &[u8], ended: bool, columns: &Columns) -> Option<bool> {
    match read(bytes, columns) {
        Object::Whole(..) | Object::Foreign(_) => Some(true),
        Object::More => match starts(bytes) {
            Some(ours) => Some(ours),
            None if ended => Some(true),
            None => None,
        },
        // Whole JSON that is no record is another program's.
        Object::Bad => {
            let value = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>().next();
            Some(starts(bytes) != Some(false) && !matches!(value, Some(Ok(_))))
        }
    }
}

/// Whether an object has the first key of ours; `None` where it ends, or turns to nothing, before that shows.
fn starts(object: &[u8]) -> Option<bool> {
    let key = object.get(1..)?.trim_ascii_start();
    let shown = key.len().min(FIRST.len());
    let shown = memchr::memchr(0, &key[..shown]).unwrap_or(shown);
    if key[..shown] != FIRST[..shown] {
        return Some(false);
    }
    (shown == FIRST.len()).then_some(true)
}

/// Where the next record may begin, after the first byte.
pub(super) fn skip(bytes: &[u8], ended: bool) -> usize {
    for at in memmem::find_iter(&bytes[1..], FIRST) {
        let before = bytes[..=at].trim_ascii_end();
        if before.len() > 1 && before.ends_with(b"{") {
            return before.len() - 1;
        }
    }
    // The end may be the beginning of one: `{`, blanks and a part of the key.
    let rest = memchr::memrchr(b'{', &bytes[1..]).map(|at| at + 1);
    match rest {
        Some(at) if !ended && FIRST.starts_with(bytes[at + 1..].trim_ascii_start()) => at,
        _ => bytes.len(),
    }
}

/// What is read of a record.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Seen<'a> {
    index: u64,
    url: Cow<'a, str>,
    failed: bool,
    /// It has the run's fields, and no other columns of an input than the run.
    has_fields: bool,
    has_input: bool,
    /// It says where its body was saved.
    has_body: bool,
}

/// The keys of a record; a later version may have more.
#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Index,
    Url,
    FinalUrl,
    Status,
    ContentType,
    Bytes,
    Attempts,
    ElapsedMs,
    FetchedAt,
    Error,
    ErrorMessage,
    Data,
    Input,
    Body,
    #[serde(other)]
    Other,
}

/// All that a record must have: those before `input`.
const ALL: u32 = (1 << Key::Input as u32) - 1;

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct AsRecord<'c> {
    columns: &'c Columns,
}

impl<'de> DeserializeSeed<'de> for AsRecord<'_> {
    type Value = Seen<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AsRecord<'_> {
    type Value = Seen<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen<'de>, A::Error> {
        let mut seen =
            Seen { index: 0, url: Cow::Borrowed(""), failed: false, has_fields: false, has_input: true, has_body: false };
        let mut keys = 0;
        while let Some(key) = map.next_key::<Key>()? {
            let bit = 1 << key as u32;
            if keys & bit != 0 && !matches!(key, Key::Other) {
                return Err(A::Error::custom("a key twice"));
            }
            keys |= bit;
            match key {
                Key::Index => seen.index = map.next_value()?,
                Key::Url => seen.url = map.next_value::<Text<'de>>()?.0,
                Key::Error => seen.failed = map.next_value::<Option<Text<'de>>>()?.is_some_and(|kind| !kind.0.is_empty()),
                Key::Data => seen.has_fields = map.next_value_seed(Names { ours: &self.columns.data, all: true })?,
                Key::Input if !self.columns.free_input => {
                    seen.has_input = map.next_value_seed(Names { ours: &self.columns.input, all: false })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        seen.has_body = keys & 1 << Key::Body as u32 != 0;
        if keys & ALL == ALL { Ok(seen) } else { Err(A::Error::custom("not every key")) }
    }
}

/// Whether an object's names are ours, in any order: `all` of them, or some.
struct Names<'c> {
    ours: &'c [Arc<str>],
    all: bool,
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let (mut count, mut known) = (0, true);
        while let Some(name) = map.next_key::<Text<'de>>()? {
            // In our own order, most often.
            let expected = self.ours.get(count).is_some_and(|own| **own == *name.0);
            known &= expected || self.ours.iter().any(|own| **own == *name.0);
            count += 1;
            map.next_value::<IgnoredAny>()?;
        }
        Ok(known && (!self.all || count == self.ours.len()))
    }
}

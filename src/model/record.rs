//! The record: what every target becomes, success or failure, and what every output format writes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::failure::ErrorKind;
use super::target::Input;

/// One row of the output. Its JSON keys are these fields, always all of them (but `body` and `input`), in this order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// 1-based ordinal of the target in the input.
    pub index: u64,
    /// The URL as the input gave it (a password in it is replaced by `***`).
    pub url: String,
    /// The URL that answered, after redirects.
    pub final_url: Option<String>,
    /// The last HTTP status received.
    pub status: Option<u16>,
    /// The `Content-Type`, as the server said it.
    pub content_type: Option<String>,
    /// Length of the decoded body.
    pub bytes: Option<u64>,
    /// Requests started for this target, redirects not counted.
    pub attempts: u32,
    /// The last attempt in milliseconds, from its start to its last byte; waiting for our own rate limits is not counted.
    pub elapsed_ms: Option<u64>,
    /// When the last attempt ended.
    pub fetched_at: Option<Timestamp>,
    /// The kind of failure.
    pub error: Option<ErrorKind>,
    /// One line for a person.
    pub error_message: Option<String>,
    /// Where the body was saved; the key is there only in runs that save bodies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Saved>,
    /// The extracted fields; empty on failure.
    pub data: Data,
    /// What else the input carried for this target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
}

/// The path of a saved body, the folder's name as it was given included; none of a target that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Saved(pub Option<String>);

/// The extracted fields in the order in which they were asked for. A value is `null`, a string or a list of strings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data(pub Vec<(Arc<str>, Value)>);

impl Data {
    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| &**field == name).map(|(_, value)| value)
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(&**name, value)?;
        }
        map.end()
    }
}

/// A moment on the wall clock, written as RFC 3339 in UTC with milliseconds: `2026-11-20T10:30:00.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(pub SystemTime);

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A clock that was never set may stand outside the years that the format has; a record is no place to fail for that.
        let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        humantime::format_rfc3339_millis(self.0.clamp(SystemTime::UNIX_EPOCH, last)).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a table needs to know before its first row: the names behind `data` and `input`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The run saves bodies: a table column `body` before those of the fields.
    pub bodies: bool,
    /// The fields' names, in the order of `data`.
    pub data: Vec<Arc<str>>,
    /// The names of the input's other columns, in their order: one table column `input.NAME` each.
    pub input: Vec<Arc<str>>,
    /// The input is JSONL, whose members are not known before its last line: one table column `input` with the object as JSON.
    pub free_input: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_shows_milliseconds_whatever_the_clock_says() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(Timestamp(epoch + Duration::from_millis(1)).to_string(), "1970-01-01T00:00:00.001Z");
        assert_eq!(Timestamp(epoch - Duration::from_secs(1)).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(epoch + Duration::from_secs(1 << 40)).to_string(), "9999-12-31T23:59:59.000Z");
    }
}

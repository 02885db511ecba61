//! What is no output of this run: which records are not of its kind, and what a file looks like that has none.

use std::path::Path;

use super::super::Error;
use crate::model::Clean;

/// Why a run cannot go on with a file.
#[derive(Debug)]
pub(in crate::sink) enum Refusal {
    /// It has other fields or columns: what kind of names differ, and how.
    Differs(&'static str, String),
    /// It is something else; what, as far as its first bytes show.
    Other(Option<&'static str>),
}

impl Refusal {
    /// Records with other names than ours.
    pub(super) fn names(what: &'static str, found: &[String], ours: &[impl AsRef<str>]) -> Self {
        let ours: Vec<_> = ours.iter().map(AsRef::as_ref).collect();
        let found: Vec<_> = found.iter().map(String::as_str).collect();
        Self::Differs(what, difference(&found, &ours))
    }

    /// A file that begins with other bytes than ours.
    pub(super) fn other(bytes: &[u8]) -> Self {
        Self::Other(looks(bytes))
    }

    /// The error that says so.
    pub(super) fn error(self, path: &Path, line: u64, format: &'static str) -> Error {
        let path = path.to_owned();
        match self {
            Self::Differs(what, how) => Error::Differs { path, line, what, how },
            Self::Other(looks) => {
                let is_same = looks.is_some_and(|looks| looks.ends_with(&format!("(-f {format})")));
                let looks =
                    if is_same { DAMAGED.iter().find(|(name, _)| *name == format).map(|(_, looks)| *looks) } else { looks };
                Error::NotOurs { path, looks, format }
            }
        }
    }
}

/// What one list of names lacks, and what it has too many.
fn difference(found: &[&str], ours: &[&str]) -> String {
    let except = |these: &[&str], those: &[&str]| {
        let names = these.iter().filter(|name| !those.contains(name)).map(|name| format!("`{}`", Clean(name)));
        names.collect::<Vec<_>>().join(", ")
    };
    let (missing, surplus) = (except(ours, found), except(found, ours));
    match (missing.is_empty(), surplus.is_empty()) {
        (false, false) => format!("it has {surplus} and lacks {missing}"),
        (false, true) => format!("it lacks {missing}"),
        (true, false) => format!("it has {surplus} besides"),
        (true, true) => "it has one of them twice".to_owned(),
    }
}

/// What is called so where it was asked for, and is none of ours all the same.
const DAMAGED: &[(&str, &str)] = &[
    ("jsonl", "JSON lines, but of another program or damaged"),
    ("json", "a JSON array of something else, or damaged"),
    ("csv", "CSV, but of another program or damaged"),
    ("tsv", "TSV, but of another program or damaged"),
];

/// What files begin with, and what such a file is called.
const SIGNS: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "a gzip file (unpack it first)"),
    (b"\x28\xb5\x2f\xfd", "a zstd file (unpack it first)"),
    (b"\xfd7zXZ\0", "an xz file (unpack it first)"),
    (b"PK\x03\x04", "a zip file or a spreadsheet"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\xff\xfe", "UTF-16 text (save it as UTF-8)"),
    (b"\xfe\xff", "UTF-16 text (save it as UTF-8)"),
    (b"{\"index\":", "JSON lines (-f jsonl)"),
    (b"[", "a JSON array (-f json)"),
    (b"{", "JSON objects over several lines, or of another program (`jq -c .` writes one a line)"),
    (b"index,", "CSV (-f csv)"),
    (b"index\t", "TSV (-f tsv)"),
];

/// What a file looks like.
fn looks(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    SIGNS.iter().find(|(sign, _)| text.starts_with(sign)).map(|(_, name)| *name)
}

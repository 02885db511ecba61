//! Where targets come from: the first station of the line (**source** ▸ crawl ▸ sink).
//!
//! [`open`] turns the inputs that were asked for into one [`Reader`], an iterator that a plain thread drains with blocking
//! reads. Nothing is ever held but the line at hand, so the length of a list never shows in memory; and no line is held
//! back, so a pipe that stays open yields its targets as they arrive. A format is one file with one `Source` and one entry
//! in [`SOURCES`]. A line that is no usable URL is a target that says so; only what makes the rest of an input unreadable
//! is an [`Error`].

mod batch;
mod csv;
mod error;
mod glob;
mod jsonl;
mod known;
mod lines;
mod list;
mod opening;
mod quotes;
mod reader;
mod rows;
#[cfg(test)]
mod tests;
mod twice;
mod unnamed;

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{Input, Request, redact};

pub use error::Error;
pub use glob::{GlobError, GlobProblem};
pub use opening::open;
pub use reader::Reader;

pub(crate) use unnamed::unnamed;

/// What to read, and how.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Settings {
    /// The inputs, read one after the other. Default: none.
    pub inputs: Vec<Origin>,
    /// The format of every file and of standard input. Default: by the file's extension, else a list.
    pub format: Option<Kind>,
    /// The CSV or TSV column that holds the URL. Default: `url`.
    pub url_field: String,
    /// Expand globs in files too; URL arguments always expand. Default: no.
    pub glob: bool,
    /// Drop URLs that were read before; they are compared without their fragments, and with the method and the body that the
    /// input gives. Costs about 32 bytes of memory a URL, the only thing here that grows with the input. Default: no.
    pub unique: bool,
    /// Stop after this many targets; bad lines count, dropped repetitions do not. Default: no limit.
    pub limit: Option<u64>,
    /// A URL with `http` is none that can be fetched. Default: it can.
    pub https_only: bool,
    /// The list may be read twice, so that what an earlier run has finished is skipped ([`Reader::resume`]): a copy of what comes from
    /// a pipe is kept in a temporary file. Default: no.
    pub twice: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            inputs: Vec::new(),
            format: None,
            url_field: "url".to_owned(),
            glob: false,
            unique: false,
            limit: None,
            https_only: false,
            twice: false,
        }
    }
}

/// One input.
pub enum Origin {
    /// A file, or anything else that has a path: a named pipe, `/dev/fd/63`.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// A URL from the command line, whose globs expand.
    Url(String),
    /// Anything that can be read. It counts as something that may have to be waited for.
    Reader {
        /// What messages call it; its extension chooses the format.
        name: String,
        /// The bytes.
        from: Box<dyn Read + Send>,
    },
}

impl Origin {
    /// What an argument means: `-` is standard input, what begins with `http://` or `https://` is a URL, all else is a file.
    ///
    /// ```
    /// use scrape::source::Origin;
    /// assert!(matches!(Origin::from_arg("-".as_ref()), Origin::Stdin));
    /// assert!(matches!(Origin::from_arg("HTTP://a.example/".as_ref()), Origin::Url(_)));
    /// assert!(matches!(Origin::from_arg("a.example/x".as_ref()), Origin::File(_)));
    /// ```
    #[must_use]
    pub fn from_arg(argument: &OsStr) -> Self {
        let begins = |text: &str, with: &str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
        match argument.to_str() {
            Some("-") => Self::Stdin,
            Some(text) if begins(text, "http://") || begins(text, "https://") => Self::Url(text.to_owned()),
            _ => Self::File(argument.into()),
        }
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Stdin => f.write_str("Stdin"),
            Self::Url(url) => f.debug_tuple("Url").field(&redact(url)).finish(),
            Self::Reader { name, .. } => f.debug_struct("Reader").field("name", name).finish_non_exhaustive(),
        }
    }
}

/// A format, as an entry of [`SOURCES`].
pub type Kind = &'static Entry;

/// What there is to know about a format of input.
#[derive(Debug)]
pub struct Entry {
    /// What `--input-format` calls it.
    pub name: &'static str,
    /// The file extensions that choose it, in lower case and without the dot.
    pub extensions: &'static [&'static str],
    /// One line for `--help`.
    pub help: &'static str,
    /// Its lines carry members whose names are not known before the last one is read.
    pub free_input: bool,
    /// Starts reading, as far as needed to know the columns.
    open: fn(Opening<'_>) -> Result<Box<dyn Source>, Error>,
}

/// Every format. `--help`, the values of `--input-format` and guessing by extension go through this table.
pub static SOURCES: &[Entry] = &[list::ENTRY, csv::CSV, csv::TSV, jsonl::ENTRY];

impl Entry {
    /// The format of this name.
    ///
    /// ```
    /// assert_eq!(scrape::source::Entry::by_name("tsv").unwrap().extensions, ["tsv", "tab"]);
    /// ```
    #[must_use]
    pub fn by_name(name: &str) -> Option<Kind> {
        SOURCES.iter().find(|entry| entry.name == name || entry.extensions.contains(&name))
    }

    /// The format that the extension of a file name stands for.
    #[must_use]
    pub fn by_extension(path: &Path) -> Option<Kind> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        SOURCES.iter().find(|entry| entry.extensions.contains(&extension.as_str()))
    }
}

/// One format's reader.
trait Source: Send {
    /// The next row, as soon as it has arrived; `None` at the end.
    fn next(&mut self) -> Result<Option<Row>, Error>;

    /// Whether a whole row lies in the buffer, so that `next` need not ask the input for it.
    fn is_ready(&mut self) -> bool;

    /// Lines so far that are blank or comments.
    fn passed_over(&self) -> u64 {
        0
    }

    /// The names of what every row carries besides the URL, where that is known beforehand.
    fn columns(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
}

/// One row of an input, not yet numbered, parsed or expanded.
#[derive(Debug)]
struct Row {
    /// Where it stands, for messages: `urls.txt:7`.
    place: String,
    /// The text that should be a URL.
    url: Result<String, Bad>,
    /// What else the row carries.
    input: Option<Input>,
    /// What its request has of its own.
    request: Option<Arc<Request>>,
}

/// Why a row has no URL.
#[derive(Debug)]
struct Bad {
    /// What stands where the URL should.
    shown: String,
    /// The reason.
    why: String,
}

/// What a format is given to start on.
struct Opening<'a> {
    name: String,
    from: Box<dyn Read + Send>,
    url_field: &'a str,
}

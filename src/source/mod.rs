//! Where targets come from: the first station of the line (**source** ▸ crawl ▸ sink).
//!
//! [`open`] turns the inputs that were asked for into one [`Reader`], an iterator that a plain thread drains with blocking
//! reads. Nothing is ever held but the line at hand, so the length of a list never shows in memory; and no line is held
//! back, so a pipe that stays open yields its targets as they arrive. A format is one file with one `Source` and one entry
//! in [`SOURCES`]. A line that is no usable URL is a target that says so; only what makes the rest of an input unreadable
//! is an [`Error`].

mod csv;
mod error;
mod glob;
mod jsonl;
mod lines;
mod list;
mod quotes;
mod reader;
mod rows;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{Input, Request, redact};

pub use error::Error;
pub use glob::{GlobError, GlobProblem};
pub use reader::Reader;

use glob::Glob;
use reader::Opened;

/// What to read, and how.
#[derive(Debug)]
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

/// An input that is known to open.
enum Checked {
    Url(String, Glob),
    Bytes { name: String, from: Box<dyn Read + Send>, waits: bool, entry: Kind },
}

/// Opens every input before the first is read, and reads the headers of those that have one, so that a mistake shows and the
/// output's columns are known before the first request.
///
/// # Errors
/// A file that cannot be opened, a table without a usable header, or a URL argument with a broken glob.
pub fn open(settings: Settings) -> Result<Reader, Error> {
    let Settings { inputs, format, url_field, glob, unique, limit, https_only } = settings;
    let checked = inputs.into_iter().map(|origin| check(origin, format)).collect::<Result<Vec<_>, _>>()?;
    let count = checked.iter().try_fold(0, |sum: u64, input| match input {
        Checked::Url(_, urls) => Some(sum.saturating_add(urls.total())),
        Checked::Bytes { .. } => None,
    });
    let total = count.filter(|_| !unique).map(|count| limit.map_or(count, |limit| limit.min(count)));
    let free_input = checked.iter().any(|input| matches!(input, Checked::Bytes { entry, .. } if entry.free_input));
    let opened = checked.into_iter().map(|input| match input {
        Checked::Url(url, _) => Ok(Opened { source: Box::new(list::Argument::new(url)), waits: false, glob: true }),
        Checked::Bytes { name, from, waits, entry } => {
            (entry.open)(Opening { name, from, url_field: &url_field }).map(|source| Opened { source, waits, glob })
        }
    });
    let reader = Reader::new(opened.collect::<Result<_, _>>()?, free_input, total, unique, limit);
    Ok(if https_only { reader.https_only() } else { reader })
}

/// Opens an input without reading from it.
fn check(origin: Origin, format: Option<Kind>) -> Result<Checked, Error> {
    let of = |path: &Path| format.or_else(|| Entry::by_extension(path)).unwrap_or(&SOURCES[0]);
    match origin {
        Origin::Url(url) => match Glob::parse(&url) {
            Ok(urls) => Ok(Checked::Url(url, urls)),
            Err(source) => Err(Error::Glob { argument: redact(&url).into_owned(), source }),
        },
        Origin::Reader { name, from } => {
            let entry = of(Path::new(&name));
            Ok(Checked::Bytes { name, from, waits: true, entry })
        }
        Origin::Stdin => {
            let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
            checked("stdin".to_owned(), file, of(Path::new("")))
        }
        Origin::File(path) => checked(path.display().to_string(), File::open(&path), of(&path)),
    }
}

/// A directory can be opened too, but not read; and only a regular file never keeps its reader waiting.
fn checked(name: String, file: io::Result<File>, entry: Kind) -> Result<Checked, Error> {
    let found = file.and_then(|file| {
        let about = file.metadata()?;
        if about.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok((file, !about.is_file())) }
    });
    match found {
        Ok((file, waits)) => Ok(Checked::Bytes { name, from: Box::new(file), waits, entry }),
        Err(source) => Err(Error::open(&name, source)),
    }
}

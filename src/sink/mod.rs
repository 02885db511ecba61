//! Records to bytes: the last stage of the line (source ▸ crawl ▸ **sink**).
//!
//! Synchronous, on a thread of its own. [`open`] checks and prepares the output before any request; [`Writer::run`] writes what
//! comes down the channel, in batches, and shows each record after its bytes were written; [`Writer::finish`] ends the output.
//! Whatever stops a run, the output ends after a whole record.
//!
//! A format is a file of this folder with a [`Format`] in it, and an entry of [`FORMATS`].

mod error;
mod escape;
mod file;
mod journal;
mod json;
mod jsonl;
mod lock;
mod output;
mod place;
#[cfg(test)]
mod samples;
mod stream;
mod table;
mod tail;
mod writer;

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

pub use error::Error;
pub use writer::{End, Finished, Writer};

use crate::model::{Columns, Earlier, Record};
use journal::{Grammar, Kept};
use output::Output;
use place::{Lent, Opened, Sink};
use stream::Stream;

/// What the outputs are. The default is JSONL on standard output.
#[derive(Debug)]
pub struct Settings {
    /// Where the records go: every record to each of them.
    pub outputs: Vec<To>,
    /// What to do with files that are there already.
    pub existing: Existing,
    /// Tables: cells that a spreadsheet would run as a formula (`=`, `+`, `-`, `@`, tab or CR first) begin with a `'`.
    pub csv_safe: bool,
    /// Standard output is a terminal: nothing that would act on it is written there.
    pub terminal: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { outputs: vec![To::default()], existing: Existing::default(), csv_safe: false, terminal: false }
    }
}

/// One output.
#[derive(Debug, Default)]
pub struct To {
    /// Where it goes.
    pub place: Destination,
    /// Its format; `None` is the one of the file's extension, else JSONL.
    pub format: Option<&'static FormatEntry>,
}

impl From<Destination> for To {
    fn from(place: Destination) -> Self {
        Self { place, format: None }
    }
}

/// Where the records go.
#[derive(Default)]
pub enum Destination {
    /// Standard output.
    #[default]
    Stdout,
    /// A file, a pipe or a device.
    File(PathBuf),
    /// Any writer; it needs no buffer of its own, and is flushed after each batch.
    Writer(Box<dyn Write + Send>),
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("Stdout"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Writer(_) => f.write_str("Writer"),
        }
    }
}

/// What to do with a regular file that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Leave it alone and fail.
    #[default]
    Refuse,
    /// Replace it, as a whole and only when the run is complete.
    Overwrite,
    /// Go on after its end.
    Append,
    /// Go on with it: its whole records stay, and what has one in every file is finished ([`Writer::take_earlier`]). What is torn at
    /// its end or damaged goes. Begin one where there is none. Pipes, devices and writers have no memory: they get what is new.
    Resume,
    /// Go on with the file that an overwriting run which did not end has left beside it, and replace it when this run is complete.
    ResumeOverwrite,
    /// Go on with its records without an error, and try the others again: written beside (`FILE.retry`), swapped in when this run is
    /// complete. What a run of tries that did not end has left is gone on with, and what failed in it is finished.
    RetryFailed,
}

impl Existing {
    /// Whether what an earlier run has finished is not done again.
    #[must_use]
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::Resume | Self::ResumeOverwrite | Self::RetryFailed)
    }
}

/// A way to write records. Every call appends to `out` and must leave what was there.
trait Format: Send {
    /// What comes before the first record.
    fn begin(&mut self, out: &mut Vec<u8>);

    /// One record. What is written so far may be cut off after it, and [`end`](Self::end) must still make it valid.
    fn record(&mut self, record: &Record, out: &mut Vec<u8>);

    /// What comes after the last record.
    fn end(&mut self, out: &mut Vec<u8>);

    /// Instead of [`begin`](Self::begin), for a file that has something in it: answers how many of its bytes stay, and
    /// appends what must come between them and the first record.
    ///
    /// # Errors
    /// Records of this format and these columns cannot follow what the file holds.
    fn reopen(&mut self, path: &Path, file: &mut File, out: &mut Vec<u8>) -> Result<u64, Error>;

    /// How a file of this format and these columns is read back.
    fn grammar(&self) -> Box<dyn Grammar>;

    /// Instead of [`begin`](Self::begin), for a file that was read back and has something left: appends what must come between
    /// that and the first record.
    fn go_on(&mut self, kept: &Kept, out: &mut Vec<u8>);
}

/// How a table writes its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// As [`Settings::csv_safe`].
    pub csv_safe: bool,
    /// The bytes go to a terminal.
    pub terminal: bool,
}

/// One format as the command line, the file names and the tests know it.
#[derive(Debug)]
pub struct FormatEntry {
    /// The value of `-f`.
    pub name: &'static str,
    /// The file extensions that mean it, in lower case, without the dot.
    pub extensions: &'static [&'static str],
    /// What it is, in the words of `--help`.
    pub help: &'static str,
    /// Makes one. Fails where the columns do not fit the format.
    make: fn(Style, Columns) -> Result<Box<dyn Format>, Error>,
}

/// Every format; the first is the default.
pub static FORMATS: &[FormatEntry] = &[
    FormatEntry {
        name: "jsonl",
        extensions: &["jsonl", "ndjson"],
        help: "one JSON object a line",
        make: |_, columns| Ok(Box::new(jsonl::JsonLines { columns })),
    },
    FormatEntry {
        name: "json",
        extensions: &["json"],
        help: "one JSON array of all records",
        make: |_, columns| Ok(Box::new(json::Json::new(columns))),
    },
    FormatEntry {
        name: "csv",
        extensions: &["csv"],
        help: "a header and a row a record, one column a field",
        make: |style, columns| Ok(Box::new(table::Table::new(b',', style, columns)?)),
    },
    FormatEntry {
        name: "tsv",
        extensions: &["tsv"],
        help: "the same, separated by tabs",
        make: |style, columns| Ok(Box::new(table::Table::new(b'\t', style, columns)?)),
    },
];

impl FormatEntry {
    /// The format of a name, or of an extension given as one.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name || format.extensions.contains(&name))
    }

    /// The format that a file's extension means, in either case; JSONL where it means none (`out`, `today.log`).
    ///
    /// # Errors
    /// An extension that promises something which none of the formats is, as `.db` or `.gz`.
    pub fn for_file(path: &Path) -> Result<&'static Self, Error> {
        let Some(extension) = path.extension() else { return Ok(&FORMATS[0]) };
        let is = |known: &&&str| extension.eq_ignore_ascii_case(known);
        if FOREIGN.iter().any(|foreign| is(&foreign)) {
            return Err(Error::ForeignExtension { path: path.to_owned() });
        }
        Ok(FORMATS.iter().find(|format| format.extensions.iter().any(|known| is(&known))).unwrap_or(&FORMATS[0]))
    }
}

/// Extensions of formats that are not written: a file of that name with JSONL inside would mislead whoever opens it.
const FOREIGN: &[&str] = &[
    "db", "sqlite", "sqlite3", "xls", "xlsx", "ods", "parquet", "arrow", "xml", "html", "yaml", "yml", "gz", "zst", "bz2", "xz",
    "zip",
];

/// Checks and opens the outputs, and writes what comes before the first record. To be called before any request. A named
/// pipe blocks until somebody reads it.
///
/// # Errors
/// The settings do not fit each other or what is there ([`Error::is_usage`]), or an output cannot be opened or written.
///
/// ```
/// use scrape::sink::{self, Destination, End, FormatEntry, Settings, To};
///
/// let output = To { place: Destination::Writer(Box::new(Vec::new())), format: FormatEntry::named("csv") };
/// let settings = Settings { outputs: vec![output], ..Settings::default() };
/// let mut writer = sink::open(settings, &scrape::Columns::default())?;
/// let (sender, mut records) = tokio::sync::mpsc::channel(8);
/// drop(sender);
/// assert_eq!(writer.run(&mut records, &mut |record| assert!(record.index > 0))?, End::Done);
/// writer.finish(true)?;
/// # Ok::<(), sink::Error>(())
/// ```
pub fn open(settings: Settings, columns: &Columns) -> Result<Writer, Error> {
    let Settings { outputs, existing, csv_safe, terminal } = settings;
    let style = Style { csv_safe, terminal };
    if existing.goes_on() {
        return journal::open(outputs, existing, style, columns);
    }
    let open = |to| open_one(to, existing, style, columns);
    let opened = outputs.into_iter().map(open).collect::<Result<_, _>>()?;
    Ok(Writer::new(opened, Earlier::default()))
}

fn open_one(to: To, existing: Existing, style: Style, columns: &Columns) -> Result<Box<dyn Output>, Error> {
    let (_, mut format) = make(&to, style, columns)?;
    let mut lead = Vec::new();
    let sink: Box<dyn Sink> = match place(to.place)? {
        Place::Open(sink) => sink,
        Place::Path(path) => {
            let mut opened = file::open(&path, existing)?;
            let failed = |cause| Error::open(&path, cause);
            if opened.file.metadata().map_err(failed)?.len() > 0 {
                let keep = format.reopen(&path, &mut opened.file, &mut lead)?;
                opened.cut(keep).map_err(failed)?;
                return Ok(Box::new(Stream::new(Box::new(opened), format, lead)?));
            }
            Box::new(opened)
        }
    };
    format.begin(&mut lead);
    Ok(Box::new(Stream::new(sink, format, lead)?))
}

/// The format of an output, and one to write it with.
fn make(to: &To, style: Style, columns: &Columns) -> Result<(&'static FormatEntry, Box<dyn Format>), Error> {
    let (entry, terminal) = match &to.place {
        Destination::File(path) => {
            let entry = to.format.map_or_else(|| FormatEntry::for_file(path), Ok)?;
            (entry, file::is_terminal(path))
        }
        Destination::Stdout | Destination::Writer(_) => (to.format.unwrap_or(&FORMATS[0]), style.terminal),
    };
    Ok((entry, (entry.make)(Style { terminal, ..style }, columns.clone())?))
}

/// Where an output's bytes go.
enum Place {
    /// There.
    Open(Box<dyn Sink>),
    /// To what has this name.
    Path(PathBuf),
}

fn place(destination: Destination) -> Result<Place, Error> {
    Ok(match destination {
        Destination::Stdout => Place::Open(Box::new(Opened::stdout()?)),
        Destination::File(path) if file::is_stdout(&path) => Place::Open(Box::new(Opened::stdout()?)),
        Destination::Writer(writer) => Place::Open(Box::new(Lent(writer))),
        Destination::File(path) => Place::Path(path),
    })
}

#[cfg(test)]
mod tests;

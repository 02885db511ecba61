//! Records to bytes: the last stage of the line (source ▸ crawl ▸ **sink**).
//!
//! Synchronous, on a thread of its own. [`open`] checks and prepares the output before any request; [`Writer::run`] writes what
//! comes down the channel, in batches, and shows each record after its bytes were written; [`Writer::finish`] ends the output.
//! Whatever stops a run, the output ends after a whole record. Of several outputs each has the records that were shown, in the same
//! order; where one fails, the others may have those of one batch more.
//!
//! A format of bytes is a file of this folder with a [`Format`] in it, and an entry of [`FORMATS`]; a database is one too.

mod claims;
mod error;
mod escape;
mod every;
mod file;
mod journal;
mod json;
mod jsonl;
mod lock;
mod output;
mod place;
mod receive;
#[cfg(test)]
mod samples;
mod sqlite;
mod stream;
mod table;
mod tail;
mod writer;

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

pub use error::Error;
pub use every::{Every, EveryError};
pub use file::partial_of;
pub use sqlite::{Database, DatabaseError};
pub use writer::{End, Finished, Writer};

use crate::model::{Columns, Earlier, Record};
use claims::Claim;
use journal::{Grammar, Kept};
use output::Output;
use place::{Lent, Opened, Sink};
use sqlite::Sqlite;
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
    /// When the disk is asked to confirm what was written, besides at the end of the run; `None` leaves it to the system.
    pub fsync: Option<Every>,
    /// Standard output is a terminal: nothing that would act on it is written there.
    pub terminal: bool,
    /// What outputs that are databases have of their own.
    pub database: Database,
}

impl Default for Settings {
    fn default() -> Self {
        let existing = Existing::default();
        let database = Database::default();
        Self { outputs: vec![To::default()], existing, csv_safe: false, fsync: None, terminal: false, database }
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

impl To {
    /// The format that is written: the one that was named, else the one of the file's extension, else JSONL.
    ///
    /// # Errors
    /// The extension promises something which none of the formats is.
    pub fn entry(&self) -> Result<&'static FormatEntry, Error> {
        match (self.format, &self.place) {
            (Some(format), _) => Ok(format),
            (None, Destination::File(path)) => FormatEntry::for_file(path),
            (None, Destination::Stdout | Destination::Writer(_)) => Ok(&FORMATS[0]),
        }
    }
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

impl Destination {
    /// What a name on a command line means: `-` and the other names of standard output (`/dev/stdout`) are that, all else is a file.
    #[must_use]
    pub fn named(path: &Path) -> Self {
        if path == Path::new("-") || file::is_stdout(path) { Self::Stdout } else { Self::File(path.to_owned()) }
    }
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
    /// complete; a failed record stays unless one of this run replaces it. What a run of tries that did not end has left is gone on
    /// with, and what failed in it is finished, unless the file has changed since.
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

    /// A record of another file, as [`grammar`](Self::grammar) has found it there. That file begins as this one does.
    fn raw(&mut self, raw: &[u8], out: &mut Vec<u8>);

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
    /// What it is made of.
    kind: Kind,
}

/// Makes a format of bytes.
type Make = fn(Style, Columns) -> Result<Box<dyn Format>, Error>;

/// What a format is made of.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Bytes, from the first to the last. Makes one; fails where the columns do not fit the format.
    Bytes(Make),
    /// A file that is written in many places, and needs to be one: [`Database`].
    Database,
}

/// Every format; the first is the default.
pub static FORMATS: &[FormatEntry] = &[
    FormatEntry {
        name: "jsonl",
        extensions: &["jsonl", "ndjson"],
        help: "one JSON object a line",
        kind: Kind::Bytes(|_, columns| Ok(Box::new(jsonl::JsonLines { columns }))),
    },
    FormatEntry {
        name: "json",
        extensions: &["json"],
        help: "one JSON array of all records",
        kind: Kind::Bytes(|_, columns| Ok(Box::new(json::Json::new(columns)))),
    },
    FormatEntry {
        name: "csv",
        extensions: &["csv"],
        help: "a header and a row a record, one column a field",
        kind: Kind::Bytes(|style, columns| Ok(Box::new(table::Table::new(b',', style, columns)?))),
    },
    FormatEntry {
        name: "tsv",
        extensions: &["tsv"],
        help: "the same, separated by tabs",
        kind: Kind::Bytes(|style, columns| Ok(Box::new(table::Table::new(b'\t', style, columns)?))),
    },
    FormatEntry {
        name: "sqlite",
        extensions: &["sqlite", "sqlite3", "db"],
        help: "a database of SQLite with a table of records, one column a field",
        kind: Kind::Database,
    },
];

impl FormatEntry {
    /// Whether it is a database, and not bytes from the first to the last.
    #[must_use]
    pub const fn is_database(&self) -> bool {
        matches!(self.kind, Kind::Database)
    }

    /// The format of a name, or of an extension given as one.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name || format.extensions.contains(&name))
    }

    /// The format that a file's extension means, in either case; JSONL where it means none (`out`, `today.log`).
    ///
    /// # Errors
    /// An extension that promises something which none of the formats is, as `.xlsx` or `.gz`.
    pub fn for_file(path: &Path) -> Result<&'static Self, Error> {
        let Some(extension) = path.extension() else { return Ok(&FORMATS[0]) };
        if FOREIGN.iter().any(|foreign| extension.eq_ignore_ascii_case(foreign)) {
            return Err(Error::ForeignExtension { path: path.to_owned() });
        }
        Ok(Self::named_by(path).unwrap_or(&FORMATS[0]))
    }

    /// The format whose extension a file has, if it has one's.
    #[must_use]
    pub fn named_by(path: &Path) -> Option<&'static Self> {
        let extension = path.extension()?;
        FORMATS.iter().find(|format| format.extensions.iter().any(|known| extension.eq_ignore_ascii_case(known)))
    }
}

/// Extensions of formats that are not written: a file of that name with JSONL inside would mislead whoever opens it.
const FOREIGN: &[&str] =
    &["xls", "xlsx", "ods", "parquet", "arrow", "xml", "html", "yaml", "yml", "gz", "zst", "bz2", "xz", "zip"];

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
    settings.check()?;
    let Settings { outputs, existing, csv_safe, fsync, terminal, database } = settings;
    let opening = Opening { existing, style: Style { csv_safe, terminal }, database, columns };
    if existing.goes_on() {
        return journal::open(outputs, &opening)?.synced(fsync);
    }
    let open = |to: To| match to.entry()?.kind {
        Kind::Bytes(make) => opening.bytes(to.place, make),
        Kind::Database => Ok(Box::new(opening.database(&to.place)?) as Box<dyn Output>),
    };
    let claims: Vec<_> = outputs.iter().map(|to| Claim::of(&to.place)).collect();
    let mut opened: Vec<Box<dyn Output>> = Vec::new();
    for to in outputs {
        match open(to) {
            Ok(output) => opened.push(output),
            Err(error) => {
                for (output, claim) in opened.into_iter().zip(claims) {
                    if let Some(claim) = claim {
                        output.abandon(&claim);
                    }
                }
                return Err(error);
            }
        }
    }
    Writer::new(opened, Earlier::default()).synced(fsync)
}

/// What all outputs are opened with.
struct Opening<'a> {
    existing: Existing,
    style: Style,
    database: Database,
    columns: &'a Columns,
}

impl Opening<'_> {
    /// An output of bytes.
    fn bytes(&self, to: Destination, make: Make) -> Result<Box<dyn Output>, Error> {
        let mut format = self.format(&to, make)?;
        let mut lead = Vec::new();
        let sink: Box<dyn Sink> = match place(to)? {
            Place::Open(sink) => sink,
            Place::Path(path) => {
                let mut opened = file::open(&path, self.existing)?;
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

    /// A database.
    fn database(&self, to: &Destination) -> Result<Sqlite, Error> {
        Sqlite::open(to, self.existing, &self.database, self.columns)
    }

    /// The format of an output of bytes.
    fn format(&self, to: &Destination, make: Make) -> Result<Box<dyn Format>, Error> {
        let terminal = match to {
            Destination::File(path) => file::is_terminal(path),
            Destination::Stdout | Destination::Writer(_) => self.style.terminal,
        };
        make(Style { terminal, ..self.style }, self.columns.clone())
    }
}

/// Where bytes go: there, or to what has a name.
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

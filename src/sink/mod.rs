//! Records to bytes: the last stage of the line (source ▸ crawl ▸ **sink**).
//!
//! Synchronous, on a thread of its own. [`open`] checks and prepares the output before any request; [`Writer::run`] writes what
//! comes down the channel, in batches, and shows each record after its bytes were written; [`Writer::finish`] ends the output.
//! Whatever stops a run, the output ends after a whole record. Of several outputs each has the records that were shown, in the same
//! order; where one fails, the others may have those of one batch more.
//!
//! A format of bytes is a file of this folder with a `Format` in it, and an entry of [`FORMATS`]; a database is one too.

mod claims;
mod error;
mod escape;
mod every;
mod file;
mod formats;
mod journal;
mod json;
mod jsonl;
mod lock;
mod opening;
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
pub use formats::{FORMATS, FormatEntry};
pub use sqlite::{Database, DatabaseError};
pub use writer::{End, Finished, Writer};

use crate::model::{Columns, Earlier, Record};
use claims::Claim;
use formats::Kind;
use journal::{Grammar, Kept};
use opening::Opening;
use output::Output;

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

#[cfg(test)]
mod tests;

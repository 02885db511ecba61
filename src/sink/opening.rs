//! How one output is opened, when nothing in it is gone on with.

use std::path::PathBuf;

use super::formats::Make;
use super::output::Output;
use super::place::{Lent, Opened, Sink};
use super::sqlite::Sqlite;
use super::stream::Stream;
use super::{Database, Destination, Error, Existing, Format, Style, file};
use crate::model::Columns;

/// What all outputs are opened with.
#[derive(Clone)]
pub(super) struct Opening<'a> {
    pub(super) existing: Existing,
    pub(super) style: Style,
    pub(super) database: Database,
    pub(super) columns: &'a Columns,
}

impl Opening<'_> {
    /// An output of bytes.
    pub(super) fn bytes(&self, to: Destination, make: Make) -> Result<Box<dyn Output>, Error> {
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
    pub(super) fn database(&self, to: &Destination) -> Result<Sqlite, Error> {
        Sqlite::open(to, self.existing, &self.database, self.columns)
    }

    /// The format of an output of bytes.
    pub(super) fn format(&self, to: &Destination, make: Make) -> Result<Box<dyn Format>, Error> {
        let terminal = match to {
            Destination::File(path) => file::is_terminal(path),
            Destination::Stdout | Destination::Writer(_) => self.style.terminal,
        };
        make(Style { terminal, ..self.style }, self.columns.clone())
    }
}

/// Where bytes go: there, or to what has a name.
pub(super) enum Place {
    /// There.
    Open(Box<dyn Sink>),
    /// To what has this name.
    Path(PathBuf),
}

pub(super) fn place(destination: Destination) -> Result<Place, Error> {
    Ok(match destination {
        Destination::Stdout => Place::Open(Box::new(Opened::stdout()?)),
        Destination::File(path) if file::is_stdout(&path) => Place::Open(Box::new(Opened::stdout()?)),
        Destination::Writer(writer) => Place::Open(Box::new(Lent(writer))),
        Destination::File(path) => Place::Path(path),
    })
}

//! Opening outputs to go on with them: all are opened, locked and read before one is changed.

use std::fs::File;
use std::path::PathBuf;

use super::super::claims::Claim;
use super::super::formats::Kind;
use super::super::opening::{Opening, Place, place};
use super::super::output::Output;
use super::super::place::{Opened, Sink};
use super::super::stream::Stream;
use super::super::{Error, Existing, Format, To, Writer, file};
use super::book::{Book, Kept};
use super::carry::Carry;
use super::swapped::swapped;
use super::table::Table;
use super::{Journal, agree, retry};
use crate::model::Earlier;

/// An output on its way.
enum Ready {
    /// A regular file: it remembers.
    File {
        format: Box<dyn Format>,
        name: &'static str,
        opened: Opened,
        /// Its name as it was given.
        path: PathBuf,
        /// It was there before this run.
        old: bool,
        /// It gets the records of tries.
        tries: bool,
        kept: Kept,
    },
    /// A database: it remembers too.
    Database(Box<Table>, Claim),
    /// All else has no memory, and is written from here on. Standard output too, wherever it was redirected to.
    Plain(Box<dyn Format>, Box<dyn Sink>),
}

/// Opens outputs for [`Existing::Resume`], [`Existing::ResumeOverwrite`] and [`Existing::RetryFailed`].
///
/// # Errors
/// As those of [`sink::open`](crate::sink::open). Every file is then as it was.
pub(in crate::sink) fn open(outputs: Vec<To>, opening: &Opening<'_>) -> Result<Writer, Error> {
    // Before a pipe is opened, which waits for its reader.
    let may_remember = |to: &To| {
        let is_database = to.entry().is_ok_and(super::super::FormatEntry::is_database);
        is_database || Claim::of(&to.place).is_some_and(|claim| claim.is_file)
    };
    if !outputs.iter().any(may_remember) {
        return Err(Error::NoMemory);
    }
    let in_place = Opening { existing: Existing::Resume, ..opening.clone() };
    let overwrites = opening.existing == Existing::ResumeOverwrite;
    let swapped = if overwrites { swapped(&outputs) } else { vec![false; outputs.len()] };
    let openings = swapped.into_iter().map(|swapped| if swapped { &in_place } else { opening });
    let mut ready = Vec::new();
    let gone_on = outputs
        .into_iter()
        .zip(openings)
        .try_for_each(|(to, opening)| Ready::open(to, opening).map(|output| ready.push(output)))
        .and_then(|()| go_on(&mut ready));
    match gone_on {
        Ok(earlier) => {
            let outputs = ready.into_iter().map(Ready::begin).collect::<Result<_, _>>()?;
            Ok(Writer::new(outputs, earlier))
        }
        Err(error) => {
            ready.into_iter().for_each(Ready::leave);
            Err(error)
        }
    }
}

impl Ready {
    fn open(to: To, opening: &Opening<'_>) -> Result<Self, Error> {
        let entry = to.entry()?;
        let Kind::Bytes(make) = entry.kind else {
            let claim = Claim::of(&to.place).ok_or(Error::NoMemory)?;
            let again = opening.existing == Existing::RetryFailed;
            let table = Table::new(opening.database(&to.place)?, again, opening.database.upsert);
            return Ok(Self::Database(Box::new(table), claim));
        };
        let format = opening.format(&to.place, make)?;
        Ok(match place(to.place)? {
            Place::Open(sink) => Self::Plain(format, sink),
            Place::Path(path) => {
                let old = file::is_there(&path, opening.existing);
                let opened = file::open(&path, opening.existing)?;
                let about = opened.file.metadata().map_err(|cause| Error::open(&path, cause))?;
                if about.is_file() {
                    let tries = opening.existing == Existing::RetryFailed;
                    Self::File { format, name: entry.name, opened, path, old, tries, kept: Kept::default() }
                } else {
                    Self::Plain(format, Box::new(opened))
                }
            }
        })
    }

    /// The output, with what comes before its next record.
    fn begin(self) -> Result<Box<dyn Output>, Error> {
        let mut lead = Vec::new();
        let (mut format, sink) = match self {
            Self::Database(table, _) => return Ok(Box::new(table.into_output())),
            Self::File { mut format, name, opened, path, kept, tries, .. } => {
                let carry = if tries { carry(&opened, path, name, &*format)? } else { None };
                if kept.head.is_empty() && kept.last.is_none() {
                    format.begin(&mut lead);
                } else {
                    format.go_on(&kept, &mut lead);
                }
                return Ok(Box::new(Stream::new(Box::new(opened), format, lead)?.carrying(carry)));
            }
            Self::Plain(format, sink) => (format, sink),
        };
        format.begin(&mut lead);
        Ok(Box::new(Stream::new(sink, format, lead)?))
    }

    /// Leaves nothing behind of a file that this run has made.
    fn leave(self) {
        match self {
            Self::File { opened, old, .. } if !old || opened.swap.is_some() => {
                if let Some(path) = &opened.path {
                    file::remove_empty(&opened.file, path);
                }
            }
            Self::Database(table, claim) => Box::new(table.into_output()).abandon(&claim),
            Self::File { .. } | Self::Plain(..) => {}
        }
    }
}

/// What is to be carried over at the end into a file of tries, where that is to replace another.
fn carry(opened: &Opened, path: PathBuf, format: &'static str, as_it: &dyn Format) -> Result<Option<Carry>, Error> {
    let Some(old) = opened.swap.as_ref().and_then(|swap| swap.old.as_ref()) else { return Ok(None) };
    let tries_path = opened.path.clone().unwrap_or_default();
    let old = old.try_clone().map_err(|cause| super::unread(&path, cause))?;
    let tries = opened.file.try_clone().map_err(|cause| super::unread(&tries_path, cause))?;
    Ok(Some(Carry { old, tries, names: [path, tries_path], format, grammar: as_it.grammar() }))
}

/// Reads the outputs, leaves in each what is finished, and answers what that is.
fn go_on(ready: &mut [Ready]) -> Result<Earlier, Error> {
    let (mut books, mut tries, mut kept, mut tables, mut missing) = (vec![], vec![], vec![], vec![], None);
    for output in ready {
        match output {
            Ready::File { format, name, opened, path, old, kept: slot, tries: again } => {
                if !*old {
                    missing = missing.or(Some(path.clone()));
                }
                // The file that is to be replaced, while this one is held.
                let replaced = opened.swap.as_ref().and_then(|swap| swap.old.as_ref()).map(File::try_clone);
                let replaced = replaced.transpose().map_err(|cause| super::unread(path, cause))?;
                let replaced = replaced.filter(|_| *again);
                let mut book = Book::new(opened, name, format.grammar());
                if let Some(old) = &replaced {
                    book.look_whether_stale(old).map_err(|cause| super::unread(path, cause))?;
                }
                tries.push(replaced.map(|old| (path.clone(), old)));
                books.push(book);
                kept.push(slot);
            }
            Ready::Database(table, _) => tables.push(table),
            Ready::Plain(..) => {}
        }
    }
    // A record that is written again replaces itself there; and what earlier lists have left must not go because another output
    // lacks it.
    if !books.is_empty() {
        tables.retain(|table| !table.upsert);
    }
    if books.is_empty() && tables.is_empty() {
        return Err(Error::NoMemory);
    }
    missing = missing.or_else(|| tables.iter().find(|table| table.is_new()).map(|table| table.path().to_owned()));
    if let Some(missing) = missing {
        no_records(&mut books, &tries, &mut tables, missing)?;
    }
    let once_more = !tables.is_empty();
    let plan = |(book, from): (&mut Book<'_>, &Option<(PathBuf, File)>)| {
        from.as_ref().map(|(path, old)| retry::plan(book, path, old, once_more)).transpose()
    };
    let plans = books.iter_mut().zip(&tries).map(plan).collect::<Result<Vec<_>, _>>()?;
    for ((book, from), plan) in books.iter_mut().zip(&tries).zip(plans) {
        if let (Some((path, old)), Some(plan)) = (from, plan) {
            plan.carry_out(book, path, old)?;
        }
    }
    let mut journals: Vec<_> = books.iter_mut().map(|book| book as &mut dyn Journal).collect();
    journals.extend(tables.iter_mut().map(|table| &mut ***table as &mut dyn Journal));
    let earlier = agree(&mut journals)?;
    for (book, slot) in books.iter_mut().zip(kept) {
        *slot = book.kept()?;
    }
    Ok(earlier)
}

/// An output that was not there yet has no record: then the others must have none either, or all of theirs would be dropped.
fn no_records(
    books: &mut [Book<'_>],
    tries: &[Option<(PathBuf, File)>],
    tables: &mut [&mut Box<Table>],
    missing: PathBuf,
) -> Result<(), Error> {
    for (book, from) in books.iter_mut().zip(tries) {
        let mut any = false;
        book.read(&mut |_| any = true)?;
        if let Some((path, old)) = from {
            book.read_other(path, old, &mut |_| any = true)?;
        }
        if any {
            return Err(Error::Lacks { path: book.path().to_owned(), missing });
        }
    }
    for table in tables {
        let mut any = false;
        table.read(&mut |_| any = true)?;
        if any {
            return Err(Error::Lacks { path: table.path().to_owned(), missing });
        }
    }
    Ok(())
}

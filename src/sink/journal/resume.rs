//! Opening outputs to go on with them: all are opened, locked and read before one is changed.

use std::fs::File;
use std::path::PathBuf;

use super::super::output::Output;
use super::super::place::{Opened, Sink};
use super::super::stream::Stream;
use super::super::{Error, Existing, Format, Place, Style, To, Writer, file, make, place};
use super::book::{Book, Kept};
use super::{Journal, agree, retry};
use crate::model::{Columns, Earlier};

/// An output on its way.
struct Ready {
    format: Box<dyn Format>,
    name: &'static str,
    place: Where,
}

enum Where {
    /// A regular file: it remembers.
    File {
        opened: Opened,
        /// Its name as it was given.
        path: PathBuf,
        /// It was there before this run.
        old: bool,
        kept: Kept,
    },
    /// All else has no memory, and is written from here on. Standard output too, wherever it was redirected to.
    Plain(Box<dyn Sink>),
}

/// Opens outputs for [`Existing::Resume`], [`Existing::ResumeOverwrite`] and [`Existing::RetryFailed`].
///
/// # Errors
/// As those of [`sink::open`](crate::sink::open). Every file is then as it was.
pub(in crate::sink) fn open(outputs: Vec<To>, existing: Existing, style: Style, columns: &Columns) -> Result<Writer, Error> {
    let mut ready = Vec::new();
    let gone_on = outputs
        .into_iter()
        .try_for_each(|to| Ready::open(to, existing, style, columns).map(|output| ready.push(output)))
        .and_then(|()| go_on(&mut ready, existing));
    match gone_on {
        Ok(earlier) => {
            let outputs = ready.into_iter().map(Ready::begin).collect::<Result<_, _>>()?;
            Ok(Writer::new(outputs, earlier))
        }
        Err(error) => {
            ready.iter().for_each(Ready::leave);
            Err(error)
        }
    }
}

impl Ready {
    fn open(to: To, existing: Existing, style: Style, columns: &Columns) -> Result<Self, Error> {
        let (entry, format) = make(&to, style, columns)?;
        let place = match place(to.place)? {
            Place::Open(sink) => Where::Plain(sink),
            Place::Path(path) => {
                let old = file::is_there(&path, existing);
                let opened = file::open(&path, existing)?;
                let about = opened.file.metadata().map_err(|cause| Error::open(&path, cause))?;
                if about.is_file() {
                    Where::File { opened, path, old, kept: Kept::default() }
                } else {
                    Where::Plain(Box::new(opened))
                }
            }
        };
        Ok(Self { format, name: entry.name, place })
    }

    /// The output, with what comes before its next record.
    fn begin(self) -> Result<Box<dyn Output>, Error> {
        let (mut format, mut lead) = (self.format, Vec::new());
        let sink: Box<dyn Sink> = match self.place {
            Where::File { opened, kept, .. } if !kept.head.is_empty() || kept.last.is_some() => {
                format.go_on(&kept, &mut lead);
                return Ok(Box::new(Stream::new(Box::new(opened), format, lead)?));
            }
            Where::File { opened, .. } => Box::new(opened),
            Where::Plain(sink) => sink,
        };
        format.begin(&mut lead);
        Ok(Box::new(Stream::new(sink, format, lead)?))
    }

    /// Leaves nothing behind of a file that this run has made.
    fn leave(&self) {
        if let Where::File { opened, old, .. } = &self.place
            && (!old || opened.swap.is_some())
            && let Some(path) = &opened.path
        {
            file::remove_empty(&opened.file, path);
        }
    }
}

/// Reads the files, leaves in each what is finished, and answers what that is.
fn go_on(ready: &mut [Ready], existing: Existing) -> Result<Earlier, Error> {
    let (mut books, mut tries, mut kept, mut missing) = (vec![], vec![], vec![], None);
    for Ready { format, name, place } in ready {
        let Where::File { opened, path, old, kept: slot } = place else { continue };
        if !*old {
            missing = missing.or(Some(path.clone()));
        }
        // The file that is to be replaced, while this one is held.
        let replaced = opened.swap.as_ref().and_then(|swap| swap.old.as_ref()).map(File::try_clone);
        let replaced = replaced.transpose().map_err(|cause| super::unread(path, cause))?;
        tries.push(replaced.filter(|_| existing == Existing::RetryFailed).map(|old| (path.clone(), old)));
        books.push(Book::new(opened, name, format.grammar()));
        kept.push(slot);
    }
    if books.is_empty() {
        return Err(Error::NoMemory);
    }
    if let Some(missing) = missing {
        no_records(&mut books, &tries, missing)?;
    }
    let plan = |(book, from): (&mut Book<'_>, &Option<(PathBuf, File)>)| {
        from.as_ref().map(|(path, old)| retry::plan(book, path, old)).transpose()
    };
    let plans = books.iter_mut().zip(&tries).map(plan).collect::<Result<Vec<_>, _>>()?;
    for ((book, from), plan) in books.iter_mut().zip(&tries).zip(plans) {
        if let (Some((path, old)), Some(plan)) = (from, plan) {
            plan.carry_out(book, path, old)?;
        }
    }
    let mut journals: Vec<_> = books.iter_mut().map(|book| book as &mut dyn Journal).collect();
    let earlier = agree(&mut journals)?;
    for (book, slot) in books.iter_mut().zip(kept) {
        *slot = book.kept()?;
    }
    Ok(earlier)
}

/// An output that was not there yet has no record: then the others must have none either, or all of theirs would be dropped.
fn no_records(books: &mut [Book<'_>], tries: &[Option<(PathBuf, File)>], missing: PathBuf) -> Result<(), Error> {
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
    Ok(())
}

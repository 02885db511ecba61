//! A file of records as a journal: read, cut at its end, or written anew.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use tracing::warn;

use super::super::place::Opened;
use super::super::{Error, file};
use super::scan::{Entry, Grammar, Stop, Survey, scan};
use super::{Journal, Keep, unread};

/// The buffer of a file that is written anew.
const BUFFER: usize = 256 << 10;

/// What is left of a file, for the format that goes on with it.
#[derive(Debug, Default)]
pub(in crate::sink) struct Kept {
    /// How many records.
    pub records: u64,
    /// What comes before the first of them. Without a byte here the file begins anew.
    pub head: Vec<u8>,
    /// The last byte; none of an empty file.
    pub last: Option<u8>,
}

/// A file that is open and ours.
pub(super) struct Book<'a> {
    path: PathBuf,
    format: &'static str,
    pub(super) opened: &'a mut Opened,
    grammar: Box<dyn Grammar>,
    survey: Survey,
    kept: u64,
    /// The file that it is to replace has changed since: what it has is passed over.
    is_stale: bool,
}

impl<'a> Book<'a> {
    pub(super) fn new(opened: &'a mut Opened, format: &'static str, grammar: Box<dyn Grammar>) -> Self {
        let path = opened.path.clone().unwrap_or_default();
        Self { path, format, opened, grammar, survey: Survey::default(), kept: 0, is_stale: false }
    }

    /// Looks whether another file, which is only read while this one is written, has changed since. Equal times say nothing.
    pub(super) fn look_whether_stale(&mut self, other: &File) -> io::Result<()> {
        let (own, other) = (self.opened.file.metadata()?, other.metadata()?);
        // Who swaps a file in changes its status last.
        let changed = (other.mtime(), other.mtime_nsec()).max((other.ctime(), other.ctime_nsec()));
        self.is_stale = own.len() > 0 && changed > (own.mtime(), own.mtime_nsec());
        Ok(())
    }

    /// Begins anew, where what is there is stale.
    pub(super) fn forget_stale(&mut self, other: &Path) -> Result<(), Error> {
        if !std::mem::take(&mut self.is_stale) {
            return Ok(());
        }
        warn!("{}: {} has changed since it was written: it is begun anew", self.path.display(), other.display());
        self.opened.cut(0).map_err(|source| Error::Write { place: self.path.display().to_string(), source })
    }

    /// Reads another file of the same kind, and says what is no record in it.
    pub(super) fn read_other(&mut self, path: &Path, file: &File, each: &mut dyn FnMut(&Entry<'_>)) -> Result<Survey, Error> {
        pass(path, self.format, file, &mut *self.grammar, each)
    }

    /// Whether nothing is in the file.
    pub(super) fn is_empty(&self) -> Result<bool, Error> {
        let about = self.opened.file.metadata().map_err(|cause| unread(&self.path, cause))?;
        Ok(about.len() == 0)
    }

    /// Whether records of another file, which was read just now, may stand in this one as they are.
    pub(super) fn check_heads(&self, path: &Path, file: &File, survey: &Survey) -> Result<(), Error> {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        copy_bytes(&self.opened.file, self.survey.head, &mut own).map_err(|cause| unread(&self.path, cause))?;
        copy_bytes(file, survey.head, &mut other).map_err(|cause| unread(path, cause))?;
        if own.is_empty() || other.is_empty() || self.grammar.is_same_head(&own, &other) {
            return Ok(());
        }
        let how = format!("they stand in another order than in {}", path.display());
        Err(Error::Differs { path: self.path.clone(), line: 1, what: "columns", how })
    }

    /// Adds records of another file that was read before, byte by byte, and its head where this file has none yet.
    pub(super) fn copy(&mut self, from: &File, head: u64, wanted: &dyn Fn(u64) -> bool) -> Result<(), Error> {
        let end = self.opened.file.metadata().map_err(|cause| unread(&self.path, cause))?.len();
        let has_head = end > 0;
        let mut out = BufWriter::with_capacity(BUFFER, &self.opened.file);
        let outcome = (|| {
            use std::io::Seek;
            out.seek(io::SeekFrom::Start(end))?;
            if !has_head {
                copy_bytes(from, head, &mut out)?;
            } else if !self.grammar.around(false).1.is_empty()
                && self.kept > 0
                && last_byte(&self.opened.file, end)? != Some(b'\n')
            {
                out.write_all(b"\n")?;
            }
            append(from, &mut *self.grammar, self.kept == 0, wanted, &mut out)?;
            out.flush()
        })();
        outcome.map_err(|source| Error::Write { place: self.path.display().to_string(), source })
    }

    /// What is left, once [`keep`](Journal::keep) has left it; the file stands at its end.
    pub(super) fn kept(&mut self) -> Result<Kept, Error> {
        let look = |opened: &mut Opened| {
            let end = opened.file.metadata()?.len();
            opened.cut(end)?;
            let mut head = Vec::new();
            copy_bytes(&opened.file, self.survey.head.min(end), &mut head)?;
            Ok(Kept { records: self.kept, head, last: last_byte(&opened.file, end)? })
        };
        look(self.opened).map_err(|cause| unread(&self.path, cause))
    }

    /// Says what was found that is no record.
    fn tell(&self) {
        tell(&self.path, &self.survey, "dropped");
    }

    /// Where the record ends before which so many others stand.
    fn end_of(&mut self, count: u64) -> Result<u64, Stop> {
        if count == 0 {
            return Ok(self.survey.head);
        }
        let found = scan(&self.opened.file, &mut *self.grammar, &mut |place, _| {
            Ok(if place + 1 == count { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(found.end)
    }

    /// Writes the file anew beside itself and swaps it in: until then the old one is whole.
    fn rewrite(&mut self, keep: &Keep) -> Result<(), Error> {
        let (new, name, target) = file::open_repair(&self.path, &self.opened.file)?;
        let old = &self.opened.file;
        let mut out = BufWriter::with_capacity(BUFFER, &new);
        let written = copy_bytes(old, self.survey.head, &mut out)
            .and_then(|()| append(old, &mut *self.grammar, true, &|place| keep.has(place), &mut out))
            .and_then(|()| out.flush())
            .and_then(|()| new.sync_all());
        drop(out);
        if let Err(source) = written {
            // A full disk needs its room back.
            let _ = fs::remove_file(&name);
            return Err(Error::Write { place: name.display().to_string(), source });
        }
        fs::rename(&name, &target).map_err(|source| Error::Swap { partial: name, target: target.clone(), source })?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let _ = File::open(folder.unwrap_or(".".as_ref())).and_then(|folder| folder.sync_all());
        self.opened.file = new;
        Ok(())
    }
}

impl Journal for Book<'_> {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read(&mut self, each: &mut dyn FnMut(&Entry<'_>)) -> Result<(), Error> {
        if self.is_stale {
            (self.survey, self.kept) = (Survey::default(), 0);
            return Ok(());
        }
        self.survey = pass(&self.path, self.format, &self.opened.file, &mut *self.grammar, each)?;
        self.kept = self.survey.records;
        Ok(())
    }

    fn keep(&mut self, keep: &Keep) -> Result<(), Error> {
        self.tell();
        let all = self.survey.records;
        let prefix = keep.prefix(all).filter(|_| self.survey.damage.places == 0);
        self.kept = (0..all).filter(|place| keep.has(*place)).count() as u64;
        if self.kept < all {
            warn!(
                "{}: {} records that another output lacks are dropped, to be fetched again",
                self.path.display(),
                all - self.kept
            );
        }
        let Some(count) = prefix else { return self.rewrite(keep) };
        let end = if count == all { Ok(self.survey.end) } else { self.end_of(count) };
        let end = end.map_err(|stop| stopped(&self.path, self.format, stop))?;
        let cut = if end < self.survey.size { self.opened.cut(end) } else { Ok(()) };
        cut.map_err(|source| Error::Write { place: self.path.display().to_string(), source })
    }
}

/// Reads a file to its end.
fn pass(
    path: &Path,
    format: &'static str,
    file: &File,
    grammar: &mut dyn Grammar,
    each: &mut dyn FnMut(&Entry<'_>),
) -> Result<Survey, Error> {
    let mut each = |_: u64, entry: &Entry<'_>| {
        each(entry);
        Ok(ControlFlow::Continue(()))
    };
    scan(file, grammar, &mut each).map_err(|stop| stopped(path, format, stop))
}

pub(super) fn stopped(path: &Path, format: &'static str, stop: Stop) -> Error {
    match stop {
        Stop::Refused(line, refusal) => refusal.error(path, line, format),
        Stop::Failed(cause) => unread(path, cause),
    }
}

/// Writes the wanted records of a file. `first` says that none precedes them.
fn append(
    file: &File,
    grammar: &mut dyn Grammar,
    mut first: bool,
    wanted: &dyn Fn(u64) -> bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let around = [grammar.around(false), grammar.around(true)];
    let done = scan(file, grammar, &mut |place, entry| {
        if wanted(place) {
            let (before, after) = around[usize::from(first)];
            first = false;
            for bytes in [before, entry.raw, after] {
                out.write_all(bytes)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    });
    match done {
        Ok(_) => Ok(()),
        Err(Stop::Failed(cause)) => Err(cause),
        Err(Stop::Refused(..)) => Err(io::Error::other("somebody else has changed the file")),
    }
}

/// The first bytes of a file.
fn copy_bytes(file: &File, count: u64, out: &mut dyn Write) -> io::Result<()> {
    let mut bytes = vec![0; usize::try_from(count).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    out.write_all(&bytes)
}

fn last_byte(file: &File, end: u64) -> io::Result<Option<u8>> {
    let mut last = [0];
    let Some(at) = end.checked_sub(1) else { return Ok(None) };
    file.read_exact_at(&mut last, at).map(|()| Some(last[0]))
}

/// Warns of what is no record, in words that say what becomes of it.
pub(super) fn tell(path: &Path, survey: &Survey, becomes: &str) {
    let path = path.display();
    if let Some((line, bytes)) = survey.torn.filter(|(_, bytes)| *bytes > 0) {
        warn!("{path}: the last {bytes} bytes (from line {line}) are no whole record and are {becomes}");
    }
    let damage = &survey.damage;
    if damage.places == 0 {
        return;
    }
    let lines =
        damage.lines.iter().map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    let lines = lines.collect::<Vec<_>>().join(", ");
    let more = damage.places - damage.lines.len() as u64;
    let more = if more > 0 { format!(" and {more} more places") } else { String::new() };
    warn!("{path}: {} damaged bytes between whole records are {becomes} (lines {lines}{more})", damage.bytes);
}

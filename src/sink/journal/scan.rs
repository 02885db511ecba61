//! One pass over an existing output: what is whole in it, what is damaged, what is torn at its end.
//!
//! The file is read in fixed memory, in pieces; only a record that is longer than a piece makes the window grow.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use super::refusal::Refusal;

/// How much of a file is looked at to begin with.
const WINDOW: usize = 256 << 10;

/// What has not ended after so many bytes is taken for damage: no memory may hang on one lost quote.
const LONGEST: usize = 256 << 20;

/// No beginning of a file, the header or the first record, is looked at any further.
pub(super) const LONGEST_HEAD: usize = 1 << 20;

/// So many damaged places are told one by one.
const TOLD: usize = 8;

/// A whole record.
pub(in crate::sink) struct Entry<'a> {
    /// The target's ordinal.
    pub index: u64,
    /// The target's URL, as [`Earlier`](crate::model::Earlier) is given it: NUL is U+FFFD, since no table can hold one.
    pub url: Cow<'a, str>,
    /// It has an error.
    pub failed: bool,
    /// Its bytes, without what separates records; none where the output is not made of bytes.
    pub raw: &'a [u8],
}

/// What stands at a place of a file.
pub(in crate::sink) enum Item<'a> {
    /// So many bytes between records.
    Gap(usize),
    /// A record, and how many bytes it takes with its line end. `apart` says that it is separated from the one before.
    Record { length: usize, apart: bool, entry: Entry<'a> },
    /// More bytes must be seen.
    More,
    /// No record begins here, and none in so many bytes.
    Bad(usize),
    /// A record, but not of this run's kind.
    Foreign(Refusal),
}

/// What stands at the beginning of a file.
pub(in crate::sink) enum Head {
    /// So many bytes before the first record.
    Ours(usize),
    /// The beginning of what should stand here, and nothing after it.
    Torn,
    /// More bytes must be seen.
    More,
    /// Something else.
    Foreign(Refusal),
}

/// How a format is read back. Bytes from anywhere: whatever they are, an answer takes time in proportion to their number.
pub(in crate::sink) trait Grammar: Send {
    /// Begins a file. `ended` says that no bytes follow these.
    fn head(&mut self, bytes: &[u8], ended: bool) -> Head;

    /// What comes next; there is at least one byte.
    fn item<'a>(&mut self, bytes: &'a [u8], ended: bool) -> Item<'a>;

    /// Where the next record may begin: after at least one byte, and at most all.
    fn skip(&mut self, bytes: &[u8], ended: bool) -> usize;

    /// Whether the file may not end here, although nothing is damaged.
    fn is_torn(&self) -> bool {
        false
    }

    /// Whether records may be moved as they are between files that begin with these.
    fn is_same_head(&self, _one: &[u8], _other: &[u8]) -> bool {
        true
    }

    /// Writes records one after the other into a file: what comes before one of them, and after it.
    fn around(&self, first: bool) -> (&'static [u8], &'static [u8]);
}

/// What a pass found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// How many whole records.
    pub records: u64,
    /// How many bytes come before the first of them, or before where it would be.
    pub head: u64,
    /// Where the last one ends.
    pub end: u64,
    /// The length of the file.
    pub size: u64,
    /// What stands between whole records and is none.
    pub damage: Damage,
    /// What follows the last whole record: the line it begins in, and its bytes.
    pub torn: Option<(u64, u64)>,
}

/// The damaged places of a file.
#[derive(Debug, Default)]
pub(super) struct Damage {
    pub places: u64,
    pub bytes: u64,
    /// The first and the last line of the first places.
    pub lines: Vec<(u64, u64)>,
}

/// Why a pass ended early.
pub(super) enum Stop {
    /// The file is not what it should be; in which line it shows.
    Refused(u64, Refusal),
    /// It cannot be read.
    Failed(io::Error),
}

impl From<io::Error> for Stop {
    fn from(cause: io::Error) -> Self {
        Self::Failed(cause)
    }
}

/// Sees the whole records of a file, each with its place among them, until it has seen enough.
pub(super) type Each<'a> = dyn FnMut(u64, &Entry<'_>) -> io::Result<ControlFlow<()>> + 'a;

/// Reads a file from its start. Where `each` has seen enough, the survey ends there too.
pub(super) fn scan(file: &File, grammar: &mut dyn Grammar, each: &mut Each<'_>) -> Result<Survey, Stop> {
    let mut window = Window::new(file);
    let mut found = Survey::default();
    window.fill()?;
    match head(&mut window, grammar)? {
        None => found.torn = Some((1, 0)),
        Some(head) => {
            window.consume(head);
            found.head = window.offset;
            records(&mut window, grammar, each, &mut found)?;
        }
    }
    found.size = file.metadata()?.len();
    if let Some((_, bytes)) = &mut found.torn {
        *bytes = found.size.saturating_sub(found.end);
    }
    Ok(found)
}

fn head(window: &mut Window<'_>, grammar: &mut dyn Grammar) -> Result<Option<usize>, Stop> {
    loop {
        match grammar.head(window.bytes(), window.ended) {
            Head::Ours(length) => return Ok(Some(length)),
            Head::Torn => return Ok(None),
            Head::More if !window.ended && window.bytes().len() < LONGEST_HEAD => window.fill()?,
            Head::More => return Err(Stop::Refused(1, Refusal::other(window.bytes()))),
            Head::Foreign(refusal) => return Err(Stop::Refused(1, refusal)),
        }
    }
}

fn records(window: &mut Window<'_>, grammar: &mut dyn Grammar, each: &mut Each<'_>, found: &mut Survey) -> Result<(), Stop> {
    found.end = window.offset;
    // Where what is no record begins, and in which line.
    let mut bad: Option<(u64, u64)> = None;
    loop {
        let (bytes, ended, here) = (window.bytes(), window.ended, (window.offset, window.line));
        if bytes.is_empty() {
            if ended {
                break;
            }
            window.fill()?;
            continue;
        }
        let length = match grammar.item(bytes, ended) {
            Item::Gap(length) => length,
            Item::Record { length, apart, entry } => {
                match bad.take() {
                    Some(since) => found.damage.add(since, here),
                    None if !apart => found.damage.add(here, here),
                    None => {}
                }
                found.records += 1;
                found.end = here.0 + length as u64;
                if each(found.records - 1, &entry)?.is_break() {
                    return Ok(());
                }
                length
            }
            Item::More if !ended && bytes.len() < LONGEST => {
                window.fill()?;
                continue;
            }
            Item::More => {
                bad.get_or_insert(here);
                grammar.skip(bytes, ended)
            }
            Item::Bad(length) => {
                bad.get_or_insert(here);
                length
            }
            Item::Foreign(refusal) => return Err(Stop::Refused(here.1, refusal)),
        };
        window.consume(length);
    }
    let torn = grammar.is_torn().then_some((window.offset, window.line));
    found.torn = bad.or(torn).map(|(_, line)| (line, 0));
    Ok(())
}

impl Damage {
    fn add(&mut self, (start, first): (u64, u64), (end, next): (u64, u64)) {
        self.places += 1;
        self.bytes += end - start;
        if self.lines.len() < TOLD {
            self.lines.push((first, next.saturating_sub(1).max(first)));
        }
    }
}

/// A part of a file: the bytes from a place on.
struct Window<'f> {
    file: &'f File,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where in the file the window starts, and in which line.
    offset: u64,
    line: u64,
    /// The window's end is the file's.
    ended: bool,
}

impl<'f> Window<'f> {
    fn new(file: &'f File) -> Self {
        Self { file, buffer: vec![0; WINDOW], start: 0, end: 0, offset: 0, line: 1, ended: false }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn consume(&mut self, count: usize) {
        self.line += memchr::memchr_iter(b'\n', &self.bytes()[..count]).count() as u64;
        self.start += count;
        self.offset += count as u64;
    }

    /// Gets more bytes, in a larger window where this one is full.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let from = self.offset + self.end as u64;
        match self.file.read_at(&mut self.buffer[self.end..], from) {
            Ok(count) => {
                self.end += count;
                self.ended = count == 0;
                Ok(())
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(cause) => Err(cause),
        }
    }
}

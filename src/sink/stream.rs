//! An output of bytes: a format's bytes in a place, batch by batch, never half a record.

use std::io;
use std::path::{Path, PathBuf};

use super::claims::Claim;
use super::journal::Carry;
use super::output::{Output, Wrote};
use super::place::{Sink, close, uninterrupted};
use super::{Error, Finished, Format};
use crate::model::Record;

/// A batch is written when it has this many bytes, or when no record is waiting.
pub(super) const BATCH: usize = 64 * 1024;

/// An output of bytes.
pub(super) struct Stream {
    sink: Box<dyn Sink>,
    format: Box<dyn Format>,
    /// Bytes not yet written, and where in them each record of the batch ends.
    buffer: Vec<u8>,
    ends: Vec<usize>,
    /// How many bytes came before the first record.
    lead: u64,
    /// The file that this one is to replace has records that stay.
    carry: Option<Carry>,
    /// The disk has the file's name too.
    is_named: bool,
    state: State,
}

/// What may still be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Anything.
    Open,
    /// Nothing: the reader has gone.
    Closed,
    /// A write failed, but the output ends after a whole record.
    Failed,
    /// A write failed half-way through a record.
    Torn,
}

impl Stream {
    /// An output that begins with `lead`, at once.
    pub(super) fn new(sink: Box<dyn Sink>, format: Box<dyn Format>, lead: Vec<u8>) -> Result<Self, Error> {
        let length = lead.len() as u64;
        let (ends, state) = (vec![], State::Open);
        let mut stream = Self { sink, format, buffer: lead, ends, lead: length, carry: None, is_named: false, state };
        stream.write().outcome?;
        Ok(stream)
    }

    /// The same, that has records to carry over.
    pub(super) fn carrying(self, carry: Option<Carry>) -> Self {
        Self { carry, ..self }
    }

    /// The error for a write that failed.
    fn failed(&self, source: io::Error) -> Error {
        match self.sink.path().filter(|path| path.is_file()) {
            Some(path) => Error::Stuck { path: path.to_owned(), is_torn: self.state == State::Torn, source },
            None => Error::Write { place: self.sink.name(), source },
        }
    }
}

impl Output for Stream {
    fn add(&mut self, record: &Record) {
        self.format.record(record, &mut self.buffer);
        self.ends.push(self.buffer.len());
    }

    fn is_full(&self) -> bool {
        self.buffer.len() >= BATCH
    }

    fn forget(&mut self) {
        self.buffer.clear();
        self.ends.clear();
    }

    fn write(&mut self) -> Wrote {
        let (sent, outcome) = send(&mut *self.sink, &self.buffer);
        let whole = self.ends.partition_point(|end| *end <= sent);
        if let Err(cause) = &outcome {
            let kept = whole.checked_sub(1).map_or(0, |last| self.ends[last]);
            self.state = match sent - kept {
                _ if cause.kind() == io::ErrorKind::BrokenPipe => State::Closed,
                0 => State::Failed,
                torn => uninterrupted(|| self.sink.take_back(torn as u64)).map_or(State::Torn, |()| State::Failed),
            };
        }
        self.ends.clear();
        self.buffer.clear();
        let outcome = match outcome {
            Err(source) if self.state != State::Closed => Err(self.failed(source)),
            _ => Ok(()),
        };
        Wrote { whole, outcome }
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.look()?;
        let synced = uninterrupted(|| self.sink.sync(!self.is_named));
        if let Err(source) = synced {
            // The system forgets what it could not write: a later sync that goes well says nothing.
            self.state = if self.state == State::Open { State::Failed } else { self.state };
            return Err(Error::Sync { place: self.sink.name(), source });
        }
        self.is_named = true;
        Ok(())
    }

    fn look(&self) -> Result<(), Error> {
        self.sink.look()
    }

    fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    fn carry_over(&mut self) -> Result<(), Error> {
        let Some(carry) = self.carry.take() else { return Ok(()) };
        carry.each(&mut |raw| {
            self.format.raw(raw, &mut self.buffer);
            self.ends.push(self.buffer.len());
            if self.is_full() { self.write().outcome } else { Ok(()) }
        })?;
        self.write().outcome
    }

    fn end(&mut self) -> bool {
        if matches!(self.state, State::Open | State::Failed) {
            self.format.end(&mut self.buffer);
        }
        !self.buffer.is_empty()
    }

    fn partial(&self) -> Option<PathBuf> {
        self.sink.swap().and(self.sink.path()).map(Path::to_owned)
    }

    fn abandon(self: Box<Self>, claim: &Claim) {
        if let Some(path) = self.sink.path() {
            claim.undo(path, self.lead);
        }
    }

    fn finish(mut self: Box<Self>, complete: bool) -> Result<Finished, Error> {
        let complete = complete && self.state == State::Open;
        if !self.buffer.is_empty() {
            self.write().outcome?;
        }
        close(&mut *self.sink, complete)
    }
}

/// Writes and flushes bytes, through interruptions and short writes; answers how many were taken.
fn send(sink: &mut dyn Sink, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut sent = 0;
    let outcome = loop {
        let step = if sent < bytes.len() { sink.write(&bytes[sent..]) } else { sink.flush().map(|()| 0) };
        match step {
            Ok(0) if sent < bytes.len() => break Err(io::ErrorKind::WriteZero.into()),
            Ok(0) => break Ok(()),
            Ok(count) => sent += count,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => break Err(cause),
        }
    };
    (sent, outcome)
}

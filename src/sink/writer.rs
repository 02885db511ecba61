//! The end of the line: takes records from the channel, writes them in batches, and shows each one that is written.

use std::io;
use std::path::PathBuf;
use std::thread;

use tokio::sync::mpsc::Receiver;

use super::place::Sink;
use super::{Error, Format};
use crate::model::Record;

/// A batch is written when it has this many bytes, or when no record is waiting.
const BATCH: usize = 64 * 1024;

/// How the writing of records ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every record is written.
    Done,
    /// Nobody reads the output any more (`| head`).
    Closed,
}

/// What is left behind by a finished output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// With `Existing::Overwrite` and an incomplete run: the file that has this run's records. The old file is untouched.
    pub partial: Option<PathBuf>,
}

/// An open output. Made by [`open`](super::open), fed by [`run`](Self::run), ended by [`finish`](Self::finish).
pub struct Writer {
    sink: Box<dyn Sink>,
    format: Box<dyn Format>,
    /// Bytes not yet written, and where in them each record of the batch ends.
    buffer: Vec<u8>,
    ends: Vec<usize>,
    batch: Vec<Record>,
    before_write: Box<dyn FnMut() + Send>,
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

impl Writer {
    /// A writer that begins with `lead`, at once.
    pub(super) fn new(sink: Box<dyn Sink>, format: Box<dyn Format>, lead: Vec<u8>) -> Result<Self, Error> {
        let before_write = Box::new(|| ());
        let mut writer = Self { sink, format, buffer: lead, ends: vec![], batch: vec![], before_write, state: State::Open };
        writer.write(&mut |_| ())?;
        Ok(writer)
    }

    /// Has something done before each batch of records, and before the end if it has bytes: while they are written their reader
    /// may already act on them.
    pub fn before_write(&mut self, hook: impl FnMut() + Send + 'static) {
        self.before_write = Box::new(hook);
    }

    /// Writes records until the channel is closed. Blocks its thread: records that wait are written together, up to 64 KiB at
    /// a time, and a record that comes alone is written at once. `observe` sees each record, in order, after it was written
    /// and only then.
    ///
    /// # Errors
    /// A write failed. The records before it are written and observed; where bytes can be taken back (a regular file), the
    /// output ends after the last of them.
    ///
    /// # Panics
    /// On a thread that drives asynchronous tasks.
    pub fn run(&mut self, records: &mut Receiver<Record>, observe: &mut dyn FnMut(&Record)) -> Result<End, Error> {
        while self.state == State::Open
            && let Some(first) = records.blocking_recv()
        {
            // Let whoever sends finish its turn: on a busy processor the next records are then here too, and one write has them all.
            thread::yield_now();
            let mut next = Some(first);
            while let Some(record) = next {
                self.format.record(&record, &mut self.buffer);
                self.ends.push(self.buffer.len());
                self.batch.push(record);
                next = if self.buffer.len() < BATCH { records.try_recv().ok() } else { None };
            }
            self.write(observe)?;
        }
        Ok(if self.state == State::Open { End::Done } else { End::Closed })
    }

    /// Ends the output, so that it is valid, whole or not. `complete` says that it holds every record of the run: only then
    /// does an overwriting run put its file in the place of the old one. May be called after [`run`](Self::run) has failed.
    ///
    /// # Errors
    /// The end cannot be written, or the new file cannot take the old one's place.
    pub fn finish(mut self, complete: bool) -> Result<Finished, Error> {
        let complete = complete && self.state == State::Open;
        if matches!(self.state, State::Open | State::Failed) {
            self.format.end(&mut self.buffer);
            self.write(&mut |_| ())?;
        }
        self.sink.close(complete)
    }

    /// Writes the buffer and shows the records that are written for good.
    fn write(&mut self, observe: &mut dyn FnMut(&Record)) -> Result<(), Error> {
        if !self.buffer.is_empty() {
            (self.before_write)();
        }
        let (sent, outcome) = send(&mut *self.sink, &self.buffer);
        let whole = self.ends.partition_point(|end| *end <= sent);
        if let Err(cause) = &outcome {
            let kept = whole.checked_sub(1).map_or(0, |last| self.ends[last]);
            self.state = match sent - kept {
                _ if cause.kind() == io::ErrorKind::BrokenPipe => State::Closed,
                0 => State::Failed,
                torn => self.sink.take_back(torn as u64).map_or(State::Torn, |()| State::Failed),
            };
        }
        self.batch.drain(..).take(whole).for_each(|record| observe(&record));
        self.ends.clear();
        self.buffer.clear();
        match outcome {
            Err(source) if self.state != State::Closed => Err(Error::Write { place: self.sink.name(), source }),
            _ => Ok(()),
        }
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

#[cfg(test)]
mod tests;

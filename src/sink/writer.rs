//! The end of the line: takes records from the channel, writes them in batches to every output, and shows each one that is written.

use std::path::PathBuf;
use std::thread;

use tokio::sync::mpsc::Receiver;

use super::Error;
use super::output::Output;
use crate::model::{Earlier, Record};

/// How the writing of records ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every record is written.
    Done,
    /// Nobody reads the output any more (`| head`).
    Closed,
}

/// What is left behind by finished outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// Of an incomplete run that was to replace files (`Existing::Overwrite`, `ResumeOverwrite`, `RetryFailed`): those that have its
    /// records. The old ones are untouched.
    pub partial: Vec<PathBuf>,
}

/// Open outputs. Made by [`open`](super::open), fed by [`run`](Self::run), ended by [`finish`](Self::finish).
pub struct Writer {
    outputs: Vec<Box<dyn Output>>,
    batch: Vec<Record>,
    before_write: Box<dyn FnMut() + Send>,
    earlier: Earlier,
    /// A write failed, or a reader has gone.
    is_over: bool,
}

impl Writer {
    pub(super) fn new(outputs: Vec<Box<dyn Output>>, earlier: Earlier) -> Self {
        Self { outputs, batch: vec![], before_write: Box::new(|| ()), earlier, is_over: false }
    }

    /// The targets that are finished already, as the outputs that are gone on with say. Empty when it is asked for again.
    pub fn take_earlier(&mut self) -> Earlier {
        std::mem::take(&mut self.earlier)
    }

    /// Has something done before each batch of records, and before the end if it has bytes: while they are written their reader may already act on
    /// them.
    pub fn before_write(&mut self, hook: impl FnMut() + Send + 'static) {
        self.before_write = Box::new(hook);
    }

    /// Writes records until the channel is closed. Blocks its thread: records that wait are written together, up to 64 KiB at
    /// a time, and a record that comes alone is written at once. `observe` sees each record, in order, after it was written
    /// to every output and only then.
    ///
    /// # Errors
    /// A write failed. The records before it are written and observed; where bytes can be taken back (a regular file), the
    /// output ends after the last of them.
    ///
    /// # Panics
    /// On a thread that drives asynchronous tasks.
    pub fn run(&mut self, records: &mut Receiver<Record>, observe: &mut dyn FnMut(&Record)) -> Result<End, Error> {
        while !self.is_over
            && let Some(first) = records.blocking_recv()
        {
            // Let whoever sends finish its turn: on a busy processor the next records are then here too, and one write has them all.
            thread::yield_now();
            let mut next = Some(first);
            while let Some(record) = next {
                self.outputs.iter_mut().for_each(|output| output.add(&record));
                self.batch.push(record);
                let is_full = self.outputs.iter().any(|output| output.is_full());
                next = if is_full { None } else { records.try_recv().ok() };
            }
            self.write(observe)?;
        }
        Ok(if self.is_closed() { End::Closed } else { End::Done })
    }

    /// Ends the outputs, so that they are valid, whole or not. `complete` says that they hold every record of the run: only then
    /// does an overwriting run put its files in the place of the old ones. May be called after [`run`](Self::run) has failed.
    ///
    /// # Errors
    /// An end cannot be written, or a new file cannot take the old one's place.
    pub fn finish(mut self, complete: bool) -> Result<Finished, Error> {
        let complete = complete && !self.is_over;
        let waiting = self.outputs.iter_mut().map(|output| usize::from(output.end())).sum::<usize>();
        if waiting > 0 {
            (self.before_write)();
        }
        let mut all = Finished::default();
        let mut failed = None;
        // Each is ended whatever becomes of the others.
        for output in self.outputs {
            match output.finish(complete) {
                Ok(finished) => all.partial.extend(finished.partial),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(all), Err)
    }

    fn is_closed(&self) -> bool {
        self.outputs.iter().any(|output| output.is_closed())
    }

    /// Writes the batch and shows the records that are in every output for good.
    fn write(&mut self, observe: &mut dyn FnMut(&Record)) -> Result<(), Error> {
        (self.before_write)();
        let (mut whole, mut outcome) = (self.batch.len(), Ok(()));
        for output in &mut self.outputs {
            let wrote = output.write();
            whole = whole.min(wrote.whole);
            outcome = outcome.and(wrote.outcome);
        }
        self.is_over = outcome.is_err() || self.is_closed();
        self.batch.drain(..).take(whole).for_each(|record| observe(&record));
        outcome
    }
}

#[cfg(test)]
mod tests;

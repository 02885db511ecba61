//! The end of the line: takes records from the channel, writes them in batches to every output, and shows each one that is written.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;

use super::every::Due;
use super::output::Output;
use super::receive::{Late, receive};
use super::{Error, Every};
use crate::model::{Earlier, Record};

/// How often outputs are looked for under their names: a file that was deleted takes records that nobody will ever see.
const LOOK: Duration = Duration::from_secs(1);

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
    due: Due,
    looked: Instant,
    /// A write failed, or a reader has gone.
    is_over: bool,
}

impl Writer {
    pub(super) fn new(mut outputs: Vec<Box<dyn Output>>, earlier: Earlier) -> Self {
        outputs.sort_by_key(|output| !output.is_atomic());
        let (due, looked) = (Due::new(None), Instant::now());
        Self { outputs, batch: vec![], before_write: Box::new(|| ()), earlier, due, looked, is_over: false }
    }

    /// Has the disk confirm what is written, from now on and of what is there already.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn synced(mut self, every: Option<Every>) -> Result<Self, Error> {
        self.due = Due::new(every);
        if every.is_some() {
            self.sync()?;
        }
        Ok(self)
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
        let started = self.outputs.iter_mut().try_for_each(|output| output.start());
        self.is_over |= started.is_err();
        started?;
        while !self.is_over {
            let first = match receive(records, self.due.at()) {
                Ok(Some(first)) => first,
                Ok(None) => break,
                Err(Late) => {
                    self.sync()?;
                    continue;
                }
            };
            self.look()?;
            // Let whoever sends finish its turn: on a busy processor the next records are then here too, and one write has them all.
            thread::yield_now();
            let mut next = Some(first);
            while let Some(record) = next {
                self.outputs.iter_mut().for_each(|output| output.add(&record));
                self.batch.push(record);
                let is_full = self.outputs.iter().any(|output| output.is_full()) || self.batch.len() as u64 >= self.due.room();
                next = if is_full { None } else { records.try_recv().ok() };
            }
            self.write(observe)?;
        }
        Ok(if self.is_closed() { End::Closed } else { End::Done })
    }

    /// Ends the outputs, so that they are valid, whole or not. `complete` says that they hold every record of the run: only then
    /// does an overwriting run put its files in the place of the old ones, and only when the disk has all of them. May be called
    /// after [`run`](Self::run) has failed.
    ///
    /// # Errors
    /// An end cannot be written, or a new file cannot take the old one's place.
    pub fn finish(self, complete: bool) -> Result<Finished, Error> {
        let (finished, outcome) = self.end(complete);
        outcome.map(|()| finished)
    }

    /// The same, with what is left behind also where one of the outputs fails.
    pub(crate) fn end(mut self, complete: bool) -> (Finished, Result<(), Error>) {
        let mut outcome = Ok(());
        if complete && !self.is_over {
            outcome = self.outputs.iter_mut().try_for_each(|output| output.carry_over());
        }
        let waiting: Vec<_> = self.outputs.iter_mut().map(|output| output.end()).collect();
        if waiting.contains(&true) {
            (self.before_write)();
        }
        for (output, _) in self.outputs.iter_mut().zip(waiting).filter(|(_, waits)| *waits) {
            outcome = outcome.and(output.write().outcome);
        }
        // Before the first of several files takes its name, the others have to be able to.
        let mut complete = complete && !self.is_over && outcome.is_ok();
        if complete {
            outcome = self.outputs.iter_mut().try_for_each(|output| output.sync());
            complete = outcome.is_ok();
        }
        let mut all = Finished::default();
        // Each is ended whatever becomes of the others.
        for output in self.outputs {
            let partial = output.partial();
            match output.finish(complete) {
                Ok(finished) => all.partial.extend(finished.partial),
                Err(error) => {
                    all.partial.extend(partial.filter(|partial| partial.exists()));
                    outcome = outcome.and(Err(error));
                    // What has not taken its name yet does not: the next run goes on with all that is beside.
                    complete = false;
                }
            }
        }
        (all, outcome)
    }

    fn is_closed(&self) -> bool {
        self.outputs.iter().any(|output| output.is_closed())
    }

    /// Writes the batch and shows the records that are in every output for good.
    fn write(&mut self, observe: &mut dyn FnMut(&Record)) -> Result<(), Error> {
        (self.before_write)();
        let (mut whole, mut outcome, mut undone) = (self.batch.len(), Ok(()), false);
        for output in &mut self.outputs {
            // What a database has nothing of, no other output is to have.
            if undone {
                output.forget();
                continue;
            }
            let wrote = output.write();
            undone = output.is_atomic() && wrote.outcome.is_err();
            whole = whole.min(wrote.whole);
            outcome = outcome.and(wrote.outcome);
        }
        self.is_over = outcome.is_err() || self.is_closed();
        self.batch.drain(..).take(whole).for_each(|record| observe(&record));
        let is_due = self.due.wrote(whole as u64, Instant::now());
        outcome.and_then(|()| if is_due && !self.is_over { self.sync() } else { Ok(()) })
    }

    /// Now and then looks for the outputs under their names.
    fn look(&mut self) -> Result<(), Error> {
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        let outcome = self.outputs.iter().try_for_each(|output| output.look());
        self.is_over |= outcome.is_err();
        outcome
    }

    /// Waits until the disk has what was written.
    fn sync(&mut self) -> Result<(), Error> {
        let outcome = self.outputs.iter_mut().try_for_each(|output| output.sync());
        self.is_over |= outcome.is_err();
        self.due.synced();
        outcome
    }
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod flaky;
#[cfg(test)]
mod tests;

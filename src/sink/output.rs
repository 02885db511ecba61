//! What one output is to the writer, whatever it is made of: bytes or tables of a database.

use std::path::PathBuf;

use super::claims::Claim;
use super::{Error, Finished};
use crate::model::Record;

/// One of the places that every record goes to.
pub(super) trait Output: Send {
    /// The run begins: all of its outputs are open. May be said again.
    fn start(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Adds a record to what is written next.
    fn add(&mut self, record: &Record);

    /// Enough was added for a write of its own.
    fn is_full(&self) -> bool;

    /// Drops what was added and not written.
    fn forget(&mut self);

    /// A write of it is done as a whole or not at all, and can fail for reasons of its own: such outputs come first, and where one
    /// fails the others get nothing either.
    fn is_atomic(&self) -> bool {
        false
    }

    /// Writes what was added: whatever becomes of this process, it is there.
    fn write(&mut self) -> Wrote;

    /// Waits until the disk has what was written. A pipe or a device has none to wait for.
    fn sync(&mut self) -> Result<(), Error>;

    /// Looks whether the output is still where it is looked for: somebody may have deleted or moved it.
    fn look(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Nobody reads this output any more (`| head`).
    fn is_closed(&self) -> bool;

    /// The file that has the records until they are complete, where that is not the output itself.
    fn partial(&self) -> Option<PathBuf> {
        None
    }

    /// Writes the records of the old file that stay and that no record of this run has replaced: every record of the run is there.
    fn carry_over(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Adds what comes after the last record, and says whether anything waits to be written.
    fn end(&mut self) -> bool;

    /// Gives up what was opened, because the run does not begin: a file that was not there before goes again.
    fn abandon(self: Box<Self>, _claim: &Claim) {}

    /// Ends the output, so that it is valid, whole or not. `complete` says that every record of the run is in every output.
    fn finish(self: Box<Self>, complete: bool) -> Result<Finished, Error>;
}

/// What a write came to.
pub(super) struct Wrote {
    /// How many of the records that were added are in the output for good.
    pub whole: usize,
    /// Why it was not all of them. A reader that has gone is no error.
    pub outcome: Result<(), Error>,
}

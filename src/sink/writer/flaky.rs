//! A place whose n-th operation goes wrong, for tests.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use crate::sink::Error;
use crate::sink::place::{Sink, Swap};

/// What an operation does instead of what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The disk is full: half of the bytes still fit, and from then on none.
    Full,
    /// It fails, and every later one works.
    Broken,
    /// It fails, and so does every later one on any output.
    Dead,
    /// A signal comes in between.
    Interrupted,
    /// Half of the bytes are taken.
    Short,
}

/// Which operation goes wrong, of all places together.
#[derive(Debug)]
pub(super) struct Plot {
    fault: Fault,
    left: AtomicUsize,
    pub met: AtomicBool,
}

impl Plot {
    pub(super) fn new(fault: Fault, nth: usize) -> Arc<Self> {
        Arc::new(Self { fault, left: AtomicUsize::new(nth), met: AtomicBool::new(false) })
    }

    /// Counts an operation; answers what goes wrong with it.
    fn step(&self) -> Option<Fault> {
        let left = self.left.load(Ordering::SeqCst);
        self.left.store(left.saturating_sub(1), Ordering::SeqCst);
        let now = left == 1 || left == 0 && self.fault == Fault::Dead;
        self.met.fetch_or(now, Ordering::SeqCst);
        now.then_some(self.fault)
    }

    /// For an operation that is done or not.
    fn whole(&self) -> io::Result<()> {
        match self.step() {
            None | Some(Fault::Short) => Ok(()),
            Some(Fault::Full) => Err(Errno::NOSPC.into()),
            Some(Fault::Broken | Fault::Dead) => Err(Errno::IO.into()),
            Some(Fault::Interrupted) => Err(Errno::INTR.into()),
        }
    }
}

/// A place with a plot. Nothing waits for a disk.
pub(super) struct Flaky<S> {
    pub inner: S,
    pub plot: Arc<Plot>,
    pub is_full: bool,
    /// Each length that was synced.
    pub synced: Arc<Mutex<Vec<u64>>>,
}

impl<S: Sink> Flaky<S> {
    pub(super) fn boxed(inner: S, plot: &Arc<Plot>) -> Box<dyn Sink>
    where
        S: 'static,
    {
        Box::new(Self { inner, plot: Arc::clone(plot), is_full: false, synced: Arc::default() })
    }
}

impl<S: Sink> Sink for Flaky<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fault = self.plot.step();
        if self.is_full {
            return Err(Errno::NOSPC.into());
        }
        match fault {
            None => self.inner.write(bytes),
            Some(Fault::Interrupted) => Err(Errno::INTR.into()),
            Some(Fault::Broken | Fault::Dead) => Err(Errno::IO.into()),
            Some(fault @ (Fault::Short | Fault::Full)) => {
                self.is_full = fault == Fault::Full;
                self.inner.write(&bytes[..bytes.len().div_ceil(2)])
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.plot.whole().and_then(|()| self.inner.flush())
    }

    fn take_back(&mut self, count: u64) -> io::Result<()> {
        self.plot.whole().and_then(|()| self.inner.take_back(count))
    }

    fn sync(&mut self, _: bool) -> io::Result<()> {
        self.plot.whole()?;
        let length = self.path().map_or(0, |path| fs::metadata(path).unwrap().len());
        self.synced.lock().unwrap().push(length);
        Ok(())
    }

    fn look(&self) -> Result<(), Error> {
        self.inner.look()
    }

    fn rename(&mut self) -> io::Result<()> {
        self.plot.whole().and_then(|()| self.inner.rename())
    }

    fn sync_name(&mut self) -> io::Result<()> {
        self.plot.whole()
    }

    fn name(&self) -> String {
        self.inner.name()
    }

    fn path(&self) -> Option<&Path> {
        self.inner.path()
    }

    fn swap(&self) -> Option<&Swap> {
        self.inner.swap()
    }
}

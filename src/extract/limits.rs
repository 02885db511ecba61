//! What one page may cost, and the failure of a page that costs more.

use std::cell::{Cell, OnceCell};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::Settings;
use crate::model::{ErrorKind, Failure};

/// The nodes of a page that is not large: about 30 MiB. There may be as many such pages at a time as there are processors.
const LARGE: usize = 200_000;

/// What a page may build however short it is: its skeleton.
const SKELETON: usize = 10_000;

/// What a value takes beside its text.
pub(super) const VALUE: usize = 64;

/// What is left for one page. CPU time is the thread's, so that a busy machine fails no page.
///
/// Of the pages that are being read at one time only one may be large; another that turns out to be waits for it, so that memory
/// does not grow with the number of processors.
#[derive(Debug)]
pub(super) struct Limits<'a> {
    pub(super) max_depth: usize,
    pub(super) max_nodes: usize,
    pub(super) max_attributes: usize,
    max_matches: usize,
    max_time: Duration,
    started: Duration,
    max_values: usize,
    values: Cell<usize>,
    large: &'a Mutex<()>,
    turn: OnceCell<MutexGuard<'a, ()>>,
}

impl<'a> Limits<'a> {
    /// The limits of a page of `bytes`, from now on. `large` is shared with all pages that are read at the same time.
    pub(super) fn new(settings: &Settings, bytes: usize, large: &'a Mutex<()>) -> Self {
        Self {
            max_depth: settings.max_depth,
            max_nodes: settings.max_nodes.min(bytes.saturating_mul(4).saturating_add(SKELETON)),
            max_attributes: settings.max_attributes,
            max_matches: settings.max_matches,
            max_time: settings.max_time,
            started: cpu_time(),
            max_values: settings.max_values.max(bytes.saturating_mul(4)),
            values: Cell::new(0),
            large,
            turn: OnceCell::new(),
        }
    }

    /// Takes note of the nodes so far: waits for its turn where they are many, and fails where they are too many.
    pub(super) fn check_nodes(&self, nodes: usize) -> Result<(), Failure> {
        if nodes > self.max_nodes {
            return Err(too_large(format!("the page builds more than {} nodes", self.max_nodes)));
        }
        if nodes > LARGE {
            // A panic while it was held was in a page that is no more.
            self.turn.get_or_init(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
        }
        Ok(())
    }

    /// Fails when the time is used up; `doing` says what took it: `parsing it`.
    pub(super) fn check_time(&self, doing: &str) -> Result<(), Failure> {
        if self.is_late(1) { Err(self.late(doing)) } else { Ok(()) }
    }

    /// The failure of a page whose time is used up.
    pub(super) fn late(&self, doing: &str) -> Failure {
        let time = humantime::format_duration(self.max_time);
        too_large(format!("the page costs more than --max-parse ({time} of CPU time), which passed while {doing}"))
    }

    /// Whether such a part of the time is used up: 1 is all of it, 8 an eighth.
    pub(super) fn is_late(&self, part: u32) -> bool {
        cpu_time().saturating_sub(self.started) > self.max_time / part
    }

    /// Which part of the time a millisecond is, for [`is_late`](Self::is_late).
    pub(super) fn moments(&self) -> u32 {
        u32::try_from(self.max_time.as_millis()).unwrap_or(u32::MAX)
    }

    /// Counts the `nth` value of a list, of `bytes`, and fails when the values of the field or of the page are too many.
    pub(super) fn count_value(&self, nth: usize, bytes: usize) -> Result<(), Failure> {
        if nth > self.max_matches {
            let limit = self.max_matches;
            return Err(too_large(format!("a field has more than {limit} values: a selector that matches less is needed")));
        }
        let sum = self.values.get().saturating_add(bytes).saturating_add(VALUE);
        self.values.set(sum);
        if sum > self.max_values { Err(self.too_long()) } else { Ok(()) }
    }

    /// Begins to count anew: what was counted is read again.
    pub(super) fn forget_values(&self) {
        self.values.set(0);
    }

    /// How many bytes the next value may have.
    pub(super) fn room(&self) -> usize {
        self.max_values.saturating_sub(self.values.get())
    }

    /// The failure of a page with more values than [`room`](Self::room) for them.
    pub(super) fn too_long(&self) -> Failure {
        let limit = self.max_values;
        too_large(format!("the values of the page are longer than {limit} bytes: a selector that matches less is needed"))
    }
}

/// The failure of a page that is beyond a limit.
pub(super) fn too_large(message: String) -> Failure {
    Failure::new(ErrorKind::TooLarge, message)
}

/// The CPU time that this thread has used so far.
pub(super) fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a thread has used no negative time")
}

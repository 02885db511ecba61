//! What one page may cost, and the failure of a page that costs more.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::Settings;
use crate::model::{ErrorKind, Failure};

/// What is left for one page. CPU time is the thread's, so that a busy machine fails no page.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) max_depth: usize,
    pub(super) max_nodes: usize,
    max_time: Duration,
    started: Duration,
    max_values: usize,
    values: Cell<usize>,
}

impl Limits {
    /// The limits of a page of `bytes`, from now on.
    pub(super) fn new(settings: &Settings, bytes: usize) -> Self {
        Self {
            max_depth: settings.max_depth,
            max_nodes: settings.max_nodes,
            max_time: settings.max_time,
            started: cpu_time(),
            max_values: settings.max_values.max(bytes.saturating_mul(4)),
            values: Cell::new(0),
        }
    }

    /// Fails when the time is used up; `doing` says what took it: `parsing its first 4096 bytes`.
    pub(super) fn check_time(&self, doing: impl FnOnce() -> String) -> Result<(), Failure> {
        if cpu_time().saturating_sub(self.started) <= self.max_time {
            return Ok(());
        }
        let time = humantime::format_duration(self.max_time);
        Err(too_large(format!("the page costs more than {time} of CPU time, which passed while {}", doing())))
    }

    /// Counts a value of `bytes` and fails when the values of the page are too many.
    pub(super) fn count_value(&self, bytes: usize) -> Result<(), Failure> {
        let sum = self.values.get().saturating_add(bytes);
        self.values.set(sum);
        if sum <= self.max_values {
            return Ok(());
        }
        let limit = self.max_values;
        Err(too_large(format!("the values of the page are longer than {limit} bytes: a selector that matches less is needed")))
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

//! The near end of the targets' channel: when to take targets in, and what has been taken.

use std::time::Duration;
use std::vec;

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::Instant;

use crate::model::{Read, Target};

/// From the first target on the crawl waits this long for the list to fill the window, so that the first places do not all go
/// to the host that the list begins with.
const GATHER: Duration = Duration::from_millis(100);

/// A list that is not at its end is expected to go on for so long after its last target. Longer than it takes the frontier to be hungry:
/// until then nothing more is taken from a list that is at hand.
const EXPECTED: Duration = Duration::from_millis(400);

/// Targets on their way in.
#[derive(Debug)]
pub(super) struct Intake {
    targets: Receiver<Vec<Read>>,
    /// What is left of the batch that came last: it is not taken in yet.
    batch: vec::IntoIter<Read>,
    /// Filled up again when no more targets than this are held: a few at a time would wake the source for each.
    refill: usize,
    filling: bool,
    /// When the last target came: a list that is not at its end may have more at hand than the source could know.
    came_at: Instant,
    /// The window has never been full: until then start no request, unless the source has nothing at hand.
    gathering: Option<Instant>,
    /// Nothing more is taken.
    is_closed: bool,
    /// Targets taken in, skipped ones included.
    pub(super) read: u64,
    /// Targets that are not fetched: repeated, or finished by an earlier run.
    pub(super) skipped: u64,
    /// The list has been read to its end.
    pub(super) is_complete: bool,
}

impl Intake {
    pub(super) fn new(targets: Receiver<Vec<Read>>, window: usize, now: Instant) -> Self {
        let gathering = Some(now + GATHER);
        Self {
            targets,
            batch: Vec::new().into_iter(),
            refill: window / 4 * 3,
            filling: true,
            came_at: now,
            gathering,
            is_closed: false,
            read: 0,
            skipped: 0,
            is_complete: false,
        }
    }

    /// Whether to take more in, with `held` targets in hand.
    pub(super) fn wants_more(&mut self, held: usize, is_full: bool) -> bool {
        if is_full {
            self.gathering = None;
        }
        self.filling = !is_full && (self.filling || held <= self.refill);
        self.filling && !self.is_complete && !self.is_closed
    }

    /// Whether the list may be read on although the window is full.
    pub(super) fn may_read_on(&self) -> bool {
        !self.is_complete && !self.is_closed
    }

    /// Until when the source, whose list is not at its end, is expected to hand over more.
    pub(super) fn expected_until(&self) -> Option<Instant> {
        self.may_read_on().then(|| self.came_at + EXPECTED)
    }

    /// What the source has at hand, if anything.
    pub(super) fn try_next(&mut self) -> Option<Target> {
        loop {
            while let Some(read) = self.batch.next() {
                if let Some(target) = self.count(read) {
                    return Some(target);
                }
            }
            match self.targets.try_recv() {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => {
                    self.end();
                    return None;
                }
            }
        }
    }

    /// Waits until the source has something at hand, or until its list ends.
    pub(super) async fn arrives(&mut self) {
        if self.batch.len() == 0 {
            match self.targets.recv().await {
                Some(batch) => self.batch = batch.into_iter(),
                None => self.end(),
            }
        }
    }

    fn count(&mut self, read: Read) -> Option<Target> {
        self.came_at = Instant::now();
        if self.read == self.skipped && self.gathering.is_some() {
            self.gathering = Some(self.came_at + GATHER);
        }
        self.read += read.skipped + u64::from(read.target.is_some());
        self.skipped += read.skipped;
        if !read.more {
            self.gathering = None;
        }
        read.target
    }

    fn end(&mut self) {
        self.is_complete = true;
        self.gathering = None;
    }

    /// Until when the first requests wait for the window to fill, if they do.
    pub(super) fn gathering(&self, now: Instant) -> Option<Instant> {
        self.gathering.filter(|until| *until > now)
    }

    /// Takes nothing more; the source hears of it.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.targets.close();
    }
}

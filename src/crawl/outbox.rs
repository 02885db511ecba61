//! Records on their way out of the loop: as they complete, or held back until all before them are out.

use std::collections::{BTreeMap, VecDeque};

use crate::model::Record;

/// How many targets beyond the first one without a record `--ordered` works ahead, and so the most records held back.
pub const ORDERED_WINDOW: usize = 1024;

/// Records that may be written now, and with an order those that may not yet.
#[derive(Debug)]
pub(super) struct Outbox {
    ordered: bool,
    ready: VecDeque<Record>,
    /// The indexes whose records are owed, in input order.
    owed: VecDeque<u64>,
    held: BTreeMap<u64, Record>,
}

impl Outbox {
    pub(super) fn new(ordered: bool) -> Self {
        Self { ordered, ready: VecDeque::new(), owed: VecDeque::new(), held: BTreeMap::new() }
    }

    /// Whether one more target may be begun without holding back more records than the bound.
    pub(super) fn has_room(&self) -> bool {
        self.owed.len() < ORDERED_WINDOW
    }

    /// Notes that a target was taken in, in input order.
    pub(super) fn expect(&mut self, index: u64) {
        if self.ordered {
            self.owed.push_back(index);
        }
    }

    pub(super) fn push(&mut self, record: Record) {
        if !self.ordered {
            self.ready.push_back(record);
            return;
        }
        self.held.insert(record.index, record);
        while let Some(record) = self.owed.front().and_then(|index| self.held.remove(index)) {
            self.owed.pop_front();
            self.ready.push_back(record);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Record> {
        self.ready.pop_front()
    }

    /// Lets go of everything, in order: targets before it were left and will have no record.
    pub(super) fn release(&mut self) {
        self.ready.extend(std::mem::take(&mut self.held).into_values());
        self.owed.clear();
    }
}

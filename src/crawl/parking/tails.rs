//! What is parked in memory: the newest records of every host, not written yet, in one log that all hosts share.

/// What stands before each record: its host, where the host's next record is, its length.
const HEAD: usize = 12;
/// No host: the record was taken or written.
const NOBODY: u32 = u32::MAX;

/// The newest records of one host.
#[derive(Clone, Copy, Debug, Default)]
struct Tail {
    first: u32,
    last: u32,
    /// How much of the log is its; 0: it has no records.
    bytes: u32,
}

/// The log.
#[derive(Debug, Default)]
pub(super) struct Tails {
    log: Vec<u8>,
    /// How much of the log still is somebody's.
    live: usize,
    /// By host.
    ends: Vec<Tail>,
}

impl Tails {
    /// How much of the log a record takes.
    pub(super) fn cost(record: &[u8]) -> usize {
        HEAD + record.len()
    }

    /// The length of the log in bytes.
    pub(super) fn used(&self) -> usize {
        self.log.len()
    }

    /// How much of it is somebody's.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Appends a record. The caller sees to it that the log stays below 4 GiB.
    pub(super) fn push(&mut self, host: usize, record: &[u8]) {
        let at = position(self.log.len());
        if self.ends.len() <= host {
            self.ends.resize(host + 1, Tail::default());
        }
        let tail = &mut self.ends[host];
        let before = (tail.bytes > 0).then_some(tail.last);
        if before.is_none() {
            tail.first = at;
        }
        tail.last = at;
        tail.bytes += position(Self::cost(record));
        if let Some(before) = before {
            self.set(before as usize + 4, at);
        }
        self.live += Self::cost(record);
        self.log.extend_from_slice(&position(host).to_le_bytes());
        self.log.extend_from_slice(&0_u32.to_le_bytes());
        self.log.extend_from_slice(&position(record.len()).to_le_bytes());
        self.log.extend_from_slice(record);
    }

    /// How much of the log is a host's.
    pub(super) fn bytes(&self, host: usize) -> u32 {
        self.ends.get(host).map_or(0, |tail| tail.bytes)
    }

    /// The records of a host, the oldest first, each with its place for [`Tails::from`].
    pub(super) fn records(&self, host: usize) -> impl Iterator<Item = (u32, &[u8])> {
        let first = self.ends.get(host).filter(|tail| tail.bytes > 0).map(|tail| tail.first);
        first.into_iter().flat_map(move |first| self.from(host, first))
    }

    /// The same from the one at this place on.
    pub(super) fn from(&self, host: usize, at: u32) -> impl Iterator<Item = (u32, &[u8])> {
        let last = self.ends[host].last;
        std::iter::successors(Some(at), move |&at| (at != last).then(|| self.get(at as usize + 4)))
            .map(|at| (at, self.record(at)))
    }

    /// Forgets the oldest record of a host that has one.
    pub(super) fn pop(&mut self, host: usize) {
        let at = self.ends[host].first;
        let cost = Self::cost(self.record(at));
        let next = self.get(at as usize + 4);
        self.set(at as usize, NOBODY);
        let tail = &mut self.ends[host];
        tail.first = next;
        tail.bytes -= position(cost);
        self.live -= cost;
        if self.live == 0 {
            self.log.clear();
            self.log.shrink_to(super::KEPT);
        }
    }

    /// Forgets all records of a host.
    pub(super) fn clear(&mut self, host: usize) {
        while self.bytes(host) > 0 {
            self.pop(host);
        }
    }

    /// The hosts that have records, in the order of their first.
    pub(super) fn hosts(&self) -> impl Iterator<Item = usize> {
        let inside = |at: usize| (at < self.log.len()).then_some(at);
        let records = std::iter::successors(inside(0), move |&at| inside(self.next(at)));
        records.filter_map(|at| {
            let host = self.get(at);
            (host != NOBODY && self.ends[host as usize].first == position(at)).then_some(host as usize)
        })
    }

    /// Closes the gaps that forgotten records left, and gives back what is reserved beyond `room` bytes.
    pub(super) fn compact(&mut self, room: usize) {
        if self.live == self.log.len() {
            return;
        }
        let (mut at, mut to) = (0, 0);
        while at < self.log.len() {
            let (host, next) = (self.get(at), self.next(at));
            if host != NOBODY {
                self.log.copy_within(at..next, to);
                let tail = &mut self.ends[host as usize];
                // The first of a host comes before its others, so `last` can say where the one before this went.
                let before = tail.last as usize;
                tail.last = position(to);
                if tail.first == position(at) {
                    tail.first = position(to);
                } else {
                    self.set(before + 4, position(to));
                }
                to += next - at;
            }
            at = next;
        }
        self.log.truncate(to);
        self.log.shrink_to(room);
    }

    /// Where the record behind the one at this place is.
    fn next(&self, at: usize) -> usize {
        at + HEAD + self.get(at + 8) as usize
    }

    fn record(&self, at: u32) -> &[u8] {
        let start = at as usize + HEAD;
        &self.log[start..start + self.get(at as usize + 8) as usize]
    }

    fn get(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.log[at..at + 4].try_into().expect("four bytes are four bytes"))
    }

    fn set(&mut self, at: usize, value: u32) {
        self.log[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("the log is kept below 4 GiB")
}

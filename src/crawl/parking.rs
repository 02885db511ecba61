//! Where the surplus of a waiting host is parked, so that the list can be read on to hosts that need not wait: on disk, in a file
//! without a name.
//!
//! Stands inside the crawl, beside the frontier's window. What is parked is first kept in memory, in a log that all hosts share and that
//! has one budget. When that is used up, the hosts with the most in it go to the file: a host's records make a few chunks, the chunks of
//! many hosts one write, and what has little to write stays, so that chunks do not get tiny nor segments sparse. In the file each host
//! has a list of chunks, linked forward, so that the next one can be read without a search. Memory holds only both ends of the list. The
//! link of a chunk is therefore written later than the chunk itself, together with the links that lie near it.
//!
//! A failure costs nothing: chunks are written where nothing else is, and belong to nobody until their link is written; until then
//! their records stay in memory.

mod disk;
mod record;
mod space;
mod spill;
mod tails;

use std::io;

use self::disk::{Disk, Unnamed};
use self::space::Space;
use self::tails::Tails;
use crate::model::Target;

/// What is kept reserved of a buffer that was needed for once, in bytes.
const KEPT: usize = 64 << 10;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// What is kept in memory of all hosts, in bytes. A single target may be longer.
    memory: usize,
    /// What is read at a time, in bytes. A single target may be longer.
    chunk: usize,
    /// What is read at a time, in targets.
    targets: usize,
    /// What is freed at a time in the file, in bytes.
    segment: u64,
}

const LIMITS: Limits = Limits { memory: 2 << 20, chunk: 16 << 10, targets: 64, segment: 1 << 20 };

/// Parked targets of many hosts, first in, first out for each.
///
/// A host is a small number, since each below the highest costs 44 bytes. It may be another host's as soon as nothing of it is parked.
#[derive(Debug)]
pub(super) struct Parking<D = Unnamed> {
    limits: Limits,
    queues: Vec<Queue>,
    tails: Tails,
    space: Space,
    disk: D,
    len: u64,
    record: Vec<u8>,
}

/// What is parked of one host: chunks in the file, and then a tail in memory.
#[derive(Clone, Debug, Default)]
struct Queue {
    parked: u64,
    /// Where the oldest chunk is.
    head: u64,
    /// Its length; 0: there are no chunks.
    head_length: u32,
    /// How much of its records was taken already.
    taken: u32,
    /// Where the newest chunk is, which has no link yet.
    last: u64,
}

/// Nothing more can be parked for now. Everything that was parked is there.
#[derive(Debug, thiserror::Error)]
#[error("cannot park more of the list on disk: {error}; TMPDIR names the folder, and one with more room helps")]
pub(super) struct Full {
    /// What was to be parked.
    pub(super) target: Box<Target>,
    /// Why it was not.
    #[source]
    pub(super) error: io::Error,
}

impl Parking {
    /// Nothing is parked. It costs no memory, and no file until one is needed.
    pub(super) fn new() -> Self {
        Self::with(LIMITS, Unnamed::default())
    }
}

impl<D: Disk> Parking<D> {
    fn with(limits: Limits, disk: D) -> Self {
        Self {
            limits,
            queues: Vec::new(),
            tails: Tails::default(),
            space: Space::new(limits.segment),
            disk,
            len: 0,
            record: Vec::new(),
        }
    }

    /// Whether nothing is parked.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many targets are parked, of all hosts.
    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many targets of a host are parked.
    #[cfg(test)]
    pub(super) fn parked(&self, host: usize) -> u64 {
        self.queues.get(host).map_or(0, |queue| queue.parked)
    }

    /// Parks a target behind those of its host.
    ///
    /// # Errors
    /// The disk takes no more, or there is no URL to park: then the target comes back.
    pub(super) fn put(&mut self, host: usize, target: Target) -> Result<(), Full> {
        self.try_put(host, &target).map_err(|error| Full { target: Box::new(target), error })
    }

    fn try_put(&mut self, host: usize, target: &Target) -> io::Result<()> {
        let url = target.url.as_ref().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the target has no URL"))?;
        self.record.clear();
        self.record.shrink_to(KEPT);
        record::write(target, url, &mut self.record);
        let cost = Tails::cost(&self.record);
        // Half of what a position can be: whatever else the log holds then fits too.
        if cost > u32::MAX as usize / 2 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.make_room(cost)?;
        if self.queues.len() <= host {
            self.queues.resize(host + 1, Queue::default());
        }
        self.tails.push(host, &self.record);
        self.queues[host].parked += 1;
        self.len += 1;
        Ok(())
    }

    /// Sees to it that the log takes this much more within its budget, or is empty.
    fn make_room(&mut self, cost: usize) -> io::Result<()> {
        let budget = self.limits.memory;
        if self.tails.used() + cost <= budget {
            return Ok(());
        }
        // Mostly gaps: what comes and goes quickly never needs the disk.
        let spilt = if self.tails.live() + cost <= budget / 2 { Ok(()) } else { self.spill(cost) };
        self.tails.compact(budget);
        spilt
    }

    /// Takes the oldest parked targets of a host, in the order they were parked: `most` of them or fewer, none if none is parked.
    ///
    /// # Errors
    /// The file cannot be read, or what it says is not what was written. Nothing is taken then.
    pub(super) fn take(&mut self, host: usize, most: usize) -> io::Result<Vec<Target>> {
        let Some(queue) = self.queues.get(host).filter(|queue| queue.parked > 0) else { return Ok(Vec::new()) };
        let targets = if queue.head_length > 0 { self.take_chunk(host, most)? } else { self.take_tail(host, most)? };
        self.queues[host].parked -= targets.len() as u64;
        self.len -= targets.len() as u64;
        Ok(targets)
    }

    /// Takes what is in memory, as much as a chunk would hold.
    fn take_tail(&mut self, host: usize, most: usize) -> io::Result<Vec<Target>> {
        let mut targets = Vec::new();
        let mut bytes = 0;
        for (_, mut record) in self.tails.records(host).take(self.limits.targets.min(most)) {
            bytes += record.len();
            if bytes > self.limits.chunk && !targets.is_empty() {
                break;
            }
            targets.push(record::read(&mut record).ok_or_else(corrupted)?);
        }
        for _ in &targets {
            self.tails.pop(host);
        }
        Ok(targets)
    }
}

fn corrupted() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the parked part of the list cannot be read back: the temporary file is damaged")
}

#[cfg(test)]
mod tests;

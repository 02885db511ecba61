//! The way to the file and back: which hosts go, their chunks, and the links between these.

use std::cmp::Reverse;
use std::io;
use std::ops::Range;

use super::disk::Disk;
use super::{Parking, corrupted, record};
use crate::model::Target;

/// What stands before the records of a chunk: its host, then the length and the place of the host's next chunk.
const HEAD: usize = 16;
/// About as much is written at a time, in bytes.
const BATCH: usize = 256 << 10;
/// Links that are no farther apart are written together with what is between them, in bytes.
const NEAR: u64 = 4096;
/// So many links at most are written together.
const TOGETHER: usize = 16;

/// A chunk to be written.
struct Chunk {
    host: usize,
    /// Where its first record is in the log.
    first: u32,
    records: u32,
    offset: u64,
    length: u32,
}

/// A host's newest chunk in the file, and its new ones, which are to be linked to it.
struct Joint {
    last: u64,
    chunks: Range<usize>,
}

impl<D: Disk> Parking<D> {
    /// Writes at least half of what is in memory, so that this much more has room. What could not be written stays in memory.
    pub(super) fn spill(&mut self, cost: usize) -> io::Result<()> {
        let space = self.space.clone();
        let chunks = self.plan(cost);
        if let Err(error) = self.write(&chunks) {
            self.space = space;
            // The disk may be full, and others need it: a half-written batch gives its part back. If it cannot, that changes nothing here.
            let _ = self.disk.cut(self.space.end());
            return Err(error);
        }
        self.link(&chunks)
    }

    /// The hosts with the most in memory, until it is enough, cut into chunks; those of a host stand together.
    fn plan(&mut self, cost: usize) -> Vec<Chunk> {
        let mut hosts: Vec<_> = self.tails.hosts().map(|host| (Reverse(self.tails.bytes(host)), host)).collect();
        hosts.sort_unstable();
        let live = self.tails.live();
        let enough = live.div_ceil(2).max((live + cost).saturating_sub(self.limits.memory)).min(live);
        let mut sum = 0;
        let mut chunks: Vec<Chunk> = Vec::new();
        for (Reverse(bytes), host) in hosts {
            if sum >= enough {
                break;
            }
            sum += bytes as usize;
            let start = chunks.len();
            for (at, record) in self.tails.records(host) {
                match chunks[start..].last_mut() {
                    Some(chunk)
                        if (chunk.records as usize) < self.limits.targets
                            && chunk.length as usize + record.len() <= self.limits.chunk =>
                    {
                        chunk.records += 1;
                        chunk.length += length(record.len());
                    }
                    _ => chunks.push(Chunk { host, first: at, records: 1, offset: 0, length: length(HEAD + record.len()) }),
                }
            }
            for chunk in &mut chunks[start..] {
                chunk.offset = self.space.claim(chunk.length);
            }
        }
        chunks
    }

    /// Writes the chunks. Nothing points to them yet.
    fn write(&mut self, chunks: &[Chunk]) -> io::Result<()> {
        let mut batch: Vec<u8> = Vec::with_capacity(BATCH);
        let mut start = 0;
        for (at, chunk) in chunks.iter().enumerate() {
            if batch.len() >= BATCH || start + batch.len() as u64 != chunk.offset {
                if !batch.is_empty() {
                    self.disk.write(&batch, start)?;
                }
                batch.clear();
                start = chunk.offset;
            }
            let next = chunks.get(at + 1).filter(|next| next.host == chunk.host);
            batch.extend_from_slice(&name(chunk.host));
            batch.extend_from_slice(&next.map_or([0; HEAD - 4], link_to));
            for (_, record) in self.tails.from(chunk.host, chunk.first).take(chunk.records as usize) {
                batch.extend_from_slice(record);
            }
        }
        if batch.is_empty() { Ok(()) } else { self.disk.write(&batch, start) }
    }

    /// Links the written chunks to those that their hosts have already. From then on they are not in memory any more.
    fn link(&mut self, chunks: &[Chunk]) -> io::Result<()> {
        let mut joints = Vec::new();
        let mut at = 0;
        for of_host in chunks.chunk_by(|a, b| a.host == b.host) {
            let queue = &self.queues[of_host[0].host];
            let range = at..at + of_host.len();
            at = range.end;
            if queue.head_length == 0 {
                self.hand_over(&chunks[range]);
            } else {
                joints.push(Joint { last: queue.last, chunks: range });
            }
        }
        joints.sort_unstable_by_key(|joint| joint.last);
        let mut outcome = Ok(());
        for near in joints.chunk_by(|a, b| b.last - a.last <= NEAR).flat_map(|near| near.chunks(TOGETHER)) {
            let linked = self.write_links(near, chunks);
            for joint in near {
                let chunks = &chunks[joint.chunks.clone()];
                match &linked {
                    Ok(()) => self.hand_over(chunks),
                    // A link may be there now, but a newest chunk's link is not looked at.
                    Err(_) => chunks.iter().for_each(|chunk| self.space.release(chunk.offset, chunk.length)),
                }
            }
            outcome = outcome.and(linked);
        }
        outcome
    }

    /// Writes a few links that are near each other, in one go.
    fn write_links(&mut self, joints: &[Joint], chunks: &[Chunk]) -> io::Result<()> {
        let start = joints[0].last;
        let end = joints[joints.len() - 1].last + HEAD as u64;
        let mut region = vec![0; usize::try_from(end - start).expect("they are near each other")];
        self.disk.read(&mut region, start)?;
        for joint in joints {
            let next = &chunks[joint.chunks.start];
            let at = usize::try_from(joint.last - start).expect("they are near each other");
            let head = &mut region[at..at + HEAD];
            if head[..4] != name(next.host) {
                return Err(corrupted());
            }
            head[4..].copy_from_slice(&link_to(next));
        }
        self.disk.write(&region, start)
    }

    /// All that a host had in memory is in these chunks.
    fn hand_over(&mut self, chunks: &[Chunk]) {
        let (first, last) = (&chunks[0], &chunks[chunks.len() - 1]);
        let queue = &mut self.queues[first.host];
        if queue.head_length == 0 {
            (queue.head, queue.head_length) = (first.offset, first.length);
        }
        queue.last = last.offset;
        self.tails.clear(first.host);
    }

    /// Takes targets of a host's oldest chunk in the file, `most` of them or as many as it has; with its last one it is out of the file.
    pub(super) fn take_chunk(&mut self, host: usize, most: usize) -> io::Result<Vec<Target>> {
        let queue = &self.queues[host];
        let (offset, length) = (queue.head, queue.head_length);
        let mut chunk = vec![0; length as usize];
        self.disk.read(&mut chunk, offset)?;
        let (head, mut rest) = chunk.split_at_checked(HEAD).ok_or_else(corrupted)?;
        let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes are four bytes"));
        let next_length = if offset == queue.last { 0 } else { number(4) };
        let next = u64::from(number(8)) | u64::from(number(12)) << 32;
        rest = rest.get(queue.taken as usize..).ok_or_else(corrupted)?;
        let mut targets = Vec::new();
        while !rest.is_empty() && targets.len() < most {
            targets.push(record::read(&mut rest).ok_or_else(corrupted)?);
        }
        if !rest.is_empty() {
            // As the head says whose chunk it is, it is looked at when the rest is taken, too.
            if head[..4] != name(host) || targets.len() as u64 >= queue.parked {
                return Err(corrupted());
            }
            self.queues[host].taken = length - u32::try_from(HEAD + rest.len()).expect("less than the chunk's length");
            return Ok(targets);
        }
        let taken = targets.len() as u64;
        let is_whole = if offset == queue.last {
            taken == queue.parked || (taken < queue.parked && self.tails.bytes(host) > 0)
        } else {
            let is_inside = next.checked_add(next_length.into()).is_some_and(|end| end <= self.space.end());
            taken < queue.parked && next_length as usize > HEAD && is_inside
        };
        if head[..4] != name(host) || !is_whole {
            return Err(corrupted());
        }
        self.queues[host].head = next;
        self.queues[host].head_length = next_length;
        self.queues[host].taken = 0;
        self.space.release(offset, length);
        if self.space.reset() {
            // Where it stays as long as it was, it is filled again from its start.
            let _ = self.disk.cut(0);
        }
        Ok(targets)
    }
}

/// The link to a chunk: its length and its place.
fn link_to(chunk: &Chunk) -> [u8; HEAD - 4] {
    let mut link = [0; HEAD - 4];
    link[..4].copy_from_slice(&chunk.length.to_le_bytes());
    link[4..].copy_from_slice(&chunk.offset.to_le_bytes());
    link
}

/// A host in the head of its chunks.
fn name(host: usize) -> [u8; 4] {
    u32::try_from(host).expect("the log has taken it for a number below 2³²").to_le_bytes()
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("the log that it comes from is kept below 4 GiB")
}

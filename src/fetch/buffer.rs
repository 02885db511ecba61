//! Bytes that grow: a body as it comes in or as it is decoded.
//!
//! Large ones are maps of their own. An allocator keeps what is freed, and moves what grows to between what others still hold, so that
//! the process becomes several times as large as its bodies are; a map is gone when it is dropped, and takes no more memory than was
//! written to it.

use std::io::{self, Read};

use bytes::Bytes;
use memmap2::MmapMut;

/// What is no larger is the allocator's.
const SMALL: usize = 128 << 10;

/// So many times what is needed is room to grow into.
const GROWTH: usize = 4;

/// Bytes that grow.
#[derive(Debug)]
pub(super) enum Buffer {
    Small(Vec<u8>),
    Large(Map),
}

/// The beginning of a map.
#[derive(Debug)]
pub(super) struct Map {
    map: MmapMut,
    len: usize,
}

impl Default for Buffer {
    fn default() -> Self {
        Self::Small(Vec::new())
    }
}

impl Buffer {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Small(bytes) => bytes.len(),
            Self::Large(map) => map.len,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        match self {
            Self::Small(bytes) => bytes.capacity(),
            Self::Large(map) => map.map.len(),
        }
    }

    /// A capacity for at least `needs` bytes, and at most `most`: room to grow into costs nothing until it is written to, but where
    /// the allocator gives it.
    pub(super) fn room_for(needs: usize, most: usize) -> usize {
        let twice = needs.saturating_mul(2);
        if twice <= SMALL { twice } else { needs.saturating_mul(GROWTH) }.min(most).max(needs)
    }

    /// The bytes of memory that it takes.
    pub(super) fn takes(&self) -> u64 {
        (if let Self::Small(bytes) = self { bytes.capacity() } else { self.len() }) as u64
    }

    /// What it will take at most while it grows to a capacity: it is in its old place and in the new one.
    pub(super) fn growing_takes(&self, capacity: usize) -> u64 {
        self.takes() + if capacity > SMALL { self.len() } else { capacity } as u64
    }

    /// Makes room for `capacity` bytes in all.
    ///
    /// # Errors
    /// The system has none.
    pub(super) fn grow(&mut self, capacity: usize) -> io::Result<()> {
        if capacity <= self.capacity() {
            return Ok(());
        }
        match self {
            Self::Small(bytes) if capacity <= SMALL => bytes.reserve_exact(capacity - bytes.len()),
            _ => {
                let mut map = MmapMut::map_anon(capacity)?;
                map[..self.len()].copy_from_slice(self.as_ref());
                *self = Self::Large(Map { map, len: self.len() });
            }
        }
        Ok(())
    }

    /// Adds bytes for which there is room.
    pub(super) fn push(&mut self, more: &[u8]) {
        match self {
            Self::Small(bytes) => bytes.extend_from_slice(more),
            Self::Large(map) => {
                map.map[map.len..][..more.len()].copy_from_slice(more);
                map.len += more.len();
            }
        }
    }

    /// Reads until `len` bytes are there, for which there is room, or there is no more to read.
    pub(super) fn fill(&mut self, source: &mut impl Read, len: usize) -> io::Result<()> {
        match self {
            Self::Small(bytes) => source.take((len - bytes.len()) as u64).read_to_end(bytes).map(drop),
            Self::Large(map) => loop {
                match source.read(&mut map.map[map.len..len]) {
                    Ok(0) => return Ok(()),
                    Ok(read) => map.len += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            },
        }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(map) => map.as_ref(),
        }
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        &self.map[..self.len]
    }
}

impl From<Buffer> for Bytes {
    fn from(buffer: Buffer) -> Self {
        match buffer {
            Buffer::Small(bytes) => bytes.into(),
            Buffer::Large(map) => Self::from_owner(map),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_the_same_bytes_however_it_grows() {
        let data: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        for step in [1000, SMALL, 300_000] {
            let (mut pushed, mut filled) = (Buffer::default(), Buffer::default());
            let mut source = &data[..];
            for piece in data.chunks(step) {
                let needs = pushed.len() + piece.len();
                if needs > pushed.capacity() {
                    let takes = pushed.growing_takes(needs * 2);
                    pushed.grow(needs * 2).unwrap();
                    filled.grow(needs * 2).unwrap();
                    assert!(pushed.takes() <= takes && pushed.capacity() >= needs * 2);
                }
                pushed.push(piece);
                filled.fill(&mut source, needs).unwrap();
                assert_eq!((filled.len(), pushed.len()), (needs, needs));
            }
            assert!(pushed.takes() == 1_000_000 && Bytes::from(pushed) == data[..] && Bytes::from(filled) == data[..], "{step}");
        }
    }

    #[test]
    fn where_there_is_no_memory_that_is_an_error() {
        let mut buffer = Buffer::default();
        buffer.push(b"kept");
        assert!(buffer.grow(usize::MAX / 4).is_err());
        assert_eq!(buffer.as_ref(), b"kept");
    }
}

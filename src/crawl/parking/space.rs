//! Which part of the file is whose. The file is cut into segments that are filled from front to back and freed as a whole, once nothing
//! in them is needed any more: what is written at one time lies together, and the books stay small.

use std::collections::BTreeSet;

/// The segments of the file.
#[derive(Clone, Debug)]
pub(super) struct Space {
    /// The length of a segment in bytes.
    segment: u64,
    /// How many chunks in each segment are needed.
    needed: Vec<u32>,
    /// The segments without any, but for the current one.
    free: BTreeSet<usize>,
    /// The segment that is being filled, and how far.
    current: Option<(usize, u64)>,
}

impl Space {
    pub(super) fn new(segment: u64) -> Self {
        Self { segment, needed: Vec::new(), free: BTreeSet::new(), current: None }
    }

    /// Where a chunk of this length goes.
    pub(super) fn claim(&mut self, length: u32) -> u64 {
        let length = u64::from(length);
        if length > self.segment {
            return self.claim_segments(length);
        }
        let (at, used) = match self.current {
            Some((at, used)) if used + length <= self.segment => (at, used),
            _ => (self.next_segment(), 0),
        };
        self.current = Some((at, used + length));
        self.needed[at] += 1;
        at as u64 * self.segment + used
    }

    /// A chunk that no segment can hold has new ones for itself.
    fn claim_segments(&mut self, length: u64) -> u64 {
        let offset = self.end();
        let count = length.div_ceil(self.segment);
        self.needed.extend((0..count).map(|_| 1));
        offset
    }

    fn next_segment(&mut self) -> usize {
        self.free.pop_first().unwrap_or_else(|| {
            self.needed.push(0);
            self.needed.len() - 1
        })
    }

    /// A chunk is not needed any more.
    pub(super) fn release(&mut self, offset: u64, length: u32) {
        let segments = offset / self.segment..=(offset + u64::from(length) - 1) / self.segment;
        for at in segments {
            let at = usize::try_from(at).expect("it was an index when it was claimed");
            self.needed[at] -= 1;
            match &mut self.current {
                _ if self.needed[at] > 0 => {}
                Some((current, used)) if *current == at => *used = 0,
                _ => drop(self.free.insert(at)),
            }
        }
    }

    /// Whether the whole file is free, although it is not empty. Then it is taken for empty.
    pub(super) fn reset(&mut self) -> bool {
        let is_current_free = self.current.is_none_or(|(at, _)| self.needed[at] == 0);
        let is_free = is_current_free && self.free.len() + usize::from(self.current.is_some()) == self.needed.len();
        if is_free {
            *self = Self::new(self.segment);
        }
        is_free
    }

    /// How long the file is at most.
    pub(super) fn end(&self) -> u64 {
        self.needed.len() as u64 * self.segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_lie_side_by_side_and_never_across_two_segments() {
        let mut space = Space::new(100);
        assert_eq!([40, 60, 30, 80].map(|length| space.claim(length)), [0, 40, 100, 200]);
        assert_eq!(space.end(), 300);
    }

    #[test]
    fn a_segment_that_is_not_needed_is_filled_again() {
        let mut space = Space::new(100);
        let chunks = [50; 6].map(|length| space.claim(length));
        space.release(chunks[0], 50);
        assert_eq!(space.claim(50), 300, "half of it is needed yet");
        space.release(chunks[1], 50);
        assert_eq!([space.claim(50), space.claim(50)], [350, 0]);
        assert!(!space.reset());
    }

    #[test]
    fn a_chunk_longer_than_a_segment_has_its_own() {
        let mut space = Space::new(100);
        assert_eq!([space.claim(10), space.claim(250), space.claim(10)], [0, 100, 10]);
        space.release(100, 250);
        assert_eq!([space.claim(90), space.claim(90)], [100, 200]);
    }

    #[test]
    fn a_file_that_is_not_needed_is_empty() {
        let mut space = Space::new(100);
        let chunks = [60; 3].map(|length| space.claim(length));
        for chunk in chunks {
            assert!(!space.reset());
            space.release(chunk, 60);
        }
        assert!(space.reset());
        assert_eq!(space.end(), 0);
    }
}

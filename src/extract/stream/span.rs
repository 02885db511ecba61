//! A part of a page, kept in one word: it is written and read as a whole, which two halves of one word are not.

use std::num::NonZeroU64;

use super::Hazard;

/// From where to where in the text of a page. It never begins at the text's start, where no tag has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) struct Span(NonZeroU64);

impl Span {
    /// The part that begins after the first byte, or later, and ends there.
    pub(super) fn new(start: usize, end: usize) -> Result<Self, Hazard> {
        let place = |at: usize| u32::try_from(at).map(u64::from).map_err(|_| "a page of gigabytes");
        NonZeroU64::new(place(start)? << 32 | place(end)?).map(Self).ok_or("a tag without a start")
    }

    /// What it is part of, from its end on.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(super) fn end(self) -> usize {
        self.0.get() as u32 as usize
    }

    /// The part of the text that it was made for.
    pub(in crate::extract) fn of(self, text: &str) -> &str {
        &text[(self.0.get() >> 32) as usize..self.end()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_the_part_it_was_made_for() {
        let span = Span::new(1, 3).unwrap();
        assert_eq!((span.of("<p2>"), span.end()), ("p2", 3));
        assert_eq!(Span::new(2, 2).unwrap().of("</>"), "");
        let most = u32::MAX as usize;
        assert_eq!(Span::new(most, most).unwrap().end(), most);
        assert!(Span::new(1, most + 1).is_err());
    }
}

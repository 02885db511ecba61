//! How long the answers of an epoch took: a histogram of sixteen bytes.

/// As many answers make the first guess of what is usual.
pub(super) const FIRST: u32 = 8;
/// As many answers can show that they take longer than usual.
pub(super) const ENOUGH: u32 = 16;
/// Growth is a signal only beyond this factor and by as many milliseconds.
const FACTOR: u32 = 3;
const AT_LEAST: u32 = 500;

/// Whether the quarter of the answers that came soonest took far longer than usual. A few slow pages among many do not show
/// here, nor do milliseconds that become tens of them because this machine is busy.
pub(super) fn has_grown(usual: u32, quartile: u32) -> bool {
    quartile > usual.saturating_mul(FACTOR).max(usual.saturating_add(AT_LEAST))
}

/// Counts of latencies: one below 128 ms, then two an octave; the last one from 16 s.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies([u8; 16]);

impl Latencies {
    pub(super) fn note(&mut self, millis: u32) {
        let bucket = match millis.checked_ilog2() {
            Some(octave @ 7..) => (1 + 2 * (octave as usize - 7) + (millis >> (octave - 1) & 1) as usize).min(15),
            _ => 0,
        };
        // The shape counts, not the number: a full bucket halves them all.
        if self.0[bucket] == u8::MAX {
            self.0.iter_mut().for_each(|count| *count /= 2);
        }
        self.0[bucket] += 1;
    }

    /// How many are counted; no longer exact beyond 255.
    pub(super) fn count(&self) -> u32 {
        self.0.iter().map(|count| u32::from(*count)).sum()
    }

    /// The milliseconds that a quarter of them took less than; 0 without any.
    pub(super) fn quartile(&self) -> u32 {
        let rank = self.count() / 4;
        let mut below = 0;
        for (bucket, count) in (0..).zip(self.0.map(u32::from)) {
            if below + count > rank {
                let (from, to) = (floor(bucket), floor(bucket + 1));
                return from + (to - from) * (rank - below) / count;
            }
            below += count;
        }
        0
    }
}

/// Where a bucket begins, in milliseconds.
fn floor(bucket: u32) -> u32 {
    match bucket.checked_sub(1) {
        None => 0,
        Some(half) => (2 + half % 2) << (6 + half / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quartile_is_found_within_half_an_octave() {
        for millis in [0, 5, 127, 128, 200, 999, 2500, 16_000, 20_000] {
            let mut latencies = Latencies::default();
            (0..1000).for_each(|_| latencies.note(millis));
            (0..2000).for_each(|_| latencies.note(u32::MAX));
            let quartile = latencies.quartile();
            assert!(
                quartile <= millis.max(128) * 3 / 2 && quartile * 3 / 2 >= millis * u32::from(millis > 127),
                "{millis} {quartile}"
            );
        }
    }

    #[test]
    fn the_quickest_quarter_decides() {
        let mut latencies = Latencies::default();
        (0..30).for_each(|_| latencies.note(5));
        (0..70).for_each(|_| latencies.note(5000));
        assert!(latencies.quartile() < 128);
        (0..30).for_each(|_| latencies.note(5000));
        assert!(latencies.quartile() > 4000);
        assert_eq!(Latencies::default().quartile(), 0);
    }
}

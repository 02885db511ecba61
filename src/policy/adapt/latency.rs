//! How long the answers of an epoch took: a histogram of sixteen bytes.

/// As many answers make the first guess of what is usual.
pub(super) const FIRST: u32 = 8;
/// As many answers can show that they take longer than usual.
pub(super) const ENOUGH: u32 = 32;
/// Growth is a signal only beyond this factor and by as many milliseconds.
const FACTOR: u32 = 3;
const AT_LEAST: u32 = 500;

/// Whether the tenth of the answers that came soonest took far longer than usual. Slow pages among quick ones do not show here,
/// nor do milliseconds that become tens of them because this machine is busy.
pub(super) fn has_grown(usual: u32, decile: u32) -> bool {
    decile > usual.saturating_mul(FACTOR).max(usual.saturating_add(AT_LEAST))
}

/// Counts of latencies: one below 256 ms, then two an octave; the last one from 32 s.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies([u8; 16]);

impl Latencies {
    pub(super) fn note(&mut self, millis: u32) {
        let bucket = match millis.checked_ilog2() {
            Some(octave @ 8..) => (1 + 2 * (octave as usize - 8) + (millis >> (octave - 1) & 1) as usize).min(15),
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

    /// The milliseconds that a tenth of them took less than; 0 without any.
    pub(super) fn decile(&self) -> u32 {
        let rank = self.count() / 10;
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
        Some(half) => (2 + half % 2) << (7 + half / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decile_is_found_within_half_an_octave() {
        for millis in [0, 5, 255, 256, 400, 999, 2500, 16_000, 40_000] {
            let mut latencies = Latencies::default();
            for i in 0..10_000 {
                latencies.note(if i % 4 == 0 { millis } else { u32::MAX });
            }
            let decile = latencies.decile();
            assert!(decile <= (millis * 3 / 2).max(256), "{millis} {decile}");
            assert!(decile * 3 / 2 >= millis || millis < 256, "{millis} {decile}");
        }
    }

    #[test]
    fn the_quickest_tenth_decides() {
        let mut latencies = Latencies::default();
        (0..15).for_each(|_| latencies.note(5));
        (0..85).for_each(|_| latencies.note(5000));
        assert!(latencies.decile() < 256);
        (0..100).for_each(|_| latencies.note(5000));
        assert!(latencies.decile() > 4000);
        assert_eq!(Latencies::default().decile(), 0);
    }

    #[test]
    fn only_seconds_are_growth() {
        assert!(!has_grown(2, 400) && !has_grown(300, 800) && !has_grown(1000, 2900));
        assert!(has_grown(2, 600) && has_grown(1000, 3100) && !has_grown(u32::MAX, u32::MAX));
    }
}

//! Whether slowing down helps against refusals.

/// How many results make a share that can be compared, and how many refusals among them; without, so many times more.
const RESULTS: u32 = 30;
const REFUSALS: u32 = 6;
const TIMES: u32 = 5;

/// A rate, its half and its quarter, and how much was refused at each: the same share of a host that refuses at any pace, and
/// never of one that has a rate, not even if that changes meanwhile.
#[derive(Debug)]
pub(super) struct Trial {
    /// The whole rate.
    pub(super) rate: f64,
    counts: [Count; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    answered: u32,
    refused: u32,
}

impl Count {
    fn share(self) -> Option<f64> {
        let results = self.answered.saturating_add(self.refused);
        let is_enough = results >= RESULTS && (self.refused >= REFUSALS || results >= TIMES * RESULTS);
        is_enough.then(|| f64::from(self.refused) / f64::from(results))
    }
}

impl Trial {
    /// Begins at a rate.
    pub(super) fn new(rate: f64) -> Self {
        Self { rate, counts: <[Count; 3]>::default() }
    }

    /// Counts an epoch at a rate. One that comes before the faster ones are known begins a trial of its own.
    pub(super) fn count(&mut self, rate: f64, answered: u32, refused: u32) {
        let level = |trial: &Self| usize::from(rate <= 0.6 * trial.rate) + usize::from(rate <= 0.3 * trial.rate);
        if self.counts[..level(self)].iter().any(|count| count.share().is_none()) {
            *self = Self::new(rate);
        }
        let count = &mut self.counts[level(self)];
        count.answered = count.answered.saturating_add(answered);
        count.refused = count.refused.saturating_add(refused);
    }

    /// The share that was refused at any rate; zero if slowing down has helped.
    pub(super) fn verdict(&self) -> Option<f64> {
        let [a, b, c] = self.counts.map(Count::share);
        let shares = [a?, b?, c?];
        let mean = shares.iter().sum::<f64>() / 3.0;
        let is_same = shares.iter().all(|share| *share < 0.5 && (0.6 * mean..=1.6 * mean).contains(share));
        Some(if is_same { mean } else { 0.0 })
    }
}

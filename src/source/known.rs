//! What an earlier run has finished, while the list is read: first to learn what that is, then to skip it.

use super::Bad;
use crate::model::{Claims, Earlier, Finished, Secrets, Target};

/// What is known of the targets that are read.
#[derive(Debug, Default)]
pub(super) struct Known {
    secrets: Secrets,
    reading: Reading,
}

#[derive(Debug, Default)]
enum Reading {
    /// All targets are new.
    #[default]
    Only,
    /// They are counted, and told to what an earlier run has finished.
    First { claims: Claims, count: u64 },
    /// An earlier run has finished some of them.
    Second(Finished),
}

impl Known {
    /// For the first reading.
    pub(super) fn of(earlier: Earlier, secrets: Secrets) -> Self {
        Self { secrets, reading: Reading::First { claims: earlier.claims(), count: 0 } }
    }

    /// For the second reading: with it how many targets are finished, and how many are not.
    pub(super) fn settle(self) -> (Self, u64, u64) {
        match self.reading {
            Reading::First { claims, count } => {
                let finished = claims.settle();
                let done = finished.len();
                (Self { reading: Reading::Second(finished), ..self }, done, count - done)
            }
            Reading::Only | Reading::Second(_) => (self, 0, 0),
        }
    }

    /// Whether a target is to be skipped; `None` if that takes more than the text of its URL. Each is to be asked for once.
    pub(super) fn skips_text(&mut self, index: u64, url: &Result<String, Bad>) -> Option<bool> {
        let Self { secrets, reading } = self;
        match reading {
            Reading::Only => Some(false),
            reading => Some(reading.skips(index, &secrets.url_of_text(url.as_ref().ok()?)?)),
        }
    }

    /// The same of the target itself.
    pub(super) fn skips(&mut self, target: &Target) -> bool {
        let Self { secrets, reading } = self;
        match reading {
            Reading::Only => false,
            reading => reading.skips(target.index, &secrets.url_of(target)),
        }
    }
}

impl Reading {
    fn skips(&mut self, index: u64, shown: &str) -> bool {
        match self {
            Self::Only => false,
            Self::First { claims, count } => {
                claims.claim(index, shown);
                *count += 1;
                true
            }
            Self::Second(finished) => finished.take(index, shown),
        }
    }
}

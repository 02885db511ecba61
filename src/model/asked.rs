//! What a server asked for: to be left alone for a while.

use std::time::Duration;

/// A server's wish to be left alone, as it said it: not yet clamped by `--max-wait`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// How long, from the moment of the answer.
    pub wait: Duration,
    /// The header that said so, for a person: `Retry-After`.
    pub by: &'static str,
}

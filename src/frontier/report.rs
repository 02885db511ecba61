//! What the frontier says about itself.

use std::time::Instant;

use super::Frontier;
use super::event::Event;

/// What the frontier holds, for whoever shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Targets held in memory: queued or in flight.
    pub held: usize,
    /// Targets that are parked elsewhere.
    pub parked: u64,
    /// Targets that wait to be tried again.
    pub retrying: usize,
    /// Hosts with something queued that may not go yet.
    pub waiting_hosts: usize,
    /// When the first of them may go.
    pub next_at: Option<Instant>,
}

impl Frontier {
    /// What is held at the moment.
    #[must_use]
    pub fn census(&self) -> Census {
        Census {
            held: self.held,
            parked: self.parked,
            retrying: self.retrying,
            waiting_hosts: self.waiting.len(),
            next_at: self.waiting.first().map(|(at, _)| *at),
        }
    }

    /// The next thing that happened to a host and has not been told yet.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

//! stub
use std::time::{Duration, Instant};
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Answered,
    Refused,
    TimedOut,
    Unknown,
}
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub rate: Option<f64>,
    pub in_flight: Option<usize>,
    pub why: &'static str,
}
#[derive(Debug)]
pub struct Adapt;
impl Adapt {
    pub fn new(_now: Instant) -> Self {
        Self
    }
    pub fn learned(_rate: f64, _now: Instant) -> Self {
        Self
    }
    pub fn started(&mut self, _now: Instant) {}
    pub fn settled(&mut self, _signal: Signal, _latency: Duration, _in_flight: usize, _now: Instant) -> Option<Change> {
        None
    }
    pub fn next_at(&self, now: Instant) -> Instant {
        now
    }
    pub fn most_in_flight(&self) -> usize {
        usize::MAX
    }
    pub fn rate(&self) -> Option<f64> {
        None
    }
    pub fn forgettable_at(&self, now: Instant) -> Instant {
        now
    }
}

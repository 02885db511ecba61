//! A server that refuses everything for a while: what it lets in by the minute is used up, or it is out of order.
//!
//! Meanwhile nothing is learned about its rate, so that stays as it is, and single requests ask ever more rarely whether it is open
//! again. What a server that counts by some time answers from one opening to the next is what it lets in: that is its rate. Until
//! then a rate that is too high does not show, so it rises but little in as much time.

use std::time::{Duration, Instant};

use super::{FALL, MEMORY, Pacing, RATES, STEP, Search, after};

/// It is shut when so many requests in a row were refused, for as long, in which so many should have been answered.
const IN_A_ROW: u32 = 8;
const AT_LEAST: Duration = Duration::from_secs(1);
const MISSED: f64 = 5.0;
/// The time until it is asked again, as a share of how long it has been shut, and at most.
const PAUSE: f64 = 0.5;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How much of the rate that it bears is used.
const USED: f64 = 0.97;
/// The longest that a cycle is taken for, in shorter ones before: when it was not shut at the end of each, more than one has gone by.
const LONGEST_CYCLE: f64 = 1.5;
/// After so many cycles without it, or as many times as long as it was shut, it may not shut again.
const FRESH: f64 = 3.0;
const TIMES: f64 = 10.0;
/// By what share the rate may rise in a cycle, and so many times faster in the later ones.
const RISE: f64 = 0.1;

/// What is known of when it shuts and opens.
#[derive(Debug, Default)]
pub(super) struct Shut {
    /// Refusals since the last answer.
    refused: u32,
    /// Since when it has been known to be shut.
    since: Option<Instant>,
    /// Until it is asked again.
    pause: Duration,
    /// When it last opened, and how many it has answered since.
    opened: Option<Instant>,
    answered: u32,
    /// The shortest time from one opening to the next.
    cycle: Option<f64>,
    /// For how long it was shut the last time.
    silence: f64,
}

impl Shut {
    /// A request was answered, whenever it had started.
    pub(super) fn answered(&mut self) {
        self.answered = self.answered.saturating_add(1);
    }

    /// The least time between two requests.
    pub(super) fn pause(&self) -> Duration {
        self.pause
    }

    /// Whether it may well shut again.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        let secs = self.opened.map_or(f64::INFINITY, |opened| now.saturating_duration_since(opened).as_secs_f64());
        secs < self.cycle.map_or(TIMES * self.silence, |cycle| FRESH * cycle).max(MEMORY)
    }

    /// The share of a rate that may be added to it after so many seconds.
    pub(super) fn largest_step(&self, secs: f64, fallen_at: Instant, now: Instant) -> f64 {
        let (Some(cycle), Some(opened)) = (self.cycle, self.opened) else { return f64::INFINITY };
        let cycles = now.saturating_duration_since(opened.max(fallen_at)).as_secs_f64() / cycle;
        RISE * secs / cycle * cycles.max(1.0)
    }
}

impl Pacing {
    /// Whether everything is refused.
    pub(in crate::policy::adapt) fn is_shut(&self) -> bool {
        self.shut.since.is_some()
    }

    /// A request was refused.
    pub(in crate::policy::adapt) fn refused(&mut self, now: Instant) {
        self.shut.refused = self.shut.refused.saturating_add(1);
        let silence = now.saturating_duration_since(self.answered_at);
        let is_silent = silence >= AT_LEAST && silence.as_secs_f64() * self.goodput >= MISSED;
        if is_silent && self.shut.refused >= IN_A_ROW && self.search != Search::Lost {
            self.shut.since.get_or_insert(now);
            // Who refuses at any pace does not refuse everything.
            self.trial = None;
        }
        if self.is_shut() {
            self.shut.pause = silence.mul_f64(PAUSE).min(LONGEST_PAUSE);
            self.due = self.due.max(after(now, self.gap()));
        }
    }

    /// A request was answered that took `latency`.
    pub(in crate::policy::adapt) fn answered(&mut self, latency: Duration, now: Instant) {
        // One that had started before may have been let in before.
        if let (Some(since), Some(start)) = (self.shut.since, now.checked_sub(latency))
            && start >= since
        {
            self.open(now);
        }
        self.shut.answered();
        self.shut.refused = 0;
        self.asked = self.rate;
        self.answered_at = now;
        self.is_heard = true;
    }

    /// It is open again.
    fn open(&mut self, now: Instant) {
        self.measure(0, now);
        let silence = now.saturating_duration_since(self.answered_at).as_secs_f64();
        self.rate = match self.shut.opened {
            Some(opened) => self.found(opened, silence, now),
            None => self.rate.max(self.goodput * FALL.end()).min(*RATES.end()),
        };
        self.ceiling = self.rate;
        self.step = STEP.min(self.top);
        self.search = Search::Over;
        self.due = now;
        self.shut = Shut { opened: Some(now), cycle: self.shut.cycle, silence, ..Shut::default() };
    }

    /// The rate of a server that opens after so many seconds, and opened before: what it has answered since then, or would have answered in a cycle that
    /// was asked for at the last rate all the time, if that is more: the rate may have been low for long.
    fn found(&mut self, opened: Instant, silence: f64, now: Instant) -> f64 {
        let secs = now.saturating_duration_since(opened).as_secs_f64().max(1.0);
        let cycle = self.shut.cycle.map_or(secs, |cycle| secs.min(LONGEST_CYCLE * cycle));
        self.shut.cycle = Some(cycle);
        let mean = f64::from(self.shut.answered) / secs;
        let found = mean.max(self.asked * (1.0 - silence / cycle));
        (USED * found).clamp(FALL.start() * self.asked, USED * self.asked).max(*RATES.start())
    }
}

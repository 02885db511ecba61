//! What limits the requests of one host, or of all hosts that share its limits.

use std::time::{Duration, Instant};

use super::Settings;
use crate::model::Asked;
use crate::policy::adapt::{Change, Signal};
use crate::policy::{Adapt, HostRule, Pace, Rate};

/// A host that has not answered yet is given this part of the places, so that one that hangs does not hold them all.
const UNKNOWN_SHARE: usize = 20;

/// A host that answers earns its places quickly: the list is read on when it has been silent for so long.
pub(super) const PATIENCE: Duration = Duration::from_millis(150);

/// What a host taught is kept for so long after it was heard of, though nothing is queued for it.
const REMEMBERED: Duration = Duration::from_mins(10);

/// How fast, how many at a time, and not before when.
#[derive(Debug)]
pub(super) struct Limits {
    /// Requests in flight.
    pub(super) in_flight: usize,
    /// The most that the user allows.
    per_host: usize,
    /// What it has earned by answering: beyond that, others go first.
    trust: usize,
    first_trust: usize,
    /// When it was heard of the last time.
    heard_at: Instant,
    /// The server asked to be left alone until then.
    pub(super) not_before: Instant,
    /// And with this header.
    pub(super) asked_by: Option<&'static str>,
    /// It answered with something that was no refusal.
    pub(super) has_answered: bool,
    /// When it asked for the next request, whatever its answers taught: one may go then.
    told: Option<Instant>,
    /// Other runs have what is left of its rates until then.
    pub(super) others_until: Instant,
    pub(super) pace: Pace,
    /// Its own rates, where they are not those of all hosts, and what it asks for itself.
    own_rates: Option<Box<[Rate]>>,
    own_delay: Option<Rate>,
    /// What it taught us; `None` where the user gave a rate, or does not want it.
    pub(super) adapt: Option<Adapt>,
}

impl Limits {
    /// Unused limits of a host or a group, as its `rule` and the settings of all hosts have them. Where there are rates, they are the
    /// pace; where there are none, the host sets it.
    pub(super) fn new(settings: &Settings, rule: &HostRule, now: Instant) -> Self {
        let rates = rule.rps.unwrap_or(&settings.host_rps);
        let adapt = settings.adapt && rates.is_empty();
        Self::with(settings, rates, rule.per_host.or(settings.per_host), adapt, now)
    }

    /// What a member of a group has of its own: only what its own rule says.
    pub(super) fn of_member(settings: &Settings, rule: &HostRule, now: Instant) -> Self {
        Self::with(settings, rule.rps.unwrap_or_default(), rule.per_host, false, now)
    }

    fn with(settings: &Settings, rates: &[Rate], per_host: Option<usize>, adapt: bool, now: Instant) -> Self {
        let first_trust = (settings.permits / UNKNOWN_SHARE).max(1);
        Self {
            in_flight: 0,
            per_host: per_host.unwrap_or(usize::MAX),
            trust: first_trust,
            first_trust,
            heard_at: now,
            not_before: now,
            asked_by: None,
            has_answered: false,
            told: None,
            others_until: now,
            own_rates: (rates != settings.host_rps).then(|| rates.into()),
            own_delay: None,
            pace: Pace::new(rates, settings.burst, now),
            adapt: adapt.then(|| Adapt::new(now)),
        }
    }

    /// How many more requests may be in flight.
    pub(super) fn room(&self) -> usize {
        let adapted = self.adapt.as_ref().map_or(usize::MAX, Adapt::most_in_flight);
        self.per_host.min(adapted).saturating_sub(self.in_flight)
    }

    /// Whether one more request may be in flight.
    pub(super) fn has_room(&self) -> bool {
        self.room() > 0
    }

    /// Whether one more would be more than it has earned.
    pub(super) fn is_bold(&self) -> bool {
        self.in_flight >= self.trust
    }

    /// Whether it has just been given its first place.
    pub(super) fn is_new(&self) -> bool {
        self.in_flight == 1 && self.trust == self.first_trust
    }

    /// Until when it may be expected to earn more places soon.
    pub(super) fn patience(&self) -> Instant {
        self.heard_at + PATIENCE
    }

    /// The earliest instant, `now` or later, at which a request may start.
    pub(super) fn next_at(&self, now: Instant) -> Instant {
        let adapted = self.adapt.as_ref().map_or(now, |adapt| adapt.next_at(now));
        let adapted = self.told.map_or(adapted, |told| adapted.min(told.max(now)));
        self.pace.next_at(now).max(self.not_before).max(self.others_until).max(adapted)
    }

    /// The rates that hold, where `given` are those of all hosts.
    pub(super) fn rates(&self, given: &[Rate]) -> Vec<Rate> {
        let learned = self.adapt.as_ref().and_then(Adapt::rate).filter(|rate| *rate > 0.0);
        let learned = learned.and_then(|rate| Duration::try_from_secs_f64(rate.recip()).ok()).and_then(Rate::every);
        let own = self.own_rates.as_deref().unwrap_or(given).iter().copied();
        own.chain(self.own_delay).chain(learned).collect()
    }

    /// The most in flight that the user allows, where that is a limit.
    pub(super) fn given_per_host(&self) -> Option<usize> {
        (self.per_host < usize::MAX).then_some(self.per_host)
    }

    /// When nothing of it matters any more.
    pub(super) fn forgotten_at(&self, now: Instant) -> Instant {
        let has_learned = self.adapt.as_ref().is_some_and(|adapt| !adapt.is_default());
        let adapted = if has_learned { self.heard_at + REMEMBERED } else { now };
        self.pace.full_at(now).max(self.not_before).max(adapted)
    }

    /// A request starts.
    pub(super) fn start(&mut self, now: Instant) {
        self.in_flight += 1;
        self.told = None;
        self.pace.take(now);
        if let Some(adapt) = &mut self.adapt {
            adapt.started(now);
        }
    }

    /// A request ended; `None` says nothing about the host.
    pub(super) fn settle(&mut self, signal: Option<Signal>, latency: Duration, now: Instant) -> Option<Change> {
        self.in_flight -= 1;
        self.heard_at = now;
        if self.given_per_host().is_some() {
            self.others_until = now; // a place is free that others may have had to be waited for
        }
        self.has_answered |= signal == Some(Signal::Answered);
        match signal? {
            Signal::Answered | Signal::Refused => self.trust = self.trust.saturating_add(1),
            Signal::TimedOut | Signal::Unknown => self.trust = (self.trust / 2).max(self.first_trust),
        }
        self.adapt.as_mut()?.settled(signal?, latency, self.in_flight, now)
    }

    /// One rate more, which the host itself asks for.
    pub(super) fn slow_down(&mut self, rate: Rate, has_gone: bool, now: Instant) {
        if self.own_delay.is_some_and(|own| own.period() >= rate.period()) {
            return;
        }
        self.own_delay = Some(rate);
        self.pace.add(rate, has_gone, now);
    }

    /// The server asked to be left alone, maybe because something `was_refused`; `wait` is what is obeyed of it. Answers whether that is
    /// news.
    pub(super) fn hold_off(&mut self, asked: Asked, wait: Duration, was_refused: bool, now: Instant) -> bool {
        let (until, so_far) = (now + wait, self.not_before.max(now));
        let is_news = until > so_far;
        if is_news {
            if let Some(adapt) = self.adapt.as_mut().filter(|_| was_refused) {
                adapt.held(until - so_far);
            }
            self.not_before = until;
            self.asked_by = Some(asked.by);
            self.told = Some(until);
        }
        is_news
    }
}

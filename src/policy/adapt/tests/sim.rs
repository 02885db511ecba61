//! A host with a hidden capacity and a client that obeys what it learns, in virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::policy::adapt::{Adapt, Signal};

/// What a server does with a request that arrives at a second of the simulation: its signal, and how many seconds it takes.
pub(super) type Server<'a> = dyn FnMut(f64, &mut fastrand::Rng) -> (Signal, f64) + 'a;

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) signal: Signal,
}

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) requests: Vec<Request>,
    /// The rate and the limit whenever either was another.
    pub(super) paces: Vec<(f64, f64, usize)>,
}

pub(super) struct Client {
    pub(super) concurrency: usize,
    pub(super) seed: u64,
    zero: Instant,
    now: f64,
    pub(super) host: Adapt,
    in_flight: BinaryHeap<Reverse<(Duration, u64)>>,
    /// With a refusal the server asks to be left alone for so many seconds.
    pub(super) retry_after: Option<f64>,
    not_before: Instant,
    /// When it said that the next request may come, whatever was learned.
    told: Option<Instant>,
    pub(super) log: Log,
}

impl Client {
    pub(super) fn new(concurrency: usize, seed: u64) -> Self {
        // Late enough that any latency lies after the zero of the machine's own clock.
        let zero = Instant::now() + Duration::from_hours(1);
        Self {
            concurrency,
            seed,
            zero,
            now: 0.0,
            host: Adapt::new(zero),
            in_flight: BinaryHeap::new(),
            retry_after: None,
            not_before: zero,
            told: None,
            log: Log::default(),
        }
    }

    pub(super) fn instant(&self) -> Instant {
        self.zero + Duration::from_secs_f64(self.now)
    }

    /// Goes on until a second of the simulation, with something to ask at any time.
    pub(super) fn run(&mut self, until: f64, server: &mut Server<'_>) {
        let mut random = fastrand::Rng::with_seed(self.seed);
        self.seed += 1;
        while self.now < until {
            let now = self.instant();
            let most = self.concurrency.min(self.host.most_in_flight());
            let next_at = self.told.map_or(self.host.next_at(now), |told| self.host.next_at(now).min(told.max(now)));
            let next_at = next_at.max(self.not_before);
            let may_start = self.in_flight.len() < most;
            if may_start && next_at <= now {
                self.told = None;
                self.host.started(now);
                let (signal, secs) = server(self.now, &mut random);
                let end = self.now + secs;
                self.log.requests.push(Request { start: self.now, end, signal });
                self.in_flight.push(Reverse((Duration::from_secs_f64(end), self.log.requests.len() as u64 - 1)));
            } else {
                let ends = self.in_flight.peek().map(|Reverse((end, _))| self.zero + *end);
                let wakes = may_start.then_some(next_at);
                let next = ends.into_iter().chain(wakes).min().expect("something is in flight or may start");
                self.now = (next - self.zero).as_secs_f64().max(self.now);
                if ends == Some(next) {
                    self.settle(next);
                }
            }
        }
    }

    fn settle(&mut self, now: Instant) {
        let Some(Reverse((_, id))) = self.in_flight.pop() else { return };
        let request = self.log.requests[usize::try_from(id).unwrap()];
        let latency = Duration::from_secs_f64((now - self.zero).as_secs_f64() - request.start);
        self.host.settled(request.signal, latency, self.in_flight.len(), now);
        if let (Signal::Refused, Some(secs)) = (request.signal, self.retry_after) {
            let until = now + Duration::from_secs_f64(secs);
            if until > self.not_before {
                self.host.held(until.saturating_duration_since(self.not_before.max(now)));
                (self.not_before, self.told) = (until, Some(until));
            }
        }
        let pace = (self.host.rate().unwrap_or(f64::INFINITY), self.host.most_in_flight());
        if self.log.paces.last().is_none_or(|(_, rate, most)| (*rate, *most) != pace) {
            self.log.paces.push((self.now, pace.0, pace.1));
        }
    }
}

impl Log {
    fn ended(&self, from: f64, to: f64, signal: Signal) -> usize {
        self.requests.iter().filter(|request| request.signal == signal && (from..to).contains(&request.end)).count()
    }

    /// Answers per second.
    pub(super) fn goodput(&self, from: f64, to: f64) -> f64 {
        self.ended(from, to, Signal::Answered) as f64 / (to - from)
    }

    /// The share that was refused or not answered in time.
    pub(super) fn vain(&self, from: f64, to: f64) -> f64 {
        let vain = self.ended(from, to, Signal::Refused) + self.ended(from, to, Signal::TimedOut);
        vain as f64 / (vain + self.ended(from, to, Signal::Answered)).max(1) as f64
    }

    /// How many seconds an answer took, on the average.
    pub(super) fn latency(&self, from: f64, to: f64) -> f64 {
        let answered =
            self.requests.iter().filter(|request| request.signal == Signal::Answered && (from..to).contains(&request.end));
        let (sum, count) = answered.fold((0.0, 0), |(sum, count), request| (sum + request.end - request.start, count + 1));
        sum / f64::from(count.max(1))
    }

    /// The lowest and highest rate between two seconds, and the deepest single fall as what it left.
    pub(super) fn rates(&self, from: f64, to: f64) -> (f64, f64, f64) {
        let within = |pace: &&(f64, f64, usize)| (from..to).contains(&pace.0);
        let before = self.paces.iter().rev().find(|pace| pace.0 < from);
        let rates: Vec<f64> = before.into_iter().chain(self.paces.iter().filter(within)).map(|pace| pace.1).collect();
        let low = rates.iter().copied().fold(f64::INFINITY, f64::min);
        let high = rates.iter().copied().fold(0.0, f64::max);
        let left = rates.windows(2).map(|pair| if pair[0].is_finite() { pair[1] / pair[0] } else { 1.0 }).fold(1.0, f64::min);
        (low, high, left)
    }

    /// From when on every stretch of `secs` seconds had at least `goodput` answers per second.
    pub(super) fn settled_at(&self, from: f64, to: f64, secs: f64, goodput: f64) -> f64 {
        let mut at = from;
        let mut start = from;
        while start + secs <= to {
            if self.goodput(start, start + secs) < goodput {
                at = start + secs / 2.0;
            }
            start += secs / 2.0;
        }
        at
    }
}

/// Refuses beyond a rate: a bucket of `burst` tokens that `rate()` fills.
pub(super) fn bucket(
    rate: impl Fn(f64) -> f64,
    burst: f64,
    latency: f64,
) -> impl FnMut(f64, &mut fastrand::Rng) -> (Signal, f64) {
    let (mut tokens, mut last) = (burst, 0.0);
    move |now, random| {
        tokens = (tokens + (now - last) * rate(now)).min(burst);
        last = now;
        if tokens < 1.0 {
            return (Signal::Refused, latency * 0.2);
        }
        tokens -= 1.0;
        (Signal::Answered, jitter(latency, random))
    }
}

/// Refuses what comes in a window of `secs` seconds after its share.
pub(super) fn window(rate: impl Fn(f64) -> f64, secs: f64, latency: f64) -> impl FnMut(f64, &mut fastrand::Rng) -> (Signal, f64) {
    let (mut window, mut count) = (-1.0, 0.0);
    move |now, random| {
        if (now / secs).floor() > window {
            window = (now / secs).floor();
            count = 0.0;
        }
        count += 1.0;
        if count > rate(now) * secs { (Signal::Refused, latency * 0.2) } else { (Signal::Answered, jitter(latency, random)) }
    }
}

/// Refuses what comes while `most` are being served.
pub(super) fn places(most: usize, service: f64, rtt: f64) -> impl FnMut(f64, &mut fastrand::Rng) -> (Signal, f64) {
    let mut ends: Vec<f64> = Vec::new();
    move |now, random| {
        ends.retain(|end| *end > now + 1e-6);
        if ends.len() >= most {
            return (Signal::Refused, rtt);
        }
        let service = jitter(service, random);
        ends.push(now + service);
        (Signal::Answered, service + rtt)
    }
}

/// Serves `workers` at a time, first come, first served; what waits behind `queue` others is never answered.
pub(super) fn workers(
    workers: impl Fn(f64) -> usize,
    queue: usize,
    service: f64,
    timeout: f64,
) -> impl FnMut(f64, &mut fastrand::Rng) -> (Signal, f64) {
    let mut ends: VecDeque<f64> = VecDeque::new();
    move |now, random| {
        let workers = workers(now);
        ends.retain(|end| *end > now + 1e-6);
        if ends.len() >= workers + queue {
            return (Signal::TimedOut, timeout);
        }
        // The one that frees its worker for this request is as many from the end as there are workers.
        let mut sorted: Vec<f64> = ends.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let begin = if sorted.len() < workers { now } else { sorted[sorted.len() - workers] };
        let end = begin + jitter(service, random);
        ends.push_back(end);
        if end - now > timeout { (Signal::TimedOut, timeout) } else { (Signal::Answered, end - now) }
    }
}

/// Mostly half to one and a half times, and sometimes far more.
pub(super) fn jitter(secs: f64, random: &mut fastrand::Rng) -> f64 {
    secs * (0.5 + random.f64())
}

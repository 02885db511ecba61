//! A list, a frontier and so many workers, against a web that is a function of the ticket. Time is made up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use crate::frontier::{Frontier, Next, Settings};
use crate::model::{Done, Outcome, Record, Target, Ticket};

/// How a simulated host answers: how long it takes, and what comes of each request.
pub(super) type Web<'a> = dyn FnMut(&Ticket) -> (Duration, Outcome) + 'a;

pub(super) struct Run {
    /// Start, URL and attempt of each request.
    pub(super) starts: Vec<(Instant, String, u32)>,
    pub(super) records: Vec<Record>,
    pub(super) most_in_flight: usize,
    pub(super) most_per_host: usize,
    pub(super) most_held: usize,
    pub(super) frontier: Frontier,
    pub(super) epoch: Instant,
    pub(super) end: Instant,
}

/// Runs a list through a frontier with `permits` workers, as the crawl does.
pub(super) fn simulate(settings: Settings, permits: usize, urls: &[String], web: &mut Web) -> Run {
    let epoch = Instant::now();
    let frontier = Frontier::new(Settings { permits, ..settings }, epoch);
    let mut sim = Simulation {
        run: Run {
            starts: Vec::new(),
            records: Vec::new(),
            most_in_flight: 0,
            most_per_host: 0,
            most_held: 0,
            frontier,
            epoch,
            end: epoch,
        },
        parked: HashMap::new(),
        flying: BinaryHeap::new(),
        landing: BTreeMap::new(),
        per_host: BTreeMap::new(),
        now: epoch,
    };
    let mut list = urls.iter().enumerate().map(|(i, url)| Target::new(i as u64 + 1, url, "sim", None)).peekable();
    loop {
        let mut wake;
        loop {
            let before = (list.len(), sim.flying.len(), sim.run.records.len());
            sim.feed(&mut list, permits);
            wake = sim.start(permits, web);
            if before == (list.len(), sim.flying.len(), sim.run.records.len()) {
                break;
            }
        }
        let landed = sim.flying.peek().map(|Reverse((at, ..))| *at);
        let Some(next) = landed.into_iter().chain(wake).min() else { break };
        sim.now = next;
        sim.land();
    }
    let frontier = &sim.run.frontier;
    assert!(frontier.is_empty(), "the run ended with targets held: {:?}", frontier.census());
    assert!(list.next().is_none(), "the run ended before the list");
    Run { end: sim.now, ..sim.run }
}

struct Simulation {
    run: Run,
    parked: HashMap<usize, VecDeque<Target>>,
    flying: BinaryHeap<Reverse<(Instant, u64)>>,
    landing: BTreeMap<u64, Done>,
    per_host: BTreeMap<usize, usize>,
    now: Instant,
}

impl Simulation {
    fn feed(&mut self, list: &mut std::iter::Peekable<impl ExactSizeIterator<Item = Target>>, permits: usize) {
        self.unpark();
        let (frontier, now) = (&mut self.run.frontier, self.now);
        loop {
            frontier.expect_more(list.peek().map(|_| now + Duration::from_millis(100)));
            let is_full = frontier.is_full();
            if is_full && !(self.flying.len() < permits && frontier.is_hungry(now)) {
                break;
            }
            let Some(target) = list.next() else { break };
            let surplus = if is_full { frontier.surplus() } else { Vec::new() };
            for (host, target) in surplus.into_iter().chain(frontier.push(target, now)) {
                self.parked.entry(host).or_default().push_back(target);
            }
            self.run.most_held = self.run.most_held.max(frontier.census().held);
        }
    }

    fn unpark(&mut self) {
        while let Some((host, most)) = self.run.frontier.wanted() {
            let parked = self.parked.get_mut(&host).expect("what is wanted was parked");
            let back = parked.drain(..most.min(parked.len())).collect();
            self.run.frontier.unpark(host, back, self.now);
        }
    }

    fn start(&mut self, permits: usize, web: &mut Web) -> Option<Instant> {
        while self.flying.len() < permits {
            self.unpark();
            match self.run.frontier.next(self.now) {
                Next::Go(ticket) => {
                    self.run.starts.push((self.now, ticket.url.to_string(), ticket.attempts));
                    let here = self.per_host.entry(ticket.host).or_default();
                    *here += 1;
                    self.run.most_per_host = self.run.most_per_host.max(*here);
                    let (took, outcome) = web(&ticket);
                    let serial = self.run.starts.len() as u64;
                    self.flying.push(Reverse((self.now + took, serial)));
                    self.run.most_in_flight = self.run.most_in_flight.max(self.flying.len());
                    let done = Done { ticket: *ticket, outcome, asked: None, elapsed: took, at: SystemTime::UNIX_EPOCH };
                    self.landing.insert(serial, done);
                }
                Next::Refused(record) => self.run.records.push(*record),
                Next::Wait(at) => {
                    assert!(at > self.now, "a promised instant lies ahead");
                    return Some(at);
                }
                Next::Idle => break,
            }
        }
        None
    }

    fn land(&mut self) {
        while let Some(Reverse((at, serial))) = self.flying.peek().copied()
            && at <= self.now
        {
            self.flying.pop();
            let done = self.landing.remove(&serial).unwrap();
            *self.per_host.get_mut(&done.ticket.host).unwrap() -= 1;
            self.run.records.extend(self.run.frontier.settle(done, self.now));
            while self.run.frontier.event().is_some() {}
        }
    }
}

//! The parking as a whole, against what a queue in memory would do.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// So little of everything that a few targets do what takes millions otherwise.
const TINY: Limits = Limits { memory: 400, chunk: 150, targets: 3, segment: 512 };

/// A disk in memory that fails when it is told to, with half of the write done.
#[derive(Debug, Default)]
struct Flaky {
    bytes: Vec<u8>,
    writes: usize,
    /// The first write that fails.
    fails_at: Option<usize>,
    /// So do all that follow.
    is_full: bool,
    reads: usize,
    longest: usize,
}

impl Disk for Flaky {
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = self.writes;
        self.writes += 1;
        let fails = self.fails_at.is_some_and(|first| at == first || (at > first && self.is_full));
        let bytes = if fails { &bytes[..bytes.len() / 2] } else { bytes };
        let offset = usize::try_from(offset).unwrap();
        self.bytes.resize(self.bytes.len().max(offset + bytes.len()), 0);
        self.longest = self.longest.max(self.bytes.len());
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        if fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn read(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.reads += 1;
        let offset = usize::try_from(offset).unwrap();
        let bytes = self.bytes.get(offset..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.bytes.resize(usize::try_from(length).unwrap(), 0);
        Ok(())
    }
}

fn target(index: u64, host: usize, length: usize) -> Target {
    Target::new(index, &format!("http://h{host}.example/{}", "x".repeat(length)), "list:1", None)
}

/// The parking beside a queue in memory that it must be like.
#[derive(Debug)]
struct Pair {
    parking: Parking<Flaky>,
    model: HashMap<usize, VecDeque<Target>>,
    index: u64,
    refused: u64,
    /// How many are asked for: one and more in turn.
    most: usize,
}

impl Pair {
    fn new(disk: Flaky) -> Self {
        Self { parking: Parking::with(TINY, disk), model: HashMap::new(), index: 0, refused: 0, most: 1 }
    }

    /// Puts a target, and once more if it comes back: what the model has then is what was taken.
    fn put(&mut self, host: usize, length: usize) {
        self.index += 1;
        let target = target(self.index, host, length);
        let parked = match self.parking.put(host, target.clone()) {
            Ok(()) => true,
            Err(full) => {
                self.refused += 1;
                assert_eq!((full.target.index, full.target.given()), (target.index, target.given()));
                self.check(host);
                self.parking.put(host, *full.target).is_ok()
            }
        };
        if parked {
            self.model.entry(host).or_default().push_back(target);
        }
        self.check(host);
    }

    fn take(&mut self, host: usize) -> usize {
        let queue = self.model.entry(host).or_default();
        self.most = self.most % 4 + 1;
        let taken = self.parking.take(host, self.most).unwrap();
        assert!(taken.len() <= TINY.targets.min(self.most));
        assert_eq!(taken.is_empty(), queue.is_empty());
        for target in &taken {
            let expected = queue.pop_front().expect("nothing is taken that was not put");
            assert_eq!((target.index, target.given()), (expected.index, expected.given()));
            assert_eq!(target.url.as_ref().unwrap(), expected.url.as_ref().unwrap());
        }
        self.check(host);
        taken.len()
    }

    fn check(&self, host: usize) {
        assert_eq!(self.parking.parked(host), self.model.get(&host).map_or(0, |queue| queue.len() as u64));
        assert_eq!(self.parking.len(), self.model.values().map(|queue| queue.len() as u64).sum::<u64>());
        assert_eq!(self.parking.is_empty(), self.model.values().all(VecDeque::is_empty));
        let longest = target(self.index, host, 2000).given().len() + 100;
        assert!(self.parking.tails.used() <= TINY.memory.max(longest), "the budget is kept");
    }

    fn drain(&mut self) {
        let hosts: Vec<usize> = self.model.keys().copied().collect();
        for host in hosts {
            while self.take(host) > 0 {}
        }
        assert!(self.parking.is_empty());
        assert_eq!(self.parking.space.end(), 0, "nothing parked takes no space");
        assert_eq!(self.parking.disk.bytes.len(), 0);
    }
}

/// A few hundred steps that reach every kind of write, the same each time.
fn play(disk: Flaky) -> Pair {
    let mut pair = Pair::new(disk);
    let mut random = fastrand::Rng::with_seed(7);
    for step in 0..300 {
        let host = random.usize(..6);
        let is_long = random.u8(..25) == 0;
        if random.u8(..100) < if step % 100 < 70 { 80 } else { 30 } {
            pair.put(host, if is_long { random.usize(200..1500) } else { random.usize(..60) });
        } else {
            pair.take(host);
        }
    }
    pair
}

#[test]
fn nothing_is_lost_nor_twice_nor_out_of_turn_whichever_write_fails() {
    let writes = play(Flaky::default()).parking.disk.writes;
    assert!(writes > 60, "{writes}");
    for fails_at in 0..writes {
        for is_full in [false, true] {
            let mut pair = play(Flaky { fails_at: Some(fails_at), is_full, ..Flaky::default() });
            assert!(pair.refused > 0, "write {fails_at} of {writes}");
            pair.drain();
        }
    }
}

#[test]
fn a_disk_that_has_room_again_is_used_again() {
    let mut pair = Pair::new(Flaky { fails_at: Some(4), is_full: true, ..Flaky::default() });
    while pair.refused == 0 {
        pair.put(1, 30);
    }
    let parked = pair.parking.len();
    pair.put(2, 30);
    assert_eq!((pair.parking.len(), pair.refused), (parked, 2));
    pair.parking.disk.fails_at = None;
    for _ in 0..100 {
        pair.put(2, 30);
    }
    assert_eq!((pair.parking.len(), pair.refused), (parked + 100, 2));
    pair.drain();
}

#[test]
fn a_disk_that_was_full_gets_back_what_a_failed_write_took() {
    let mut pair = Pair::new(Flaky { fails_at: Some(0), ..Flaky::default() });
    while pair.refused == 0 {
        assert_eq!(pair.parking.disk.bytes.len(), 0);
        pair.put(1, 30);
    }
    assert!(pair.parking.disk.longest > 0);
}

#[test]
fn what_comes_and_goes_takes_no_more_space_than_it_needs_at_a_time() {
    let mut pair = Pair::new(Flaky::default());
    let mut most = 0;
    for round in 0..2000_usize {
        for host in 0..10 {
            pair.put(host, 20 + round % 7 * 10);
        }
        if round >= 20 {
            for host in 0..10 {
                while pair.parking.parked(host) > 20 {
                    pair.take(host);
                }
            }
        }
        most = most.max(pair.parking.len());
    }
    assert!(most <= 230);
    assert!(pair.parking.disk.longest < 64 << 10, "{} bytes for {most} targets", pair.parking.disk.longest);
    pair.drain();
}

#[test]
fn what_comes_and_goes_quickly_is_never_written() {
    let mut pair = Pair::new(Flaky::default());
    for round in 0..1000 {
        pair.put(round % 2, 40);
        pair.take((round + 1) % 2);
    }
    assert_eq!(pair.parking.len(), 1);
    assert_eq!(pair.parking.disk.writes, 0);
}

#[test]
fn many_hosts_share_a_write_and_a_chunk_is_one_read() {
    let hosts = 2000;
    let mut parking = Parking::with(Limits { memory: 32 << 10, ..LIMITS }, Flaky::default());
    for index in 0..10 * hosts {
        parking.put(index % hosts, target(index as u64, index % hosts, 30)).unwrap();
    }
    let writes = parking.disk.writes;
    assert!(writes * 5 < 10 * hosts, "{writes} writes");
    parking.disk.reads = 0;
    for host in 0..hosts {
        let mut calls = 0;
        while !parking.take(host, 64).unwrap().is_empty() {
            calls += 1;
        }
        assert!(calls <= 10);
    }
    assert!(parking.disk.reads <= 10 * hosts);
}

#[test]
fn a_number_can_be_another_hosts_once_nothing_is_parked_of_it() {
    let mut pair = Pair::new(Flaky::default());
    for round in 0..20 {
        for index in 0..50 {
            pair.put(3, 10 + index % 20);
            pair.put(9 + round, 10);
        }
        while pair.take(3) > 0 {}
        assert_eq!(pair.parking.parked(3), 0);
    }
    pair.drain();
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_panic() {
    let parked = || {
        let mut parking = Parking::with(TINY, Flaky::default());
        for index in 0..30 {
            parking.put(2, target(index, 2, 40)).unwrap();
        }
        parking
    };
    let take_all = |parking: &mut Parking<Flaky>| {
        let mut taken = Vec::new();
        loop {
            match parking.take(2, 64) {
                Ok(more) if more.is_empty() => return Ok(taken),
                Ok(more) => taken.extend(more.iter().map(|target| target.index)),
                Err(error) => return Err(error.kind()),
            }
        }
    };
    assert_eq!(take_all(&mut parked()), Ok((0..30).collect()));
    let length = parked().disk.bytes.len();
    let mut kinds = BTreeMap::new();
    for at in 0..length {
        let mut parking = parked();
        parking.disk.bytes[at] ^= 0x80;
        if let Err(kind) = take_all(&mut parking) {
            *kinds.entry(format!("{kind:?}")).or_insert(0) += 1;
        }
    }
    assert!(kinds["InvalidData"] > length / 2, "{kinds:?}");
    let mut parking = parked();
    parking.disk.bytes.truncate(100);
    assert_eq!(take_all(&mut parking), Err(io::ErrorKind::UnexpectedEof));
}

#[test]
fn a_target_without_a_url_comes_back() {
    let mut parking = Parking::with(TINY, Flaky::default());
    let full = parking.put(0, Target::invalid(5, "x", "list:5: not a URL".to_owned(), None)).unwrap_err();
    assert_eq!((full.target.index, full.error.kind()), (5, io::ErrorKind::InvalidInput));
    assert!(parking.is_empty());
}

#[test]
fn an_empty_parking_costs_nothing() {
    let parking = Parking::new();
    assert_eq!((parking.queues.capacity(), parking.record.capacity(), parking.tails.used()), (0, 0, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, usize),
    Take(usize),
    Fail(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![20 => 0..80_usize, 1 => 80..2000_usize];
    let step = prop_oneof![
        12 => (0..8_usize, length).prop_map(|(host, length)| Step::Put(host, length)),
        4 => (0..8_usize).prop_map(Step::Take),
        1 => any::<bool>().prop_map(Step::Fail),
    ];
    proptest::collection::vec(step, 0..400)
}

proptest! {
    #[test]
    fn it_is_a_queue_for_each_host(steps in steps()) {
        let mut pair = Pair::new(Flaky::default());
        for step in steps {
            match step {
                Step::Put(host, length) => pair.put(host, length),
                Step::Take(host) => drop(pair.take(host)),
                Step::Fail(is_full) => {
                    let disk = &mut pair.parking.disk;
                    (disk.fails_at, disk.is_full) = (Some(disk.writes), is_full);
                }
            }
        }
        pair.drain();
    }
}

/// Resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[ignore = "a measurement: a million targets, a minute without optimisation"]
fn a_million_targets_are_parked_and_taken_in_little_memory() {
    const COUNT: u32 = 1_000_000;
    const HOSTS: u32 = 100_000;
    type Order = fn(u32) -> u32;
    let orders: [(&str, Order); 4] = [
        ("one host", |_| 7),
        ("by host", |at| at / (COUNT / HOSTS)),
        ("in turn", |at| at % HOSTS),
        ("at random", |at| fastrand::Rng::with_seed(at.into()).u32(..HOSTS)),
    ];
    for (name, host) in orders {
        let start = resident();
        let mut parking = Parking::new();
        let mut given = String::new();
        let [mut making, mut put, mut longest] = [Duration::ZERO; 3];
        for index in 0..COUNT {
            let clock = Instant::now();
            given.clear();
            write!(given, "https://www.host-{:06}.example/catalogue/page-{index:08}", host(index)).unwrap();
            let target = Target::new(u64::from(index), &given, "list:1", None);
            making += clock.elapsed();
            let clock = Instant::now();
            parking.put(host(index) as usize, target).unwrap();
            put += clock.elapsed();
            longest = longest.max(clock.elapsed());
        }
        let (most, bytes) = (resident() - start, parking.space.end());
        let clock = Instant::now();
        let (mut taken, mut calls) = (0, 0);
        let mut hosts: Vec<usize> = (0..HOSTS as usize).collect();
        while !parking.is_empty() {
            hosts.retain(|host| parking.parked(*host) > 0);
            for host in &hosts {
                taken += parking.take(*host, 64).unwrap().len();
                calls += 1;
            }
        }
        let take = clock.elapsed() / COUNT;
        assert_eq!(taken, COUNT as usize);
        println!(
            "{name}: put {:.2?} (at most {longest:.1?}), take {take:.2?} a target ({calls} calls), making one {:.2?}; \
             {most} KiB of memory, {} bytes of disk a target",
            put / COUNT,
            making / COUNT,
            bytes / u64::from(COUNT),
        );
    }
}

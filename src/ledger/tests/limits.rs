use proptest::prelude::*;

use super::*;
use crate::ledger::nanos;
use crate::ledger::turn::GRACE;

/// Some runs that want to go on and on, at virtual time: when each asks next, and the time it thinks between two requests.
struct Runs {
    ledgers: Vec<(Ledger, SystemTime)>,
    starts: Vec<(SystemTime, usize)>,
    asked: usize,
}

impl Runs {
    fn new(path: &Path, count: usize) -> Self {
        Self { ledgers: (0..count).map(|_| (open(path, at(0.0)), at(0.0))).collect(), starts: Vec::new(), asked: 0 }
    }

    /// The next who is due asks, for its rates, and thinks for so long if it may go.
    fn step(&mut self, rates: impl Fn(usize) -> (Vec<Rate>, u32), think: Duration, late: Duration) {
        let who = (0..self.ledgers.len()).min_by_key(|who| self.ledgers[*who].1).unwrap();
        let (ledger, now) = &mut self.ledgers[who];
        let (rates, size) = rates(who);
        self.asked += 1;
        match ledger.reserve(KEY, &rates, burst(size), *now) {
            Ok(()) => {
                self.starts.push((*now, who));
                *now += think;
            }
            Err(later) => {
                assert!(later > *now, "it is told a time to come");
                *now = later + late;
            }
        }
    }

    fn times(&self) -> Vec<SystemTime> {
        self.starts.iter().map(|(at, _)| *at).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_window_over_all_runs_holds_more_than_rate_times_window_plus_burst(
        per_second in prop::collection::vec(0.2_f64..50.0, 1..3), size in 1_u32..5, count in 1_usize..5,
        steps in prop::collection::vec((0_u64..600, 0_u64..400), 1..150)
    ) {
        let (_folder, path) = place();
        let all: Vec<Rate> = per_second.iter().map(|rate| rate.to_string().parse().unwrap()).collect();
        let mut runs = Runs::new(&path, count);
        for (think, late) in steps {
            runs.step(|_| (all.clone(), size), Duration::from_millis(think), Duration::from_millis(late));
        }
        for rate in all {
            prop_assert!(holds(&mut runs.times(), rate, size));
        }
    }

    #[test]
    fn the_strictest_rate_of_the_runs_at_work_holds_for_all_together(
        per_second in prop::collection::vec(0.2_f64..50.0, 2..4), steps in prop::collection::vec((0_u64..300, 0_u64..50), 1..100)
    ) {
        let (_folder, path) = place();
        let all: Vec<Rate> = per_second.iter().map(|rate| rate.to_string().parse().unwrap()).collect();
        let mut runs = Runs::new(&path, all.len());
        for (think, late) in steps {
            runs.step(|who| (vec![all[who]], 1), Duration::from_millis(think), Duration::from_millis(late));
        }
        // A run is at work from its first request on, and all of them ask at the start.
        let first = |who| runs.starts.iter().find(|(_, by)| *by == who).map(|(at, _)| *at);
        for (who, rate) in all.iter().copied().enumerate() {
            let Some(from) = first(who) else { continue };
            prop_assert!(holds(&mut runs.times().into_iter().filter(|at| *at >= from).collect::<Vec<_>>(), rate, 1));
        }
    }
}

#[test]
fn hungry_runs_take_turns_and_none_has_to_poll() {
    let (_folder, path) = place();
    let mut runs = Runs::new(&path, 3);
    let second = rates(&["1/s"]);
    for _ in 0..180 {
        // Nobody is ever exactly on time.
        runs.step(|_| (second.clone(), 1), Duration::ZERO, Duration::from_millis(1));
    }
    let counts: Vec<usize> = (0..3).map(|who| runs.starts.iter().filter(|(_, by)| *by == who).count()).collect();
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(most - least <= 2, "{counts:?}");
    let count = runs.starts.len();
    assert!(runs.asked <= 2 * count + 3, "{} asked for {count} starts", runs.asked);
    let took = runs.starts[count - 1].0.duration_since(at(0.0)).unwrap();
    assert!(took < Duration::from_secs_f64(1.002) * u32::try_from(count).unwrap(), "no slot is lost: {took:?} for {count}");
}

#[test]
fn a_run_that_died_in_the_line_is_missed_for_a_moment_once() {
    let (_folder, path) = place();
    let (mut dead, mut alive) = (open(&path, at(0.0)), open(&path, at(0.0)));
    let minute = rates(&["1/m"]);
    assert_eq!(alive.reserve(KEY, &minute, burst(1), at(0.0)), Ok(()));
    assert_eq!(dead.reserve(KEY, &minute, burst(1), at(1.0)), Err(at(60.0)));
    drop(dead);
    assert_eq!(alive.reserve(KEY, &minute, burst(1), at(60.0)), Err(at(120.0)), "the slot is kept for the other");
    let missed = at(60.0) + Duration::from_nanos(u64::try_from(GRACE).unwrap() + 1);
    assert_eq!(alive.reserve(KEY, &minute, burst(1), missed), Ok(()));
    assert_eq!(alive.reserve(KEY, &minute, burst(1), at(110.0)), Err(missed + Duration::from_mins(1)));
}

#[test]
fn a_burst_is_shared_too_and_is_not_begun_anew_by_the_next_run() {
    let (_folder, path) = place();
    let ten = rates(&["1/m"]);
    let mut first = open(&path, at(0.0));
    for _ in 0..5 {
        assert_eq!(first.reserve(KEY, &ten, burst(5), at(0.0)), Ok(()));
    }
    first.close(at(1.0));
    let mut next = open(&path, at(100.0));
    assert_eq!(next.reserve(KEY, &ten, burst(5), at(100.0)), Ok(()), "one minute has passed");
    assert_eq!(next.reserve(KEY, &ten, burst(5), at(100.0)), Err(at(120.0)));
}

#[test]
fn a_stricter_run_holds_the_others_while_it_works_and_leaves_its_debt() {
    let (_folder, path) = place();
    let (mut strict, mut quick) = (open(&path, at(0.0)), open(&path, at(0.0)));
    let (slow, fast) = (rates(&["1/10s"]), rates(&["10/s"]));
    assert_eq!(strict.reserve(KEY, &slow, burst(1), at(0.0)), Ok(()));
    assert_eq!(quick.reserve(KEY, &fast, burst(1), at(1.0)), Err(at(10.0)));
    assert_eq!(quick.reserve(KEY, &fast, burst(1), at(10.0)), Ok(()));
    assert_eq!(quick.reserve(KEY, &fast, burst(1), at(11.0)), Err(at(20.0)), "it draws from the other's bucket");
    strict.close(at(12.0));
    assert_eq!(quick.reserve(KEY, &fast, burst(1), at(12.0)), Err(at(20.0)), "what was drawn stays drawn");
    assert_eq!(quick.reserve(KEY, &fast, burst(1), at(20.0)), Ok(()));
    assert_eq!(quick.reserve(KEY, &fast, burst(1), at(20.1)), Ok(()));
    assert_eq!(quick.reserve("other.example:443", &fast, burst(1), at(20.1)), Ok(()), "hosts do not share");
}

#[test]
fn a_rate_that_changes_counts_from_the_last_start() {
    let (_folder, path) = place();
    let mut run = open(&path, at(0.0));
    assert_eq!(run.reserve(KEY, &rates(&["1/s", "1/4s"]), burst(1), at(0.0)), Ok(()));
    assert_eq!(run.reserve(KEY, &rates(&["1/8s"]), burst(1), at(0.5)), Err(at(8.0)));
    assert_eq!(run.reserve(KEY, &rates(&["1/2s"]), burst(1), at(1.5)), Err(at(2.0)));
    assert_eq!(run.reserve(KEY, &[], burst(1), at(1.5)), Ok(()), "without a rate there is no limit");
}

#[test]
fn a_clock_that_was_set_back_costs_no_more_than_the_burst() {
    let (_folder, path) = place();
    let mut run = open(&path, at(1e8));
    let two = rates(&["2/s"]);
    (0..3).for_each(|_| assert_eq!(run.reserve(KEY, &two, burst(3), at(1e8)), Ok(())));
    let now = at(0.0);
    assert_eq!(run.reserve(KEY, &two, burst(3), now), Err(at(0.5)));
    assert_eq!(run.reserve(KEY, &two, burst(3), at(0.5)), Ok(()));
    assert_eq!(open(&path, now).reserve(KEY, &two, burst(1), now), Err(at(1.0)));
}

#[test]
fn no_rate_no_burst_and_no_time_overflows() {
    let (_folder, path) = place();
    let mut run = open(&path, at(0.0));
    for now in [at(0.0), UNIX_EPOCH, UNIX_EPOCH - Duration::from_secs(1), UNIX_EPOCH + Duration::from_secs(20_000_000_000)] {
        for rate in ["1000000000", "1/365d"] {
            for size in [1, u32::MAX] {
                let _ = run.reserve(KEY, &rates(&[rate]), burst(size), now);
            }
        }
        run.hold_off(KEY, now + Duration::from_secs(u64::from(u32::MAX)), now);
        let _ = run.known(KEY, now);
    }
    assert_eq!(nanos(UNIX_EPOCH + Duration::from_secs(20_000_000_000)), i64::MAX);
    assert_eq!(run.reserve("fresh.example:80", &rates(&["1/365d"]), burst(1), at(0.0)), Ok(()), "it still works");
}

#[test]
fn a_host_that_asked_to_be_left_alone_is_left_alone_by_all() {
    let (_folder, path) = place();
    let (mut one, mut other) = (open(&path, at(0.0)), open(&path, at(0.0)));
    one.hold_off(KEY, at(30.0), at(0.0));
    one.hold_off(KEY, at(20.0), at(1.0));
    for rates in [rates(&["5/s"]), Vec::new()] {
        assert_eq!(other.reserve(KEY, &rates, burst(1), at(29.9)), Err(at(30.0)));
    }
    assert_eq!(other.known(KEY, at(29.9)).and_then(|known| known.not_before), Some(at(30.0)));
    assert_eq!(other.reserve(KEY, &[], burst(1), at(30.0)), Ok(()));
    assert_eq!(other.known(KEY, at(30.0)), None);
}

#[test]
fn all_runs_together_have_no_more_in_flight_than_one_may() {
    let (_folder, path) = place();
    let now = at(0.0);
    let (mut one, mut other) = (open(&path, now), open(&path, now));
    assert!(one.enter(KEY, 3, now) && one.enter(KEY, 3, now) && other.enter(KEY, 3, now));
    assert!(!one.enter(KEY, 3, now) && !other.enter(KEY, 3, now));
    assert!(other.enter("other.example:443", 1, now), "hosts do not share");
    one.leave(KEY, now);
    assert!(other.enter(KEY, 3, now) && !one.enter(KEY, 3, now));
    drop(one);
    assert!(other.enter(KEY, 3, now), "who is gone has none");
    other.close(now);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside the file");
    let mut next = open(&path, now);
    assert!((0..3).all(|_| next.enter(KEY, 3, now)));
}

//! One slow, waiting or silent host costs the others nothing, whatever the order of the list.

use std::sync::Arc;

use super::*;
use crate::policy::hosts::Rule;
use crate::policy::{HostRules, Rate};

/// A made-up host: so many targets, how long it takes for each, and how many seconds must lie between two of its requests.
#[derive(Clone, Copy, Debug)]
struct Load {
    targets: usize,
    latency: Duration,
    every: Option<Duration>,
    /// It never answers.
    hangs: bool,
}

impl Load {
    /// How long it takes with all the places for itself: a host earns its places by answering, a twentieth of them to begin with.
    fn alone(self, permits: usize) -> Duration {
        let n = u32::try_from(self.targets).unwrap();
        let paced = self.every.map_or(Duration::ZERO, |every| every * n.saturating_sub(1) + self.latency);
        let rounds = n.div_ceil(u32::try_from(permits).unwrap());
        paced.max(self.latency * rounds)
    }
}

const TIMEOUT: Duration = Duration::from_secs(30);

fn sorted_list(loads: &[Load]) -> Vec<String> {
    loads
        .iter()
        .enumerate()
        .flat_map(|(host, load)| (0..load.targets).map(move |i| format!("http://h{host}.example/{i}")))
        .collect()
}

/// The host's number in a URL of the list.
fn number(url: &str) -> usize {
    url["http://h".len()..].split('.').next().and_then(|number| number.parse().ok()).unwrap()
}

/// Runs a list against these hosts, each at its own rate.
fn run(loads: &[Load], list: &[String], permits: usize, window: usize) -> Run {
    let mut hosts = HostRules::default();
    for (host, load) in loads.iter().enumerate() {
        let rps = load.every.and_then(Rate::every).map(|rate| vec![rate]);
        hosts.insert(&format!("h{host}.example"), Rule { rps, ..Rule::default() }).unwrap();
    }
    let hosts = Arc::new(hosts);
    let retry = retry::Settings { retries: 0, ..retry::Settings::default() };
    let settings = Settings { window, hosts, retry, adapt: false, ..quick() };
    simulate(settings, permits, list, &mut |ticket| {
        let load = loads[number(ticket.url.as_str())];
        if load.hangs { (TIMEOUT, failure(ErrorKind::Timeout)) } else { (load.latency, page()) }
    })
}

/// When each host's last request started.
fn finish(run: &Run, hosts: usize) -> Vec<Duration> {
    let mut last = vec![Duration::ZERO; hosts];
    for (at, url, _) in &run.starts {
        let host = number(url);
        last[host] = last[host].max(*at - run.epoch);
    }
    last
}

#[test]
fn a_host_that_hangs_first_in_a_sorted_list_leaves_the_places_to_the_others() {
    let fast = Load { targets: 2000, latency: 50 * MS, every: None, hangs: false };
    let loads = [Load { targets: 9000, latency: TIMEOUT, every: None, hangs: true }, fast];
    let run = run(&loads, &sorted_list(&loads), 20, 4096);
    let took = finish(&run, 2)[1];
    let alone = fast.alone(20);
    assert!(took.as_secs_f64() <= alone.as_secs_f64() / 0.9 + 0.5, "{took:?} and not {alone:?}");
    assert!(run.most_held < 4096 + 64 + 20, "{}", run.most_held);
}

#[test]
fn a_host_with_one_request_in_ten_seconds_first_in_a_sorted_list_costs_the_others_nothing() {
    let slow = Load { targets: 20_000, latency: 10 * MS, every: Some(Duration::from_secs(10)), hangs: false };
    let mut loads = vec![slow; 3];
    loads.extend([Load { targets: 3000, latency: 20 * MS, every: None, hangs: false }; 2]);
    let mut list = sorted_list(&loads);
    list.truncate(66_000);
    // The slow ones would take days: what matters is when the fast ones are through.
    let short: Vec<_> = loads.iter().map(|load| Load { every: load.every.map(|_| 100 * MS), ..*load }).collect();
    let run = run(&short, &list, 10, 1000);
    let fast = finish(&run, 5).split_off(3).into_iter().max().unwrap();
    let alone = Duration::from_secs(2 * 3000 * 20 / 10 / 1000);
    assert!(fast.as_secs_f64() <= alone.as_secs_f64() / 0.9 + 0.5, "{fast:?} and not {alone:?}");
    assert!(run.most_held < 1000 + 64 * 5, "{}", run.most_held);
}

#[test]
fn memory_stays_bounded_by_the_window_when_every_host_waits() {
    let loads = vec![Load { targets: 40, latency: 10 * MS, every: Some(Duration::from_secs(1)), hangs: false }; 500];
    let mut list = sorted_list(&loads);
    let run_sorted = run(&loads, &list, 10, 100);
    fastrand::Rng::with_seed(3).shuffle(&mut list);
    let run_mixed = run(&loads, &list, 10, 100);
    for run in [run_sorted, run_mixed] {
        assert_eq!(run.records.len(), 20_000);
        assert!(run.most_held <= 100 + 500 + 10, "{}", run.most_held);
        let took = (run.end - run.epoch).as_secs_f64();
        assert!(took < 39.0 * 1.1 + 1.0, "500 hosts at once take as long as one: {took} s");
    }
}

#[test]
fn a_sorted_list_of_a_few_hosts_is_done_in_time_although_little_of_it_is_in_sight() {
    let free = [(114, 84), (82, 91), (34, 58), (51, 63), (32, 91)];
    let free = free.map(|(targets, latency)| Load { targets, latency: latency * MS, every: None, hangs: false });
    let paced = Load { targets: 1, latency: MS, every: Some(200 * MS), hangs: false };
    let loads = [&[paced][..], &free].concat();
    for permits in 10..30 {
        compare(&loads, 0, permits, 20).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_mix_of_hosts_comes_close_to_the_best_that_is_possible(
        mix in prop::collection::vec((1_usize..200, 1_u64..400), 1..12),
        permits in 1_usize..30,
        window in 20_usize..300,
        order in 0_u8..3,
    ) {
        let loads: Vec<Load> = mix.iter().map(|(targets, latency)| Load { targets: *targets, latency: Duration::from_millis(*latency), every: None, hangs: false }).collect();
        compare(&loads, order, permits, window)?;
    }

    #[test]
    fn hosts_that_must_wait_neither_lose_their_pace_nor_hold_the_others(
        free in prop::collection::vec((1_usize..200, 1_u64..100), 1..6),
        paced in prop::collection::vec((1_usize..60, 1_u64..100, 200_u64..2000), 1..6),
        permits in 10_usize..30,
        window in 20_usize..300,
        is_sorted in any::<bool>(),
    ) {
        let free = free.iter().map(|(targets, latency)| Load { targets: *targets, latency: Duration::from_millis(*latency), every: None, hangs: false });
        let paced = paced.iter().map(|(targets, latency, every)| {
            Load { targets: *targets, latency: Duration::from_millis(*latency), every: Some(Duration::from_millis(*every)), hangs: false }
        });
        let loads: Vec<Load> = paced.chain(free).collect();
        // A host that is named only at the end of a list longer than the window cannot be begun earlier.
        compare(&loads, if is_sorted { 0 } else { 2 }, permits, window)?;
    }
}

/// Compares a run with the best that is possible: no schedule is faster than the slowest host by itself, nor than all the work on all
/// the places.
fn compare(loads: &[Load], order: u8, permits: usize, window: usize) -> Result<(), TestCaseError> {
    let mut list = sorted_list(loads);
    match order {
        0 => {}
        1 => list.reverse(),
        _ => fastrand::Rng::with_seed(1).shuffle(&mut list),
    }
    // No smaller than the crawl would have it.
    let run = run(loads, &list, permits, window.max(2 * permits));
    prop_assert_eq!(run.records.len(), list.len());
    let work: f64 = loads.iter().map(|load| load.latency.as_secs_f64() * load.targets as f64).sum();
    let slowest = loads.iter().map(|load| load.alone(permits)).max().unwrap().as_secs_f64();
    let best = slowest.max(work / permits as f64);
    let took = (run.end - run.epoch).as_secs_f64();
    let longest = loads.iter().map(|load| load.latency).max().unwrap().as_secs_f64();
    // The last request of all may start just before the end of the best; a host earns its places in a few of its own latencies, and in a
    // sorted list one after the other has to.
    let earning = 6.0 + 0.5 * loads.len() as f64;
    prop_assert!(took <= best * 1.1 + earning * longest + 0.1, "{took} s and not {best} s");
    Ok(())
}

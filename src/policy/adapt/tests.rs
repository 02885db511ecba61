//! Whether a host's hidden capacity is found, without noise and without a clock. All times are virtual.

mod rates;
mod sim;

use proptest::prelude::*;

use self::sim::{Client, bucket, jitter, places, workers};
use super::*;

/// How a settled client does: against a capacity, between two seconds.
fn assert_settled(name: &str, client: &Client, capacity: f64, from: f64, to: f64) {
    let goodput = client.log.goodput(from, to) / capacity;
    let vain = client.log.vain(from, to);
    let (low, high, deepest) = client.log.rates(from, to);
    println!(
        "{name}: {goodput:.2} of its capacity, {:.1} % in vain, rates {low:.2} to {high:.2}, falls to {deepest:.2}",
        100.0 * vain
    );
    assert!((0.8..=1.2).contains(&goodput), "{name}: {goodput:.3} of its capacity");
    assert!(vain < 0.1, "{name}: {vain:.3} in vain");
    assert!(deepest >= 0.5, "{name}: a fall to {deepest:.3}");
    assert!(high <= 2.0 * low || high.is_infinite(), "{name}: from {low:.3} to {high:.3}");
}

/// A settled client's time: a minute, and 200 requests.
fn settled(capacity: f64) -> f64 {
    60.0 + 200.0 / capacity
}

#[test]
fn the_number_of_places_of_a_server_is_found() {
    for most in [1, 2, 5, 20] {
        for service in [0.05, 0.5, 3.0] {
            for concurrency in [3, 10, 50].into_iter().filter(|concurrency| *concurrency > most) {
                let capacity = most as f64 / service;
                let mut client = Client::new(concurrency, 1);
                let (from, to) = (settled(capacity), 2.0 * settled(capacity));
                client.run(to, &mut places(most, service, service / 20.0));
                assert_settled(&format!("{most} places for {service} s, -c {concurrency}"), &client, capacity, from, to);
            }
        }
    }
}

#[test]
fn a_server_that_queues_is_kept_busy_with_a_short_queue() {
    for most in [1, 2, 5, 20] {
        for (service, times) in [(0.05, 20.0), (0.5, 9.0), (2.0, 9.0)] {
            for concurrency in [3, 10, 50].into_iter().filter(|concurrency| *concurrency > most) {
                let capacity = most as f64 / service;
                let mut client = Client::new(concurrency, 1);
                let (from, to) = (120.0 + 200.0 / capacity, 300.0 + 500.0 / capacity);
                client.run(to, &mut workers(|_| most, 1000, service, 300.0));
                let name = format!("{most} workers for {service} s, -c {concurrency}");
                assert_settled(&name, &client, capacity, from, to);
                let latency = client.log.latency(from, to) / service;
                println!("{name}: {latency:.1} times its own time");
                assert!(latency < times, "{name}: answers take {latency:.1} times their time");
            }
        }
    }
}

#[test]
fn a_server_that_drops_what_it_cannot_queue_is_kept_busy() {
    for most in [1, 2, 10] {
        for service in [0.05, 0.5] {
            for queue in [0, 3, 20] {
                for concurrency in [3, 10, 50].into_iter().filter(|concurrency| *concurrency > most + queue) {
                    let capacity = most as f64 / service;
                    let mut client = Client::new(concurrency, 1);
                    let from = 200.0 + 200.0 / capacity;
                    client.run(2.0 * from, &mut workers(|_| most, queue, service, 10.0));
                    let name = format!("{most} workers for {service} s, queue {queue}, -c {concurrency}");
                    assert_settled(&name, &client, capacity, from, 2.0 * from);
                }
            }
        }
    }
}

#[test]
fn a_capacity_that_grows_is_found_again() {
    for (capacity, secs) in [(0.5, 500.0), (2.0, 150.0), (10.0, 60.0), (50.0, 60.0)] {
        let at = settled(capacity);
        let end = at + secs + settled(capacity);
        let mut client = Client::new(50, 3);
        let rate = |now| if now < at { capacity } else { 4.0 * capacity };
        client.run(end, &mut bucket(rate, capacity.max(1.0), 0.1));
        let recovered = client.log.settled_at(at, end, (10.0 / capacity).max(2.0), 0.8 * 4.0 * capacity) - at;
        println!("{capacity}/s to {}/s: after {recovered:.0} s", 4.0 * capacity);
        assert_settled(&format!("{capacity}/s, four times that"), &client, 4.0 * capacity, at + secs, end);
    }
}

#[test]
fn a_capacity_that_shrinks_is_found_again() {
    for (capacity, secs) in [(2.0, 120.0), (10.0, 40.0), (50.0, 30.0), (200.0, 30.0)] {
        let at = settled(capacity);
        let end = at + secs + settled(capacity / 4.0);
        let mut client = Client::new(50, 3);
        let rate = |now| if now < at { capacity } else { capacity / 4.0 };
        client.run(end, &mut bucket(rate, capacity, 0.1));
        assert_settled(&format!("{capacity}/s, a quarter of that"), &client, capacity / 4.0, at + secs, end);
        let vain = client.log.vain(at, at + secs);
        println!("{:.1} % in vain on the way", 100.0 * vain);
    }
}

#[test]
fn an_outage_is_over_when_it_is_over() {
    for (secs, most, back) in [(12.0, 500, 15.0), (60.0, 500, 45.0), (600.0, 500, 60.0)] {
        let (at, until) = (100.0, 100.0 + secs);
        let mut client = Client::new(20, 5);
        let mut server = |now: f64, random: &mut fastrand::Rng| {
            if (at..until).contains(&now) { (Signal::Refused, 0.01) } else { (Signal::Answered, jitter(0.1, random)) }
        };
        client.run(until + 600.0, &mut server);
        let asked = client.log.requests.iter().filter(|request| (at..until).contains(&request.start)).count();
        let recovered = client.log.settled_at(until, until + 600.0, 2.0, 160.0) - until;
        println!("200/s, out for {secs} s: {asked} requests meanwhile, back after {recovered:.0} s");
        assert!(asked < most && recovered < back, "{secs} s: {asked} requests, {recovered} s");
    }
}

#[test]
fn a_server_that_is_shut_is_asked_ever_more_rarely_and_keeps_its_rate() {
    let open = 100.0;
    let mut client = Client::new(20, 5);
    let mut server = |now: f64, random: &mut fastrand::Rng| {
        if now > open { (Signal::Refused, 0.01) } else { (Signal::Answered, jitter(0.1, random)) }
    };
    client.run(open + 2.0, &mut server);
    let rate = client.host.rate().unwrap();
    client.run(open + 1000.0, &mut server);
    assert_eq!(client.host.rate(), Some(rate));
    let asked = |from: f64, to: f64| client.log.requests.iter().filter(|request| (from..to).contains(&request.start)).count();
    let (first, second, last) = (asked(102.0, 110.0), asked(110.0, 160.0), asked(500.0, 1100.0));
    assert!(first <= 10 && second <= 10 && (15..=25).contains(&last), "{first}, {second} and {last} requests");
}

#[test]
fn a_host_that_refuses_everything_is_asked_ever_less() {
    let mut client = Client::new(50, 5);
    client.run(3600.0, &mut |_: f64, _: &mut fastrand::Rng| (Signal::Refused, 0.02));
    let asked = client.log.requests.len();
    assert!(asked < 250, "{asked} requests in an hour");
    assert!(client.host.rate().unwrap() >= 1.0 / 31.0);
}

#[test]
fn a_host_that_answers_nothing_in_time_is_asked_one_at_a_time() {
    let mut client = Client::new(50, 5);
    client.run(600.0, &mut |_: f64, _: &mut fastrand::Rng| (Signal::TimedOut, 10.0));
    assert_eq!((client.host.most_in_flight(), client.host.rate()), (1, None));
}

#[test]
fn a_fast_host_is_never_limited() {
    for seed in 0..4 {
        let mut client = Client::new(50, seed);
        let mut server = |_: f64, random: &mut fastrand::Rng| {
            let spike = if random.f64() < 0.02 { 10.0 } else { 1.0 };
            (Signal::Answered, jitter(0.005, random) * spike)
        };
        client.run(10.0, &mut server);
        assert!(client.host.is_default() && client.log.paces.len() == 1, "{:?}", client.log.paces);
    }
}

#[test]
fn slow_pages_among_fast_ones_do_not_limit() {
    for seed in 0..4 {
        let mut client = Client::new(20, seed);
        let mut server =
            |_: f64, random: &mut fastrand::Rng| (Signal::Answered, jitter(if random.f64() < 0.5 { 3.0 } else { 0.05 }, random));
        client.run(300.0, &mut server);
        assert_eq!(client.log.paces.len(), 1, "{:?}", client.log.paces);
    }
}

#[test]
fn pages_that_are_slow_at_any_pace_do_not_strangle_their_host() {
    let mut client = Client::new(50, 7);
    let mut server =
        |now: f64, random: &mut fastrand::Rng| (Signal::Answered, jitter(if now < 60.0 { 0.1 } else { 2.0 }, random));
    client.run(180.0, &mut server);
    let goodput = client.log.goodput(60.0, 180.0);
    println!("slow pages: {goodput:.1}/s of 25/s");
    assert!(goodput > 20.0, "{goodput}");
}

#[test]
fn pages_that_hang_at_any_pace_do_not_strangle_their_host() {
    let mut client = Client::new(50, 7);
    let mut server = |_: f64, random: &mut fastrand::Rng| {
        if random.f64() < 0.1 { (Signal::TimedOut, 10.0) } else { (Signal::Answered, jitter(0.1, random)) }
    };
    client.run(900.0, &mut server);
    let goodput = client.log.goodput(200.0, 900.0);
    println!("hanging pages: {goodput:.1}/s of {:.1}/s", 50.0 / 1.09 * 0.9);
    assert!(goodput > 33.0, "{goodput}");
}

#[test]
fn a_flaky_host_keeps_its_speed() {
    for (share, secs, least) in [(0.01, 300.0, 0.93), (0.02, 300.0, 0.9), (0.05, 300.0, 0.75), (0.2, 2400.0, 0.3)] {
        for (concurrency, latency) in [(1, 1.0), (5, 0.3), (50, 0.2)] {
            let speeds: Vec<f64> = (0..6)
                .map(|seed| {
                    let mut client = Client::new(concurrency, seed);
                    let mut server = |_: f64, random: &mut fastrand::Rng| {
                        let signal = if random.f64() < share { Signal::Refused } else { Signal::Answered };
                        (signal, jitter(latency, random))
                    };
                    client.run(secs, &mut server);
                    client.log.goodput(0.0, secs) * latency / concurrency as f64 / (1.0 - share)
                })
                .collect();
            let mean = speeds.iter().sum::<f64>() / speeds.len() as f64;
            println!("{share} refused, -c {concurrency}, {latency} s: {mean:.2} of its speed {speeds:.2?}");
            assert!(mean > least, "{share} refused, -c {concurrency}: {mean}");
        }
    }
}

#[test]
fn what_an_earlier_run_learned_holds_from_the_first_request() {
    let now = Instant::now();
    let mut host = Adapt::learned(2.0, now);
    assert_eq!((host.rate(), host.next_at(now)), (Some(2.0), now));
    host.started(now);
    assert_eq!(host.next_at(now), now + Duration::from_millis(500));
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Adapt::learned(rate, now).is_default(), "{rate}");
    }
}

#[test]
fn a_burst_of_refusals_is_one_signal() {
    let start = Instant::now() + Duration::from_mins(1);
    let mut host = Adapt::new(start);
    (0..50).for_each(|_| host.started(start));
    let later = start + Duration::from_millis(100);
    let changes: Vec<_> =
        (0..50).filter_map(|left| host.settled(Signal::Refused, Duration::from_millis(100), 49 - left, later)).collect();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].why, "429/503");
}

#[test]
fn failures_that_say_nothing_about_load_teach_nothing() {
    let start = Instant::now();
    let mut host = Adapt::new(start);
    for i in 0..1000 {
        let now = start + Duration::from_millis(10 * i);
        host.started(now);
        assert_eq!(host.settled(Signal::Unknown, Duration::from_millis(5), 0, now), None);
    }
    assert!(host.is_default());
}

#[test]
fn a_host_that_gave_no_reason_is_small() {
    assert!(size_of::<Adapt>() <= 88, "{}", size_of::<Adapt>());
}

proptest! {
    #[test]
    fn no_input_breaks_the_arithmetic(
        rate in prop::option::of(prop::num::f64::ANY),
        requests in prop::collection::vec((0_u8..4, 0_u64..1 << 40, prop_oneof![0_usize..60, Just(usize::MAX)], prop_oneof![0_u64..3000, 0_u64..1 << 40]), 0..400),
    ) {
        let start = Instant::now();
        let mut now = start;
        let mut host = rate.map_or_else(|| Adapt::new(start), |rate| Adapt::learned(rate, start));
        for (signal, latency, in_flight, wait) in requests {
            now += Duration::from_millis(wait);
            if wait % 3 > 0 {
                host.started(now);
            }
            let signal = [Signal::Answered, Signal::Refused, Signal::TimedOut, Signal::Unknown][usize::from(signal)];
            let before = host.rate();
            host.settled(signal, Duration::from_millis(latency % (wait.max(1) * 4)), in_flight, now);
            let after = host.rate();
            prop_assert!(host.most_in_flight() >= 1);
            prop_assert!(after.is_none_or(|rate| (1.0 / 31.0..=1e6).contains(&rate)), "{after:?}");
            if let (Some(before), Some(after)) = (before, after) {
                prop_assert!(after >= 0.499 * before, "{before} {after}");
            }
            prop_assert!(host.next_at(now) >= now);
        }
    }
}

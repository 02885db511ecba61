//! Servers that count requests: by a bucket, by the second, by the minute, with and without asking for time.

use super::sim::{Client, bucket, window};
use super::*;

#[test]
fn the_rate_of_a_token_bucket_is_found() {
    for (seed, capacity) in [0.5_f64, 2.0, 10.0, 50.0, 200.0].into_iter().enumerate() {
        for concurrency in [1, 5, 50] {
            for (burst, latency) in [(1.0, 0.05), (capacity.max(1.0), 0.05), (10.0 * capacity, 0.3), (20.0, 1.0)] {
                if concurrency as f64 / latency < 1.3 * capacity {
                    continue;
                }
                let mut client = Client::new(concurrency, seed as u64);
                let (from, to) = (settled(capacity), 2.0 * settled(capacity));
                client.run(to, &mut bucket(|_| capacity, burst, latency));
                assert_settled(
                    &format!("{capacity}/s after {burst}, -c {concurrency}, {latency} s"),
                    &client,
                    capacity,
                    from,
                    to,
                );
            }
        }
    }
}

#[test]
fn the_rate_of_a_server_that_counts_by_the_second_is_found() {
    for (seed, capacity) in [0.5_f64, 2.0, 10.0, 50.0, 200.0].into_iter().enumerate() {
        for concurrency in [1, 5, 50] {
            for (secs, latency) in [(1.0, 0.05), (10.0, 0.3)] {
                if concurrency as f64 / latency < 1.3 * capacity || capacity * secs < 1.0 {
                    continue;
                }
                let mut client = Client::new(concurrency, seed as u64);
                let from = settled(capacity) + 5.0 * secs;
                let to = 2.0 * from;
                client.run(to, &mut window(|_| capacity, secs, latency));
                assert_settled(&format!("{capacity}/s by {secs} s, -c {concurrency}, {latency} s"), &client, capacity, from, to);
            }
        }
    }
}

/// Each refusal costs all that could have been asked meanwhile.
#[test]
fn the_rate_of_a_server_that_asks_to_be_left_alone_is_found() {
    for (seed, capacity) in [0.5_f64, 2.0, 5.0, 10.0, 30.0, 50.0, 200.0].into_iter().enumerate() {
        for concurrency in [1, 5, 20, 50] {
            for (latency, retry_after) in [(0.002, 1.0), (0.05, 1.0), (0.3, 1.0), (0.05, 5.0)] {
                if concurrency as f64 / latency < 1.3 * capacity {
                    continue;
                }
                for counts in [true, false] {
                    let mut client = Client::new(concurrency, seed as u64);
                    client.retry_after = Some(retry_after);
                    let from = settled(capacity) + 20.0 * retry_after;
                    let to = 3.0 * from;
                    if counts && capacity >= 1.0 {
                        client.run(to, &mut window(|_| capacity, 1.0, latency));
                    } else {
                        client.run(to, &mut bucket(|_| capacity, capacity.max(1.0), latency));
                    }
                    let name =
                        format!("{capacity}/s, window {counts}, -c {concurrency}, {latency} s, Retry-After: {retry_after}");
                    assert_settled(&name, &client, capacity, from, to);
                }
            }
        }
    }
}

/// It is shut for as much of each minute as it was asked too fast: meanwhile the rate stays.
#[test]
fn the_rate_of_a_server_that_counts_by_the_minute_is_found() {
    for capacity in [0.25, 0.5, 2.0, 10.0, 50.0] {
        for concurrency in [1, 5, 50].into_iter().filter(|concurrency| *concurrency as f64 / 0.1 > 1.3 * capacity) {
            for begun in [0.0, 20.0, 50.0] {
                let mut client = Client::new(concurrency, 1);
                let mut server = window(|_| capacity, 60.0, 0.1);
                client.run(1200.0, &mut |now, random| server(now + begun, random));
                let name = format!("{capacity}/s by the minute, {begun} s of it gone, -c {concurrency}");
                assert_settled(&name, &client, capacity, 600.0, 1200.0);
                let (low, high, _) = client.log.rates(600.0, 1200.0);
                assert!(high <= 1.5 * low, "{name}: from {low:.3} to {high:.3}");
            }
        }
    }
}

/// What no list of chosen hosts shows: any host is found.
#[test]
fn random_limits_are_found() {
    let mut random = fastrand::Rng::with_seed(99);
    let (mut count, mut found, mut sum) = (0, 0, 0.0);
    while count < 300 {
        let secs = [1.0, 5.0, 10.0][random.usize(0..3)];
        let capacity = (0.5 * 200_f64.powf(random.f64()) * secs).round().max(1.0) / secs;
        let (concurrency, latency) = (random.usize(1..=50), 0.02 * 50_f64.powf(random.f64()));
        let burst = 1.0 + 2.0 * random.f64() * capacity;
        if (concurrency as f64) / latency < 1.3 * capacity {
            continue;
        }
        let mut client = Client::new(concurrency, count);
        let (from, to) = (settled(capacity) + 5.0 * secs, 2.0 * settled(capacity) + 10.0 * secs);
        if count % 2 == 0 {
            client.run(to, &mut bucket(|_| capacity, burst, latency));
        } else {
            client.run(to, &mut window(|_| capacity, secs, latency));
        }
        let (goodput, vain) = (client.log.goodput(from, to) / capacity, client.log.vain(from, to));
        let (low, high, deepest) = client.log.rates(from, to);
        assert!(deepest >= 0.499, "a fall to {deepest}");
        found += u32::from((0.8..=1.2).contains(&goodput) && vain < 0.1 && high <= 2.0 * low);
        count += 1;
        sum += goodput;
    }
    println!("{found} of {count} hosts found, on the average {:.3} of their capacity", sum / count as f64);
    assert!(found == 300 && sum / count as f64 > 0.98, "{found} of {count}, {}", sum / count as f64);
}

//! What the frontier costs for one target, from push over next to settle, with few and with very many hosts in sight.
//!
//! The clock is made up: it jumps to the promised instant whenever nothing may go, so that the rates cost what they compute and
//! never what they make wait.

use std::time::{Duration, Instant, SystemTime};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use scrape::frontier::{Frontier, Next, Settings};
use scrape::model::{Data, Done, Outcome, Row, Target, Ticket};
use scrape::policy::Rate;

/// A target of each host in turn.
fn targets(hosts: usize) -> Vec<Target> {
    (0..hosts).zip(1..).map(|(host, index)| Target::new(index, &format!("http://h{host}.example/page"), "bench", None)).collect()
}

/// The next ticket, whatever the clock must be set to.
fn go(frontier: &mut Frontier, now: &mut Instant) -> Box<Ticket> {
    loop {
        match frontier.next(*now) {
            Next::Go(ticket) => return ticket,
            Next::Wait(at) => *now = at,
            other => panic!("a target was pushed and is not given out: {other:?}"),
        }
    }
}

fn page(ticket: Ticket) -> Done {
    let row = Row { status: 200, content_type: None, bytes: 0, received: 0, body: None, data: Data::default(), charset: None };
    Done { ticket, outcome: Outcome::Row(row), asked: None, elapsed: Duration::from_millis(1), at: SystemTime::UNIX_EPOCH }
}

fn frontier(c: &mut Criterion) {
    let rate: Rate = "5/s".parse().expect("a rate");
    for (name, host_rps) in [("frontier/no rate", vec![]), ("frontier/a rate for each host", vec![rate])] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        for hosts in [1, 100, 100_000] {
            let targets = targets(hosts);
            let mut now = Instant::now();
            let settings = Settings { window: hosts + 1, host_rps: host_rps.clone(), seed: 1, ..Settings::default() };
            let mut frontier = Frontier::new(settings, now);
            // Every host has a target queued all the time, so that all of them stay in sight.
            for target in &targets {
                frontier.push(target.clone(), now);
            }
            let mut turn = targets.iter().cycle();
            group.bench_function(BenchmarkId::from_parameter(format!("{hosts} hosts")), |b| {
                b.iter_batched(
                    || turn.next().expect("there is a host").clone(),
                    |target| {
                        frontier.push(target, now);
                        let ticket = go(&mut frontier, &mut now);
                        frontier.settle(page(*ticket), now).expect("a page is a record")
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group!(benches, frontier);
criterion_main!(benches);

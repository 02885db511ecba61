//! Where two of the frontier's rules meet.

use std::collections::VecDeque;
use std::net::IpAddr;

use bytes::Bytes;

use super::*;
use crate::model::Purpose;
use crate::policy::{LimitBy, robots};

fn ip() -> Outcome {
    Outcome::Address("192.0.2.1".parse::<IpAddr>().unwrap())
}
fn always() -> Settings {
    Settings { robots: robots::Mode::Always, ..quick() }
}
fn done(ticket: Ticket, outcome: Outcome) -> Done {
    Done { ticket, outcome, asked: None, elapsed: MS, at: SystemTime::UNIX_EPOCH }
}
fn go(f: &mut Frontier, now: Instant) -> Ticket {
    match f.next(now) {
        Next::Go(t) => *t,
        other => panic!("{other:?}"),
    }
}
fn t(i: u64, url: &str) -> Target {
    Target::new(i, url, "sim", None)
}

#[test]
fn parked_targets_behind_a_disallowed_one() {
    let settings = Settings { window: 64, host_rps: vec!["10".parse().unwrap()], ..always() };
    let mut list: Vec<String> = (0..300).map(|i| format!("http://a.example/{}{i}", if i % 3 == 0 { "x" } else { "y" })).collect();
    list.push("http://b.example/".to_owned());
    let run = simulate(settings, 4, &list, &mut |ticket| match ticket.purpose {
        Purpose::Robots => (MS, Outcome::Robots(Bytes::from_static(b"User-agent: *\nDisallow: /x\n"))),
        _ => (MS, page()),
    });
    assert_eq!(run.records.len(), 301);
}

#[test]
fn a_question_in_flight_while_the_address_is_asked() {
    let settings = Settings { limit_by: LimitBy::Ip, ..always() };
    let list = vec!["http://a.example/1".to_owned(), "https://a.example/1".to_owned()];
    let run = simulate(settings, 4, &list, &mut |ticket| match ticket.purpose {
        Purpose::Address => (if ticket.url.scheme() == "https" { 20 * MS } else { MS }, ip()),
        Purpose::Robots if ticket.url.scheme() == "http" => {
            (5 * MS, Outcome::Redirect { status: 301, to: "https://a.example/robots.txt".parse().unwrap(), is_public: true })
        }
        Purpose::Robots => (100 * MS, Outcome::Robots(Bytes::new())),
        Purpose::Page => (MS, page()),
    });
    assert_eq!(run.records.len(), 2);
}

#[test]
fn a_starved_robots_txt_has_an_end() {
    let mut n = 0;
    simulate(always(), 4, &["http://[::1]/1".to_owned()], &mut |_| {
        n += 1;
        assert!(n < 5000, "for ever");
        (MS, Outcome::Starved(Failure::new(ErrorKind::Connect, "EADDRNOTAVAIL")))
    });
}

#[test]
fn what_is_parked_of_a_given_up_host_stays_bounded() {
    let now = Instant::now();
    let mut f = Frontier::new(Settings { window: 64, permits: 20, ..quick() }, now);
    let mut parked = VecDeque::new();
    for i in 0..20_000 {
        let s = if f.is_full() { f.surplus() } else { Vec::new() };
        for (_, x) in s.into_iter().chain(f.push(t(i, &format!("http://dead.example/{i}")), now)) {
            parked.push_back(x);
        }
    }
    let mut at = now;
    let mut flying = VecDeque::new();
    let mut most = 0;
    let mut n = 0;
    loop {
        n += 1;
        if n > 2000 {
            break;
        }
        while let Some((h, k)) = f.wanted() {
            let back: Vec<_> = parked.drain(..k.min(parked.len())).collect();
            f.unpark(h, back, at);
            most = most.max(f.refused.len());
        }
        match f.next(at) {
            Next::Go(x) => {
                flying.push_back(*x);
                if flying.len() < 20 {
                    continue;
                }
            }
            Next::Wait(until) if flying.is_empty() => at = until,
            _ => {}
        }
        while let Some(x) = flying.pop_front() {
            at += MS;
            f.settle(done(x, failure(ErrorKind::Connect)), at);
        }
    }
    assert!(most <= 256 + 64 + 64, "{most} refused records at once");
}

#[test]
fn rules_that_the_shelf_forgot_still_hold() {
    let now = Instant::now();
    let mut f = Frontier::new(Settings { permits: 20, ..always() }, now);
    f.push(t(1, "http://a.example/ok"), now);
    f.push(t(2, "http://a.example/x"), now);
    let q = go(&mut f, now);
    f.settle(done(q, Outcome::Robots(Bytes::from_static(b"User-agent: *\nDisallow: /x\n"))), now);
    for i in 0..100 {
        let long = format!("User-agent: *\nDisallow: /{}{i}\n", "z".repeat(400 << 10));
        f.recall_robots(&format!("h{i}.example:80"), Some(long.as_bytes()));
    }
    let one = go(&mut f, now);
    let two = f.next(now);
    assert!(!matches!(&two, Next::Go(two) if two.url.path() == "/x"), "{} and then a disallowed page", one.url);
}

#[test]
fn a_crawl_delay_holds_for_a_host_that_comes_again() {
    let mut now = Instant::now();
    let mut f = Frontier::new(Settings { permits: 20, limit_by: LimitBy::Ip, ..always() }, now);
    f.push(t(1, "http://a.example/1"), now);
    let q = go(&mut f, now);
    f.settle(done(q, ip()), now);
    let q = go(&mut f, now);
    f.settle(done(q, Outcome::Robots(Bytes::from_static(b"User-agent: *\nCrawl-delay: 10\n"))), now);
    now += Duration::from_secs(10);
    let p = go(&mut f, now);
    f.settle(done(p, page()), now);
    now += Duration::from_mins(1);
    assert!(matches!(f.next(now), Next::Idle));
    (2..5).for_each(|i| drop(f.push(t(i, &format!("http://a.example/{i}")), now)));
    let q = go(&mut f, now);
    assert_eq!(q.purpose, Purpose::Address);
    f.settle(done(q, ip()), now);
    let one = go(&mut f, now);
    assert_eq!(one.purpose, Purpose::Page);
    assert!(matches!(f.next(now), Next::Wait(_)), "two pages at once, crawl-delay 10");
}

#[test]
fn a_robots_hop_counts_for_its_address() {
    let settings = Settings { limit_by: LimitBy::Ip, host_rps: vec!["1".parse().unwrap()], ..always() };
    let run = simulate(settings, 4, &["http://a.example/1".to_owned()], &mut |ticket| match ticket.purpose {
        Purpose::Address => (MS, ip()),
        Purpose::Robots if ticket.url.scheme() == "http" => {
            (5 * MS, Outcome::Redirect { status: 301, to: "https://a.example/robots.txt".parse().unwrap(), is_public: true })
        }
        Purpose::Robots => (5 * MS, Outcome::Robots(Bytes::new())),
        Purpose::Page => (MS, page()),
    });
    // The first of each scheme is the question for the address, which is no request.
    let of = |scheme: &'static str| {
        run.starts.iter().filter(move |(_, url, _)| url.starts_with(scheme)).skip(1).map(|(at, ..)| *at - run.epoch)
    };
    let mut starts: Vec<_> = of("http:").chain(of("https:")).collect();
    starts.sort_unstable();
    let close = starts.windows(2).any(|pair| pair[1].saturating_sub(pair[0]) < Duration::from_millis(999));
    assert_eq!(starts.len(), 3);
    assert!(!close, "{starts:?}");
}

#[test]
fn what_was_given_for_the_listed_origin_does_not_go_to_another_ones_robots_txt() {
    let mut leaked = Vec::new();
    simulate(always(), 4, &["http://a.example/1".to_owned()], &mut |ticket| {
        if ticket.url.host_str() == Some("evil.example") && ticket.is_same_origin() {
            leaked.push(ticket.url.to_string());
        }
        match ticket.purpose {
            Purpose::Robots => (MS, Outcome::Robots(Bytes::new())),
            _ if ticket.hops.is_empty() => {
                (MS, Outcome::Redirect { status: 302, to: "http://evil.example/".parse().unwrap(), is_public: true })
            }
            _ => (MS, page()),
        }
    });
    assert!(leaked.is_empty(), "{leaked:?}");
}

#[test]
fn bodies_that_never_end_are_an_outage_unless_some_do() {
    let run = simulate(quick(), 5, &urls(&[("a.example", 60)]), &mut |_| {
        (MS, Outcome::Failed(Failure { status: Some(200), ..Failure::new(ErrorKind::Timeout, "body") }))
    });
    let open = |run: &super::Run| run.records.iter().filter(|record| record.error == Some(ErrorKind::CircuitOpen)).count();
    assert!(open(&run) > 0);
    let retry = retry::Settings { retries: 0, ..quick().retry };
    let run = simulate(Settings { retry, ..quick() }, 5, &urls(&[("a.example", 60)]), &mut |ticket| {
        let failure = Failure { status: Some(200), ..Failure::new(ErrorKind::Timeout, "body") };
        (MS, if ticket.target.index.is_multiple_of(5) { page() } else { Outcome::Failed(failure) })
    });
    assert_eq!(open(&run), 0);
}

#[test]
fn no_longest_wait_is_no_reason_to_give_a_host_up_at_once() {
    let retry = retry::Settings { max_wait: Duration::ZERO, ..retry::Settings::default() };
    let run = simulate(Settings { retry, seed: 7, ..Settings::default() }, 10, &urls(&[("a.example", 200)]), &mut |_| {
        (MS, failure(ErrorKind::Connect))
    });
    let n = run.records.iter().filter(|r| r.error == Some(ErrorKind::CircuitOpen)).count();
    println!("{n} circuit_open after {:?}", run.end - run.epoch);
    assert!(run.end - run.epoch > Duration::from_secs(1), "{n} circuit_open after {:?}", run.end - run.epoch);
}

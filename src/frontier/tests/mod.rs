//! The frontier against a simulated web: virtual time, no runtime.

mod corners;
mod fair;
mod led;
mod polite;
mod simulation;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;

use self::simulation::{Run, simulate};
use super::{Frontier, Next, Settings};
use crate::model::{Asked, Done, ErrorKind, Failure, Outcome, Row, Target, Ticket};
use crate::policy::{RetryOn, retry};

const MS: Duration = Duration::from_millis(1);

fn page() -> Outcome {
    let data = crate::model::Data::default();
    Outcome::Row(Row { status: 200, content_type: None, bytes: 0, received: 0, body: None, data, charset: None })
}

fn failure(kind: ErrorKind) -> Outcome {
    Outcome::Failed(Failure::new(kind, "simulated"))
}

fn busy(seconds: u64) -> Outcome {
    let failure = Failure::new(ErrorKind::HttpStatus, "simulated");
    Outcome::Failed(Failure {
        status: Some(429),
        asked: Some(Asked { wait: Duration::from_secs(seconds), by: "Retry-After" }),
        ..failure
    })
}

fn quick() -> Settings {
    let retry = retry::Settings { backoff: 100 * MS, ..retry::Settings::default() };
    Settings { retry, seed: 7, ..Settings::default() }
}

fn urls(hosts: &[(&str, usize)]) -> Vec<String> {
    hosts.iter().flat_map(|(host, n)| (0..*n).map(move |i| format!("http://{host}/{i}"))).collect()
}

fn of<'a>(run: &'a Run, host: &'a str) -> impl Iterator<Item = Instant> + 'a {
    run.starts.iter().filter(move |(_, url, _)| url.contains(host)).map(|(at, ..)| *at)
}

#[test]
fn a_slow_host_that_comes_first_holds_nobody_up() {
    let list = urls(&[("slow.example", 100), ("a.example", 20), ("b.example", 20)]);
    let run = simulate(quick(), 10, &list, &mut |ticket| {
        let slow = ticket.url.host_str() == Some("slow.example");
        (if slow { Duration::from_secs(5) } else { 10 * MS }, page())
    });
    let latest = of(&run, "a.example").chain(of(&run, "b.example")).max().unwrap();
    // Each host gets its third of the permits; the two fast ones are through with 40 pages in a tenth of a second.
    assert!(latest - run.epoch < 100 * MS, "the fast hosts' last start came after {:?}", latest - run.epoch);
    // And when they are done the slow host has all permits.
    assert!(run.end - run.epoch <= Duration::from_secs(55), "{:?}", run.end - run.epoch);
}

#[test]
fn a_window_full_of_a_waiting_host_does_not_delay_another_hosts_target() {
    let settings = Settings { window: 64, host_rps: vec!["1/10s".parse().unwrap()], ..quick() };
    let mut list = urls(&[("a.example", 63)]);
    list.push("http://b.example/".to_owned());
    let run = simulate(settings, 4, &list, &mut |_| (MS, page()));
    assert_eq!(of(&run, "b.example").next(), Some(run.epoch));
}

#[test]
fn retry_after_holds_the_whole_host_and_nobody_else() {
    let list = urls(&[("a.example", 5), ("b.example", 5)]);
    let mut asked = false;
    let run = simulate(quick(), 1, &list, &mut |ticket| {
        let first = ticket.url.host_str() == Some("a.example") && !std::mem::replace(&mut asked, true);
        (MS, if first { busy(60) } else { page() })
    });
    let resumed = of(&run, "a.example").nth(1).unwrap();
    assert!(resumed - run.epoch >= Duration::from_mins(1));
    assert!(of(&run, "b.example").all(|at| at - run.epoch < Duration::from_secs(1)));
    assert!(run.records.iter().all(|record| record.error.is_none()));
}

#[test]
fn the_hops_of_a_redirect_are_one_attempt_and_share_its_time() {
    let list = vec!["http://a.example/0".to_owned()];
    let run = simulate(quick(), 1, &list, &mut |ticket| {
        let n = ticket.hops.len();
        let to = format!("http://b.example/{n}").parse().unwrap();
        (10 * MS, if n < 3 { Outcome::Redirect { status: 302, to, is_public: true } } else { page() })
    });
    let record = &run.records[0];
    assert_eq!((record.attempts, record.elapsed_ms, record.final_url.as_deref()), (1, Some(40), Some("http://b.example/2")));
}

#[test]
fn redirects_end_at_a_loop_a_cap_and_a_foreign_scheme() {
    for (to, hops, reason) in
        [("http://a.example/0#x", 1, "loop"), ("n", 4, "more than 3 times"), ("file:///etc/passwd", 1, "only http")]
    {
        let settings = Settings { max_redirects: 3, ..quick() };
        let mut n = 0;
        let run = simulate(settings, 1, &["http://a.example/0".to_owned()], &mut |ticket| {
            n += 1;
            let to = if to == "n" { ticket.url.join(&format!("/{n}")).unwrap() } else { to.parse().unwrap() };
            (MS, Outcome::Redirect { status: 301, to, is_public: true })
        });
        let record = &run.records[0];
        assert_eq!((record.error, record.status, run.starts.len()), (Some(ErrorKind::Redirect), Some(301), hops), "{to}");
        assert!(record.final_url.is_some(), "it names what answered");
        assert!(record.error_message.as_deref().unwrap().contains(reason), "{record:?}");
    }
}

#[test]
fn a_stale_connection_is_replaced_once_and_is_no_attempt() {
    let run = simulate(quick(), 1, &["http://a.example/".to_owned()], &mut |ticket| {
        let failure = Failure::new(ErrorKind::Connect, "closed");
        (MS, if ticket.renewed { page() } else { Outcome::Stale(failure) })
    });
    assert_eq!((run.records[0].attempts, run.starts.len(), run.end - run.epoch), (1, 2, 2 * MS));
    assert_eq!(run.records[0].elapsed_ms, Some(2), "both requests are the one attempt, and share its time");
    let always = simulate(quick(), 1, &["http://a.example/".to_owned()], &mut |_| {
        (MS, Outcome::Stale(Failure::new(ErrorKind::Connect, "closed")))
    });
    assert_eq!((always.records[0].attempts, always.starts.len()), (3, 6), "three attempts, each with one replaced connection");
}

#[test]
fn a_request_without_a_descriptor_is_no_attempt_and_gives_up_in_the_end() {
    let starve = || Outcome::Starved(Failure::new(ErrorKind::Connect, "no descriptor"));
    let run = simulate(quick(), 1, &["http://a.example/".to_owned()], &mut |ticket| {
        (MS, if ticket.starved < 4 { starve() } else { page() })
    });
    assert_eq!((run.records[0].attempts, run.records[0].error, run.starts.len()), (1, None, 5));
    assert!(run.end - run.epoch >= Duration::from_secs(1), "it waits in between");
    let never = simulate(quick(), 1, &["http://a.example/".to_owned()], &mut |_| (MS, starve()));
    assert_eq!(never.records[0].error, Some(ErrorKind::Connect));
}

#[test]
fn the_last_status_survives_a_later_attempt_without_one() {
    let run = simulate(quick(), 1, &["http://a.example/".to_owned()], &mut |ticket| {
        let bad = Failure { status: Some(503), ..Failure::new(ErrorKind::HttpStatus, "503") };
        (MS, if ticket.attempts == 1 { Outcome::Failed(bad) } else { failure(ErrorKind::Timeout) })
    });
    let record = &run.records[0];
    assert_eq!((record.error, record.status, record.final_url.as_deref()), (Some(ErrorKind::Timeout), Some(503), None));
}

#[test]
fn hosts_are_forgotten_when_nothing_of_them_matters_any_more() {
    let settings = Settings { host_rps: vec!["1".parse().unwrap()], ..quick() };
    let list: Vec<String> = (0..500).map(|i| format!("http://h{i}.example/")).collect();
    let mut run = simulate(settings, 5, &list, &mut |_| (MS, page()));
    assert!(matches!(run.frontier.next(run.end + Duration::from_secs(1)), Next::Idle));
    assert_eq!((run.frontier.by_key.len(), run.frontier.fading.len()), (0, 0));
}

#[test]
fn a_bad_line_is_refused_with_its_record() {
    let run = simulate(quick(), 1, &["ftp://a.example/".to_owned()], &mut |_| unreachable!("nothing is fetched"));
    let record = &run.records[0];
    assert_eq!((record.error, record.attempts, record.fetched_at), (Some(ErrorKind::InvalidUrl), 0, None));
    assert_eq!(record.url, "ftp://a.example/");
}

/// One of several fates, the same for the same request whatever the order.
fn fate(ticket: &Ticket, salt: u64) -> (Duration, Outcome) {
    let mut random = fastrand::Rng::with_seed(
        salt ^ (ticket.target.index * 31) ^ (u64::from(ticket.attempts) << 20) ^ ((ticket.hops.len() as u64) << 40),
    );
    let took = Duration::from_millis(random.u64(0..3000));
    let outcome = match random.u8(0..10) {
        0 => failure(ErrorKind::Timeout),
        1 => failure(ErrorKind::Tls),
        2 => busy(random.u64(0..400)),
        6 if ticket.starved < 3 => Outcome::Starved(Failure::new(ErrorKind::Connect, "no descriptor")),
        3 => Outcome::Stale(Failure::new(ErrorKind::Connect, "closed")),
        4 | 5 => Outcome::Redirect {
            status: 302,
            to: format!("http://h{}.example/r{}", random.u8(0..6), random.u16(..)).parse().unwrap(),
            is_public: random.bool(),
        },
        _ => page(),
    };
    (took, outcome)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_window_full_of_one_host_never_delays_another_hosts_target(
        ahead in 1_usize..200, permits in 2_usize..20, rate in prop::option::of(0.01_f64..100.0), slow in 0_u64..100_000
    ) {
        let rates = rate.iter().map(|rate| rate.to_string().parse().unwrap()).collect();
        let settings = Settings { window: ahead + 1, host_rps: rates, ..quick() };
        let mut list = urls(&[("first.example", ahead)]);
        list.push("http://second.example/".to_owned());
        let run = simulate(settings, permits, &list, &mut |_| (Duration::from_millis(slow), page()));
        prop_assert_eq!(of(&run, "second.example").next(), Some(run.epoch));
    }

    #[test]
    fn every_target_settles_once_and_every_limit_holds_for_every_kind_of_request(
        hosts in prop::collection::vec((0_u8..6, 1_usize..12), 1..8),
        permits in 1_usize..12,
        per_host in prop::option::of(1_usize..4),
        run_rate in prop::option::of(0.5_f64..20.0),
        host_rate in prop::option::of(0.1_f64..5.0),
        burst in 1_u32..4,
        window in 1_usize..40,
        salt in any::<u64>(),
    ) {
        let list: Vec<String> =
            hosts.iter().enumerate().flat_map(|(i, (host, n))| (0..*n).map(move |k| format!("http://h{host}.example/{i}/{k}"))).collect();
        let rate = |rate: Option<f64>| rate.iter().map(|rate| rate.to_string().parse().unwrap()).collect::<Vec<_>>();
        let retry = retry::Settings { on: RetryOn::default(), ..retry::Settings::default() };
        let settings = Settings {
            window, per_host, rps: rate(run_rate), host_rps: rate(host_rate), burst: NonZeroU32::new(burst).unwrap(), retry, seed: salt, max_redirects: 5,
            ..quick()
        };
        let run = simulate(settings.clone(), permits, &list, &mut |ticket| fate(ticket, salt));

        let mut indexes: Vec<u64> = run.records.iter().map(|record| record.index).collect();
        indexes.sort_unstable();
        prop_assert_eq!(indexes, (1..=list.len() as u64).collect::<Vec<_>>(), "one target, one record");
        prop_assert!(run.most_in_flight <= permits);
        prop_assert!(run.most_per_host <= per_host.unwrap_or(permits));
        prop_assert!(run.records.iter().all(|record| record.attempts <= 3 + 10), "two retries, and ten times later at the server's wish");
        let within = |starts: &[Instant], rates: &[crate::policy::Rate]| rates.iter().all(|rate| (0..starts.len()).all(|i| (i..starts.len()).all(|j| {
            (j - i + 1) as f64 <= (starts[j] - starts[i]).as_secs_f64() / rate.period().as_secs_f64() + f64::from(burst) + 1e-6
        })));
        let all: Vec<Instant> = run.starts.iter().map(|(at, ..)| *at).collect();
        prop_assert!(within(&all, &settings.rps), "the run's rate");
        for host in 0..6 {
            let starts: Vec<Instant> = of(&run, &format!("//h{host}.example")).collect();
            prop_assert!(within(&starts, &settings.host_rps), "the rate of host {}", host);
        }
    }
}

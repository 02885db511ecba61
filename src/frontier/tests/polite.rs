//! What a host asks for is heeded, by all its targets; what cannot be reached is left alone.

use std::net::IpAddr;

use super::*;
use crate::model::Purpose;
use crate::policy::{LimitBy, robots};

fn refused(kind: ErrorKind) -> Outcome {
    failure(kind)
}

fn status(status: u16) -> Outcome {
    Outcome::Failed(Failure { status: Some(status), ..Failure::new(ErrorKind::HttpStatus, "simulated") })
}

fn kinds(run: &Run) -> BTreeMap<Option<ErrorKind>, usize> {
    let mut kinds = BTreeMap::new();
    for record in &run.records {
        *kinds.entry(record.error).or_default() += 1;
    }
    kinds
}

#[test]
fn a_host_that_cannot_be_reached_is_probed_and_given_up_and_no_other_waits_for_it() {
    let list = urls(&[("dead.example", 200), ("good.example", 50)]);
    let run = simulate(quick(), 10, &list, &mut |ticket| {
        let is_dead = ticket.url.host_str() == Some("dead.example");
        if is_dead { (MS, refused(ErrorKind::Connect)) } else { (MS, page()) }
    });
    let tries = of(&run, "dead.example").count();
    assert!(tries <= 10 + 10 + 3, "ten, those in flight with them, and three probes: {tries}");
    let good = of(&run, "good.example").last().unwrap();
    assert!(good - run.epoch < 100 * MS, "{:?}", good - run.epoch);
    let kinds = kinds(&run);
    assert!(kinds[&Some(ErrorKind::CircuitOpen)] >= 180 && kinds[&None] == 50, "{kinds:?}");
    let row = run.records.iter().find(|record| record.error == Some(ErrorKind::CircuitOpen)).unwrap();
    assert!(row.error_message.as_ref().unwrap().contains("dead.example:80 was given up"), "{row:?}");
    assert!(run.records.iter().filter(|record| record.attempts == 0).all(|record| record.fetched_at.is_none()));
}

#[test]
fn probes_go_one_at_a_time_at_growing_intervals() {
    let run = simulate(quick(), 10, &urls(&[("dead.example", 100)]), &mut |_| (50 * MS, refused(ErrorKind::Connect)));
    let starts: Vec<_> = of(&run, "dead.example").collect();
    let probes: Vec<_> = starts[starts.len() - 4..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    // A backoff of 100 ms: pauses of 500, 1000 and 2000 after the answer.
    assert_eq!(probes[1..], [1050 * MS, 2050 * MS]);
    assert!(probes[0] >= 500 * MS);
}

#[test]
fn a_host_that_comes_back_is_fetched_to_the_end() {
    let epoch = std::cell::Cell::new(0);
    let run = simulate(quick(), 5, &urls(&[("a.example", 60)]), &mut |_| {
        epoch.set(epoch.get() + 1);
        if (11..=22).contains(&epoch.get()) { (MS, refused(ErrorKind::Timeout)) } else { (MS, page()) }
    });
    assert!(run.records.iter().all(|record| record.error.is_none()), "{:?}", kinds(&run));
}

#[test]
fn a_name_that_does_not_exist_is_no_outage() {
    let run = simulate(quick(), 5, &urls(&[("a.example", 60)]), &mut |_| {
        (MS, Outcome::Failed(Failure { permanent: true, ..Failure::new(ErrorKind::Dns, "no such host") }))
    });
    assert_eq!(kinds(&run), BTreeMap::from([(Some(ErrorKind::Dns), 60)]));
}

#[test]
fn retries_stay_a_fifth_of_all_requests_in_every_window_whether_they_help_or_not() {
    for failing in [3, 6, 9, 10] {
        let mut count = 0;
        let run = simulate(quick(), 20, &urls(&[("a.example", 1000)]), &mut |_| {
            count += 1;
            (20 * MS, if count * 7 % 10 < failing { status(500) } else { page() })
        });
        assert_eq!(run.records.len(), 1000);
        for (last, (end, ..)) in run.starts.iter().enumerate().filter(|(_, start)| start.2 > 1) {
            let since = |window| run.starts[..=last].iter().filter(move |(at, ..)| *end - *at < window);
            let retries = since(Duration::from_secs(9)).filter(|start| start.2 > 1).count();
            let all = since(Duration::from_secs(10)).count();
            assert!(retries <= 11 + all / 5, "{retries} of {all} with {failing} of 10 failing");
        }
        assert!(run.end - run.epoch < Duration::from_mins(1), "{:?}", run.end - run.epoch);
    }
}

#[test]
fn retries_within_their_share_are_all_made() {
    let run = simulate(quick(), 20, &urls(&[("a.example", 1000)]), &mut |ticket| {
        (20 * MS, if ticket.attempts == 1 && ticket.target.index.is_multiple_of(6) { status(500) } else { page() })
    });
    assert_eq!(kinds(&run), BTreeMap::from([(None, 1000)]));
}

#[test]
fn to_come_back_later_at_the_servers_wish_is_no_failed_attempt_and_yet_has_an_end() {
    let patient =
        simulate(quick(), 1, &urls(&[("a.example", 1)]), &mut |ticket| (MS, if ticket.attempts <= 6 { busy(1) } else { page() }));
    assert_eq!((patient.records[0].error, patient.records[0].attempts), (None, 7));
    let endless = simulate(quick(), 1, &urls(&[("a.example", 1)]), &mut |_| (MS, busy(1)));
    assert_eq!((endless.records[0].error, endless.records[0].attempts), (Some(ErrorKind::HttpStatus), 13));
}

#[test]
fn a_429_of_a_host_that_answers_others_costs_a_target_nothing() {
    let list = urls(&[("a.example", 50)]);
    let mut seen = 0;
    let run = simulate(quick(), 1, &list, &mut |ticket| {
        seen += 1;
        let is_late = ticket.target.index == 50 && ticket.attempts <= 8;
        (MS, if is_late { status(429) } else { page() })
    });
    assert!(seen > 50 && run.records.iter().all(|record| record.error.is_none()), "{:?}", kinds(&run));
}

#[test]
fn whatever_its_answers_taught_one_request_goes_when_the_host_said_so() {
    let run = simulate(quick(), 5, &urls(&[("a.example", 3)]), &mut |_| (MS, busy(1)));
    let starts: Vec<_> = of(&run, "a.example").collect();
    let longest = starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < Duration::from_secs(3), "{longest:?}");
}

#[test]
fn a_retry_waits_for_room_no_longer_than_the_longest_backoff() {
    let retry = retry::Settings { backoff: 100 * MS, max_backoff: Duration::from_secs(5), ..retry::Settings::default() };
    let mut count = 0;
    let run = simulate(Settings { retry, ..quick() }, 20, &urls(&[("a.example", 1000)]), &mut |ticket| {
        count += 1;
        (20 * MS, if (ticket.target.index + count) % 5 < 3 { status(500) } else { page() })
    });
    assert!(run.end - run.epoch < Duration::from_secs(20), "{:?}", run.end - run.epoch);
    assert_eq!(run.records.len(), 1000);
}

#[test]
fn a_page_that_was_the_last_one_allowed_holds_the_host_too() {
    let now = Instant::now();
    let mut frontier = Frontier::new(quick(), now);
    for (index, path) in (1..).zip(["1", "2"]) {
        frontier.push(Target::new(index, &format!("http://a.example/{path}"), "test", None), now);
    }
    let Next::Go(ticket) = frontier.next(now) else { panic!("the first may go") };
    let asked = Some(Asked { wait: Duration::from_secs(30), by: "RateLimit" });
    let done = Done { ticket: *ticket, outcome: page(), asked, elapsed: MS, at: SystemTime::UNIX_EPOCH };
    assert!(frontier.settle(done, now).is_some_and(|record| record.error.is_none()));
    assert!(matches!(frontier.next(now), Next::Wait(at) if at == now + Duration::from_secs(30)));
}

/// Answers robots.txt with this text, and everything else with a page.
fn with_robots(text: &'static str) -> impl FnMut(&Ticket) -> (Duration, Outcome) {
    move |ticket| match ticket.purpose {
        Purpose::Robots => (MS, Outcome::Robots(text.into())),
        _ => (MS, page()),
    }
}

fn obedient() -> Settings {
    Settings { robots: robots::Mode::Always, ..quick() }
}

#[test]
fn robots_txt_is_the_first_request_to_a_host_and_the_only_one_until_it_is_there() {
    let list = urls(&[("a.example", 5), ("b.example", 5)]);
    let run = simulate(obedient(), 10, &list, &mut with_robots(""));
    for host in ["a.example", "b.example"] {
        let starts: Vec<_> = run.starts.iter().filter(|(_, url, _)| url.contains(host)).collect();
        assert_eq!(starts.len(), 6);
        assert_eq!(starts[0].1, format!("http://{host}/robots.txt"));
        assert!(starts[1..].iter().all(|(at, ..)| *at >= starts[0].0 + MS));
    }
}

#[test]
fn what_robots_txt_disallows_is_a_row_that_names_the_rule_and_no_request() {
    let run = simulate(obedient(), 10, &urls(&[("a.example", 12)]), &mut with_robots("User-agent: *\nDisallow: /1\n"));
    assert_eq!(kinds(&run), BTreeMap::from([(None, 9), (Some(ErrorKind::Robots), 3)]));
    assert_eq!(run.starts.len(), 10);
    let row = run.records.iter().find(|record| record.error.is_some()).unwrap();
    let message = row.error_message.as_deref().unwrap();
    assert!(message.contains("line 2") && message.contains("Disallow: /1"), "{message}");
    assert_eq!((row.attempts, row.fetched_at), (0, None));
}

#[test]
fn without_the_wish_to_obey_robots_txt_is_not_asked_for() {
    for mode in [robots::Mode::Auto, robots::Mode::Never] {
        let settings = Settings { robots: mode, ..quick() };
        let run = simulate(settings, 10, &urls(&[("a.example", 5)]), &mut with_robots("User-agent: *\nDisallow: /\n"));
        assert_eq!((run.starts.len(), run.records.len()), (5, 5));
    }
}

#[test]
fn a_crawl_delay_is_kept() {
    let text = "User-agent: *\nCrawl-delay: 2\n";
    let run = simulate(obedient(), 10, &urls(&[("a.example", 4)]), &mut with_robots(text));
    let starts: Vec<_> = of(&run, "a.example").collect();
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(2)), "{starts:?}");
}

#[test]
fn a_robots_txt_that_is_not_there_allows_and_one_that_fails_forbids() {
    for (code, requests, error) in [(404, 6, None), (403, 6, None), (503, 3, Some(ErrorKind::Robots))] {
        let run = simulate(obedient(), 10, &urls(&[("a.example", 5)]), &mut |ticket| match ticket.purpose {
            Purpose::Robots => (MS, status(code)),
            _ => (MS, page()),
        });
        assert_eq!((run.starts.len(), kinds(&run)), (requests, BTreeMap::from([(error, 5)])), "{code}");
    }
}

#[test]
fn robots_txt_is_followed_to_another_host_and_speaks_for_the_first() {
    let run = simulate(obedient(), 10, &urls(&[("a.example", 3)]), &mut |ticket| match (ticket.purpose, ticket.url.host_str()) {
        (Purpose::Robots, Some("a.example")) => {
            (MS, Outcome::Redirect { status: 301, to: "http://b.example/r".parse().unwrap(), is_public: true })
        }
        (Purpose::Robots, _) => (MS, Outcome::Robots("User-agent: *\nDisallow: /2".into())),
        _ => (MS, page()),
    });
    assert_eq!(kinds(&run), BTreeMap::from([(None, 2), (Some(ErrorKind::Robots), 1)]));
}

#[test]
fn hosts_of_one_site_share_its_limits() {
    let settings = Settings { limit_by: LimitBy::Site, host_rps: vec!["1".parse().unwrap()], per_host: Some(1), ..quick() };
    let list = urls(&[("a.site.co.uk", 5), ("b.site.co.uk", 5), ("other.co.uk", 5)]);
    let run = simulate(settings, 10, &list, &mut |_| (10 * MS, page()));
    let site: Vec<_> = run.starts.iter().filter(|(_, url, _)| url.contains("site.co.uk")).map(|(at, ..)| *at).collect();
    assert_eq!(site.len(), 10);
    assert!(site.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(1)));
    assert_eq!(of(&run, "other.co.uk").last().unwrap() - run.epoch, Duration::from_secs(4));
}

#[test]
fn hosts_of_one_address_share_its_limits_once_it_is_known() {
    let settings = Settings { limit_by: LimitBy::Ip, per_host: Some(1), ..quick() };
    let list = urls(&[("a.example", 5), ("b.example", 5), ("c.example", 5)]);
    let run = simulate(settings, 10, &list, &mut |ticket| match ticket.purpose {
        Purpose::Address if ticket.url.host_str() == Some("c.example") => (MS, failure(ErrorKind::Dns)),
        Purpose::Address => (MS, Outcome::Address(IpAddr::from([192, 0, 2, 1]))),
        _ => (100 * MS, page()),
    });
    assert_eq!(run.records.len(), 15);
    let shared = run.starts.iter().filter(|(at, url, _)| *at > run.epoch && !url.contains("c.example"));
    let starts: Vec<_> = shared.map(|(at, ..)| *at).collect();
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 100 * MS), "one at a time");
}

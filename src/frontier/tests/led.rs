//! What a redirect from a public address led to, and what the guard's refusals mean.

use bytes::Bytes;

use super::*;
use crate::model::Purpose;
use crate::policy::robots;

fn to(url: &str, is_public: bool) -> Outcome {
    Outcome::Redirect { status: 302, to: url.parse().unwrap(), is_public }
}

fn is_at(ticket: &Ticket, host: &str) -> bool {
    ticket.url.host_str() == Some(host)
}

#[test]
fn once_a_public_address_has_led_on_every_further_hop_knows_and_a_new_attempt_begins_afresh() {
    for (answers, expected) in [
        ([false, false, false], [false, false, false, false]),
        ([false, true, false], [false, false, true, true]),
        ([true, false, false], [false, true, true, true]),
    ] {
        let mut seen = Vec::new();
        simulate(quick(), 1, &["http://a.example/0".to_owned()], &mut |ticket| {
            seen.push(ticket.is_led);
            let hop = ticket.hops.len();
            let outcome = match answers.get(hop) {
                Some(is_public) => to(&format!("http://a.example/{}", hop + 1), *is_public),
                None if ticket.attempts == 1 => failure(ErrorKind::Connect),
                None => page(),
            };
            (MS, outcome)
        });
        assert_eq!(seen, [expected, expected].concat());
    }
}

#[test]
fn what_is_blocked_is_final_and_no_attempt_where_nothing_was_sent() {
    for hops in [0, 1] {
        let run = simulate(quick(), 1, &["http://a.example/0".to_owned()], &mut |ticket| {
            let outcome = if ticket.hops.len() < hops { to("http://b.example/", true) } else { failure(ErrorKind::Blocked) };
            (MS, outcome)
        });
        let record = &run.records[0];
        assert_eq!((record.error, record.attempts), (Some(ErrorKind::Blocked), u32::try_from(hops).unwrap()));
        assert_eq!((record.fetched_at.is_some(), run.starts.len()), (hops > 0, hops + 1));
    }
}

fn always() -> Settings {
    Settings { robots: robots::Mode::Always, ..quick() }
}

#[test]
fn a_robots_txt_that_only_led_targets_need_is_asked_for_as_they_are_and_its_refusal_is_theirs_alone() {
    let list = ["http://a.example/0", "http://b.example/later"].map(str::to_owned);
    let mut asked = Vec::new();
    let run = simulate(always(), 1, &list, &mut |ticket| {
        let outcome = match ticket.purpose {
            Purpose::Robots => {
                asked.push((ticket.url.host_str().unwrap().to_owned(), ticket.is_led));
                if is_at(ticket, "b.example") && ticket.is_led {
                    failure(ErrorKind::Blocked)
                } else {
                    Outcome::Robots(Bytes::new())
                }
            }
            _ if is_at(ticket, "a.example") => to("http://b.example/led", true),
            _ if ticket.is_led => failure(ErrorKind::Blocked),
            _ => page(),
        };
        (MS, outcome)
    });
    let kind = |index: u64| run.records.iter().find(|record| record.index == index).and_then(|record| record.error);
    assert_eq!((kind(1), kind(2)), (Some(ErrorKind::Blocked), None), "{asked:?}");
    assert!(asked.contains(&("b.example".to_owned(), false)), "{asked:?}");
}

#[test]
fn a_host_that_may_not_be_asked_for_its_robots_txt_has_all_its_targets_refused() {
    let run = simulate(always(), 3, &urls(&[("a.example", 50), ("b.example", 2)]), &mut |ticket| {
        let outcome = match ticket.purpose {
            Purpose::Robots if is_at(ticket, "a.example") => failure(ErrorKind::Blocked),
            Purpose::Robots => Outcome::Robots(Bytes::new()),
            _ => page(),
        };
        (MS, outcome)
    });
    let blocked = run.records.iter().filter(|record| record.error == Some(ErrorKind::Blocked));
    assert_eq!((blocked.count(), run.records.len()), (50, 52));
    assert!(run.records.iter().all(|record| record.error.is_none() == (record.attempts == 1)));
}

#[test]
fn only_https_is_followed_where_that_is_wanted_and_a_robots_txt_too() {
    let settings = Settings { https_only: true, ..always() };
    let run = simulate(settings, 1, &["https://a.example/0".to_owned()], &mut |_| (MS, to("http://a.example/1", true)));
    assert_eq!((run.records[0].error, run.starts.len()), (Some(ErrorKind::Redirect), 2), "the robots.txt, the page");
    assert!(run.starts.iter().all(|(_, url, _)| url.starts_with("https:")));
}

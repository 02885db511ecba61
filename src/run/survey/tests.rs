use std::sync::Arc;

use super::*;
use crate::policy::HostRules;
use crate::policy::hosts::Rule;
use crate::source::Origin;

/// The survey of a list, with what `set` changes in the settings.
fn of(list: &str, set: impl FnOnce(&mut Plan)) -> Survey {
    let mut plan = Plan::default();
    let from = Box::new(std::io::Cursor::new(list.to_owned()));
    plan.source.inputs = vec![Origin::Reader { name: "urls.txt".to_owned(), from }];
    set(&mut plan);
    survey(plan).unwrap()
}

fn pages(host: &str, count: usize) -> String {
    (0..count).map(|page| ["https://", host, "/", &page.to_string(), "\n"].concat()).collect()
}

fn rates(text: &str) -> Vec<Rate> {
    text.split(' ').map(|rate| rate.parse().unwrap()).collect()
}

#[test]
fn the_slowest_host_decides() {
    let list = pages("big.example", 100) + &pages("slow.example", 31);
    let survey = of(&list, |plan| {
        let mut rules = HostRules::default();
        rules.insert("slow.example", Rule { rps: Some(rates("1 6/m")), ..Rule::default() }).unwrap();
        plan.crawl.frontier.hosts = Arc::new(rules);
        plan.crawl.frontier.host_rps = rates("2");
        plan.crawl.frontier.rps = rates("5");
    });
    let at_least = survey.at_least.clone().unwrap();
    assert_eq!((at_least.takes, at_least.host.unwrap().name), (Duration::from_mins(5), "slow.example".to_owned()));
    assert_eq!(survey.about, None, "131 pages at 20 a second are done before");
    assert_eq!(survey.largest.iter().map(|load| load.targets).collect::<Vec<_>>(), [100, 31]);
}

#[test]
fn the_run_as_a_whole_may_decide() {
    let list = pages("a.example", 10) + &pages("b.example", 10);
    let survey = of(&list, |plan| plan.crawl.frontier.rps = rates("0.5"));
    assert_eq!(survey.at_least, Some(Expected { takes: Duration::from_secs(38), host: None }));
    let survey = of(&list, |plan| plan.crawl.concurrency = 3);
    assert_eq!((survey.at_least, survey.about.map(|about| about.takes)), (None, Some(Duration::from_secs(7))));
}

#[test]
fn how_many_go_at_a_time_is_only_an_assumption() {
    let survey = of(&pages("a.example", 30), |plan| {
        plan.crawl.frontier.per_host = Some(1);
        plan.crawl.frontier.host_rps = rates("10");
    });
    assert_eq!(survey.at_least.map(|at_least| at_least.takes), Some(Duration::from_millis(2900)));
    let about = survey.about.unwrap();
    assert_eq!((about.takes, about.host.unwrap().places), (Duration::from_secs(30), Some(1)));
}

#[test]
fn a_burst_takes_no_time() {
    let survey = of(&pages("a.example", 5), |plan| {
        plan.crawl.frontier.host_rps = rates("1/h");
        plan.crawl.frontier.burst = 5.try_into().unwrap();
    });
    assert_eq!(survey.at_least, None);
}

#[test]
fn a_host_that_obeys_is_asked_for_its_robots_txt_first() {
    let list = pages("a.example", 2) + &pages("b.example", 2) + &pages("b.example:8080", 2);
    let survey = of(&list, |plan| plan.crawl.frontier.robots = robots::Mode::Always);
    assert_eq!((survey.hosts, survey.robots, survey.requests()), (3, 3, 9));
    let survey = of(&list, |plan| {
        let mut rules = HostRules::default();
        rules.insert("a.example", Rule { robots: Some(robots::Mode::Always), ..Rule::default() }).unwrap();
        plan.crawl.frontier.hosts = Arc::new(rules);
    });
    assert_eq!((survey.robots, survey.requests()), (1, 7));
}

#[test]
fn the_hosts_of_a_site_share_its_limits() {
    let list = pages("a.example.co.uk", 3) + &pages("b.example.co.uk", 3) + &pages("other.co.uk", 1) + "http://127.0.0.1/\n";
    let survey = of(&list, |plan| {
        plan.crawl.frontier.limit_by = LimitBy::Site;
        plan.crawl.frontier.host_rps = rates("1");
    });
    let names: Vec<_> = survey.largest.iter().map(|load| (load.name.as_str(), load.targets)).collect();
    assert_eq!(names, [("example.co.uk", 6), ("127.0.0.1", 1), ("other.co.uk", 1)]);
    assert_eq!((survey.hosts, survey.at_least.map(|at_least| at_least.takes)), (4, Some(Duration::from_secs(5))));
}

#[test]
fn only_a_port_that_says_something_is_shown() {
    let survey = of("http://a.example\nhttps://a.example\nhttp://b.example\nhttps://b.example:80\nhttps://c.example:81", |_| {});
    let names: Vec<_> = survey.largest.iter().map(|load| load.name.as_str()).collect();
    assert_eq!(names, ["b.example", "a.example", "a.example:80", "c.example:81"]);
}

#[test]
fn bad_lines_are_counted_and_the_first_are_named() {
    let list = "x\n".repeat(12) + &pages("a.example", 3) + &pages("a.example", 2);
    let survey = of(&list, |plan| plan.source.unique = true);
    assert_eq!((survey.targets, survey.bad, survey.repeated, survey.bad_lines.len()), (15, 12, 2, 10));
    assert!(survey.bad_lines[9].starts_with("urls.txt:10: not a URL"), "{}", survey.bad_lines[9]);
}

#[test]
fn no_list_is_too_long_and_no_rate_too_slow() {
    assert_eq!(times(Duration::from_hours(8760), u64::MAX), Duration::from_secs(u64::MAX));
    assert_eq!(of("", |_| {}), Survey::default());
}

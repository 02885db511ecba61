//! The way to a host: names that do not resolve, addresses that do not answer, and that none of it holds anything up.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use scrape::{Ended, ErrorKind};
use serde_json::json;

use crate::endings::insist;
use crate::harness::{Answer, Deaf, Names, Reply, Site, Work, are, field, library, library_until, plan, scrape, thread};

/// A site at 127.0.0.1, and addresses that answer nothing, all at one port.
fn with_deaf<const N: usize>(addresses: [&str; N]) -> (Site, [Deaf; N]) {
    loop {
        let site = Site::start();
        site.page("/x", Reply::title("x"));
        let deaf = addresses.map(|address| Deaf::at(SocketAddr::new(address.parse().unwrap(), site.port())));
        if deaf.iter().all(Option::is_some) {
            return (site, deaf.map(|deaf| deaf.expect("all are there")));
        }
    }
}

#[test]
fn an_address_that_answers_nothing_is_waited_for_as_long_as_a_connection_may_take() {
    let (_site, [deaf]) = with_deaf(["127.0.0.9"]);
    let url = format!("http://{}/", deaf.address());
    let run = scrape("--connect-timeout 200ms --timeout 50s --retries 1 --backoff 1ms").arg(url).run().code(3);
    let record = run.record();
    assert_eq!((field(&record, "error"), field(&record, "attempts")), (&json!("timeout"), &json!(2)), "{record}");
    assert!(field(&record, "error_message").as_str().unwrap().contains("--connect-timeout"), "{record}");
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
}

#[test]
fn addresses_that_answer_nothing_do_not_keep_from_the_one_that_does() {
    let (site, _deaf) = with_deaf(["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]);
    let names = Names::default().name("a.example", [are("127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.5 127.0.0.1")]);
    let mut plan = plan(&[&site.url_at("a.example", 0, "/x")], &Arc::new(names));
    plan.fetch.connect_timeout = Duration::from_secs(4);
    plan.fetch.timeout = Duration::from_secs(50);
    plan.crawl.frontier.retry.retries = 0;
    let (records, _) = library(plan);
    assert_eq!(records[0].error, None, "{:?}", records[0].error_message);
    // Half of the time is for the first round, so that a good one has the other half.
    let took = records[0].elapsed_ms.unwrap();
    assert!(took < 3000, "{took} ms");
}

#[test]
fn the_address_that_answered_goes_first_from_then_on() {
    let (site, _deaf) = with_deaf(["127.0.0.2"]);
    site.page("/y", Reply::title("y").close()).page("/z", Reply::title("z"));
    let names = Arc::new(Names::default().name("a.example", [are("127.0.0.2 127.0.0.1")]));
    let urls = ["/y", "/y", "/x"].map(|path| site.url_at("a.example", 0, path));
    let mut plan = plan(&urls.each_ref().map(String::as_str), &names);
    plan.fetch.connect_timeout = Duration::from_secs(8);
    plan.fetch.timeout = Duration::from_secs(50);
    let (records, _) = library(plan);
    assert!(records.iter().all(|record| record.error.is_none()), "{records:?}");
    let took: Vec<_> = records.iter().map(|record| record.elapsed_ms.unwrap()).collect();
    assert!(took[0] >= 2000 && took[1] + took[2] < 2000, "{took:?}: only the first had to find out");
    assert_eq!(names.asked().len(), site.connections());
}

#[test]
fn an_address_that_refuses_is_passed_over_at_once() {
    let site = Site::start();
    site.page("/x", Reply::title("x"));
    for addresses in ["::1 127.0.0.1", "127.0.0.9 127.0.0.8 127.0.0.1", "127.0.0.9 ::1 127.0.0.1"] {
        let names = Names::default().name("a.example", [are(addresses)]);
        let mut plan = plan(&[&site.url_at("a.example", 0, "/x")], &Arc::new(names));
        plan.crawl.frontier.retry.retries = 0;
        let (records, _) = library(plan);
        assert_eq!(records[0].error, None, "{addresses}: {:?}", records[0].error_message);
        assert!(records[0].elapsed_ms.unwrap() < 5000, "{addresses}");
    }
}

#[test]
fn ipv4_does_not_wait_for_an_ipv6_that_answers_nothing() {
    // Without IPv6 nothing can be deaf on it, and the test before this one says all there is to say.
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return;
    }
    let (site, _deaf) = with_deaf(["::1"]);
    let names = Names::default().name("a.example", [are("::1 127.0.0.1")]);
    let mut plan = plan(&[&site.url_at("a.example", 0, "/x")], &Arc::new(names));
    plan.fetch.connect_timeout = Duration::from_secs(40);
    plan.crawl.frontier.retry.retries = 0;
    let (records, _) = library(plan);
    assert_eq!(records[0].error, None, "{:?}", records[0].error_message);
    assert!(records[0].elapsed_ms.unwrap() < 10_000, "after 300 ms both are tried");
}

#[test]
fn an_ipv6_address_without_a_way_to_it_is_a_failed_connection_and_holds_nothing_up() {
    // On a machine with IPv6 nobody listens there; on one without, the system says that it has no address to connect from.
    let site = Site::of_pages();
    let run = |scrape: crate::harness::Scrape| {
        let list = format!("http://[::1]:1/\n{}", site.list(1));
        scrape.stdin(list).run()
    };
    let here = run(scrape("--retries 2 --backoff 1ms"));
    let mut runs = vec![(here, true)];
    if namespaces() {
        // A network of its own that is not even up: no address of either kind.
        let script = "exec unshare -rn \"$0\" \"$@\"";
        runs.push((run(scrape("--retries 2 --backoff 1ms").shell(script)), false));
    }
    for (run, has_site) in runs {
        let record = run.at(1);
        assert_eq!((field(&record, "error"), field(&record, "attempts")), (&json!("connect"), &json!(3)), "{record}");
        assert_eq!(field(&run.at(2), "error").is_null(), has_site, "{}", run.text());
        assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    }
}

/// Whether the machine lets anybody have namespaces of their own.
fn namespaces() -> bool {
    Command::new("unshare").args(["-rnm", "true"]).output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_name_that_does_not_exist_is_asked_for_once_and_one_that_may_is_asked_for_again() {
    for (answers, error, attempts) in [
        ([Answer::Fails(std::io::ErrorKind::NotFound), are("127.0.0.1")], Some(ErrorKind::Dns), 1),
        ([Answer::Fails(std::io::ErrorKind::Other), are("127.0.0.1")], None, 2),
        ([Answer::Fails(std::io::ErrorKind::Other), Answer::Fails(std::io::ErrorKind::Other)], Some(ErrorKind::Dns), 3),
    ] {
        let site = Site::start();
        site.page("/x", Reply::title("x"));
        let names = Arc::new(Names::default().name("a.example", answers));
        let (records, _) = library(plan(&[&site.url_at("a.example", 0, "/x")], &names));
        assert_eq!((records[0].error, records[0].attempts), (error, attempts), "{:?}", records[0].error_message);
        assert_eq!(names.asked().len(), attempts as usize);
        let message = records[0].error_message.as_deref();
        assert!(error.is_none() || message.is_some_and(|text| text.contains("a.example")), "{message:?}");
    }
}

#[test]
fn a_lookup_that_never_ends_counts_as_time_for_the_connection() {
    let names = Arc::new(Names::default().name("a.example", [Answer::Never]));
    for (connect, timeout, option) in [(200, 50_000, "--connect-timeout"), (50_000, 200, "--timeout")] {
        let mut plan = plan(&["http://a.example/"], &names);
        plan.fetch.connect_timeout = Duration::from_millis(connect);
        plan.fetch.timeout = Duration::from_millis(timeout);
        plan.crawl.frontier.retry.retries = 1;
        let (records, _) = library(plan);
        assert_eq!((records[0].error, records[0].attempts), (Some(ErrorKind::Timeout), 2));
        assert!(records[0].error_message.as_deref().unwrap().contains(option), "{:?}", records[0].error_message);
    }
}

#[test]
fn a_lookup_that_never_ends_does_not_delay_a_stop() {
    for presses in [1, 2] {
        let names = Arc::new(Names::default().name("a.example", [Answer::Never]));
        let mut plan = plan(&["http://a.example/"], &names);
        plan.fetch.connect_timeout = Duration::from_mins(5);
        plan.fetch.timeout = Duration::from_mins(5);
        plan.crawl.grace = if presses == 1 { Duration::from_millis(100) } else { Duration::from_mins(5) };
        let (stopper, stop) = scrape::stop();
        let asked = Arc::clone(&names);
        let presser = thread("presser", move || {
            while asked.asked().is_empty() {
                std::thread::park_timeout(Duration::from_millis(2));
            }
            for _ in 0..presses {
                stopper.press();
            }
            stopper
        });
        let start = Instant::now();
        let (records, summary) = library_until(plan, stop);
        drop(presser.join());
        assert_eq!((records.len(), summary.ended, summary.left), (0, Ended::Stopped, 1));
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}

/// The real program, with a system resolver that never comes back: its first source, /etc/hosts, is a pipe that nobody writes to.
/// Nothing where the machine does not let anybody have a file system view of their own.
fn with_blocked_resolver(flags: &str) -> Option<(Work, crate::harness::Scrape)> {
    let work = Work::new();
    let made = Command::new("mkfifo").arg(work.path("hosts")).output();
    let script = "exec unshare -rm sh -c 'mount --bind \"$HOSTS\" /etc/hosts && exec \"$0\" \"$@\"' \"$0\" \"$@\"";
    let scrape = work.scrape(flags).env("HOSTS", work.path("hosts")).shell(script);
    (namespaces() && made.is_ok_and(|made| made.status.success())).then_some((work, scrape))
}

#[test]
fn a_resolver_of_the_system_that_never_comes_back_delays_no_exit() {
    let limit = Duration::from_secs(20);
    // The end of the list,
    let Some((_work, scrape)) = with_blocked_resolver("--retries 0 --connect-timeout 300ms") else { return };
    let run = scrape.arg("http://some.example/").run().code(3);
    assert_eq!(field(&run.record(), "error"), "timeout", "{}", run.text());
    assert!(run.took < limit, "{:?}", run.took);
    // the deadline,
    let Some((_work, scrape)) = with_blocked_resolver("--connect-timeout 5m --timeout 5m --deadline 300ms --grace 100ms") else {
        return;
    };
    let run = scrape.arg("http://some.example/").run().code(4);
    assert!(run.took < limit, "{:?}", run.took);
    // and Ctrl-C, again and again.
    let Some((_work, scrape)) = with_blocked_resolver("-vv --connect-timeout 5m --timeout 5m --grace 5m") else { return };
    let live = scrape.arg("http://some.example/").spawn();
    live.says("http://some.example/");
    let run = insist(live, Signal::INT).code(130);
    assert!(run.took < limit, "{:?}", run.took);
}

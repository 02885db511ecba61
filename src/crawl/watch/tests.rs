//! What the loop says it waits for, against a web that is a function, under tokio's paused clock.

use std::time::Duration;

use tokio::sync::mpsc;

use super::super::{Crawled, Line, Settings, Stopper, crawl, stop};
use super::*;
use crate::extract::{self, Extractor};
use crate::fetch::Reply;
use crate::frontier;
use crate::model::{ErrorKind, Failure, Phase, Read, Record, Target, Waits};

/// Fails as a URL's path says: `/5` after five seconds, `/body` never and after two bytes, `/hang` never at all, `/busy` at once and
/// with a wish for an hour's peace.
struct Web;

impl Fetch for Web {
    async fn fetch(&self, ticket: &Ticket, flight: &Arc<Flight>) -> Result<Reply, Failure> {
        let failure = Failure::new(ErrorKind::Timeout, "made up");
        let hour = Duration::from_hours(1);
        match ticket.url.path().trim_start_matches('/') {
            "busy" => {
                let asked = crate::model::Asked { wait: hour, by: "Retry-After" };
                return Err(Failure { asked: Some(asked), ..failure });
            }
            "hang" => std::future::pending().await,
            "body" => {
                flight.enter(Phase::Body, Instant::now().into_std());
                flight.received(2, Instant::now().into_std());
                std::future::pending::<()>().await;
            }
            seconds => tokio::time::sleep_until(Instant::now() + Duration::from_secs(seconds.parse().unwrap())).await,
        }
        Err(failure)
    }
}

/// A crawl whose ends and news are in our hands.
struct Bench {
    list: mpsc::Sender<Vec<Read>>,
    records: mpsc::Receiver<Record>,
    news: mpsc::Receiver<Waits>,
    stopper: Stopper,
    crawl: tokio::task::JoinHandle<Crawled>,
    began: Instant,
}

impl Bench {
    /// The crawl of these paths, with the list left open.
    #[expect(clippy::disallowed_methods, reason = "the test ends it")]
    async fn of(paths: &[&str], records: usize) -> Self {
        let mut retry = crate::policy::retry::Settings { retries: 0, ..Default::default() };
        retry.retries = u32::from(paths.contains(&"busy"));
        retry.max_wait = Duration::from_hours(2);
        let frontier = frontier::Settings { retry, adapt: false, ..Default::default() };
        let settings = Settings { concurrency: 5, grace: Duration::from_hours(1), frontier, ..Settings::default() };
        let (list, targets) = mpsc::channel(100);
        for (index, path) in (1..).zip(paths) {
            let target = Target::new(index, &format!("http://u:secret@h.example/{path}"), "test", None);
            list.send(vec![Read { skipped: 0, target: Some(target), more: false }]).await.unwrap();
        }
        let (sender, records) = mpsc::channel(records);
        let (tell, news) = mpsc::channel(100);
        let (stopper, stop) = stop();
        let extract = Arc::new(Extractor::new(extract::Settings::default()).unwrap());
        let line = Line {
            targets,
            total: Arc::default(),
            records: sender,
            fetch: Web,
            extract,
            bodies: None,
            max_body: 1000,
            stop,
            ledger: None,
        };
        let began = Instant::now();
        let say = move |news: News<'_>| {
            if let News::Waits(waits) = news {
                tell.try_send(waits.clone()).unwrap();
            }
        };
        let crawl = tokio::spawn(crawl(settings, line, say, std::future::pending()));
        Self { list, records, news, stopper, crawl, began }
    }

    /// What is said next, and how many seconds after the start.
    async fn next(&mut self) -> (u64, Waits) {
        let waits = self.news.recv().await.unwrap();
        (self.began.elapsed().as_secs(), waits)
    }
}

#[tokio::test(start_paused = true)]
async fn when_nothing_completes_it_is_said_once_and_then_every_minute() {
    let mut bench = Bench::of(&["15", "hang", "body"], 9).await;
    for (seconds, waited) in [(10, 10), (25, 10), (85, 70), (145, 130)] {
        let (at, waits) = bench.next().await;
        assert_eq!((at, waits.waited.as_secs(), waits.asked), (seconds, waited, false));
        assert_eq!(waits.in_flight.len(), if seconds < 15 { 3 } else { 2 });
        assert!(waits.input && !waits.output && waits.waiting_hosts == 0);
    }
    assert!(bench.records.recv().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn while_things_complete_nothing_is_said() {
    let paths: Vec<_> = (1..=9).map(|n| (n * 9).to_string()).collect();
    let mut bench = Bench::of(&paths.iter().map(String::as_str).collect::<Vec<_>>(), 9).await;
    // Five at a time: at 9, 18, … 45 s, and then the later ones, each 54 s and more after a place became free.
    let (at, waits) = bench.next().await;
    assert_eq!((at, waits.in_flight.len()), (55, 4));
}

#[tokio::test(start_paused = true)]
async fn each_request_is_named_with_what_it_waits_for_and_no_secret() {
    let mut bench = Bench::of(&["hang", "body"], 9).await;
    let (_, waits) = bench.next().await;
    let seen: Vec<_> = waits.in_flight.iter().map(|flying| (flying.url.as_str(), flying.phase.clone(), flying.bytes)).collect();
    let expected = [("http://u:***@h.example/hang", Phase::Waiting, 0), ("http://u:***@h.example/body", Phase::Body, 2)];
    assert_eq!(seen, expected);
    // The second place was the host's only when it had been seen that nobody else wants it.
    assert!(waits.in_flight[1].silent_for >= Duration::from_millis(9500), "{:?}", waits.in_flight[1]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_asked_for_peace_is_waited_for() {
    let mut bench = Bench::of(&["busy"], 9).await;
    let (at, waits) = bench.next().await;
    assert_eq!((at, waits.waiting_hosts, waits.in_flight.len()), (10, 1, 0));
    let left = waits.next_at.unwrap() - Instant::now().into_std();
    assert!((3580..=3590).contains(&left.as_secs()), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_answered_at_once_also_while_the_sink_takes_nothing() {
    let mut bench = Bench::of(&["1", "2", "3", "hang"], 1).await;
    tokio::time::sleep_until(bench.began + Duration::from_millis(1500)).await;
    bench.stopper.ask();
    let (at, waits) = bench.next().await;
    assert_eq!((at, waits.in_flight.len(), waits.asked, waits.output), (1, 3, true, false));
    tokio::time::sleep_until(bench.began + Duration::from_secs(4)).await;
    bench.stopper.ask();
    let (at, waits) = bench.next().await;
    assert_eq!((at, waits.in_flight.len(), waits.output, waits.input), (4, 1, true, false));
    let (at, waits) = bench.next().await;
    assert_eq!((at, waits.output, waits.asked), (12, true, false), "ten seconds after the last that completed");
    bench.records.recv().await.unwrap();
    let (at, _) = bench.next().await;
    assert_eq!(at, 22, "the sink took one, and another ten seconds passed");
}

#[tokio::test(start_paused = true)]
async fn a_crawl_that_drains_waits_only_for_what_is_in_flight() {
    let mut bench = Bench::of(&["hang", "busy"], 9).await;
    tokio::time::sleep_until(bench.began + Duration::from_secs(1)).await;
    bench.stopper.press();
    let (_, waits) = bench.next().await;
    assert_eq!((waits.stage, waits.waiting_hosts, waits.next_at, waits.input), (Stage::Draining, 0, None, false));
    assert_eq!(waits.in_flight.len(), 1);
    bench.stopper.press();
    bench.crawl.await.unwrap();
    drop(bench.list);
}

#[test]
fn a_place_in_the_roster_is_free_again_when_its_request_ends() {
    let roster = Roster::default();
    let now = Instant::now();
    let target = Target::new(1, "http://a.example/", "test", None);
    let mut frontier = frontier::Frontier::new(frontier::Settings::default(), now.into_std());
    frontier.push(target, now.into_std());
    let frontier::Next::Go(ticket) = frontier.next(now.into_std()) else { panic!("it may go") };
    for _ in 0..3 {
        let (first, second) = (roster.enter(&ticket, now), roster.enter(&ticket, now));
        assert_eq!(roster.seen(&Secrets::default(), now).len(), 2);
        drop(first);
        let third = roster.enter(&ticket, now);
        assert_eq!(roster.seen(&Secrets::default(), now).len(), 2);
        drop((second, third));
        assert!(roster.seen(&Secrets::default(), now).is_empty());
    }
    assert_eq!(roster.places().places.len(), 2);
}

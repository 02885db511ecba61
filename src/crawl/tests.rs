//! The loop against a web that is a function, under tokio's paused clock.

mod ends;
mod starts;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::*;
use crate::extract::{self, Extractor};
use crate::fetch::{Held, Reply};
use crate::frontier;
use crate::model::{Failure, Flight, Page, Read, Target, Ticket};

/// Answers after some time, or never, as a function of the ticket says; counts what is in flight.
struct Web<A> {
    answer: A,
    in_flight: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
}

/// How long an answer takes, and what it is.
type Answer = (Duration, Result<(), Failure>);

impl<A: Fn(&Ticket) -> Answer + Send + Sync + 'static> Fetch for Web<A> {
    async fn fetch(&self, ticket: &Ticket, _: &Arc<Flight>) -> Result<Reply, Failure> {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(now, Ordering::SeqCst);
        let (time, answer) = (self.answer)(ticket);
        tokio::time::sleep_until(Instant::now() + time).await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        answer.map(|()| reply(ticket))
    }
}

fn reply(ticket: &Ticket) -> Reply {
    let body = b"<title>t</title>"[..].into();
    let page =
        Page { url: ticket.url.clone(), status: 200, content_type: None, body, codings: vec![], asked: None, left_after: None };
    Reply::Page(page, Held::default())
}

/// A crawl in the making, its ends in our hands.
struct Bench {
    list: mpsc::Sender<Vec<Read>>,
    records: mpsc::Receiver<Record>,
    stopper: Stopper,
    peak: Arc<AtomicUsize>,
    crawl: tokio::task::JoinHandle<Crawled>,
    began: Instant,
}

fn settings(concurrency: usize) -> Settings {
    let retry = crate::policy::retry::Settings { retries: 0, ..Default::default() };
    Settings { concurrency, frontier: frontier::Settings { retry, ..Default::default() }, ..Settings::default() }
}

fn bench(settings: Settings, answer: impl Fn(&Ticket) -> Answer + Send + Sync + 'static) -> Bench {
    let peak = Arc::new(AtomicUsize::new(0));
    let fetch = Web { answer, in_flight: Arc::default(), peak: Arc::clone(&peak) };
    bench_with(settings, fetch, peak)
}

#[expect(clippy::disallowed_methods, reason = "the test joins it")]
fn bench_with(settings: Settings, fetch: impl Fetch, peak: Arc<AtomicUsize>) -> Bench {
    let (list, targets) = mpsc::channel(settings.concurrency * 2);
    let (sender, records) = mpsc::channel(settings.concurrency * 2);
    let (stopper, stop) = stop();
    let fields = extract::Settings { fields: vec!["title=title".parse().unwrap()], ..extract::Settings::default() };
    let extract = Arc::new(Extractor::new(fields).unwrap());
    let line = Line {
        targets,
        total: Arc::default(),
        records: sender,
        fetch,
        extract,
        bodies: None,
        max_body: 1000,
        stop,
        ledger: None,
    };
    let crawl = tokio::spawn(crawl(settings, line, |_| (), std::future::pending()));
    Bench { list, records, stopper, peak, crawl, began: Instant::now() }
}

fn target(index: u64, url: &str) -> Read {
    Read { skipped: 0, target: Some(Target::new(index, url, "test", None)), more: true }
}

/// Sends a whole list and collects all records until the crawl lets go of the channel.
async fn all(bench: Bench, urls: Vec<String>) -> (Vec<Record>, Crawled, Arc<AtomicUsize>) {
    let Bench { list, mut records, crawl, peak, stopper, .. } = bench;
    let feed = async {
        for (index, url) in (1..).zip(urls) {
            if list.send(vec![target(index, &url)]).await.is_err() {
                break;
            }
        }
        drop(list);
    };
    let collect = async {
        let mut all = Vec::new();
        while let Some(record) = records.recv().await {
            all.push(record);
        }
        all
    };
    let ((), records) = tokio::join!(feed, collect);
    drop(stopper);
    (records, crawl.await.unwrap(), peak)
}

fn urls(n: usize) -> Vec<String> {
    (1..=n).map(|i| format!("http://h{}.example/{i}", i % 7)).collect()
}

fn after(millis: u64) -> Answer {
    (Duration::from_millis(millis), Ok(()))
}

#[tokio::test(start_paused = true)]
async fn every_target_has_one_record_and_no_more_than_n_are_in_flight() {
    let bench = bench(settings(5), |ticket| after(ticket.target.index % 50));
    let (mut records, crawled, peak) = all(bench, urls(10_000)).await;
    records.sort_by_key(|record| record.index);
    assert!(records.iter().map(|record| record.index).eq(1..=10_000));
    assert_eq!((crawled.read, crawled.ended, crawled.input_complete), (10_000, Ended::Finished, true));
    assert_eq!(peak.load(Ordering::SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn ordered_records_keep_the_order_of_the_list_whatever_takes_long() {
    let bench = bench(Settings { ordered: true, ..settings(50) }, |ticket| after(ticket.target.index * 7919 % 500));
    let (records, ..) = all(bench, urls(3000)).await;
    assert!(records.iter().map(|record| record.index).eq(1..=3000));
}

#[tokio::test(start_paused = true)]
async fn an_ordered_crawl_works_ahead_no_further_than_its_bound() {
    let furthest = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&furthest);
    let bench = bench(Settings { ordered: true, ..settings(4) }, move |ticket| {
        let index = usize::try_from(ticket.target.index).unwrap();
        if index > 1 {
            seen.fetch_max(index, Ordering::SeqCst);
        }
        (Duration::from_secs(if index == 1 { 3600 } else { 0 }), Ok(()))
    });
    let Bench { list, mut records, crawl, .. } = bench;
    let feed = async {
        for (index, url) in (1..).zip(urls(ORDERED_WINDOW * 2)) {
            list.send(vec![target(index, &url)]).await.unwrap();
        }
        drop(list);
    };
    let first = async {
        let first = records.recv().await.unwrap();
        // With the first record on its way four more may have begun.
        assert!(furthest.load(Ordering::SeqCst) <= ORDERED_WINDOW + 4, "{furthest:?}");
        while records.recv().await.is_some() {}
        first.index
    };
    assert_eq!(tokio::join!(feed, first).1, 1);
    assert_eq!(crawl.await.unwrap().ended, Ended::Finished);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_that_targets_row_and_the_run_goes_on() {
    let bench = bench(settings(3), |ticket| {
        assert!(ticket.target.index != 5, "the fifth page is cursed");
        after(1)
    });
    let (records, crawled, _) = all(bench, urls(9)).await;
    let broken: Vec<_> = records.iter().filter(|record| record.error.is_some()).collect();
    assert_eq!((records.len(), broken.len(), crawled.ended), (9, 1, Ended::Finished));
    assert_eq!((broken[0].index, broken[0].error), (5, Some(ErrorKind::Internal)));
    assert!(broken[0].error_message.as_deref().unwrap().contains("the fifth page is cursed"));
}

#[tokio::test(start_paused = true)]
async fn records_come_while_the_list_is_still_open() {
    let mut bench = bench(settings(3), |_| after(10));
    for index in 1..=5 {
        let read = Read { more: false, ..target(index, "http://a.example/") };
        bench.list.send(vec![read]).await.unwrap();
        assert_eq!(bench.records.recv().await.unwrap().index, index);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_what_is_in_flight_finish_and_starts_nothing() {
    let mut bench = bench(settings(2), |_| after(5000));
    for (index, url) in (1..).zip(urls(4)) {
        bench.list.send(vec![Read { more: false, ..target(index, &url) }]).await.unwrap();
    }
    tokio::time::sleep_until(bench.began + Duration::from_secs(1)).await;
    bench.stopper.press();
    let mut written = 0;
    while bench.records.recv().await.is_some() {
        written += 1;
    }
    let crawled = bench.crawl.await.unwrap();
    assert_eq!((written, crawled.requests, crawled.read, crawled.ended), (2, 2, 4, Ended::Stopped));
    assert!(!crawled.input_complete);
    assert_eq!(bench.began.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_grace_time_cuts_off_what_takes_too_long() {
    let mut bench =
        bench(Settings { grace: Duration::from_secs(2), ..settings(2) }, |ticket| after(1500 * ticket.target.index.pow(2)));
    for (index, url) in (1..).zip(urls(2)) {
        bench.list.send(vec![Read { more: false, ..target(index, &url) }]).await.unwrap();
    }
    tokio::time::sleep_until(bench.began + Duration::from_millis(100)).await;
    bench.stopper.press();
    assert_eq!(bench.records.recv().await.unwrap().index, 1);
    assert!(bench.records.recv().await.is_none());
    assert_eq!(bench.began.elapsed(), Duration::from_millis(2100));
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_ends_at_once() {
    let mut bench = bench(settings(2), |_| after(3_600_000));
    bench.list.send(vec![Read { more: false, ..target(1, "http://a.example/") }]).await.unwrap();
    tokio::time::sleep_until(bench.began + Duration::from_millis(100)).await;
    bench.stopper.press();
    bench.stopper.press();
    assert!(bench.records.recv().await.is_none());
    assert_eq!((bench.crawl.await.unwrap().ended, bench.began.elapsed()), (Ended::Stopped, Duration::from_millis(100)));
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_does_not_wait_for_a_sink_that_takes_nothing() {
    let bench = bench(settings(1), |_| after(0));
    for (index, url) in (1..).zip(urls(4)) {
        bench.list.send(vec![Read { more: false, ..target(index, &url) }]).await.unwrap();
    }
    tokio::time::sleep_until(bench.began + Duration::from_secs(1)).await;
    bench.stopper.press();
    bench.stopper.press();
    assert_eq!(bench.crawl.await.unwrap().ended, Ended::Stopped);
    drop(bench.records);
}

#[tokio::test(start_paused = true)]
async fn when_nobody_takes_records_the_crawl_ends_and_the_source_hears_of_it() {
    let bench = bench(settings(2), |_| after(3_600_000));
    bench.list.send(vec![Read { more: false, ..target(1, "http://a.example/") }]).await.unwrap();
    drop(bench.records);
    assert_eq!(bench.crawl.await.unwrap().ended, Ended::OutputClosed);
    assert!(bench.list.send(vec![target(2, "http://a.example/")]).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_it_and_what_waits_for_a_retry_is_left() {
    let mut settings = Settings { deadline: Some(Duration::from_secs(3)), ..settings(2) };
    settings.frontier.seed = 7;
    settings.frontier.retry.retries = 9;
    settings.frontier.retry.backoff = Duration::from_secs(1000);
    settings.frontier.retry.max_backoff = Duration::from_secs(1000);
    let bench = bench(settings, |ticket| match ticket.target.index {
        1 => (Duration::ZERO, Err(Failure::new(ErrorKind::Timeout, "made up"))),
        _ => after(1),
    });
    let began = bench.began;
    let (records, crawled, _) = all(bench, urls(3)).await;
    assert_eq!((records.len(), crawled.read, crawled.ended), (2, 3, Ended::Deadline));
    assert!(began.elapsed() < Duration::from_secs(1), "what must wait until after the deadline is not waited for");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_leaves_nothing_undone_ended_nothing() {
    let settings = Settings { deadline: Some(Duration::from_secs(1)), ..settings(2) };
    let (records, crawled, _) = all(bench(settings, |_| after(2000)), urls(2)).await;
    assert_eq!((records.len(), crawled.ended), (2, Ended::Finished));
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_while_places_stay_free() {
    let mut settings = settings(10);
    settings.frontier.rps = vec!["5".parse().unwrap()];
    let bench = bench(settings, |_| after(1));
    let began = bench.began;
    let (records, _, peak) = all(bench, urls(51)).await;
    assert_eq!((records.len(), peak.load(Ordering::SeqCst)), (51, 1));
    // Fifty waits of 200 ms; the clock's grain is a millisecond.
    let took = began.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_millis(10_150)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_begins_with_one_host_does_not_give_it_all_places() {
    let bench = bench(settings(10), |ticket| after(if ticket.url.host_str() == Some("slow.example") { 60_000 } else { 1 }));
    let began = bench.began;
    let mut list: Vec<String> = (0..200).map(|i| format!("http://slow.example/{i}")).collect();
    list.extend((0..50).map(|i| format!("http://quick.example/{i}")));
    let Bench { list: sender, mut records, .. } = bench;
    let feed = async {
        for (index, url) in (1..).zip(list) {
            sender.send(vec![target(index, &url)]).await.unwrap();
        }
        drop(sender);
    };
    let quick = async {
        for _ in 0..50 {
            assert!(records.recv().await.unwrap().url.contains("quick"));
        }
        assert!(began.elapsed() < Duration::from_secs(1));
    };
    tokio::join!(feed, quick);
}

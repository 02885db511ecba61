//! What ends the loop early, and what it counts of its waits.

use super::*;

/// Answers after 100 ms; the tenth target fails after 50.
fn tenth_fails(ticket: &Ticket) -> Answer {
    if ticket.target.index == 10 {
        (Duration::from_millis(50), Err(Failure::new(ErrorKind::Tls, "no such luck")))
    } else {
        after(100)
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_ends_the_run_and_what_is_in_flight_is_finished() {
    for ordered in [false, true] {
        let bench = bench(Settings { fail_fast: true, ordered, ..settings(4) }, tenth_fails);
        let urls = (1..=100).map(|i| format!("http://h{i}.example/{i}")).collect();
        let (records, crawled, _) = all(bench, urls).await;
        assert_eq!(crawled.ended, Ended::FirstFailure);
        let culprit = crawled.ended_by.unwrap();
        assert_eq!((&*culprit.url, culprit.kind, &*culprit.message), ("http://h10.example/10", ErrorKind::Tls, "no such luck"));
        assert_eq!(records.iter().filter(|record| record.error.is_some()).count(), 1);
        // Three were in flight with it.
        assert_eq!((records.len(), crawled.requests), (12, 12));
        assert_eq!(crawled.records, 12);
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_no_url_is_a_failure_too() {
    let bench = bench(Settings { fail_fast: true, ..settings(1) }, |_| after(100));
    let mut urls = urls(5);
    urls.insert(0, "no url".to_owned());
    urls.insert(1, "nor this".to_owned());
    let (records, crawled, _) = all(bench, urls).await;
    assert_eq!((records.len(), crawled.requests, crawled.ended), (1, 0, Ended::FirstFailure));
    assert_eq!(&*crawled.ended_by.unwrap().url, "no url");
}

#[tokio::test(start_paused = true)]
async fn without_a_failure_nothing_ends_early() {
    let bench = bench(Settings { fail_fast: true, ..settings(4) }, |_| after(1));
    let (records, crawled, _) = all(bench, urls(100)).await;
    assert_eq!((records.len(), crawled.ended, crawled.ended_by), (100, Ended::Finished, None));
}

#[tokio::test(start_paused = true)]
async fn the_time_that_a_rate_takes_is_counted_and_the_time_that_answers_take_is_not() {
    let mut settings = settings(10);
    settings.frontier.rps = vec!["1/s".parse().unwrap()];
    let bench = bench(settings, |_| after(10));
    let (_, crawled, _) = all(bench, urls(4)).await;
    let waited = crawled.waits["run_rate"];
    assert!((Duration::from_millis(2900)..Duration::from_millis(3100)).contains(&waited), "{:?}", crawled.waits);
    assert_eq!(crawled.waits.len(), 1, "{:?}", crawled.waits);
    let bench = super::bench(super::settings(1), |_| after(1000));
    let (_, crawled, _) = all(bench, urls(4)).await;
    assert!(crawled.waits.values().sum::<Duration>() < Duration::from_millis(100), "{:?}", crawled.waits);
}

//! What is shown of a run, from numbers.

use proptest::prelude::*;

use super::*;

fn facts() -> Facts {
    let status = Status { in_flight: 20, queued: 5, retrying: 2, waiting_hosts: 3, ..Status::default() };
    let next_in = Some(Duration::from_millis(3200));
    Facts { ok: 118, failed: 2, status, next_in, rate: 12.0, elapsed: Duration::from_secs(75) }
}

fn of(total: u64) -> Facts {
    Facts { status: Status { total: Some(total), ..facts().status }, ..facts() }
}

#[test]
fn the_bar_says_how_far_and_what_for() {
    let [first, second] = of(1000).lines(100);
    assert_eq!(first, format!("[====>{}] 120/1000 done, 118 ok, 2 failed, 12.0/s, ETA 1m 14s", " ".repeat(35)));
    assert_eq!(second, "1m 15s: 20 in flight, 5 queued, 2 retrying, 3 hosts waiting, next in 4s");
}

#[test]
fn without_a_total_there_is_a_spinner_and_a_count() {
    let frame = |millis| Facts { elapsed: Duration::from_millis(millis), ..facts() }.lines(80)[0].clone();
    assert_eq!(frame(0), "| 120 done, 118 ok, 2 failed, 12.0/s");
    assert_eq!(frame(399), "\\ 120 done, 118 ok, 2 failed, 12.0/s");
    assert_eq!(frame(400), frame(0));
}

#[test]
fn a_log_line_says_it_all_at_once() {
    let line = "120 done, 118 ok, 2 failed, 12.0/s, 1m 15s elapsed, \
                20 in flight, 5 queued, 2 retrying, 3 hosts waiting, next in 4s";
    assert_eq!(facts().line(), line);
    let draining = Facts { status: Status { draining: true, in_flight: 3, ..of(1000).status }, ..facts() };
    assert_eq!(draining.line(), "120/1000 done, 118 ok, 2 failed, 12.0/s, 1m 15s elapsed, stopping, 3 in flight");
}

#[test]
fn nothing_is_promised_that_is_not_known() {
    assert!(!Facts { rate: 0.0, ..of(1000) }.counts().contains("ETA"));
    assert!(!Facts { rate: 1e-300, ..of(u64::MAX) }.counts().contains("ETA"));
    assert!(!of(120).counts().contains("ETA"));
    assert!(!of(10).counts().contains("ETA"), "more was done than was promised");
    assert!(!Facts { next_in: Some(Duration::ZERO), ..facts() }.waits().contains("next"));
    let one = Facts { status: Status { waiting_hosts: 1, ..Status::default() }, next_in: None, ..facts() };
    assert_eq!(one.waits(), "0 in flight, 1 host waiting");
}

#[test]
fn the_rate_is_that_of_the_last_ten_seconds() {
    let began = Instant::now();
    let at = |seconds| began + Duration::from_secs(seconds);
    let mut pace = Pace::new(began);
    let rates: Vec<_> = [(0, 0), (5, 50), (10, 100), (20, 120), (25, 120), (30, 120)]
        .into_iter()
        .map(|(seconds, done)| pace.rate(at(seconds), done).to_string())
        .collect();
    assert_eq!(rates, ["0", "10", "10", "2", (20.0 / 15.0).to_string().as_str(), "0"]);
    for second in 31..1000 {
        pace.rate(at(second), 120);
    }
    assert!(pace.samples.len() < 20, "old samples are dropped");
}

#[test]
fn records_are_counted_by_how_they_ended() {
    let mut watch = Watch::default();
    let record = |error| Record {
        index: 1,
        url: "http://a.example/".to_owned(),
        final_url: None,
        status: None,
        content_type: None,
        bytes: None,
        attempts: 1,
        elapsed_ms: None,
        fetched_at: None,
        error,
        error_message: None,
        body: None,
        data: scrape::model::Data::default(),
        input: None,
    };
    watch.record(&record(None));
    watch.record(&record(Some(scrape::ErrorKind::Dns)));
    watch.clone().record(&record(None));
    watch.status(&Status { total: Some(7), next_at: Some(Instant::now()), ..Status::default() });
    let began = Instant::now();
    let facts = watch.facts(&mut Pace::new(began), began + Duration::from_secs(2));
    assert_eq!((facts.ok, facts.failed, facts.status.total), (2, 1, Some(7)));
    assert_eq!((facts.next_in, facts.elapsed), (Some(Duration::ZERO), Duration::from_secs(2)));
}

#[test]
fn the_bar_waits_until_the_reader_has_printed() {
    let (bar, mut turn, began) = (ProgressBar::hidden(), Turn::default(), Instant::now());
    let at = |millis| began + Duration::from_millis(millis);
    assert!(turn.take(&bar, at(0)), "nothing was written yet");
    bar.set_message("the bar");
    turn.give(at(100));
    assert_eq!(bar.message(), "", "it is off the screen before anything is written");
    assert!(!turn.take(&bar, at(99)) && !turn.take(&bar, at(249)));
    turn.give(at(200));
    assert!(!turn.take(&bar, at(349)), "each batch gives the reader as much time");
    assert!(turn.take(&bar, at(350)) && turn.take(&bar, at(351)));
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_terminal(width in 0_usize..200, ok: u32, total: Option<u64>, rate in 0.0..1e9, wait: Option<u32>) {
        let status = Status { total, in_flight: ok as usize, waiting_hosts: 2, ..Status::default() };
        let next_in = wait.map(|seconds| Duration::from_secs(seconds.into()));
        let facts = Facts { ok: ok.into(), status, next_in, rate, ..facts() };
        for line in facts.lines(width) {
            prop_assert!(line.is_ascii() && line.len() <= width, "{line:?}");
        }
    }

    #[test]
    fn the_bar_grows_with_what_is_done(done: u32, more: u32, total in 1_u64..u64::MAX) {
        let full = |done: u64| bar(done, total, 60).matches('=').count();
        prop_assert!(full(done.into()) <= full(u64::from(done) + u64::from(more)));
        prop_assert_eq!(full(total), 40);
        prop_assert_eq!(bar(done.into(), total, 60).len(), 43);
    }
}

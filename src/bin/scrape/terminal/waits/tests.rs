//! What is said of a run that waits, from what it waits for.

use scrape::model::{Clean, Why};
use serde_json::Value;

use super::*;

/// 14:02:43.5 in UTC.
fn clock() -> Clock {
    Clock { now: Instant::now(), wall: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_056_963_500) }
}

fn flying(path: &str, phase: Phase) -> Flying {
    let url = format!("http://a.example{path}");
    let time = Duration::from_secs(12);
    Flying { url, attempt: 1, phase, phase_for: time, flying_for: time, bytes: 0, rate: 0, silent_for: Duration::ZERO }
}

fn body(path: &str) -> Flying {
    Flying { bytes: 1_200_000, rate: 14_000, ..flying(path, Phase::Body) }
}

fn host(clock: Clock, why: Why) -> HostWait {
    HostWait { host: "shop.example".to_owned(), until: Some(clock.now + Duration::from_millis(36_900)), why, queued: 37 }
}

/// Everything at once.
fn waits(clock: Clock) -> Waits {
    Waits {
        waited: Duration::from_secs(10),
        in_flight: vec![
            body("/1"),
            body("/2"),
            flying("/3", Phase::Resolving("b.example".into())),
            Flying { attempt: 2, ..flying("/4", Phase::Waiting) },
            flying("/5", Phase::Connecting),
            flying("/6", Phase::Reading),
        ],
        hosts: vec![host(clock, Why::Asked("Retry-After"))],
        waiting_hosts: 3,
        next_at: Some(clock.now + Duration::from_secs(37)),
        input: true,
        ..Waits::default()
    }
}

#[test]
fn a_line_names_the_three_most_important_and_counts_the_rest() {
    let expected = "waiting 10s: \
        shop.example until 14:03:20Z, in 37s (Retry-After, 37 targets), and 2 more hosts; \
        body of http://a.example/1 at 14.0 kB/s (1.2 MB so far), and 1 more; \
        dns of b.example for 12s; and 4 others";
    assert_eq!(summary(&waits(clock()), clock()), expected);
}

#[test]
fn each_thing_has_its_words() {
    let clock = clock();
    let says = |waits: Waits| summary(&waits, clock).split_once(": ").unwrap().1.to_owned();
    let one = |flying| says(Waits { in_flight: vec![flying], ..Waits::default() });
    assert_eq!(one(flying("/", Phase::Connecting)), "http://a.example/ connecting for 12s");
    assert_eq!(one(flying("/", Phase::Waiting)), "http://a.example/ not answered for 12s");
    assert_eq!(one(flying("/", Phase::Reading)), "http://a.example/ being parsed for 12s");
    let silent = Flying { silent_for: Duration::from_secs(9), ..body("/") };
    assert_eq!(one(silent), "body of http://a.example/ at 14.0 kB/s (1.2 MB so far, silent for 9s)");
    for (stage, input, output) in [
        (Stage::Opening, "opening the input", "opening the output"),
        (Stage::Going, "the input to go on", "the output to take records"),
        (Stage::Ending, "the input to go on", "the output to take the last records"),
    ] {
        assert_eq!(says(Waits { stage, input: true, ..Waits::default() }), input);
        assert_eq!(says(Waits { stage, output: true, ..Waits::default() }), output);
    }
    assert_eq!(summary(&Waits { stage: Stage::Draining, ..Waits::default() }, clock), "stopping, waiting 0s: nothing");
}

#[test]
fn a_wait_for_a_turn_says_until_when() {
    let clock = clock();
    let next_at = Some(clock.now + Duration::from_secs(37));
    let says = |waits: Waits| summary(&waits, clock);
    assert_eq!(says(Waits { next_at, ..Waits::default() }), "waiting 0s: the next request's turn, until 14:03:20Z, in 37s");
    let two = Waits { next_at, waiting_hosts: 2, ..Waits::default() };
    assert_eq!(says(two), "waiting 0s: 2 hosts until 14:03:20Z, in 37s");
    let late = Some(clock.now + Duration::from_hours(48));
    let late = HostWait { until: late, queued: 1, ..host(clock, Why::Circuit) };
    assert_eq!(host_text(&late, clock), "shop.example for 2days (it could not be reached, 1 target)");
    let open = HostWait { until: None, ..host(clock, Why::Robots) };
    assert_eq!(host_text(&open, clock), "shop.example (its robots.txt, 37 targets)");
}

#[test]
fn who_asks_hears_of_each_request_and_each_host() {
    let clock = clock();
    let asked = Waits { asked: true, ..waits(clock) };
    let lines = lines(&asked, LogFormat::Text, clock);
    assert_eq!(lines.len(), 1 + 6 + 1 + 1);
    assert_eq!(lines[1], "scrape:   http://a.example/1: body at 14.0 kB/s (1.2 MB so far)\n");
    assert_eq!(lines[4], "scrape:   http://a.example/4: not answered for 12s, attempt 2\n");
    assert_eq!(lines[7], "scrape:   shop.example until 14:03:20Z, in 37s (Retry-After, 37 targets)\n");
    assert_eq!(lines[8], "scrape:   and 2 more hosts\n");
}

#[test]
fn in_a_json_log_each_line_is_an_object() {
    let clock = clock();
    let lines = lines(&Waits { asked: true, ..waits(clock) }, LogFormat::Json, clock);
    let objects: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&objects[0]["waited_ms"], &objects[0]["in_flight"]), (&json!(10_000), &json!(6)));
    assert_eq!((&objects[1]["url"], &objects[1]["phase"]), (&json!("http://a.example/1"), &json!("body")));
    assert_eq!((&objects[1]["bytes"], &objects[1]["bytes_per_second"]), (&json!(1_200_000), &json!(14_000)));
    assert_eq!((&objects[7]["host"], &objects[7]["wait_ms"]), (&json!("shop.example"), &json!(36_900)));
}

#[test]
fn nothing_makes_a_line_long_or_hostile() {
    let clock = clock();
    let mut many = waits(clock);
    many.hosts[0].host = "\u{1b}[2J".repeat(1000);
    for flying in &mut many.in_flight {
        flying.url = format!("http://a.example/{}\n", "é".repeat(5000));
    }
    let line = summary(&many, clock);
    assert!(line.chars().count() < 500, "{line}");
    assert!(line.contains('…'));
    let clean = Form::Line.clean(&line);
    assert!(!clean.contains(Clean::is_hostile), "{clean:?}");
    assert_eq!(cut("0123456789", 8), "01234…89");
    assert_eq!(cut("01234567", 8), "01234567");
}

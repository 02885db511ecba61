use super::*;
use crate::ledger::{Known, Robots};

const DAY: f64 = 86_400.0;

/// How many entries the file has.
fn entries(ledger: &mut Ledger) -> i64 {
    let sql = "SELECT (SELECT count(*) FROM host) + (SELECT count(*) FROM bucket) + (SELECT count(*) FROM turn)
                    + (SELECT count(*) FROM flight) + (SELECT count(*) FROM robots)";
    ledger.keeper.store().unwrap().read().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn what_was_learned_is_known_to_the_next_run_and_expires() {
    let (_folder, path) = place();
    let mut run = open(&path, at(0.0));
    assert_eq!(run.known(KEY, at(0.0)), None);
    run.learn(KEY, Some(2.5), at(0.0));
    run.hold_off(KEY, at(60.0), at(1.0));
    run.close(at(2.0));
    let mut next = open(&path, at(3.0));
    assert_eq!(next.known(KEY, at(3.0)), Some(Known { not_before: Some(at(60.0)), rate: Some(2.5) }));
    assert_eq!(next.known(KEY, at(6.9 * DAY)), Some(Known { not_before: None, rate: Some(2.5) }));
    assert_eq!(next.known(KEY, at(7.1 * DAY)), None);
    next.learn(KEY, None, at(4.0));
    assert_eq!(next.known(KEY, at(61.0)), None, "what it was wrong about can be taken back");
    for nonsense in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
        next.learn(KEY, Some(nonsense), at(4.0));
        assert_eq!(next.known(KEY, at(61.0)), None, "{nonsense}");
    }
}

#[test]
fn a_wish_is_heeded_only_as_far_as_this_run_heeds_wishes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hosts.db");
    let mut patient = open(&path, at(0.0));
    patient.hold_off("a.example:80", at(36_000.0), at(0.0));
    let mut hasty = open(&path, at(100.0)).heeding(Duration::from_mins(5));
    assert_eq!(hasty.known("a.example:80", at(100.0)).unwrap().not_before, Some(at(300.0)));
    assert_eq!(hasty.reserve("a.example:80", &[], NonZeroU32::MIN, at(100.0)), Err(at(300.0)));
    assert_eq!(hasty.reserve("a.example:80", &[], NonZeroU32::MIN, at(301.0)), Ok(()));
    assert!(patient.reserve("a.example:80", &[], NonZeroU32::MIN, at(301.0)).is_err());
}

#[test]
fn a_robots_txt_is_kept_for_a_day() {
    let (_folder, path) = place();
    let mut run = open(&path, at(0.0));
    run.keep_robots("https://example.com", Some(b"User-agent: *\nDisallow: /x\n"), at(0.0));
    run.keep_robots("https://none.example", None, at(10.0));
    run.keep_robots("https://huge.example", Some(&vec![b'#'; 1_000_000]), at(0.0));
    run.close(at(20.0));
    let mut next = open(&path, at(DAY - 1.0));
    let now = at(DAY - 1.0);
    let text = Some(b"User-agent: *\nDisallow: /x\n".to_vec());
    assert_eq!(next.robots("https://example.com", now), Some(Robots { text, fetched: at(0.0) }));
    assert_eq!(next.robots("https://none.example", now), Some(Robots { text: None, fetched: at(10.0) }));
    assert_eq!(next.robots("https://huge.example", now).unwrap().text.unwrap().len(), 512_001);
    assert_eq!(next.robots("https://example.com", at(DAY)), None);
    assert_eq!(next.robots("https://unknown.example", now), None);
}

#[test]
fn times_that_cannot_have_been_meant_are_not_believed() {
    let (_folder, path) = place();
    // Written by a clock that was ten years fast.
    let wrong = at(3650.0 * DAY);
    let mut run = open(&path, wrong);
    run.learn(KEY, Some(1.0), wrong);
    run.hold_off(KEY, wrong + Duration::from_mins(1), wrong);
    run.keep_robots("https://example.com", None, wrong);
    assert_eq!(run.reserve("b.example:80", &rates(&["1/s"]), burst(1), wrong), Ok(()));
    assert_eq!((run.known(KEY, at(0.0)), run.robots("https://example.com", at(0.0))), (None, None));
    assert_eq!(run.reserve(KEY, &[], burst(1), at(0.0)), Ok(()));
    run.close(at(0.0));
    assert_eq!(entries(&mut open(&path, at(0.0))), 0);
}

#[test]
fn a_wish_to_be_left_alone_counts_for_a_day_at_most() {
    let (_folder, path) = place();
    let mut run = open(&path, at(0.0));
    run.hold_off(KEY, at(365.0 * DAY), at(0.0));
    assert_eq!(run.known(KEY, at(0.0)).unwrap().not_before, Some(at(DAY)));
}

#[test]
fn what_has_expired_is_forgotten() {
    let (_folder, path) = place();
    let mut run = open(&path, at(0.0));
    for host in 0..50 {
        let key = format!("{host}.example:443");
        run.learn(&key, (host % 2 == 0).then_some(1.0), at(0.0));
        run.hold_off(&key, at(5.0), at(0.0));
        run.keep_robots(&format!("https://{key}"), None, at(0.0));
        assert_eq!(run.reserve(&key, &rates(&["1/s"]), burst(1), at(5.0)), Ok(()));
        assert!(run.reserve(&key, &rates(&["1/s"]), burst(1), at(5.0)).is_err());
        assert!(run.enter(&key, 1, at(5.0)));
    }
    assert_eq!(entries(&mut run), 251, "five a host, and the run itself");
    run.close(at(5.0));
    assert_eq!(entries(&mut open(&path, at(5.5))), 25 + 50 + 50, "rates, buckets in debt, robots.txt");
    assert_eq!(entries(&mut open(&path, at(2.0 * DAY))), 25, "rates");
    assert_eq!(entries(&mut open(&path, at(8.0 * DAY))), 0);
}

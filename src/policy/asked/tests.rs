use super::*;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

/// 2023-11-14 22:13:20 UTC.
const NOW: u64 = 1_700_000_000;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

/// The headers of `name: value` lines.
fn headers(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines.lines().filter_map(|line| line.split_once(':')) {
        headers.append(name.parse::<HeaderName>().unwrap(), value.trim().parse().unwrap());
    }
    headers
}

fn said(status: u16, lines: &str) -> Option<(u64, &'static str)> {
    asked(status, &headers(lines), now()).map(|asked| (u64::try_from(asked.wait.as_millis()).unwrap(), asked.by))
}

#[test]
fn the_draft_is_read_in_all_its_forms() {
    for (lines, seconds) in [
        (r#"RateLimit: "default";r=0;t=30"#, 30),
        (r#"RateLimit: "100-in-1min"; r=0; t=30; pk=:cHsd,sdRa894==:"#, 30),
        (r"RateLimit: default;r=0;t=30", 30),
        (r#"RateLimit: "minute";r=0;t=30, "hour";r=0;t=3000, "day";r=5;t=80000"#, 3000),
        ("RateLimit: \"minute\";r=0;t=30\nRateLimit: \"hour\";r=7;t=3000", 30),
        (r#"RateLimit: "a, b; r=5";r=0;t=30"#, 30),
        ("RateLimit: \"default\";r=0\nRateLimit-Policy: \"burst\";q=9;w=5, \"default\";q=100;w=60", 60),
        ("RateLimit: limit=100, remaining=0, reset=30", 30),
        ("RateLimit: limit=100;w=60,remaining=0,reset=30", 30),
    ] {
        assert_eq!(said(200, lines), Some((seconds * 1000, "RateLimit")), "{lines}");
        let left = lines.replace("r=0", "r=1").replace("remaining=0", "remaining=1");
        assert_eq!(said(200, &left), None, "{left}");
    }
    assert_eq!(said(200, "RateLimit-Limit: 9\nRateLimit-Remaining: 0\nRateLimit-Reset: 30"), Some((30_000, "RateLimit-Reset")));
}

#[test]
fn what_is_not_sent_asks_for_nothing() {
    assert_eq!(said(503, "RateLimit-Policy: ;w=60"), None);
    assert_eq!(said(503, "RateLimit: \nRateLimit-Policy: ;w=60"), None);
}

#[test]
fn a_reset_is_read_as_what_it_must_be() {
    for (reset, millis) in [
        ("30", 30_000),
        ("1.5", 1500),
        ("1700000030", 30_000),
        ("1700000030.25", 30_250),
        ("1700000030500", 30_500),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30_000),
        ("2023-11-14T22:13:50Z", 30_000),
        ("30;comment=\"soon\"", 30_000),
    ] {
        for family in ["RateLimit", "X-RateLimit", "X-Rate-Limit", "x-ratelimit"] {
            let lines = format!("{family}-Remaining: 0\n{family}-Reset: {reset}");
            assert_eq!(said(200, &lines).map(|(wait, _)| wait), Some(millis), "{lines}");
        }
    }
}

#[test]
fn what_real_sites_send_is_understood() {
    let github = "X-RateLimit-Limit: 60\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1700000600\nX-RateLimit-Used: 60";
    assert_eq!(said(403, github), Some((600_000, "X-RateLimit-Reset")));
    let twitter = "x-rate-limit-limit: 15\nx-rate-limit-remaining: 0\nx-rate-limit-reset: 1700000900";
    assert_eq!(said(200, twitter), Some((900_000, "X-Rate-Limit-Reset")));
    let discord = "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1700000001.123\nX-RateLimit-Reset-After: 0.75";
    assert_eq!(said(200, discord), Some((750, "X-RateLimit-Reset-After")), "no clock is needed for it");
    let gitlab = "RateLimit-Limit: 60\nRateLimit-Observed: 67\nRateLimit-Remaining: 0\nRateLimit-Reset: 1700000060";
    assert_eq!(said(429, gitlab), Some((60_000, "RateLimit-Reset")));
    assert_eq!(said(429, &format!("{gitlab}\nRetry-After: 42")), Some((42_000, "Retry-After")));
    let brave = "X-RateLimit-Limit: 1, 15000\nX-RateLimit-Remaining: 0, 900\nX-RateLimit-Reset: 1, 1419704";
    assert_eq!(said(200, brave), Some((1000, "X-RateLimit-Reset")));
}

#[test]
fn retry_after_counts_where_the_status_is_an_error_and_wins_where_it_is_a_refusal() {
    let both = "Retry-After: 5\nRateLimit: \"a\";r=0;t=30";
    assert_eq!(said(429, both), Some((5000, "Retry-After")));
    assert_eq!(said(503, both), Some((5000, "Retry-After")));
    assert_eq!(said(200, both), Some((30_000, "RateLimit")));
    assert_eq!(said(403, both), Some((30_000, "RateLimit")));
    assert_eq!(said(429, &both.replace("5\n", "soon\n")), Some((30_000, "RateLimit")));
    assert_eq!(said(200, "Retry-After: 5"), None);
    assert_eq!(said(500, "Retry-After: 5"), Some((5000, "Retry-After")));
    assert_eq!(said(429, "Retry-After: 5\nRetry-After: 5"), Some((5000, "Retry-After")));
    assert_eq!(said(429, "Retry-After: 5\nRetry-After: 6"), None);
}

#[test]
fn a_reset_alone_asks_only_with_a_refusal() {
    for lines in ["X-RateLimit-Reset: 30", "RateLimit: \"a\";t=30", "RateLimit: limit=9, reset=30", "RateLimit-Reset: 30"] {
        assert_eq!(said(200, lines), None, "{lines}");
        assert_eq!(said(404, lines), None, "{lines}");
        assert_eq!(said(429, lines).map(|(wait, _)| wait), Some(30_000), "{lines}");
        assert_eq!(said(503, lines).map(|(wait, _)| wait), Some(30_000), "{lines}");
    }
    assert_eq!(said(429, "X-RateLimit-Remaining: 3\nX-RateLimit-Reset: 30"), None, "it was not this quota");
}

#[test]
fn what_makes_no_sense_says_nothing() {
    for reset in ["", "-1", "-1700000030", "soon", "1e9", "inf", "nan", "0x10", "0", "1..5", "1600000000", "30, 40", "\u{e9}"] {
        assert_eq!(said(200, &format!("X-RateLimit-Remaining: 0\nX-RateLimit-Reset: {reset}")), None, "{reset}");
    }
    assert_eq!(said(200, "X-RateLimit-Remaining: -1\nX-RateLimit-Reset: 30"), None);
    assert_eq!(said(200, "RateLimit: \"a\";r=0"), None);
    assert_eq!(said(200, "RateLimit-Policy: \"a\";q=0;w=60"), None);
}

#[test]
fn a_reset_that_never_comes_is_a_long_wait() {
    for reset in ["99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", &"9".repeat(400)] {
        let lines = format!("X-RateLimit-Remaining: 0\nX-RateLimit-Reset: {reset}");
        assert!(said(200, &lines).is_some_and(|(wait, _)| wait > 100 * 365 * 86_400 * 1000), "{reset}");
    }
}

#[test]
fn retry_after_is_read_in_all_its_forms() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    for date in ["Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:50:37 1994"] {
        assert_eq!(retry_after(date, now), Some(Duration::from_mins(1)), "{date}");
    }
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
    assert_eq!(retry_after(" 3 ", now), Some(Duration::from_secs(3)));
    assert!(retry_after("99999999999999999999999999", now).is_some_and(|wait| wait > Duration::from_hours(8760)));
    for garbage in ["", "-1", "1.5", "soon", "1, 2", "0x10"] {
        assert_eq!(retry_after(garbage, now), None, "{garbage}");
    }
}

proptest! {
    #[test]
    fn no_header_can_panic(
        lines in prop::collection::vec((0_usize..8, prop::collection::vec(any::<u8>(), 0..30)), 0..6),
        status in 100_u16..600, seconds in 0_u64..1 << 40,
    ) {
        let names = ["retry-after", "ratelimit", "ratelimit-policy", "ratelimit-remaining", "ratelimit-reset",
            "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-reset-after"];
        let mut headers = HeaderMap::new();
        for (name, bytes) in lines {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                headers.append(names[name], value);
            }
        }
        let _ = asked(status, &headers, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    }

    #[test]
    fn what_looks_like_a_quota_can_say_anything(
        limit in r#"("a"|b|"a,;)?(;[rt]=-?[0-9.e]{0,25}|, ?(remaining|reset)=-?[0-9.]{0,30}){0,4}"#, status in 100_u16..600,
    ) {
        let mut headers = HeaderMap::new();
        headers.append("ratelimit", limit.parse().unwrap());
        if let Some(asked) = asked(status, &headers, now()) {
            prop_assert!(!asked.wait.is_zero() && asked.wait.as_secs_f64() <= FOREVER);
        }
    }
}

#[test]
fn every_field_that_is_read_is_looked_for() {
    let fields = FIELDS.iter().flat_map(|(remaining, resets)| [remaining, &resets[0], &resets[1]]);
    for name in fields.chain([&RETRY_AFTER, &"RateLimit", &"RateLimit-Policy"]) {
        assert!(may_ask(&name.parse().unwrap()), "{name}");
    }
    assert!(!may_ask(&header::DATE));
}

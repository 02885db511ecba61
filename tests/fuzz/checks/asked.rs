//! Any response headers that ask to be left alone: the wait is one that can be waited for, and means the same however it is written.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use scrape::policy::{asked, retry_after};

/// The fields that can ask, and one of each kind that says what is left.
const NAMES: [&str; 10] = [
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-reset-after",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
];

/// The first byte chooses the status; then each line is a field: a byte for its name, the rest its value.
pub(crate) fn check(data: &[u8]) {
    let [status, fields @ ..] = data else { return };
    let status = [200, 404, 429, 503][usize::from(status & 3)];
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let mut headers = HeaderMap::new();
    for line in fields.split(|byte| *byte == b'\n') {
        let [name, value @ ..] = line else { continue };
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        headers.append(HeaderName::from_static(NAMES[usize::from(*name) % NAMES.len()]), value);
    }
    for value in headers.values().filter_map(|value| value.to_str().ok()) {
        check_retry_after(value, now);
    }
    let found = asked(status, &headers, now);
    if let Some(asked) = &found {
        assert!(headers.contains_key(asked.by), "{} is not among {headers:?}", asked.by);
        assert!(status >= 400 || !asked.wait.is_zero(), "a page asks for no wait at all");
        assert!(SystemTime::now().checked_add(asked.wait.min(Duration::from_hours(1))).is_some());
    }
    // The server's clock is asked first; where it says what ours does, nothing changes.
    let mut dated = headers;
    dated.insert("date", HeaderValue::from_str(&httpdate::fmt_http_date(now)).expect("a date is a value"));
    assert_eq!(asked(status, &dated, now), found);
}

fn check_retry_after(value: &str, now: SystemTime) {
    let wait = retry_after(value, now);
    assert_eq!(retry_after(&format!(" {value}\t"), now), wait, "blanks around it make a difference");
    let text = value.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match wait {
        None => assert!(!is_number, "{value:?} is a number"),
        Some(wait) if is_number => {
            let seconds = text.parse::<u64>().unwrap_or(u64::from(u32::MAX));
            assert_eq!(wait, Duration::from_secs(seconds));
        }
        Some(wait) => {
            let at = httpdate::parse_http_date(text).expect("what is neither a number nor a date is nothing");
            assert_eq!(now + wait, at.max(now), "{value:?}");
            let shown = httpdate::fmt_http_date(at);
            assert_eq!(retry_after(&shown, now), Some(wait), "{value:?} is {shown:?}");
        }
    }
}

//! What an answer's headers ask for: to be left alone until a refusal is over, or until a spent quota is filled again.
//!
//! Three conventions are read. `Retry-After` (RFC 9110) says how long a refusal lasts. The IETF draft's `RateLimit` says what is left
//! of one or several quotas, in its current form (`"default";r=0;t=30`) and in the two before it (`remaining=0, reset=30`, and one
//! field each). The `X-RateLimit-*` fields say the same without agreeing on what their reset is: GitHub, GitLab and Twitter send
//! Unix seconds, Discord Unix seconds with a fraction and the seconds left beside them, Reddit and Brave the seconds left, others
//! Unix milliseconds or a date. What a value is shows in its size: nobody waits for 30 years, and no reset lies in the year 5000.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use crate::model::Asked;

/// How the header that names the length of a refusal is shown.
pub(super) const RETRY_AFTER: &str = "Retry-After";

/// Longer than anything waits: what is beyond it is as good as for ever, and no arithmetic on it overflows.
const FOREVER: f64 = u32::MAX as f64;

/// Where one convention writes what is left, and when it is filled again: the first of the fields that is there, as it is shown.
type Fields = (&'static str, [&'static str; 2]);

const FIELDS: [Fields; 3] = [
    ("RateLimit-Remaining", ["RateLimit-Reset-After", "RateLimit-Reset"]),
    ("X-RateLimit-Remaining", ["X-RateLimit-Reset-After", "X-RateLimit-Reset"]),
    ("X-Rate-Limit-Remaining", ["X-Rate-Limit-Reset-After", "X-Rate-Limit-Reset"]),
];

/// What an answer asks for. A spent quota asks on any answer, also with a page: the next request would be refused. `Retry-After`
/// asks where the status is an error; on 429 and 503 it overrules the quotas, of which otherwise the longest counts.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use scrape::policy::asked;
/// let mut headers = http::HeaderMap::new();
/// headers.insert("ratelimit", "\"minute\";r=0;t=30, \"day\";r=999;t=40000".parse().unwrap());
/// let asked = asked(200, &headers, SystemTime::now()).unwrap();
/// assert_eq!((asked.wait, asked.by), (Duration::from_secs(30), "RateLimit"));
/// ```
#[must_use]
pub fn asked(status: u16, headers: &HeaderMap, now: SystemTime) -> Option<Asked> {
    let is_refusal = matches!(status, 429 | 503);
    let retry = refusal(headers, now).filter(|_| status >= 400).map(|wait| Asked { wait, by: RETRY_AFTER });
    let quotas =
        FIELDS.iter().filter_map(|fields| quotas(fields, headers, is_refusal, now)).chain(draft(headers, is_refusal, now));
    let quota = quotas.filter(|asked| !asked.wait.is_zero()).max_by_key(|asked| asked.wait);
    if is_refusal { retry.or(quota) } else { quota.or(retry) }
}

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds, or one of the three HTTP-date forms. What is neither is `None`, a date
/// that has passed is zero, and no number is too large.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use scrape::policy::retry_after;
/// let now = SystemTime::UNIX_EPOCH;
/// assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
/// assert_eq!(retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now), Some(Duration::from_secs(60)));
/// assert_eq!(retry_after("-5", now), None);
/// ```
#[must_use]
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds is a wait for ever, which `max_wait` clamps.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// The answer's `Retry-After`. Two that differ say nothing.
fn refusal(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let mut values = headers.get_all(header::RETRY_AFTER).iter();
    let value = values.next().filter(|first| values.all(|other| other == *first))?;
    retry_after(value.to_str().ok()?, now)
}

/// What one convention's separate fields ask for. Several quotas stand in their order: `0, 900` and `1, 1419704`.
fn quotas((remaining, resets): &Fields, headers: &HeaderMap, is_refusal: bool, now: SystemTime) -> Option<Asked> {
    // The seconds left need no clock that is right, so they come first.
    let by = *resets.iter().find(|reset| headers.contains_key(**reset))?;
    let (remaining, resets) = (line(headers, remaining), line(headers, by)?);
    let remaining = remaining.as_deref().map(list);
    let resets = list(&resets);
    let left = |at: usize| remaining.as_ref().and_then(|remaining| remaining.get(at).copied());
    if remaining.as_ref().is_some_and(|remaining| remaining.len() != resets.len()) {
        return None;
    }
    let waits =
        resets.iter().enumerate().filter(|(at, _)| is_spent(left(*at), is_refusal)).filter_map(|(_, reset)| until(reset, now));
    waits.max().map(|wait| Asked { wait, by })
}

/// What the draft's one field asks for: `"name";r=0;t=30` a quota, or before that `limit=100, remaining=0, reset=30`.
fn draft(headers: &HeaderMap, is_refusal: bool, now: SystemTime) -> Option<Asked> {
    let line_of = |name| line(headers, name).unwrap_or_default();
    let (limits, policies) = (line_of("RateLimit"), line_of("RateLimit-Policy"));
    let window = |name| parts(&policies, ',').find(|policy| parts(policy, ';').next() == name).and_then(|it| value(it, ';', "w"));
    let now_form = parts(&limits, ',').filter(|limit| is_spent(value(limit, ';', "r"), is_refusal));
    let now_form = now_form.filter_map(|limit| value(limit, ';', "t").or_else(|| window(parts(limit, ';').next())));
    let spent_before = is_spent(value(&limits, ',', "remaining"), is_refusal);
    let before = value(&limits, ',', "reset").filter(|_| spent_before);
    let waits = now_form.chain(before).filter_map(|reset| until(reset, now));
    waits.max().map(|wait| Asked { wait, by: "RateLimit" })
}

/// Whether a quota with this much left is spent. Where a refusal does not say what is left, nothing is.
fn is_spent(remaining: Option<&str>, is_refusal: bool) -> bool {
    remaining.and_then(number).map_or(is_refusal, |left| left <= 0.0)
}

/// How long until a reset: given as the time left in seconds, as Unix seconds or milliseconds, or as a date.
fn until(reset: &str, now: SystemTime) -> Option<Duration> {
    let Some(number) = number(reset) else {
        return date(reset).map(|date| date.duration_since(now).unwrap_or_default());
    };
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let seconds = match number {
        left if left < 1e9 => left,
        at if at < 1e11 => at - since_epoch,
        millis => millis / 1e3 - since_epoch,
    };
    Some(Duration::from_secs_f64(seconds.clamp(0.0, FOREVER)))
}

/// An HTTP-date, or the RFC 3339 one that some send instead.
fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok().or_else(|| humantime::parse_rfc3339_weak(text).ok())
}

/// A plain decimal number without a sign, up to its parameters: `30`, `1.5`, `30;comment=x`.
fn number(text: &str) -> Option<f64> {
    let digits = text.split(';').next().unwrap_or_default().trim();
    let is_plain = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_plain.then(|| digits.parse().ok()).flatten()
}

/// A field's value; several lines of it are one list, and the same line again says nothing new.
fn line(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut lines: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    lines.dedup();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// The items of a list, which a date with its comma is not.
fn list(text: &str) -> Vec<&str> {
    if date(text).is_some() { vec![text] } else { parts(text, ',').collect() }
}

/// The trimmed parts of a text between separators outside of quotes.
fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let split = text.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    });
    split.map(str::trim)
}

/// The value of the part `key=value`.
fn value<'a>(text: &'a str, separator: char, key: &str) -> Option<&'a str> {
    parts(text, separator)
        .find_map(|part| part.split_once('=').filter(|(name, _)| name.trim() == key))
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            said(200, "RateLimit-Limit: 9\nRateLimit-Remaining: 0\nRateLimit-Reset: 30"),
            Some((30_000, "RateLimit-Reset"))
        );
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
        for reset in ["", "-1", "-1700000030", "soon", "1e9", "inf", "nan", "0x10", "0", "1..5", "1600000000", "30, 40", "\u{e9}"]
        {
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
}

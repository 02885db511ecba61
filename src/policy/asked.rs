//! What an answer's headers ask for: to be left alone until a refusal is over, or until a spent quota is filled again.
//!
//! Three conventions are read. `Retry-After` (RFC 9110) says how long a refusal lasts. The IETF draft's `RateLimit` says what is left
//! of one or several quotas, in its current form (`"default";r=0;t=30`) and in the two before it (`remaining=0, reset=30`, and one
//! field each). The `X-RateLimit-*` fields say the same without agreeing on what their reset is: GitHub, GitLab and Twitter send
//! Unix seconds, Discord Unix seconds with a fraction and the seconds left beside them, Reddit and Brave the seconds left, others
//! Unix milliseconds or a date. What a value is shows in its size: nobody waits for 30 years, and no reset lies in the year 5000.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header};

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
    // Hardly any answer asks for anything, and every answer comes by here.
    if !headers.keys().any(may_ask) {
        return None;
    }
    // A date is meant by the server's own clock.
    let date =
        headers.get(header::DATE).and_then(|date| date.to_str().ok()).and_then(|date| httpdate::parse_http_date(date).ok());
    let now = date.unwrap_or(now);
    let is_refusal = matches!(status, 429 | 503);
    let retry = refusal(headers, now).filter(|_| status >= 400).map(|wait| Asked { wait, by: RETRY_AFTER });
    let quotas =
        FIELDS.iter().filter_map(|fields| quotas(fields, headers, is_refusal, now)).chain(draft(headers, is_refusal, now));
    let quota = quotas.filter(|asked| !asked.wait.is_zero()).max_by_key(|asked| asked.wait);
    if is_refusal { retry.or(quota) } else { quota.or(retry) }
}

/// Whether a header of this name may be one of those that are read here.
fn may_ask(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == header::RETRY_AFTER.as_str() || name.starts_with("ratelimit") || name.starts_with("x-rate")
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
    let sent = parts(&limits, ',').filter(|limit| !limit.is_empty());
    let now_form = sent.filter(|limit| is_spent(value(limit, ';', "r"), is_refusal));
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
mod tests;

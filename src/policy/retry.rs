//! Whether a failed attempt is worth another one, and when.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use http::Method;

use super::asked::RETRY_AFTER;
use crate::model::{Asked, ErrorKind, Failure};

/// How often and how late a target is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Attempts after the first one. Default 2.
    pub retries: u32,
    /// The upper bound of the first wait; it doubles with each attempt. Default 1 s.
    pub backoff: Duration,
    /// The upper bound of any wait of ours. Default 30 s.
    pub max_backoff: Duration,
    /// The most that a server's `Retry-After` is obeyed. Default 5 min.
    pub max_wait: Duration,
    /// What is tried again.
    pub on: RetryOn,
    /// Try requests again that may do something twice, as `POST` does. Default: no.
    pub all: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retries: 2,
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
            max_wait: Duration::from_mins(5),
            on: RetryOn::default(),
            all: false,
        }
    }
}

/// What the rule says of one failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The failure is final: it becomes the target's record.
    GiveUp,
    /// Try again, not before this much time has passed.
    Again(Duration),
}

impl Settings {
    /// Judges the failure of a target's `attempts`-th attempt. `jitter` in `0..1` spreads the wait over its whole range ("full
    /// jitter"), so that targets which failed together do not come back together.
    #[must_use]
    pub fn verdict(&self, failure: &Failure, attempts: u32, jitter: f64) -> Verdict {
        if attempts > self.retries || failure.permanent || !self.on.includes(failure) {
            return Verdict::GiveUp;
        }
        let doubled = self.backoff.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
        let backoff = doubled.min(self.max_backoff).mul_f64(jitter.clamp(0.0, 1.0));
        Verdict::Again(backoff.max(self.host_wait(failure)))
    }

    /// Whether a request may be made again after it failed: doing it twice is the same as doing it once, or that does not matter.
    #[must_use]
    pub fn may_repeat(&self, method: &Method) -> bool {
        self.all || method.is_idempotent()
    }

    /// How long the whole host is left alone because of this failure, at most `max_wait`. A spent quota is the host's whatever the
    /// status is. A `Retry-After` counts where the status is one that is about the host (429, 503) or is tried again: a page that
    /// is gone says nothing about the others.
    #[must_use]
    pub fn host_wait(&self, failure: &Failure) -> Duration {
        failure.asked.filter(|asked| self.heeds(failure, asked)).map_or(Duration::ZERO, |asked| asked.wait.min(self.max_wait))
    }

    /// Whether what is asked with a failure is heeded by the whole host.
    #[must_use]
    pub fn heeds(&self, failure: &Failure, asked: &Asked) -> bool {
        matches!(failure.status, Some(429 | 503)) || self.on.includes(failure) || asked.by != RETRY_AFTER
    }
}

/// The kinds and statuses that are tried again: `timeout,connect,503,520-529`.
///
/// The default is `dns,connect,timeout,body,408,425,429,500,502-504,522,524`. Only failures of kind `http_status` have a status to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryOn {
    kinds: Vec<ErrorKind>,
    statuses: Vec<RangeInclusive<u16>>,
}

impl RetryOn {
    /// The default, as `--retry-on` would write it.
    pub const DEFAULT: &'static str = "dns,connect,timeout,body,408,425,429,500,502-504,522,524";

    /// Whether a failure is of a kind or status that is tried again.
    #[must_use]
    pub fn includes(&self, failure: &Failure) -> bool {
        let by_status = failure.kind == ErrorKind::HttpStatus
            && failure.status.is_some_and(|status| self.statuses.iter().any(|range| range.contains(&status)));
        by_status || self.kinds.contains(&failure.kind)
    }
}

impl Default for RetryOn {
    fn default() -> Self {
        Self::DEFAULT.parse().expect("the default list is a list")
    }
}

/// Why a text is no list of what to retry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{item:?} cannot be retried on: name kinds ({}) and statuses (503, 500-599), or `none`", retryable())]
pub struct RetryOnError {
    item: String,
}

/// The kinds for which another attempt could end differently.
const KINDS: [ErrorKind; 7] = [
    ErrorKind::Dns,
    ErrorKind::Connect,
    ErrorKind::Tls,
    ErrorKind::Timeout,
    ErrorKind::Protocol,
    ErrorKind::Body,
    ErrorKind::Decode,
];

fn retryable() -> String {
    KINDS.map(ErrorKind::name).join(", ")
}

impl FromStr for RetryOn {
    type Err = RetryOnError;

    fn from_str(list: &str) -> Result<Self, RetryOnError> {
        let mut on = Self { kinds: Vec::new(), statuses: Vec::new() };
        if list.trim() == "none" {
            return Ok(on);
        }
        for item in list.split(',').map(str::trim) {
            let error = || RetryOnError { item: item.to_owned() };
            if let Some(kind) = KINDS.into_iter().find(|kind| kind.name() == item) {
                on.kinds.push(kind);
            } else {
                on.statuses.push(statuses(item).ok_or_else(error)?);
            }
        }
        Ok(on)
    }
}

/// Reads one status or a range of them: `404`, `500-599`.
///
/// ```
/// assert_eq!(scrape::policy::retry::statuses("200-299"), Some(200..=299));
/// assert_eq!(scrape::policy::retry::statuses("99"), None);
/// ```
#[must_use]
pub fn statuses(item: &str) -> Option<RangeInclusive<u16>> {
    let (from, to) = item.split_once('-').unwrap_or((item, item));
    let status = |text: &str| text.trim().parse().ok().filter(|status| (100..=999).contains(status));
    let (from, to) = (status(from)?, status(to)?);
    (from <= to).then_some(from..=to)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::policy::retry_after;
    use proptest::prelude::*;

    fn asked(wait: Option<Duration>) -> Option<Asked> {
        wait.map(|wait| Asked { wait, by: "Retry-After" })
    }

    fn status(status: u16) -> Failure {
        Failure { status: Some(status), ..Failure::new(ErrorKind::HttpStatus, "") }
    }

    #[test]
    fn what_another_attempt_can_mend_is_tried_again() {
        let settings = Settings::default();
        for failure in
            [ErrorKind::Dns, ErrorKind::Connect, ErrorKind::Timeout, ErrorKind::Body].map(|kind| Failure::new(kind, ""))
        {
            assert!(matches!(settings.verdict(&failure, 1, 0.5), Verdict::Again(_)), "{failure}");
        }
        for code in [408, 425, 429, 500, 502, 503, 504, 522, 524] {
            assert!(matches!(settings.verdict(&status(code), 1, 0.5), Verdict::Again(_)), "{code}");
        }
    }

    #[test]
    fn the_rest_is_final() {
        let settings = Settings::default();
        let retried = [ErrorKind::Dns, ErrorKind::Connect, ErrorKind::Timeout, ErrorKind::Body];
        for kind in ErrorKind::ALL.into_iter().filter(|kind| !retried.contains(kind)) {
            assert_eq!(settings.verdict(&Failure::new(kind, ""), 1, 0.5), Verdict::GiveUp, "{kind}");
        }
        for code in [400, 401, 403, 404, 410, 451, 501, 505, 999] {
            assert_eq!(settings.verdict(&status(code), 1, 0.5), Verdict::GiveUp, "{code}");
        }
        let no_such_host = Failure { permanent: true, ..Failure::new(ErrorKind::Dns, "") };
        assert_eq!(settings.verdict(&no_such_host, 1, 0.5), Verdict::GiveUp);
        assert_eq!(settings.verdict(&status(503), 3, 0.5), Verdict::GiveUp, "two retries are three attempts");
    }

    #[test]
    fn the_wait_doubles_up_to_its_cap_and_jitter_spreads_it_fully() {
        let settings = Settings { retries: 99, ..Settings::default() };
        for (attempts, seconds) in [(1, 1), (2, 2), (3, 4), (6, 30), (90, 30)] {
            let at = |jitter| settings.verdict(&status(503), attempts, jitter);
            assert_eq!(at(1.0), Verdict::Again(Duration::from_secs(seconds)));
            assert_eq!(at(0.0), Verdict::Again(Duration::ZERO));
        }
    }

    #[test]
    fn a_server_that_names_a_time_is_obeyed_up_to_the_cap() {
        let settings = Settings::default();
        let busy = |seconds| Failure { asked: asked(Some(Duration::from_secs(seconds))), ..status(429) };
        assert_eq!(settings.verdict(&busy(7), 1, 0.5), Verdict::Again(Duration::from_secs(7)));
        assert_eq!(settings.verdict(&busy(u64::MAX), 1, 0.5), Verdict::Again(Duration::from_mins(5)));
        assert_eq!(settings.host_wait(&busy(7)), Duration::from_secs(7));
        let gone = Failure { asked: asked(Some(Duration::from_secs(7))), ..status(404) };
        assert_eq!(settings.host_wait(&gone), Duration::ZERO);
        let spent = Failure { asked: Some(Asked { wait: Duration::from_secs(7), by: "X-RateLimit-Reset" }), ..status(404) };
        assert_eq!(settings.host_wait(&spent), Duration::from_secs(7));
    }

    #[test]
    fn what_may_do_something_twice_is_repeated_only_when_asked_for() {
        let (settings, all) = (Settings::default(), Settings { all: true, ..Settings::default() });
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
            assert!(settings.may_repeat(&method.parse().unwrap()), "{method}");
        }
        for method in ["POST", "PATCH", "PURGE", "get"] {
            let method = method.parse().unwrap();
            assert!(!settings.may_repeat(&method) && all.may_repeat(&method), "{method}");
        }
    }

    #[test]
    fn a_list_names_kinds_and_statuses() {
        let on: RetryOn = "timeout, 404 ,500-599".parse().unwrap();
        assert!(on.includes(&status(404)) && on.includes(&status(555)) && !on.includes(&status(429)));
        assert!(on.includes(&Failure::new(ErrorKind::Timeout, "")) && !on.includes(&Failure::new(ErrorKind::Dns, "")));
        assert!(!"none".parse::<RetryOn>().unwrap().includes(&status(503)));
        for bad in ["", "sometimes", "robots", "99", "600-500", "503,"] {
            assert!(bad.parse::<RetryOn>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_header_value_can_panic_or_outlast_the_cap(value in ".{0,40}", attempts in 0_u32..200, jitter in -1.0_f64..2.0) {
            let failure = Failure { asked: asked(retry_after(&value, SystemTime::now())), ..status(503) };
            if let Verdict::Again(wait) = (Settings { retries: 500, ..Settings::default() }).verdict(&failure, attempts, jitter) {
                prop_assert!(wait <= Duration::from_mins(5));
            }
        }
    }
}

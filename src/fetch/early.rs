//! Bodies that are left before their end: once what has come of one is enough for whoever judges it.
//!
//! What has come is unpacked and judged anew whenever it has doubled, so that all looks together cost about twice the last one, and
//! none is taken of a body whose rest is small: over HTTP/1 a body that is left costs its connection. Over HTTP/2 it costs its stream
//! only, but of those not too many may be broken off: see [`BrokenOff`]. Where nothing more comes, for a while or for good, what has
//! come is judged once more: nobody has to wait for what is not needed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Version, header};
use reqwest::Response;
use tokio::time::Instant;

use super::body::unpacked;
use crate::model::{Judge, Page, Verdict};

/// The first look at a body is taken when this much of it has come.
const FIRST_LOOK: usize = 4 << 10;

/// A rest of no more than this is received over HTTP/1; of a body whose length nobody has told, so much is received before the first
/// look. Receiving 64 KiB next door costs as much as another connection does, and half as much as a secure one.
const SMALL_REST: u64 = 64 << 10;

/// The same over HTTP/2.
const SMALL_REST_OF_STREAM: u64 = 16 << 10;

/// A body that is silent for so long, or for half the longest silence that is allowed, is looked at once more.
const SILENCE: Duration = Duration::from_secs(1);

/// No beginning that is longer is looked at, neither as received nor unpacked: no head is that long, and a look takes its time and
/// memory.
const LONGEST: usize = 1 << 20;

/// Looks at what has come of one body.
#[derive(Debug)]
pub(super) struct Early<'a> {
    /// `None`: the whole body is needed.
    judge: Option<&'a dyn Judge>,
    announced: Option<u64>,
    small_rest: u64,
    /// The next look is due with so many bytes.
    next: usize,
    /// The last look was at so many.
    seen: usize,
    /// How long a silence may be before the next look.
    patience: Duration,
    /// Where it is noted that a stream is broken off.
    broken_off: Option<(&'a BrokenOff, u64)>,
}

impl<'a> Early<'a> {
    pub(super) fn new(
        judge: Option<&'a dyn Judge>,
        response: &Response,
        read_timeout: Duration,
        broken_off: &'a BrokenOff,
    ) -> Self {
        let (announced, is_h2) = (response.content_length(), response.version() == Version::HTTP_2);
        let small_rest = match response.version() {
            Version::HTTP_2 => SMALL_REST_OF_STREAM,
            // The connection ends with the body.
            Version::HTTP_10 => 0,
            _ if closes(response) => 0,
            _ => SMALL_REST,
        };
        let next = announced.map_or(usize::try_from(small_rest).unwrap_or(usize::MAX), |_| 0).max(FIRST_LOOK);
        let broken_off = (is_h2 && judge.is_some()).then(|| {
            let mut origin = DefaultHasher::new();
            (response.url().host_str(), response.url().port_or_known_default()).hash(&mut origin);
            (broken_off, origin.finish())
        });
        let patience = SILENCE.min(read_timeout / 2);
        Self { judge, announced, small_rest, next, seen: 0, patience, broken_off }
    }

    /// Whether the body may still turn out not to be needed as a whole.
    pub(super) const fn is_open(&self) -> bool {
        self.judge.is_some()
    }

    /// Whether to look at the first `so_far` bytes.
    pub(super) fn is_due(&self, so_far: usize) -> bool {
        let is_worth_it = || self.announced.is_none_or(|announced| announced.saturating_sub(so_far as u64) > self.small_rest);
        self.is_open() && so_far >= self.next && is_worth_it()
    }

    /// How long to wait for more than `so_far` bytes before a look at them. `None`: there has been one, or there is no need.
    pub(super) fn patience(&self, so_far: usize) -> Option<Duration> {
        (self.is_open() && so_far > self.seen).then_some(self.patience)
    }

    /// The bytes of memory that a look at so many bytes takes. What is unpacked grows by doubling.
    pub(super) fn takes(page: &Page, so_far: usize) -> u64 {
        (if page.codings.is_empty() { so_far.min(LONGEST) } else { 2 * LONGEST * page.codings.len() }) as u64
    }

    /// What `received` unpacks to, if that is enough of the page, and no longer than `max`. A body that goes on beyond that has no
    /// other way.
    pub(super) fn look(&mut self, page: &Page, received: &[u8], max: u64, goes_beyond: bool) -> Option<Bytes> {
        let judge = self.judge.take()?;
        self.seen = received.len();
        let goes_beyond = goes_beyond || self.announced.is_some_and(|announced| announced > max);
        let most = usize::try_from(max).unwrap_or(usize::MAX).min(LONGEST);
        // What cannot be unpacked is told when it is there as a whole.
        let mut body = unpacked(received, &page.codings, most).ok()?;
        body.shrink_to_fit(); // it may be kept
        let body = Bytes::from(body);
        let is_longest = received.len().max(body.len()) >= LONGEST;
        let beginning = Page { body, left_after: Some(received.len() as u64), codings: Vec::new(), ..page.clone() };
        match judge.judge(&beginning) {
            Verdict::Enough => {
                let may_leave = goes_beyond || self.broken_off.is_none_or(|(streams, origin)| streams.may_be_one_more(origin));
                return may_leave.then_some(beginning.body);
            }
            Verdict::More if !is_longest => (self.judge, self.next) = (Some(judge), received.len().saturating_mul(2)),
            Verdict::More | Verdict::Whole => {}
        }
        None
    }
}

/// Whether the server closes the connection after this answer.
fn closes(response: &Response) -> bool {
    let values = response.headers().get_all(header::CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// The streams that were broken off of late over HTTP/2, by their origin. The HTTP client passes over what still comes of the last 50
/// of a connection, for a second; what comes of others makes it give up the connection in the end, and all that is on its way there.
#[derive(Debug)]
pub(super) struct BrokenOff(Mutex<Box<[Lately; PLACES]>>);

/// Origins that share a place share what they may.
const PLACES: usize = 128;

/// So many in a second: no second of the client's own has more than twice as many.
const A_SECOND: u32 = 24;

#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    since: Option<Instant>,
    streams: u32,
}

impl Default for BrokenOff {
    fn default() -> Self {
        Self(Mutex::new([Lately::default(); PLACES].into()))
    }
}

impl BrokenOff {
    /// Takes note of one more of an origin, if it may be.
    fn may_be_one_more(&self, origin: u64) -> bool {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(origin % PLACES as u64).expect("it is one of the places");
        let (lately, now) = (&mut places[place], Instant::now());
        if lately.since.is_none_or(|since| now - since > Duration::from_secs(1)) {
            *lately = Lately { since: Some(now), streams: 0 };
        }
        lately.streams += 1;
        lately.streams <= A_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_streams_broken_off_than_the_client_remembers() {
        let (broken_off, start) = (BrokenOff::default(), Instant::now());
        let mut allowed = Vec::new();
        while start.elapsed() < Duration::from_secs(10) {
            if broken_off.may_be_one_more(7) {
                allowed.push(start.elapsed());
            }
            tokio::time::advance(Duration::from_millis(3)).await;
        }
        assert!(broken_off.may_be_one_more(8), "another origin has its own");
        assert!(allowed.len() >= 9 * A_SECOND as usize, "{}", allowed.len());
        for from in &allowed {
            let in_a_second = |at: &&Duration| **at >= *from && **at <= *from + Duration::from_secs(1);
            assert!(allowed.iter().filter(in_a_second).count() < 50);
        }
    }
}

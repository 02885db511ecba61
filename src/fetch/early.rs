//! Bodies that are left before their end: once what has come of one is enough for whoever judges it.
//!
//! What has come is unpacked and judged anew whenever it has doubled, so that all looks together cost about twice the last one, and
//! none is taken of a body whose rest would be received anyway: over HTTP/1 a body that is left costs its connection, and over HTTP/2
//! servers take note of streams that are broken off.

use bytes::Bytes;

use super::body::unpacked;
use crate::model::{Judge, Page, Verdict};

/// The first look at a body is taken when this much of it has come.
const FIRST_LOOK: usize = 4 << 10;

/// A rest of no more than this is received. Of a body whose length nobody has told, so much is received before the first look.
pub(super) const SMALL_REST: u64 = 32 << 10;

/// No beginning that is longer is looked at, neither as received nor unpacked: no head is that long, and a look takes its time and
/// memory.
const LONGEST: usize = 1 << 20;

/// Looks at what has come of one body.
#[derive(Debug)]
pub(super) struct Early<'a> {
    /// `None`: the whole body is needed.
    judge: Option<&'a dyn Judge>,
    announced: Option<u64>,
    /// The next look is due with so many bytes.
    next: usize,
}

impl<'a> Early<'a> {
    pub(super) fn new(judge: Option<&'a dyn Judge>, announced: Option<u64>) -> Self {
        let next = if announced.is_some() { FIRST_LOOK } else { usize::try_from(SMALL_REST).unwrap_or(usize::MAX) };
        Self { judge, announced, next }
    }

    /// Whether the body may still turn out not to be needed as a whole.
    pub(super) const fn is_open(&self) -> bool {
        self.judge.is_some()
    }

    /// Whether to look at the first `so_far` bytes.
    pub(super) fn is_due(&self, so_far: usize) -> bool {
        let is_worth_it = || self.announced.is_none_or(|announced| announced.saturating_sub(so_far as u64) > SMALL_REST);
        self.is_open() && so_far >= self.next && is_worth_it()
    }

    /// The bytes of memory that a look at so many bytes takes.
    pub(super) fn takes(page: &Page, so_far: usize) -> u64 {
        (if page.codings.is_empty() { so_far.min(LONGEST) } else { LONGEST }) as u64
    }

    /// What `received` unpacks to, if that is enough of the page, and no longer than `max`.
    pub(super) fn look(&mut self, page: &Page, received: &[u8], max: u64) -> Option<Bytes> {
        let judge = self.judge.take()?;
        let most = usize::try_from(max).unwrap_or(usize::MAX).min(LONGEST);
        // What cannot be unpacked is told when it is there as a whole.
        let body: Bytes = unpacked(received, &page.codings, most).ok()?.into();
        let is_longest = received.len().max(body.len()) >= LONGEST;
        let beginning = Page { body, left_after: Some(received.len() as u64), codings: Vec::new(), ..page.clone() };
        match judge.judge(&beginning) {
            Verdict::Enough => return Some(beginning.body),
            Verdict::More if !is_longest => (self.judge, self.next) = (Some(judge), received.len().saturating_mul(2)),
            Verdict::More | Verdict::Whole => {}
        }
        None
    }
}

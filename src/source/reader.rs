//! All inputs as one stream of targets: numbered, expanded, without repetitions and what is finished, and up to the limit.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use url::{Position, Url};

use super::batch::Batch;
use super::known::Known;
use super::opening::Again;
use super::{Error, Source};
use crate::model::{Earlier, Read, Request, Secrets, Target};

/// So many skipped targets are handed on together at most.
const SKIPPED: u64 = 1000;

/// An input that is being read.
pub(super) struct Opened {
    pub(super) source: Box<dyn Source>,
    /// Its next row may be a while in coming: it is no regular file.
    pub(super) waits: bool,
    /// Its globs expand.
    pub(super) glob: bool,
}

/// What becomes of the rows that are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) glob: bool,
    pub(super) unique: bool,
    pub(super) limit: Option<u64>,
    pub(super) https_only: bool,
}

/// Every target of a run, in the order of the inputs. It ends at the limit, at the end of the last input, or with an error.
pub struct Reader {
    inputs: VecDeque<Opened>,
    /// The row at hand, or the one read ahead.
    batch: Option<Result<Batch, Error>>,
    index: u64,
    left: Option<u64>,
    seen: Option<Seen>,
    columns: Vec<Arc<str>>,
    free_input: bool,
    total: Option<u64>,
    https_only: bool,
    passed_over: u64,
    known: Known,
    /// How to read it all again.
    again: Option<Again>,
}

impl Reader {
    pub(super) fn new(inputs: VecDeque<Opened>, free_input: bool, total: Option<u64>, rules: &Rules) -> Self {
        let mut known = HashSet::new();
        let columns = inputs.iter().flat_map(|input| input.source.columns()).filter(|name| known.insert(name.clone())).collect();
        Self {
            inputs,
            batch: None,
            index: 0,
            left: rules.limit,
            seen: rules.unique.then(Seen::default),
            columns,
            free_input,
            total,
            https_only: rules.https_only,
            passed_over: 0,
            known: Known::default(),
            again: None,
        }
    }

    /// The same, which can be read again.
    pub(super) fn repeatable(self, again: Option<Again>) -> Self {
        Self { again, ..self }
    }

    /// Skips what an earlier run has finished, and says how much of the list that is. Unless there is nothing of the kind, the list
    /// is read to its end for that; `None` as soon as it is no longer wanted. Needs [`Settings::twice`](super::Settings::twice).
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn resume(
        mut self,
        earlier: Earlier,
        secrets: Secrets,
        mut is_wanted: impl FnMut() -> bool,
    ) -> Result<Option<(Self, u64)>, Error> {
        let Some(again) = self.again.take() else { return Ok(Some((self, 0))) };
        if earlier.is_empty() {
            again.forget();
            return Ok(Some((self, 0)));
        }
        self.known = Known::of(earlier, secrets);
        for read in self.by_ref() {
            read?;
            if !is_wanted() {
                return Ok(None);
            }
        }
        let (known, finished, left) = std::mem::take(&mut self.known).settle();
        drop(self);
        let reader = again.open()?;
        Ok(Some((Self { known, total: Some(left), ..reader }, finished)))
    }

    /// Lines of lists and of JSONL that were passed over so far, because they are blank or comments.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.passed_over + self.inputs.front().map_or(0, |input| input.source.passed_over())
    }

    /// The names under which tables carry their other columns, in order of first appearance over all inputs; and whether
    /// some input is JSONL, whose members are not known before its last line.
    #[must_use]
    pub fn columns(&self) -> (Vec<Arc<str>>, bool) {
        (self.columns.clone(), self.free_input)
    }

    /// How many targets there will be, at most `u64::MAX`: known only where every input is a URL argument and none is
    /// dropped as a repetition, and where the list was read to skip what is finished.
    #[must_use]
    pub const fn total(&self) -> Option<u64> {
        self.total
    }

    /// Makes sure that a target is at hand. Where somebody would have to be waited for, and `wait` does not allow it, says
    /// whether one could be had without.
    fn fill(&mut self, wait: bool) -> bool {
        loop {
            match &self.batch {
                Some(Ok(batch)) if batch.is_done() => self.batch = None,
                Some(_) => return true,
                None => {}
            }
            let Some(input) = self.inputs.front_mut() else { return false };
            if input.waits && !wait {
                return input.source.is_ready();
            }
            match input.source.next() {
                Ok(Some(row)) => self.batch = Some(Ok(Batch::new(row, input.glob))),
                Ok(None) => {
                    self.passed_over += input.source.passed_over();
                    drop(self.inputs.pop_front());
                }
                Err(error) => {
                    self.inputs.clear();
                    self.batch = Some(Err(error));
                }
            }
        }
    }

    /// The next target, unless it is to be skipped.
    fn take(&mut self) -> Result<Option<Target>, Error> {
        self.index += 1;
        let Ok(batch) = self.batch.as_mut().expect("fill has said so") else {
            return Err(self.batch.take().and_then(Result::err).expect("it was just looked at"));
        };
        let url = batch.url();
        // Most of a long list that is gone on with need not even be parsed.
        let skips = if self.seen.is_none() { self.known.skips_text(self.index, &url) } else { None };
        if skips == Some(true) {
            self.left = self.left.map(|left| left - 1);
            return Ok(None);
        }
        let target = batch.target(self.index, url, self.https_only);
        if let (Some(seen), Ok(url)) = (&mut self.seen, &target.url)
            && !seen.is_new(url, target.request.as_deref())
        {
            return Ok(None);
        }
        self.left = self.left.map(|left| left - 1);
        let skips = skips.unwrap_or_else(|| self.known.skips(&target));
        Ok((!skips).then_some(target))
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Iterator for Reader {
    type Item = Result<Read, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut skipped = 0;
        loop {
            let has_ended = self.left == Some(0) || !self.fill(true);
            if has_ended || (skipped > 0 && matches!(self.batch, Some(Err(_)))) {
                return (skipped > 0).then_some(Ok(Read { skipped, target: None, more: !has_ended }));
            }
            let target = match self.take() {
                Ok(target) => target,
                Err(error) => return Some(Err(error)),
            };
            let more = self.left != Some(0) && self.fill(false);
            skipped += u64::from(target.is_none());
            if target.is_some() || !more || skipped >= SKIPPED {
                return Some(Ok(Read { skipped, target, more }));
            }
        }
    }
}

/// The URLs that were read, as 128-bit hashes under two random keys: nobody can aim for a collision, and one by chance needs far
/// more URLs than memory holds. About 32 bytes a URL.
#[derive(Default)]
struct Seen {
    keys: [RandomState; 2],
    urls: HashSet<u128>,
}

impl Seen {
    /// The same URL asked for with another method or body is another target.
    fn is_new(&mut self, url: &Url, request: Option<&Request>) -> bool {
        let method = request.and_then(|request| request.method.as_ref());
        let body = request.and_then(|request| request.body.as_ref()).map(|body| &body.bytes);
        let target = (&url[..Position::AfterQuery], method, body);
        let [high, low] = self.keys.each_ref().map(|key| u128::from(key.hash_one(target)));
        self.urls.insert(high << 64 | low)
    }
}

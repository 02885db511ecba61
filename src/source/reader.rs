//! All inputs as one stream of targets: numbered, expanded, without repetitions, and up to the limit.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use url::{Position, Url};

use super::glob::Glob;
use super::{Bad, Error, Row, Source};
use crate::model::{Input, Read, Request, Target};

/// An input that is being read.
pub(super) struct Opened {
    pub(super) source: Box<dyn Source>,
    /// Its next row may be a while in coming: it is no regular file.
    pub(super) waits: bool,
    /// Its globs expand.
    pub(super) glob: bool,
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
}

impl Reader {
    pub(super) fn new(inputs: VecDeque<Opened>, free_input: bool, total: Option<u64>, unique: bool, limit: Option<u64>) -> Self {
        let mut known = HashSet::new();
        let columns = inputs.iter().flat_map(|input| input.source.columns()).filter(|name| known.insert(name.clone())).collect();
        let seen = unique.then(Seen::default);
        Self { inputs, batch: None, index: 0, left: limit, seen, columns, free_input, total, https_only: false, passed_over: 0 }
    }

    /// The same, in which a URL with `http` is no usable one.
    pub(super) fn https_only(self) -> Self {
        Self { https_only: true, ..self }
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
    /// dropped as a repetition.
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

    /// The next target, with its index.
    fn take(&mut self) -> Result<Target, Error> {
        self.index += 1;
        match self.batch.as_mut().expect("fill has said so") {
            Ok(batch) => {
                let target = batch.take(self.index);
                Ok(if self.https_only { secure(target, &batch.place) } else { target })
            }
            Err(_) => Err(self.batch.take().and_then(Result::err).expect("it was just looked at")),
        }
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
        if self.left == Some(0) || !self.fill(true) {
            return None;
        }
        let target = match self.take() {
            Ok(target) => target,
            Err(error) => return Some(Err(error)),
        };
        let is_new = match (&mut self.seen, &target.url) {
            (Some(seen), Ok(url)) => seen.is_new(url, target.request.as_deref()),
            _ => true,
        };
        if is_new {
            self.left = self.left.map(|left| left - 1);
        }
        let more = self.left != Some(0) && self.fill(false);
        Some(Ok(Read { target: is_new.then_some(target), more }))
    }
}

/// The targets of one row: one, or as many as its globs make.
struct Batch {
    place: String,
    input: Option<Input>,
    request: Option<Arc<Request>>,
    urls: Urls,
}

enum Urls {
    None,
    One(String),
    Many(Glob),
    Bad(Bad),
}

impl Batch {
    fn new(Row { place, url, input, request }: Row, glob: bool) -> Self {
        let urls = match url {
            Ok(url) if glob => match Glob::parse(&url) {
                Ok(urls) => Urls::Many(urls),
                Err(error) => Urls::Bad(Bad { shown: url, why: error.to_string() }),
            },
            Ok(url) => Urls::One(url),
            Err(bad) => Urls::Bad(bad),
        };
        Self { place, input, request, urls }
    }

    const fn is_done(&self) -> bool {
        match &self.urls {
            Urls::None => true,
            Urls::Many(urls) => urls.is_done(),
            Urls::One(_) | Urls::Bad(_) => false,
        }
    }

    /// The next target; `is_done` is asked first.
    fn take(&mut self, index: u64) -> Target {
        let url = match &mut self.urls {
            Urls::Many(urls) => Ok(urls.next().unwrap_or_default()),
            other => match std::mem::replace(other, Urls::None) {
                Urls::One(url) => Ok(url),
                Urls::Bad(bad) => Err(bad),
                Urls::Many(_) | Urls::None => Ok(String::new()),
            },
        };
        let input = if self.is_done() { self.input.take() } else { self.input.clone() };
        match url {
            Ok(url) => target(index, &url, &self.place, input).asking(self.request.clone()),
            Err(Bad { shown, why }) => Target::invalid(index, &shown, format!("{}: {why}", self.place), input),
        }
    }
}

/// The same target, unless its URL has `http`.
fn secure(target: Target, place: &str) -> Target {
    if target.url.as_ref().is_ok_and(|url| url.scheme() == "http") {
        let (given, message) = (target.given().to_owned(), format!("{place}: http is not fetched with --https-only"));
        return Target::invalid(target.index, &given, message, target.input);
    }
    target
}

/// The URL standard drops tabs and line breaks and encodes other control characters. None was meant: `http://a/⇥note` would be
/// fetched as `http://a/note`.
fn target(index: u64, url: &str, place: &str, input: Option<Input>) -> Target {
    let control = url.chars().zip(1..).find(|(c, _)| c.is_control());
    match control {
        Some((c, column)) => {
            let message = format!("{place}: not a usable URL: the control character {c:?} at column {column}");
            Target::invalid(index, url, message, input)
        }
        None => Target::new(index, url, place, input),
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

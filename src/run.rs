//! A run from its plan to its summary: makes both channels, starts source, crawl and sink, joins them, sums up.
//!
//! The source and the sink are threads of their own, because reading a list and writing a file block. One that is stuck in a call
//! that nobody will answer (a silent stdin, a full pipe at a second Ctrl-C) is left behind and ends with the process.

use std::future::pending;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use crate::crawl::{self, Crawled, Halt, Line, Stop, crawl};
use crate::extract::{self, Extractor, FieldError};
use crate::fetch::{self, ClientError, Fetcher};
use crate::model::{Columns, Ended, ErrorKind, Read, Record, Status, Summary};
use crate::sink::{self, Destination};
use crate::source;

/// What a run is to do: one `Settings` a stage.
#[derive(Debug, Default)]
pub struct Plan {
    /// Where targets come from.
    pub source: source::Settings,
    /// How many at a time, who first, how fast, how often.
    pub crawl: crawl::Settings,
    /// How one attempt is made.
    pub fetch: fetch::Settings,
    /// What is read from a page.
    pub extract: extract::Settings,
    /// Where records go.
    pub sink: sink::Settings,
}

/// Somebody who is told how a run goes on. Any `FnMut(&Record)` is one.
pub trait Observe: Send + 'static {
    /// A record was written. Called on the thread that writes, after the bytes are out.
    fn record(&mut self, record: &Record);

    /// The crawl is about to wait; this is where it stands. Called often: keep it short.
    fn status(&mut self, _status: &Status) {}
}

impl<F: FnMut(&Record) + Send + 'static> Observe for F {
    fn record(&mut self, record: &Record) {
        self(record);
    }
}

/// A run that broke, or could not begin. What was written until then stays valid.
#[derive(Debug)]
pub struct Error {
    /// What broke.
    pub cause: Cause,
    /// What had been done until then; `None` where no request was sent.
    pub summary: Option<Box<Summary>>,
}

/// What can break a run.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// Two fields of one name, or the like.
    #[error(transparent)]
    Extract(#[from] FieldError),
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The input cannot be opened or read on.
    #[error(transparent)]
    Input(#[from] source::Error),
    /// The output cannot be opened or written.
    #[error(transparent)]
    Output(#[from] sink::Error),
    /// The system has no thread for the source or the sink.
    #[error("cannot start a thread")]
    Thread(#[from] io::Error),
    /// The source or the sink panicked.
    #[error("a bug in scrape: its {0} thread panicked")]
    Bug(&'static str),
}

impl Error {
    /// Whether the plan is at fault: nothing was requested, and nothing would change without another plan.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match &self.cause {
            Cause::Extract(_) => true,
            Cause::Input(error) => error.is_usage(),
            Cause::Output(error) => error.is_usage(),
            Cause::Client(_) | Cause::Thread(_) | Cause::Bug(_) => false,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.cause.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}

impl<C: Into<Cause>> From<C> for Error {
    fn from(cause: C) -> Self {
        Self { cause: cause.into(), summary: None }
    }
}

/// How long a second stop waits for a write that does not end.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// Runs a plan to its end and sums up. Needs a tokio runtime with I/O and time; one thread of it is enough.
///
/// # Errors
/// The plan cannot be carried out, the input cannot be read on, or the output cannot be written. A target that fails is no error but
/// a record.
pub async fn run(plan: Plan, observe: impl Observe, mut stop: Stop) -> Result<Summary, Error> {
    let began = Instant::now();
    let extract = Arc::new(Extractor::new(plan.extract)?);
    let max_body = plan.fetch.max_body;
    let fetch = Fetcher::new(plan.fetch)?;
    let observe = Arc::new(Mutex::new(observe));
    let bound = plan.crawl.concurrency.saturating_mul(2).clamp(2, 1 << 16);

    let (targets_out, targets) = mpsc::channel(bound);
    let mut source = start_source(plan.source, targets_out)?;
    let opened = tokio::select! {
        opened = source.opened() => opened?,
        () = stop.reached(Halt::Drain) => return Ok(Summary { ended: Ended::Stopped, elapsed: began.elapsed(), ..Summary::default() }),
    };

    let columns = Columns { data: extract.names(), input: opened.input, free_input: opened.free_input };
    let gone = reader_gone(matches!(plan.sink.to, Destination::Stdout));
    let (records, records_in) = mpsc::channel(bound);
    let mut sink = start_sink(plan.sink, columns, records_in, Arc::clone(&observe))?;
    tokio::select! {
        opened = sink.opened() => opened?,
        () = stop.reached(Halt::Drain) => return Ok(Summary { ended: Ended::Stopped, elapsed: began.elapsed(), ..Summary::default() }),
    }

    let line = Line { targets, total: opened.total, records, fetch, extract, max_body, stop: stop.clone() };
    let mut crawled = crawl(plan.crawl, line, |status| lock(&observe).status(status), gone).await;
    // A source that has ended says how; one that still waits for input is left alone.
    let input = if crawled.input_complete { source.ended().await } else { Ok(()) };
    crawled.input_complete &= input.is_ok();
    let complete = crawled.ended == Ended::Finished && input.is_ok();
    let (tally, output) = sink.finish(complete, &mut stop).await?;
    let summary = sum_up(tally, crawled, began.elapsed());
    let broken = |cause| Err(Error { cause, summary: Some(Box::new(summary.clone())) });
    match (output, input) {
        (Err(error), _) => broken(error.into()),
        (_, Err(cause)) => broken(cause),
        (Ok(()), Ok(())) => Ok(summary),
    }
}

fn sum_up(tally: Tally, crawled: Crawled, elapsed: Duration) -> Summary {
    let Crawled { read, skipped, requests, retries, ended, input_complete } = crawled;
    let Summary { ok, failed, .. } = tally.0;
    // What was taken in and is in no other count was not finished.
    Summary { read, skipped, requests, retries, ended, input_complete, elapsed, left: read - skipped - ok - failed, ..tally.0 }
}

/// What the source knows before its first target.
struct Opened {
    input: Vec<Arc<str>>,
    free_input: bool,
    total: Option<u64>,
}

/// The thread that reads targets.
struct Source {
    opened: Option<oneshot::Receiver<Result<Opened, source::Error>>>,
    ended: oneshot::Receiver<Result<(), source::Error>>,
}

fn start_source(settings: source::Settings, targets: mpsc::Sender<Read>) -> io::Result<Source> {
    let (tell_opened, opened) = oneshot::channel();
    let (tell_ended, ended) = oneshot::channel();
    let read = move || {
        let reader = match source::open(settings) {
            Ok(reader) => reader,
            Err(error) => return drop(tell_opened.send(Err(error))),
        };
        let (input, free_input) = reader.columns();
        if tell_opened.send(Ok(Opened { input, free_input, total: reader.total() })).is_err() {
            return; // the run was stopped while the input had nothing to say
        }
        let mut outcome = Ok(());
        for read in reader {
            match read.map(|read| targets.blocking_send(read)) {
                Ok(Ok(())) => {}
                Ok(Err(_)) => break, // the crawl takes no more
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        // Told before the channel closes; with nobody left to hear it there is nobody to tell.
        let _ = tell_ended.send(outcome);
        drop(targets);
    };
    start_thread("source", read)?;
    Ok(Source { opened: Some(opened), ended })
}

impl Source {
    async fn opened(&mut self) -> Result<Opened, Error> {
        let opened = self.opened.as_mut().expect("asked once");
        Ok(opened.await.map_err(|_| Cause::Bug("source"))??)
    }

    async fn ended(self) -> Result<(), Cause> {
        self.ended.await.map_err(|_| Cause::Bug("source"))?.map_err(Cause::Input)
    }
}

/// The counts of what was written.
#[derive(Default)]
struct Tally(Summary);

impl Tally {
    fn add(&mut self, record: &Record) {
        let Summary { ok, failed, kinds, statuses, bytes, .. } = &mut self.0;
        *bytes += record.bytes.unwrap_or(0);
        let Some(kind) = record.error else {
            *ok += 1;
            return;
        };
        *failed += 1;
        *kinds.entry(kind).or_default() += 1;
        if let (ErrorKind::HttpStatus, Some(status)) = (kind, record.status) {
            *statuses.entry(status).or_default() += 1;
        }
    }
}

/// How the writing ended.
struct Written {
    outcome: Result<(), sink::Error>,
    partial: Option<PathBuf>,
}

/// The thread that writes records.
struct Sink {
    opened: oneshot::Receiver<Result<(), sink::Error>>,
    complete: oneshot::Sender<bool>,
    ended: oneshot::Receiver<Written>,
    tally: Arc<Mutex<Tally>>,
}

fn start_sink<O: Observe>(
    settings: sink::Settings,
    columns: Columns,
    mut records: mpsc::Receiver<Record>,
    observe: Arc<Mutex<O>>,
) -> io::Result<Sink> {
    let (tell_opened, opened) = oneshot::channel();
    let (complete, told_complete) = oneshot::channel();
    let (tell_ended, ended) = oneshot::channel();
    let tally = Arc::new(Mutex::new(Tally::default()));
    let counts = Arc::clone(&tally);
    let write = move || {
        let mut writer = match sink::open(settings, columns) {
            Ok(writer) => writer,
            Err(error) => return drop(tell_opened.send(Err(error))),
        };
        if tell_opened.send(Ok(())).is_err() {
            return;
        }
        let written = writer.run(&mut records, &mut |record| {
            lock(&counts).add(record);
            lock(&observe).record(record);
        });
        // From here on the crawl's sends fail, and it ends.
        drop(records);
        let complete = written.is_ok() && told_complete.blocking_recv().unwrap_or(false);
        let finished = writer.finish(complete);
        let partial = finished.as_ref().ok().and_then(|finished| finished.partial.clone());
        let _ = tell_ended.send(Written { outcome: written.and(finished).map(drop), partial });
    };
    start_thread("sink", write)?;
    Ok(Sink { opened, complete, ended, tally })
}

impl Sink {
    async fn opened(&mut self) -> Result<(), Error> {
        Ok((&mut self.opened).await.map_err(|_| Cause::Bug("sink"))??)
    }

    /// Lets the sink write its end. A second stop does not wait for ever for a reader that does not read.
    async fn finish(self, complete: bool, stop: &mut Stop) -> Result<(Tally, Result<(), sink::Error>), Error> {
        // The thread may have ended by itself: then its answer is there.
        let _ = self.complete.send(complete);
        let given_up = async {
            stop.reached(Halt::Now).await;
            tokio::time::timeout(LAST_WRITE, pending::<()>()).await
        };
        let output = tokio::select! {
            biased;
            ended = self.ended => ended.map_err(|_| Cause::Bug("sink"))?,
            _ = given_up => Written { outcome: Ok(()), partial: None },
        };
        let mut tally = std::mem::take(&mut *lock(&self.tally));
        tally.0.partial = output.partial;
        Ok((tally, output.outcome))
    }
}

/// Resolves when nobody reads standard output any more, so that a run whose pages are slow ends then and not with its next record.
/// Never for any other destination, nor where the system cannot tell.
async fn reader_gone(is_stdout: bool) {
    if is_stdout
        && let Ok(stdout) = io::stdout().as_fd().try_clone_to_owned()
        // Only its readiness is asked for, so the descriptor stays as it is: blocking, and whatever it may be.
        && let Ok(stdout) = pipe::Sender::from_owned_fd_unchecked(stdout)
        && stdout.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    pending().await
}

fn start_thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = std::thread::Builder::new().name(format!("scrape-{name}"));
    #[expect(clippy::disallowed_methods, reason = "this is run, which hears how its threads end through their channels")]
    builder.spawn(work).map(drop)
}

/// A lock that a panicking observer has not spoilt: counts and bars are whole between any two calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A run from its plan to its summary: makes both channels, starts source, crawl and sink, joins them, sums up.
//!
//! The source and the sink are threads of their own, because reading a list and writing a file block. One that is stuck in a call
//! that nobody will answer (a silent stdin, a full pipe at a second Ctrl-C) is left behind and ends with the process.

mod error;
mod hosts;
mod reading;
pub mod survey;
mod tally;
mod waiting;
mod writing;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::time::Instant;

pub use self::error::{Cause, Error};
use self::reading::{Go, start_source};
use self::waiting::{attend, input_opens, output_ends, output_opens, pass_on};
use self::writing::{reader_gone, start_sink};
use crate::bodies::{self, Bodies};
use crate::crawl::{self, Broken, Crawled, Halt, Line, Patience, Stop, crawl, until};
use crate::extract::{self, Extractor};
use crate::fetch::{self, Fetcher, Memory};
use crate::ledger::Ledger;
use crate::model::{Columns, Ended, Record, Status, Summary, Waits};
use crate::policy::{LimitBy, robots};
use crate::sink::{self, Destination, End};
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
    /// Where bodies go.
    pub bodies: bodies::Settings,
}

/// Somebody who is told how a run goes on. Any `FnMut(&Record)` is one.
pub trait Observe: Send + 'static {
    /// A record was written. Called on the thread that writes, after the bytes are out.
    fn record(&mut self, record: &Record);

    /// Records, or the end of the output, are about to be written. Called on the thread that writes.
    fn writing(&mut self) {}

    /// The crawl is about to wait; this is where it stands. Called often: keep it short.
    fn status(&mut self, _status: &Status) {}

    /// Nothing has completed for [`patience`](crawl::Settings::patience), or somebody [asked](crate::Stopper::ask): this is what
    /// the run waits for. Told once, and again every minute while it stays like that.
    fn waiting(&mut self, _waits: &Waits) {}
}

impl<F: FnMut(&Record) + Send + 'static> Observe for F {
    fn record(&mut self, record: &Record) {
        self(record);
    }
}

/// Runs a plan to its end and sums up. Needs a tokio runtime with I/O and time; one thread of it is enough.
///
/// # Errors
/// The plan cannot be carried out, the input cannot be read on, or the output cannot be written. A target that fails is no error but
/// a record.
pub async fn run(plan: Plan, observe: impl Observe, mut stop: Stop) -> Result<Summary, Error> {
    let (began, started) = (Instant::now(), SystemTime::now());
    let extract = Arc::new(Extractor::new(plan.extract)?);
    let max_body = plan.fetch.max_body;
    let agent = robots::product_token(plan.fetch.user_agent.to_str().unwrap_or_default()).to_owned();
    let (request, has_cookies) = (Arc::clone(&plan.fetch.request), plan.fetch.cookies.is_some());
    // Limits that are counted by address hold only if that is the one that is used.
    let pin_addresses = plan.crawl.frontier.limit_by == LimitBy::Ip;
    let memory = Memory::new(plan.fetch.max_memory, max_body, plan.crawl.concurrency);
    // Bodies that are kept are kept whole.
    let judge = extract.judge().or(plan.fetch.judge).filter(|_| plan.bodies.folder.is_none());
    let fetch = Fetcher::within(fetch::Settings { pin_addresses, judge, ..plan.fetch }, memory)?;
    let ledger = plan.crawl.pace_state.as_deref().map(|path| Ledger::open(path, SystemTime::now())).transpose()?;
    let ledger = ledger.map(|ledger| ledger.heeding(plan.crawl.frontier.retry.max_wait));
    let observe = Arc::new(Mutex::new(observe));
    let bound = plan.crawl.concurrency.saturating_mul(2).clamp(2, 1 << 16);

    let (targets_out, targets) = reading::targets(bound);
    let twice = plan.source.twice || plan.sink.existing.goes_on();
    let mut source = start_source(source::Settings { twice, ..plan.source }, targets_out)?;
    // What has not begun has nothing to finish, so a stop or the deadline ends it at once.
    let deadline = plan.crawl.deadline.and_then(|deadline| Instant::now().checked_add(deadline));
    let mut patience = Patience::new(plan.crawl.patience, &stop, began);
    let unbegun = |ended| Ok(Summary { ended, started: Some(started), elapsed: began.elapsed(), ..Summary::default() });
    let opened = tokio::select! {
        opened = source.opened() => opened?,
        never = attend(&observe, &mut patience, input_opens(), || 0) => match never {},
        () = stop.reached(Halt::Drain) => return unbegun(Ended::Stopped),
        () = until(deadline) => return unbegun(Ended::Deadline),
    };

    // Before the output, which may be a new file that the next attempt would find in its way.
    let bodies = Bodies::open(plan.bodies)?;
    let columns = Columns { bodies: bodies.is_some(), data: extract.names(), input: opened.input, free_input: opened.free_input };
    let gone = reader_gone(plan.sink.outputs.iter().any(|output| matches!(output.place, Destination::Stdout)));
    let (records, records_in) = mpsc::channel(bound);
    let mut sink = start_sink(plan.sink, columns, records_in, Arc::clone(&observe))?;
    let opened = tokio::select! {
        opened = sink.opened() => Ok(opened?),
        never = attend(&observe, &mut patience, output_opens(), || 0) => match never {},
        () = stop.reached(Halt::Drain) => Err(Ended::Stopped),
        () = until(deadline) => Err(Ended::Deadline),
    };
    let earlier = match opened {
        Ok(earlier) => earlier,
        Err(ended) => {
            drop(records);
            sink.given_up().await;
            return unbegun(ended);
        }
    };
    source.begin(Go { earlier, secrets: plan.crawl.secrets.clone() });

    let mut settings =
        crawl::Settings { deadline: deadline.map(|at| at.saturating_duration_since(Instant::now())), ..plan.crawl };
    settings.frontier.agent = agent;
    settings.frontier.request = request;
    settings.frontier.cookies = has_cookies;
    drop(patience);
    let (grace, length) = (settings.grace, settings.patience);
    let line = Line { targets, total: source.total(), records, fetch, extract, bodies, max_body, stop: stop.clone(), ledger };
    let mut crawled = crawl(settings, line, |news| pass_on(&observe, news), gone).await;
    // A source that has ended says how; one that still waits for input is left alone.
    let input = if crawled.input_complete { source.ended().await } else { Ok(0) };
    crawled.input_complete &= input.is_ok();
    let complete = crawled.ended == Ended::Finished && input.is_ok();
    let too_late = too_late(crawled.is_blocked, stop.clone(), deadline, grace);
    let broken = crawled.broken.take().map_or(Ok(()), |broken| {
        Err(match broken {
            Broken::Parked(error) => Cause::Parked(error.to_string()),
            Broken::Body(error) => Cause::Body(error),
        })
    });
    let mut patience = Patience::new(length, &stop, Instant::now());
    let written = sink.written();
    let (written_counts, written) = tokio::select! {
        finished = sink.finish(complete, too_late) => finished?,
        never = attend(&observe, &mut patience, output_ends(), written) => match never {},
    };
    let mut summary = sum_up(written_counts, crawled, began.elapsed());
    summary.started = Some(started);
    summary.passed_over = *input.as_ref().unwrap_or(&0);
    if summary.ended == Ended::Finished && summary.left > 0 {
        // The crawl was done, but its last records did not get out.
        summary.ended = match written {
            Ok(End::Closed) => Ended::OutputClosed,
            _ if stop.halt() > Halt::Go => Ended::Stopped,
            _ => Ended::Deadline,
        };
    }
    // The right-most error is the one that matters: it ended what stands left of it.
    match written.map_err(Cause::Output).and(broken).and(input) {
        Ok(_) => Ok(summary),
        Err(cause) => {
            summary.ended = Ended::Broken;
            Err(Error { cause, summary: Some(Box::new(summary)) })
        }
    }
}

/// How long a write that does not end is waited for when everything else is over.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// Resolves when an output that still takes nothing is not waited for any longer.
async fn too_late(is_blocked: bool, mut stop: Stop, deadline: Option<Instant>, grace: Duration) {
    let mut drain = stop.clone();
    let graceful = async {
        tokio::select! {
            () = drain.reached(Halt::Drain) => {}
            () = until(deadline) => {}
        }
        until(Instant::now().checked_add(grace)).await;
    };
    if !is_blocked {
        tokio::select! {
            () = stop.reached(Halt::Now) => {}
            () = graceful => {}
        }
    }
    until(Some(Instant::now() + LAST_WRITE)).await;
}

/// What was written and what was done, as one.
fn sum_up(written: Summary, crawled: Crawled, elapsed: Duration) -> Summary {
    let Crawled { read, skipped, requests, robots, redirects, received, waits, slowed, retries, ended, ended_by, .. } = crawled;
    let records = written.records();
    debug_assert!(records <= crawled.records, "{records} records were written of {}", crawled.records);
    debug_assert!(crawled.records + skipped <= read, "{} records and {skipped} skipped of {read} targets", crawled.records);
    let summary = Summary {
        read,
        skipped,
        requests,
        robots,
        redirects,
        received,
        waits,
        slowed,
        retries,
        ended,
        ended_by,
        input_complete: crawled.input_complete,
        elapsed,
        // What was taken in and is in no other count was not finished.
        left: read - skipped - records,
        ..written
    };
    debug_assert!(summary.adds_up(), "a target was lost or counted twice: {summary:?}");
    summary
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

//! The one loop: takes targets in, asks the frontier who may go, keeps at most N workers busy, hands records on. The only place
//! that waits.
//!
//! Stands between the source (its targets come through a bounded channel) and the sink (its records leave through another). The
//! channels' ends carry the news: no more senders means the list is read, no more receiver means nobody wants records.

mod ending;
mod feed;
mod intake;
mod kept;
mod log;
mod news;
mod outbox;
mod parking;
mod patience;
mod readers;
mod settings;
mod start;
mod stop;
mod watch;
mod worker;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::ending::Cut;
pub(crate) use self::ending::until;
use self::intake::Intake;
pub use self::outbox::ORDERED_WINDOW;
use self::outbox::Outbox;
use self::parking::Parking;
pub(crate) use self::patience::Patience;
use self::readers::Readers;
pub use self::settings::{Broken, Crawled, Line, Settings};
pub use self::stop::{Halt, Stop, Stopper, stop};
use self::watch::{Roster, Watch};
use self::worker::{Shop, Worked};
use crate::fetch::Fetch;
use crate::frontier::Frontier;
use crate::ledger::Ledger;
use crate::model::{Done, Ended, ErrorKind, News, Outcome, Purpose, Record, Slowed, Status};

/// How late a promised instant may be noticed and still be the one that counts. Timers have a grain (tokio's is a millisecond, rounded
/// up); without this every request would push the schedule of its rate back a little, and 100 a second would be 90.
const GRAIN: Duration = Duration::from_millis(5);

/// Fetches every target and sends one record for each, until the targets end, the output ends, or a stop or the deadline ends it.
///
/// `status` is told where the crawl stands whenever it is about to wait, and what it waits for when that takes
/// long; `gone` resolves when nobody reads the output any more.
pub async fn crawl<F: Fetch>(
    settings: Settings,
    line: Line<F>,
    status: impl FnMut(News<'_>),
    gone: impl Future<Output = ()>,
) -> Crawled {
    let now = Instant::now();
    let mut frontier = settings.frontier.clone();
    frontier.permits = settings.concurrency;
    frontier.window = frontier.window.max(settings.concurrency.saturating_mul(2));
    let readers = std::thread::available_parallelism().map_or(1, usize::from);
    let Line { targets, total, records, fetch, extract, bodies, max_body, stop, ledger } = line;
    let bodies = bodies.map(Arc::new);
    let mut crawl = Crawl {
        frontier: Frontier::new(frontier.clone(), now.into_std()),
        intake: Intake::new(targets, frontier.window, now),
        promised: None,
        told: now,
        permits: Arc::new(Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS))),
        workers: JoinSet::new(),
        shop: Arc::new(Shop { fetch, extract, bodies, max_body, readers: Readers::new(readers) }),
        outbox: Outbox::new(settings.ordered),
        deadline: settings.deadline.and_then(|deadline| now.checked_add(deadline)),
        draining: None,
        starved: false,
        ledger,
        parking: Parking::new(),
        cannot_park: false,
        broken: None,
        slowed: BTreeMap::new(),
        watch: Watch { patience: Patience::new(settings.patience, &stop, now), roster: Roster::default() },
        did: Crawled::default(),
        settings,
        total,
        records,
        stop,
        status,
    };
    crawl.run(gone).await;
    if let Some(ledger) = crawl.ledger.take() {
        ledger.close(SystemTime::now());
    }
    let Intake { read, skipped, is_complete, .. } = crawl.intake;
    let slowed = crawl.slowed.into_values().collect();
    Crawled { read, skipped, input_complete: is_complete, slowed, broken: crawl.broken, ..crawl.did }
}

struct Crawl<F, S> {
    settings: Settings,
    frontier: Frontier,
    intake: Intake,
    /// When the frontier said that somebody may go.
    promised: Option<Instant>,
    /// The latest instant that the frontier was told.
    told: Instant,
    permits: Arc<Semaphore>,
    workers: JoinSet<Worked>,
    shop: Arc<Shop<F>>,
    outbox: Outbox,
    total: Arc<OnceLock<u64>>,
    records: Sender<Record>,
    stop: Stop,
    deadline: Option<Instant>,
    /// Nothing new is sent; what is in flight is cut off at this instant.
    draining: Option<Instant>,
    /// The machine once had no room for a connection.
    starved: bool,
    /// What is kept of hosts beyond this run.
    ledger: Option<Ledger>,
    parking: Parking,
    /// Why it cannot go on.
    broken: Option<Broken>,
    /// The surplus of waiting hosts has no place left.
    cannot_park: bool,
    /// The hosts whose answers changed their pace, with the pace that they came to.
    slowed: BTreeMap<Box<str>, Slowed>,
    watch: Watch,
    status: S,
    did: Crawled,
}

impl<F: Fetch, S: FnMut(News<'_>)> Crawl<F, S> {
    async fn run(&mut self, gone: impl Future<Output = ()>) {
        tokio::pin!(gone);
        let cut = loop {
            self.take_in();
            let wake = if self.draining.is_none() { self.start() } else { None };
            if self.broken.is_some() {
                break Some(Cut::Broken);
            }
            self.foresee(wake);
            if let Err(cut) = self.deliver(gone.as_mut()).await {
                break Some(cut);
            }
            if self.is_done() {
                break None;
            }
            self.report(wake);
            if let Err(cut) = self.wait(wake, gone.as_mut()).await {
                break Some(cut);
            }
        };
        self.workers.abort_all();
        match cut {
            Some(Cut::Output) => self.did.ended = Ended::OutputClosed,
            Some(Cut::Broken) => {
                // What is done is done: nobody fetches it again for what befell another.
                self.outbox.release();
                let _ = self.deliver(gone).await;
                self.did.ended = Ended::Broken;
            }
            Some(Cut::Now) => self.did.ended = Ended::Stopped,
            Some(Cut::Blocked) => self.did.is_blocked = true,
            None => {
                if self.did.ended == Ended::Deadline && self.intake.is_complete && self.frontier.is_empty() {
                    self.did.ended = Ended::Finished; // it came while the last ones were on their way
                }
                self.outbox.release();
                // The cut changes nothing here: the loop has ended.
                let _ = self.deliver(gone).await;
            }
        }
    }

    fn is_done(&self) -> bool {
        let nothing_to_come = self.draining.is_some() || (self.intake.is_complete && self.frontier.is_empty());
        nothing_to_come && self.workers.is_empty()
    }

    /// Tells the time as the frontier is to see it: it never goes back.
    fn now(&mut self) -> std::time::Instant {
        self.told = self.told.max(Instant::now());
        self.told.into_std()
    }

    /// Waits for whatever comes first, and notes what for where somebody might have gone.
    async fn wait(&mut self, wake: Option<Instant>, gone: Pin<&mut impl Future<Output = ()>>) -> Result<(), Cut> {
        let (now, began) = (self.now(), Instant::now());
        if wake.is_some_and(|wake| wake <= began) {
            tokio::task::yield_now().await; // what was started has its turn before more is
        }
        let why = wake.filter(|wake| *wake > began).and_then(|_| self.frontier.first_wait(now));
        let outcome = self.event(wake, gone).await;
        if let Some(why) = why {
            *self.did.waits.entry(why.name()).or_default() += began.elapsed();
        }
        outcome
    }

    /// Waits for a stop, a limit, a finished worker, a target, a promised instant.
    async fn event(&mut self, wake: Option<Instant>, gone: Pin<&mut impl Future<Output = ()>>) -> Result<(), Cut> {
        let has_room = self.has_room();
        let (halt, limit) = self.bounds();
        tokio::select! {
            biased;
            () = self.stop.reached(halt) => self.heed_stop()?,
            () = gone => return Err(Cut::Output),
            () = self.records.closed() => return Err(Cut::Output),
            () = until(limit) => match self.draining {
                Some(_) => self.cut_off().await,
                None => self.drain(Ended::Deadline),
            },
            asked = self.watch.patience.due() => self.tell(asked, false),
            Some(done) = self.workers.join_next() => {
                self.settle(done);
                while let Some(done) = self.workers.try_join_next() {
                    self.settle(done);
                }
                if self.broken.is_some() {
                    return Err(Cut::Broken);
                }
            }
            () = self.intake.arrives(), if has_room => {} // it is taken in next
            () = until(wake) => {}
        }
        Ok(())
    }

    fn settle(&mut self, done: Result<Worked, tokio::task::JoinError>) {
        match done {
            Ok(Ok(done)) => {
                let failed = log::done(&done);
                self.hear_of_unsent(&done);
                self.note_end(&done);
                let now = self.now();
                self.watch.patience.moved(self.told);
                let is_redirect = self.count_answer(&done);
                let record = self.frontier.settle(*done, now);
                self.did.redirects += u64::from(is_redirect && record.is_none());
                self.hear_news();
                if let Some(failed) = failed {
                    failed.log(record.is_some());
                }
                if let Some(mut record) = record {
                    self.complete(&mut record);
                    self.hand_on(record);
                }
            }
            Ok(Err(error)) => self.broken = Some(Broken::Body(error)),
            // Cut off by the grace time: the target is left. A worker catches its own panics; one that gets past it must not hang the run.
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }

    /// Gives a record what every record of this run has, and takes from it what none may show.
    fn complete(&self, record: &mut Record) {
        if self.shop.bodies.is_some() {
            record.body.get_or_insert_default();
        }
        self.settings.secrets.hide(record);
    }

    /// Counts what a page took to receive; answers whether the target is sent on.
    fn count_answer(&mut self, done: &Done) -> bool {
        if let Outcome::Row(row) = &done.outcome {
            self.did.received += row.received;
        }
        done.ticket.purpose == Purpose::Page && matches!(done.outcome, Outcome::Redirect { .. })
    }

    /// A request that found no descriptor or was refused by the guard was none, and somebody should know once that the run waits for
    /// its own machine.
    fn hear_of_unsent(&mut self, done: &Done) {
        let (Outcome::Starved(failure) | Outcome::Failed(failure)) = &done.outcome else { return };
        let is_starved = matches!(done.outcome, Outcome::Starved(_));
        if is_starved || failure.kind == ErrorKind::Blocked {
            let purpose = done.ticket.purpose;
            self.did.requests -= u64::from(purpose != Purpose::Address);
            self.did.robots -= u64::from(purpose == Purpose::Robots);
        }
        if is_starved && !std::mem::replace(&mut self.starved, true) {
            tracing::warn!(reason = failure.message, "too many connections for this machine's limits: waiting for some to end");
        }
    }

    fn report(&mut self, wake: Option<Instant>) {
        let census = self.frontier.census();
        let in_flight = self.workers.len();
        (self.status)(News::Status(&Status {
            read: self.intake.read,
            total: if self.intake.is_complete { Some(self.intake.read - self.intake.skipped) } else { self.total.get().copied() },
            in_flight,
            queued: census.held.saturating_sub(in_flight + census.retrying)
                + usize::try_from(census.parked).unwrap_or(usize::MAX),
            retrying: census.retrying,
            waiting_hosts: census.waiting_hosts,
            next_at: wake.map(Instant::into_std).or(census.next_at),
            draining: self.draining.is_some(),
        }));
    }
}

#[cfg(test)]
mod tests;

//! How the loop ends, and what it lets get out before: stops, the deadline, the grace time, an output that is gone or stuck.

use std::pin::Pin;

use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep_until};

use super::Crawl;
use super::stop::Halt;
use crate::fetch::Fetch;
use crate::model::{Culprit, Ended, News, Record};

/// So many hosts are named that must wait beyond the deadline.
const MOST_NAMED: usize = 3;

/// Why the loop ends before its work is done.
pub(super) enum Cut {
    /// Nobody takes records any more.
    Output,
    /// Targets are lost.
    Broken,
    /// A stop that does not wait.
    Now,
    /// The output took nothing until the grace time was over.
    Blocked,
}

impl<F: Fetch, S: FnMut(News<'_>)> Crawl<F, S> {
    /// Hands on the records that may leave, waiting for the sink where it is behind, but not beyond a stop or the deadline and the
    /// grace time after it.
    pub(super) async fn deliver(&mut self, mut gone: Pin<&mut impl Future<Output = ()>>) -> Result<(), Cut> {
        while let Some(record) = self.outbox.pop() {
            let record = match self.records.try_send(record) {
                Ok(()) => continue,
                Err(TrySendError::Closed(_)) => return Err(Cut::Output),
                Err(TrySendError::Full(record)) => record,
            };
            loop {
                let (halt, limit) = self.bounds();
                let (is_over, asked) = tokio::select! {
                    biased;
                    () = self.stop.reached(halt) => (false, None),
                    () = gone.as_mut() => return Err(Cut::Output),
                    room = self.records.reserve() => {
                        room.map_err(|_| Cut::Output)?.send(record);
                        self.watch.patience.moved(Instant::now());
                        break;
                    }
                    () = until(limit) => (true, None),
                    asked = self.watch.patience.due() => (false, Some(asked)),
                };
                match (asked, is_over, self.draining) {
                    (Some(asked), ..) => self.tell(asked, true),
                    (None, false, _) => self.heed_stop()?,
                    (None, true, None) => self.drain(Ended::Deadline),
                    (None, true, Some(_)) => return Err(Cut::Blocked),
                }
            }
        }
        Ok(())
    }

    /// Takes a record to those that leave. The first one that failed may be what ends the run.
    pub(super) fn hand_on(&mut self, record: Record) {
        self.did.records += 1;
        if let (true, None, Some(kind)) = (self.settings.fail_fast, self.draining, record.error) {
            let message = record.error_message.as_deref().unwrap_or_default().into();
            self.did.ended_by = Some(Culprit { url: record.url.as_str().into(), kind, message });
            self.drain(Ended::FirstFailure);
        }
        self.outbox.push(record);
    }

    /// The stop that matters next, and the instant at which something is over.
    pub(super) fn bounds(&self) -> (Halt, Option<Instant>) {
        let halt = if self.draining.is_some() { Halt::Now } else { Halt::Drain };
        (halt, self.draining.or(self.deadline))
    }

    pub(super) fn heed_stop(&mut self) -> Result<(), Cut> {
        if self.stop.halt() == Halt::Now {
            return Err(Cut::Now);
        }
        self.drain(Ended::Stopped);
        Ok(())
    }

    /// The grace time is over: what has finished counts, the rest is left.
    pub(super) async fn cut_off(&mut self) {
        while let Some(done) = self.workers.try_join_next() {
            self.settle(done);
        }
        self.workers.shutdown().await;
    }

    /// Ends the run when all that is left must wait until after the deadline: there is nothing to be waited for.
    pub(super) fn foresee(&mut self, wake: Option<Instant>) {
        let is_all = self.draining.is_none() && self.workers.is_empty() && self.intake.is_complete && !self.frontier.is_empty();
        if let (true, Some(deadline), Some(wake)) = (is_all, self.deadline, wake)
            && wake >= deadline
        {
            let census = self.frontier.census();
            let now = Instant::now().into_std();
            let waits = self.frontier.waits(now, MOST_NAMED).into_iter().map(|wait| {
                let seconds = wait.until.map_or(0, |until| until.saturating_duration_since(now).as_secs());
                format!("{} for {seconds}s more ({})", wait.host, wait.why)
            });
            let waits = waits.collect::<Vec<_>>().join(", ");
            tracing::warn!(
                targets = census.held as u64 + census.parked,
                "none of what is left may go before the deadline, so it is left now: {waits}"
            );
            self.drain(Ended::Deadline);
        }
    }

    pub(super) fn drain(&mut self, why: Ended) {
        self.did.ended = why;
        self.draining = Some(Instant::now() + self.settings.grace);
        self.intake.close();
        tracing::info!(in_flight = self.workers.len(), "no new requests; waiting for those in flight");
    }
}

/// Waits for an instant; for ever without one.
pub(crate) async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

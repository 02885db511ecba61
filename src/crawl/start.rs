//! How requests start: who may go is the frontier's word and the ledger's, and each takes a permit with it.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::kept::may_start;
use super::worker::work;
use super::{Crawl, GRAIN, log};
use crate::fetch::Fetch;
use crate::frontier::{Gate, Next, Start};
use crate::model::{News, Purpose, Ticket};

/// So many targets are refused at a time.
const MOST_REFUSED: u32 = 256;

/// So many requests start at a time. Were it all that may go, each step of the first one (its connection, its bytes) would wait for the
/// same step of all others.
const MOST_STARTED: u32 = 32;

impl<F: Fetch, S: FnMut(News<'_>)> Crawl<F, S> {
    /// The same at the moment of a start: a promised instant that has just passed is now.
    fn start_time(&mut self) -> Instant {
        let now = Instant::now();
        let on_time = self.promised.take().filter(|promised| *promised <= now && now - *promised <= GRAIN);
        self.told = self.told.max(on_time.unwrap_or(now));
        self.told
    }

    /// Starts what may go. The permit is taken first and travels with the worker.
    pub(super) fn start(&mut self) -> Option<Instant> {
        let now = self.start_time();
        if let Some(until) = self.intake.gathering(now) {
            return Some(until);
        }
        let (mut started, mut refused) = (0, 0);
        while let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            // Records must get out, and a stop be heard, however many targets are refused one after the other.
            if refused >= MOST_REFUSED || started >= MOST_STARTED {
                return Some(now);
            }
            self.unpark();
            let burst = self.settings.frontier.burst;
            let mut gate = self.ledger.as_mut().map(|ledger| move |start: &Start| may_start(ledger, start, burst));
            let gate = gate.as_mut().map(|gate| -> &mut Gate<'_> { gate });
            match self.frontier.next_past(gate, now.into_std()) {
                Next::Go(ticket) => {
                    started += 1;
                    self.spawn(*ticket, permit);
                }
                Next::Refused(mut record) => {
                    refused += 1;
                    self.complete(&mut record);
                    log::refused(&record);
                    self.watch.patience.moved(now);
                    self.hand_on(*record);
                    if self.draining.is_some() {
                        return None; // it was the one that ends the run
                    }
                }
                Next::Wait(at) => {
                    self.promised = Some(at.into());
                    return self.promised;
                }
                Next::Idle => break,
            }
        }
        None
    }

    fn spawn(&mut self, ticket: Ticket, permit: OwnedSemaphorePermit) {
        match ticket.purpose {
            Purpose::Page => self.did.requests += 1,
            Purpose::Robots => {
                self.did.requests += 1;
                self.did.robots += 1;
            }
            Purpose::Address => {}
        }
        let is_new = ticket.hops.is_empty() && !ticket.renewed && ticket.starved == 0;
        self.did.retries += u64::from(is_new && ticket.attempts > 1);
        log::request(&ticket);
        let shop = Arc::clone(&self.shop);
        let aloft = self.watch.roster.enter(&ticket, self.told);
        // In a box, because tokio moves a task's future a dozen times, and this one is large.
        #[expect(clippy::disallowed_methods, reason = "this is the crawl, which joins its workers")]
        self.workers.spawn(Box::pin(async move {
            let done = work(shop, ticket, &aloft.flight).await;
            drop((aloft, permit));
            done.map(Box::new)
        }));
    }
}
